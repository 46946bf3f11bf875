"""A stack with a communication system of an emulated S/4HANA tenant, and what a person does there."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal

from btp_trust.certificate import Certificate, parse_pem
from btp_trust_emulator import Emulator, S4Switches
from support.fake_engine import Deployment, FakeEngine, Program, ResourceHandle

PATCH = "PATCH CommunicationSystems"
CONNECTION, SYSTEM = "s4", "BTP_SHOP"


def program(**args: Any) -> Program:
    """Write the program: one CommunicationSystemTrust with these arguments."""

    def run(deployment: Deployment) -> None:
        system(deployment, **args)

    return run


def system(deployment: Deployment, name: str = "erp", **args: Any) -> ResourceHandle:
    """Declare the system."""
    return deployment.system(name, **{"connection": CONNECTION, "system": SYSTEM, **args})


@dataclass
class S4Stack:
    """A tenant whose system trusts the active certificate of the subaccount in both blocks."""

    engine: FakeEngine
    switches: S4Switches = field(default_factory=S4Switches)
    tenant: str = field(default_factory=lambda: f"erp-{uuid.uuid4()}")

    def __post_init__(self) -> None:
        """Create the tenant, and give the stack its connection."""
        self.url = self.emulator.create_s4(self.tenant, switches=self.switches)
        self.engine.config["btp-trust:connections"] = json.dumps({CONNECTION: self.user})
        self.emulator.create_communication_system(self.tenant, SYSTEM)
        for block in ("oauth2", "saml-bearer"):
            self.let_trust(self.active, block)

    @property
    def emulator(self) -> Emulator:
        """The emulator of the engine."""
        return self.engine.emulator

    @property
    def user(self) -> dict[str, str]:
        """The connection of the communication user."""
        return self.emulator.communication_user(self.tenant)

    @property
    def active(self) -> Certificate:
        """The active certificate of the subaccount."""
        return self._slot(0)

    @property
    def passive(self) -> Certificate:
        """The passive certificate."""
        return self._slot(1)

    @property
    def label(self) -> str:
        """The system as lines name it."""
        return f"{SYSTEM} at {self.url.partition('://')[2].partition(':')[0].partition('/')[0]} (oauth2)"

    def let_trust(self, certificate: Certificate | None, block: Any = "oauth2", **options: Any) -> None:
        """Let a block trust a certificate or nothing, as a person does."""
        pem = certificate.pem if certificate else None
        self.emulator.trust_in_system(self.tenant, SYSTEM, pem, block, **options)

    def trusted(self, block: Literal["oauth2", "saml-bearer"] = "oauth2") -> str | None:
        """Return what a block trusts."""
        shown = self.emulator.communication_system(self.tenant, SYSTEM)
        return {kind.value: each.trusted for kind, each in shown.blocks.items()}[block]

    def patches(self) -> int:
        """How many writes were sent since the last call."""
        sent = self.engine.transport.sent.count(PATCH)
        self.engine.transport.sent.clear()
        return sent

    def _slot(self, index: int) -> Certificate:
        pem = self.emulator.certificates(self.engine.guid)[index]
        assert pem is not None
        return parse_pem(pem)
