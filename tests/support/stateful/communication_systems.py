"""The communication system of a stack's subaccount: its two blocks can change over with the signer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Final

import httpx

from btp_trust_emulator import S4Switches
from btp_trust_emulator.backend import certificate_field
from btp_trust_emulator.backend.communication_system import TrustBlock
from btp_trust_emulator.journal import JournalEntry
from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.switches import CertificateProfile, PatchProperties
from support.fake_engine import FakeEngine, TransportFault, answer_with, raise_before_sending
from support.s4 import SERVICE
from support.saml import OLD

CONNECTION, SYSTEM = "erp", "BTP"
BLOCKS: Final = ("oauth2", "saml-bearer")
PATCH, READ = "PATCH CommunicationSystems", "GET CommunicationSystems"
TRUST_CHOICES: Final = ["active", "passive", "nothing", "another"]
OUTAGES: Final[dict[str, TransportFault]] = {
    "down": answer_with(503),
    "unreachable": raise_before_sending(httpx.ConnectError("no route to host")),
}
TROUBLES: Final = [*OUTAGES, "picky", "ignoring", "locked"]


def is_system_request(entry: JournalEntry) -> bool:
    """Return True for a request to the tenant."""
    return entry.path.startswith("/s4/")


def identities(pem: str | None) -> set[str]:
    """Return how a block shows this certificate: whole, or its key alone."""
    if pem is None:
        return set()
    return {trust_certificate.fingerprint(pem), trust_certificate.key_identity(trust_certificate.public_key(pem))}


@dataclass
class CommunicationSystems:
    """The two blocks of one system, in a tenant with an outage at times."""

    engine: FakeEngine
    switches: S4Switches = field(default_factory=lambda: S4Switches(lock_after=1))
    outage: str | None = None

    def __post_init__(self) -> None:
        """Create the tenant and the system, whose blocks trust the active certificate."""
        self.engine.emulator.create_s4(self.tenant, switches=self.switches)
        self.engine.emulator.create_communication_system(self.tenant, SYSTEM)
        self.engine.config["btp-trust:connections"] = json.dumps({CONNECTION: self.user})
        for block in BLOCKS:
            self.trust(block, "active")

    @property
    def tenant(self) -> str:
        """Name of the tenant."""
        return f"{CONNECTION}-{self.engine.guid}"

    @property
    def user(self) -> dict[str, str]:
        """The communication user."""
        return self.engine.emulator.communication_user(self.tenant)

    def trusted(self) -> dict[str, str | None]:
        """Return {block: what it trusts}."""
        blocks = self.engine.emulator.communication_system(self.tenant, SYSTEM).blocks
        return {block.value: shown.trusted for block, shown in blocks.items()}

    def outdated(self, blocks: tuple[str, ...]) -> list[str]:
        """Return those of these blocks that trust another certificate than the active one."""
        signer = identities(self.engine.emulator.certificates(self.engine.guid)[0])
        return [block for block, trusted in self.trusted().items() if block in blocks and trusted not in signer]

    # --- acts of administrators --------------------------------------------------------------------------------

    def trust(self, block: str, what: str) -> None:
        """Upload the `active`, the `passive` or `another` certificate, or `nothing`."""
        active, passive = self.engine.emulator.certificates(self.engine.guid)
        pem = {"active": active, "passive": passive, "nothing": None, "another": OLD.certificate}[what]
        # As text: who uploads a certificate has found out which ones the system takes.
        text = certificate_field.encode(pem, self.switches.field_format) if pem else None
        self.engine.emulator.trust_in_system(self.tenant, SYSTEM, None, TrustBlock(block), block, text=text)

    def change(self, switches: S4Switches) -> None:
        """Replace the switches of the tenant."""
        self.engine.emulator.set_s4_switches(self.tenant, switches)

    def cause(self, trouble: str) -> None:
        """Cause an outage; let the system refuse (`picky`) or ignore new certificates; or lock the user."""
        if trouble == "picky":
            self.change(replace(self.switches, certificate_profile=CertificateProfile.SHA_256))
        elif trouble == "ignoring":
            self.change(replace(self.switches, patch_properties=PatchProperties.IGNORED))
        elif trouble == "locked":
            with httpx.Client(transport=self.engine.emulator.transport) as client:
                client.get(f"{self.user['url']}{SERVICE}/", auth=(self.user["user"], "wrong"))
        else:
            self.outage = trouble

    def repair(self) -> None:
        """End all troubles; the blocks stay as they are."""
        self.outage = None
        self.change(self.switches)
        self.engine.emulator.set_communication_user(self.tenant)

    def repair_and_upload(self) -> None:
        """End all troubles, and upload the active certificate into each block."""
        self.repair()
        for block in BLOCKS:
            self.trust(block, "active")

    def inject_faults(self) -> None:
        """Inject the outage into the requests of a command."""
        if self.outage is not None:
            self.engine.transport.inject_always(OUTAGES[self.outage], PATCH, READ, "GET X-CSRF-Token")
