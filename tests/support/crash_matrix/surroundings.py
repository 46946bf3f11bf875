"""Who else is there: a target that a rotation is proved to, or another subaccount that trusts this one."""

from __future__ import annotations

from enum import Enum

from btp_trust_emulator import Emulator
from support.verification import PASSWORD, S4, USER, create_trusting_target

CONNECTION = "billing"
"""Of the other subaccount."""


class Surroundings(Enum):
    """What an operation meets besides the slots."""

    NOBODY = "nobody"
    ACCEPTING = "a target that accepts what both certificates sign"
    MISREPORTING = "a target that says so, and refuses what the passive one signs"
    TRUSTING = "another subaccount, which can trust this one"

    @property
    def is_target(self) -> bool:
        """Whether there is a target, and a user as whom it is tried."""
        return self in (Surroundings.ACCEPTING, Surroundings.MISREPORTING)


def create_other_subaccount(surroundings: Surroundings, emulator: Emulator) -> str:
    """Create the other subaccount; return its GUID, "" if there is none."""
    return emulator.create_subaccount(generate=True).guid if surroundings is Surroundings.TRUSTING else ""


def create_surroundings(surroundings: Surroundings, emulator: Emulator, guid: str) -> None:
    """Create the target for what the slots hold now, and the user."""
    if not surroundings.is_target:
        return
    emulator.create_user(guid, USER, PASSWORD)
    create_trusting_target(emulator, guid, _name(guid))
    if surroundings is Surroundings.MISREPORTING:
        emulator.misreport(_name(guid), emulator.slots(guid).passive or "")


def relocate_target(surroundings: Surroundings, emulator: Emulator, guid: str) -> None:
    """Lead the destination to where the target is in another emulator."""
    if surroundings.is_target:
        emulator.delete_destination(guid, S4)
        emulator.create_destination(guid, emulator.target(_name(guid)).properties(S4))


def trusted(emulator: Emulator, other: str) -> list[str]:
    """List the certificates that the other subaccount trusts."""
    return list(emulator.target(other).certificates) if other else []


def _name(guid: str) -> str:
    return f"{S4}-{guid}"
