"""One stack on three subaccounts of the emulator, as an operator has it, and a fourth one that trusts the first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from btp_trust_emulator import Emulator
from support.pulumi_project import PulumiProject, program

NAMES: Final = ("prod", "test", "dev")
ROTATED, TRUSTING = "prod", "billing"
START: Final = datetime(2026, 11, 25, 9, tzinfo=UTC)
_OTHERS: Final = [f'trust.ActiveTrustCertificate("{name}", connection="{name}")' for name in NAMES if name != ROTATED]


@dataclass(frozen=True)
class ThreeSubaccounts:
    """The stack, and how its lines name each subaccount."""

    project: PulumiProject
    guids: dict[str, str]
    """{name of the connection: GUID}"""

    @property
    def labels(self) -> dict[str, str]:
        """The subaccounts as lines name them."""
        return {name: f"acme-{name} ({guid[:8]})" for name, guid in self.guids.items()}

    def signer(self, name: str) -> str:
        """Return the fingerprint of the active certificate of a subaccount."""
        return str(self.project.emulator.slots(self.guids[name]).active)


def create_three_subaccounts(emulator: Emulator, folder: Path) -> ThreeSubaccounts:
    """Create the subaccounts, and the stack before its first deployment."""
    emulator.set_clock(START)
    guids = {
        name: emulator.create_subaccount(subdomain=f"acme-{name}", generate=True).guid for name in (*NAMES, TRUSTING)
    }
    project = PulumiProject(folder, emulator, guids[ROTATED]).create_stack(adopting())
    keys = {name: emulator.service_key(guids[name]) for name in NAMES}
    keys[TRUSTING] = emulator.api_access_key(guids[TRUSTING])
    project.known_secrets |= {key["clientsecret"] for key in keys.values()}
    project.set_config("btp-trust:connections", json.dumps(keys), secret=True)
    return ThreeSubaccounts(project, guids)


def adopting() -> str:
    """Write the program that adopts all three."""
    return program(f'trust.ActiveTrustCertificate("{ROTATED}", connection="{ROTATED}")', *_OTHERS)


def rotating(prepared: str | None, signs: str, trigger: str = "") -> str:
    """Write the program that rotates the first one, which the fourth one trusts; `trigger` has further arguments."""
    where = f'connection="{ROTATED}"'
    passive, candidate = (", passive=upcoming", ", candidate=upcoming") if prepared else ("", "")
    return program(
        *([f'upcoming = trust.PassiveTrustCertificate("next", {where}, generation="{prepared}")'] if prepared else []),
        f'billing = trust.TrustedIdentityProvider("{TRUSTING}", connection="{TRUSTING}", origin_key="shop", '
        f'source_connection="{ROTATED}"{passive})',
        f'rotation = trust.RotationTrigger("rotation", {where}, generation="{signs}"{candidate}, '
        f'trusted_by={{"billing": billing.trusted}}{trigger})',
        f'trust.ActiveTrustCertificate("{ROTATED}", {where}, rotation=rotation)',
        *_OTHERS,
    )
