"""A communication system on the real command line: adopted, written as the preview says, followed, removed."""

from __future__ import annotations

import json

import pytest

from btp_trust_emulator import Emulator
from support.pulumi_project import PulumiProject, program

SYSTEM = 'erp = trust.CommunicationSystemTrust("erp", connection="s4", system="BTP_SHOP"'


@pytest.fixture
def tenant(emulator: Emulator, project: PulumiProject) -> str:
    """A tenant whose system trusts the certificate of another subaccount, and a connection to it."""
    other = emulator.create_subaccount(generate=True).guid
    emulator.create_s4("erp")
    emulator.create_communication_system("erp", "BTP_SHOP", emulator.certificates(other)[0])
    user = emulator.communication_user("erp")
    project.known_secrets.add(user["password"])
    project.variables["BTP_TRUST_COMMUNICATION_USER_S4"] = json.dumps(user)
    return "erp"


def trusted(emulator: Emulator, tenant: str) -> str | None:
    """Return what the block for OAuth trusts."""
    shown = emulator.communication_system(tenant, "BTP_SHOP")
    return {kind.value: block.trusted for kind, block in shown.blocks.items()}["oauth2"]


def test_system_trusts_active_certificate(project: PulumiProject, emulator: Emulator, tenant: str) -> None:
    """The first deployment adopts, the second one writes; gated by what it trusts; a removal leaves it."""
    signing = 'signing = trust.ActiveTrustCertificate("signing")'
    before, active = trusted(emulator, tenant), project.slots()[0]
    project.write(program(signing, f"{SYSTEM}, certificate=signing)"))
    assert "Creating a CommunicationSystemTrust changes nothing" in project.up()
    assert trusted(emulator, tenant) == before

    preview = project.preview("--diff")
    assert "only_if_trusted" in preview
    assert str(before) in preview
    assert f"trust {str(active)[:8]} (expires" in preview
    project.up()
    assert trusted(emulator, tenant) == active
    assert project.has_no_changes()

    project.write(program(signing))
    assert f"it trusted {str(active)[:8]} at the last reading" in project.up()
    assert trusted(emulator, tenant) == active
