"""A rejection by a target leaves a revoked certificate passive: it is reported, and the preview says so before."""

from __future__ import annotations

from typing import Any

from support.verification import FIND_S4, ROTATE, VerificationScenario, answer_probes_with_error, rotate_to_rejected

LEAKED: dict[str, Any] = {"revoked": {"a": "leaked"}}


def test_rejection_is_only_reported(scenario: VerificationScenario) -> None:
    """A rotation away from a leaked key stays, with the policy to roll back."""
    report = rotate_to_rejected(scenario, **LEAKED)
    preview = scenario.engine.last_preview
    assert "the present signer is revoked" in preview.inputs["rotation"]["swap"]["verification"]
    assert "nothing is rolled back, for the present signer is revoked" in preview.messages
    assert report.writes == [ROTATE]
    assert scenario.verdicts()["s4"] == "rejected"
    assert "rejected" in report.messages


def test_later_revocation_counts_too(scenario: VerificationScenario) -> None:
    """A verification that stayed open, and is repeated after the revocation, leaves the signer as well."""
    engine = scenario.engine
    engine.transport.inject_always(answer_probes_with_error("something new"), FIND_S4)
    engine.up(scenario.program("b", "s4"))
    assert engine.outputs("rotation")["unverified"] == ["s4"]
    engine.transport.clear_faults()
    scenario.misreport("s4", engine.slots[0])
    preview = engine.preview(scenario.program("b", "s4", **LEAKED))
    assert preview.messages.endswith("the deployment verifies again; nothing is rolled back\n")
    report = engine.up(scenario.program("b", "s4", **LEAKED))
    assert report.writes == []
    assert scenario.verdicts()["s4"] == "rejected"
