"""Why the emulator refuses something that a test or a person asked of it.

    Refused
    ├── Invalid      the question itself is wrong         400 in the control plane
    ├── Unknown      there is no such subaccount          404
    └── Conflict     the state does not allow it          409
        └── NoKeyPair    a slot that has to be full is empty

Each has three parts: what was refused, why, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btp_trust_emulator.slots import Slot


class Refused(Exception):
    """Something asked of the emulator was not done: `what`, `why`, and `remedy` (what to do)."""

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(f"{what}\n{why}\n{remedy}")
        self.what = what
        self.why = why
        self.remedy = remedy


class Invalid(Refused):
    """The question is wrong in itself, whatever the state."""


class Unknown(Refused):
    """What the question speaks of does not exist."""


class Conflict(Refused):
    """The state does not allow it now."""


class NoKeyPair(Conflict):
    """A slot is empty that has to be full; `slot` says which."""

    def __init__(self, slot: Slot, guid: str, what: str) -> None:
        super().__init__(
            what,
            f"the {slot.value} slot of subaccount {guid} is empty",
            f"Generate the {slot.value} certificate first.",
        )
        self.slot = slot
