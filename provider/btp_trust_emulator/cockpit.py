"""What a colleague does in the cockpit; a rival of the faults does the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btp_trust_emulator.slots import Action, Slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from btp_trust_emulator.state import Account
    from btp_trust_emulator.world import World


def act(world: World, guid: str, action: Action) -> Account:
    """Do what a colleague does in the cockpit; the journal does not see it.

    Raises:
        Unknown: there is no such subaccount.
        NoKeyPair: a slot is empty that has to be full.
    """
    deeds: dict[Action, Callable[[], Account]] = {
        Action.GENERATE_ACTIVE: lambda: world.generate(guid, Slot.ACTIVE),
        Action.GENERATE_PASSIVE: lambda: world.generate(guid, Slot.PASSIVE),
        Action.ROTATE: lambda: world.rotate(guid),
        Action.DELETE_PASSIVE: lambda: world.delete_passive(guid),
    }
    return deeds[action]()
