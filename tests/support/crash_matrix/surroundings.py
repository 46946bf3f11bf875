"""The surroundings of an operation: a target that verifies a rotation, or another subaccount that trusts this one."""

from __future__ import annotations

from enum import Enum

from btp_trust_emulator import Emulator
from support.verification import PASSWORD, S4, USER, create_trusting_target

CONNECTION = "billing"
"""Name of the connection to the other subaccount."""


class Surroundings(Enum):
    """Other systems besides the slots."""

    NOBODY = "nobody"
    ACCEPTING = "a target that accepts assertions of both certificates"
    MISREPORTING = "a target that reports both certificates and rejects assertions of the passive one"
    TRUSTING = "another subaccount that can trust this one"

    @property
    def is_target(self) -> bool:
        """True if there is a target, and a user for its verification."""
        return self in (Surroundings.ACCEPTING, Surroundings.MISREPORTING)


def create_other_subaccount(surroundings: Surroundings, emulator: Emulator) -> str:
    """Create the other subaccount if it belongs to the surroundings; return its GUID or ""."""
    return emulator.create_subaccount(generate=True).guid if surroundings is Surroundings.TRUSTING else ""


def create_surroundings(surroundings: Surroundings, emulator: Emulator, guid: str) -> None:
    """Create the target, which trusts the certificates in the slots, and the user."""
    if not surroundings.is_target:
        return
    emulator.create_user(guid, USER, PASSWORD)
    create_trusting_target(emulator, guid, _name(guid))
    if surroundings is Surroundings.MISREPORTING:
        emulator.misreport(_name(guid), emulator.slots(guid).passive or "")


def relocate_target(surroundings: Surroundings, emulator: Emulator, guid: str) -> None:
    """Change the destination to the address of the target in another emulator."""
    if surroundings.is_target:
        emulator.delete_destination(guid, S4)
        emulator.create_destination(guid, emulator.target(_name(guid)).properties(S4))


def trusted_certificates(emulator: Emulator, other: str) -> list[str]:
    """Return the certificates that the other subaccount trusts."""
    return list(emulator.target(other).certificates) if other else []


def _name(guid: str) -> str:
    return f"{S4}-{guid}"
