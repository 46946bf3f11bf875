"""What a verification adds to the output `history`."""

from __future__ import annotations

from typing import Any

from support.verification import VerificationScenario, rotate_to_rejected


def test_verification_has_its_results(scenario: VerificationScenario) -> None:
    """One event for all destinations; a deployment that verifies nothing adds none."""
    targets = (*scenario.targets, "assertion")
    scenario.engine.deploy(scenario.program("b", *targets, verify_now="first"))
    events = recorded(scenario)
    assert [event["step"] for event in events] == ["verify", "rotate", "verify"]
    assert events[2]["why"] == "s4: verified, sf: verified, assertion: verified"
    assert events[2]["signer"] == scenario.engine.slots[0] == events[1]["signer"]
    scenario.engine.deploy(scenario.program("b", *targets, verify_now="first", list_affected=True))
    assert recorded(scenario) == events


def test_creation_may_verify(scenario: VerificationScenario) -> None:
    """With `verify_now` the first event is of the creation."""
    rotation = scenario.engine.state.pop("rotation")
    assert rotation.outputs["history"]
    scenario.engine.deploy(scenario.program("a", "assertion", verify_now="second"))
    assert [event["why"] for event in recorded(scenario)] == ["assertion: verified"]


def test_rollback_after_rejection_is_recorded(scenario: VerificationScenario) -> None:
    """The swap, what the targets said, and the rollback with the reason in one line."""
    a, b = scenario.engine.slots
    rotate_to_rejected(scenario)
    rotated, verified, back = recorded(scenario)[-3:]
    assert [event["step"] for event in (rotated, verified, back)] == ["rotate", "verify", "roll back"]
    assert "s4: rejected" in verified["why"]
    assert (back["previous"], back["signer"]) == (b, a)
    assert "rejected" in back["why"]
    assert "\n" not in back["why"]


def recorded(scenario: VerificationScenario) -> list[dict[str, Any]]:
    """Return the recorded events."""
    return list(scenario.engine.outputs("rotation")["history"])
