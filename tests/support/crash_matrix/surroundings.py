"""The surroundings of an operation: a target that verifies a rotation, or somebody else who trusts certificates."""

from __future__ import annotations

from enum import Enum

from btp_trust_emulator import Emulator, S4Switches
from btp_trust_emulator.backend.communication_system import TrustBlock
from btp_trust_emulator.switches import CertificateProfile
from support.verification import PASSWORD, S4, USER, create_trusting_target

CONNECTION = "billing"
"""Name of the connection to the other subaccount."""
TENANT, SYSTEM = "erp", "BTP"
"""Name of the connection to the tenant, and ID of its communication system."""


class Surroundings(Enum):
    """Other systems besides the slots."""

    NOBODY = "nobody"
    ACCEPTING = "a target that accepts assertions of both certificates"
    MISREPORTING = "a target that reports both certificates and rejects assertions of the passive one"
    TRUSTING = "another subaccount that can trust this one"
    SWITCHING = "a communication system that trusts the active certificate"
    REFUSING = "a communication system that trusts the active certificate, and refuses the passive one"

    @property
    def is_target(self) -> bool:
        """True if there is a target, and a user for its verification."""
        return self in (Surroundings.ACCEPTING, Surroundings.MISREPORTING)

    @property
    def has_system(self) -> bool:
        """True if there is a communication system, which changes over with the signer."""
        return self in (Surroundings.SWITCHING, Surroundings.REFUSING)


def create_trusting(surroundings: Surroundings, emulator: Emulator, guid: str) -> str:
    """Create who trusts certificates of this subaccount; return the GUID, the name of the tenant, or ""."""
    if surroundings is Surroundings.TRUSTING:
        return emulator.create_subaccount(generate=True).guid
    if not surroundings.has_system:
        return ""
    tenant = f"{TENANT}-{guid}"
    emulator.create_s4(tenant)
    emulator.create_communication_system(tenant, SYSTEM, emulator.certificates(guid)[0])
    return tenant


def create_surroundings(surroundings: Surroundings, emulator: Emulator, guid: str) -> None:
    """Create the target, which trusts the certificates in the slots, and the user; let a system refuse what is new."""
    if surroundings is Surroundings.REFUSING:
        # Every certificate of the service has another profile; a system may keep the one that it holds.
        emulator.set_s4_switches(f"{TENANT}-{guid}", S4Switches(certificate_profile=CertificateProfile.SHA_256))
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


def connections(surroundings: Surroundings, emulator: Emulator, other: str) -> dict[str, dict[str, str]]:
    """Return the connection to who trusts certificates, by its name."""
    if surroundings.has_system:
        return {TENANT: emulator.communication_user(other)}
    return {CONNECTION: emulator.api_access_key(other)} if other else {}


def trusted_certificates(surroundings: Surroundings, emulator: Emulator, other: str) -> list[str]:
    """Return the certificates that the other subaccount or the communication system trusts."""
    if surroundings.has_system:
        blocks = emulator.communication_system(other, SYSTEM).blocks
        return [each.trusted for block, each in blocks.items() if block is TrustBlock.OAUTH2 and each.trusted]
    return list(emulator.target(other).certificates) if other else []


def _name(guid: str) -> str:
    return f"{S4}-{guid}"
