"""A verification through a communication system of S/4HANA, which holds one certificate."""

from __future__ import annotations

from support.fake_engine import FakeEngine
from support.verification import ROTATE, VerificationScenario


def test_single_certificate_is_rejected_then_verified(scenario: VerificationScenario) -> None:
    """A swap alone is rejected and rolled back; once the system holds the new certificate, the rotation is verified."""
    engine, tenant = scenario.engine, f"cs-{scenario.guid}"
    create_destination_to_system(engine, tenant)
    report = engine.up(scenario.program("b", "cs", "assertion"))
    assert report.writes == [ROTATE, ROTATE]
    rejected = scenario.evidence()["cs"]
    assert rejected["verdict"] == "rejected"
    assert rejected["after_rollback"].startswith("verified")
    engine.deploy(scenario.program("a", "cs", "assertion"))
    engine.emulator.trust_in_system(tenant, "BTP", engine.emulator.certificates(scenario.guid)[1])
    assert engine.up(scenario.program("b", "cs", "assertion")).writes == [ROTATE]
    assert scenario.verdicts() == {"cs": "verified", "assertion": "verified"}


def create_destination_to_system(engine: FakeEngine, tenant: str) -> None:
    """Create a tenant whose communication system trusts the active certificate, and a destination to the system."""
    emulator = engine.emulator
    emulator.create_s4(tenant)
    emulator.create_communication_system(tenant, "BTP", emulator.certificates(engine.guid)[0])
    target = emulator.communication_system_target(tenant, "BTP")
    emulator.create_destination(engine.guid, target.properties("cs"))
