"""Inconclusive destinations: the swap is kept, and the next deployment verifies them again."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from btp_trust.errors import (
    RollbackFailed,
)
from btp_trust.rotation.verification import prober
from support.fake_engine import (
    HOUR,
    answer_with,
    interleave,
    raise_before_sending,
)
from support.verification import (
    FIND_S4,
    ROTATE,
    VerificationScenario,
    answer_probes_with_error,
    answer_probes_with_token,
    destination_requests,
    fault_probes,
)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answer_with(503), id="service down"),
        pytest.param(fault_probes(raise_before_sending(httpx.ReadTimeout("slow"))), id="timeout"),
        pytest.param(fault_probes(answer_with(404, json={"ErrorMessage": "gone"})), id="deleted meanwhile"),
        pytest.param(fault_probes(answer_with(503), answer_with(403)), id="alternating"),
        pytest.param(answer_probes_with_token(value=""), id="neither a token nor an error"),
        pytest.param(answer_probes_with_error("connect timed out"), id="target timeout"),
        pytest.param(answer_probes_with_error("Response was: 503 Service Unavailable"), id="target down"),
        pytest.param(answer_probes_with_error("something new"), id="unknown text"),
        pytest.param(answer_with(401), id="rejected user token"),
        pytest.param(answer_with(404, json={"ErrorMessage": "not found"}), id="destination deleted"),
        pytest.param(
            answer_with(200, json={"destinationConfiguration": {"Name": "s4", "Authentication": "SAMLAssertion"}}),
            id="empty answer",
        ),
    ],
)
def test_inconclusive_destination_is_verified_again(scenario: VerificationScenario, fault: Any) -> None:
    """Each outage keeps the swap and stays open until a deployment verifies the destination."""
    engine, declared = scenario.engine, scenario.program("b", "s4", "sf", "assertion")
    before = engine.slots
    engine.transport.inject_once(ROTATE, interleave(after=lambda: engine.transport.inject_always(fault, FIND_S4)))
    report = engine.up(declared)
    assert engine.slots == before[::-1]
    assert f"warning: {engine.subject}s4: inconclusive: " in report.messages
    assert scenario.verdicts()["sf"] == "verified"
    assert engine.outputs("rotation")["unverified"] == ["s4"]
    preview = engine.preview(declared)
    assert (preview.operations["rotation"], destination_requests(preview)) == ("update", [])
    assert ") was inconclusive (s4: inconclusive: " in preview.messages
    engine.transport.clear_faults()
    assertion = "GET destinations/assertion"
    report = engine.up(declared)
    assert destination_requests(report) == [FIND_S4, "GET destinations/sf", assertion, assertion, FIND_S4]
    assert scenario.verdicts()["s4"] == "verified"
    engine.assert_stable(declared)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        pytest.param({"error": "status code 401"}, "status code 401", id="an error"),
        pytest.param({"value": "PGE+"}, "the assertion is no evidence: it is malformed XML", id="no assertion"),
    ],
)
def test_missing_assertion_is_inconclusive(scenario: VerificationScenario, token: dict[str, str], why: str) -> None:
    """The error of a destination that returns the assertion is the service's own, so it is inconclusive."""
    before = scenario.engine.slots
    scenario.engine.transport.inject_always(answer_probes_with_token(**token), "GET destinations/assertion")
    scenario.engine.up(scenario.program("b", "assertion"))
    assert scenario.engine.slots == before[::-1]
    assert scenario.verdicts()["assertion"] == "inconclusive"
    assert why in scenario.evidence()["assertion"]["detail"]


def test_broken_probe_is_inconclusive(scenario: VerificationScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in a probe is inconclusive, and the swap is recorded."""
    with monkeypatch.context() as broken:
        broken.setattr(prober, "find_signer", lambda *_: 1 / 0)
        report = scenario.engine.up(scenario.program("b", "assertion"))
    assert "the probe itself failed (ZeroDivisionError)" in report.messages
    assert scenario.verdicts()["assertion"] == "inconclusive"
    assert scenario.engine.outputs("rotation")["fingerprint"] == scenario.engine.slots[0]
    scenario.engine.deploy(scenario.program("b", "assertion"))
    assert scenario.verdicts()["assertion"] == "verified"


def test_inconclusive_step_may_roll_back(scenario: VerificationScenario) -> None:
    """The preview announces that a rejection still rolls back the step; afterwards it is over."""
    engine, declared = scenario.engine, scenario.program("b", "s4")
    before = engine.slots
    scenario.misreport("s4", before[1])
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), FIND_S4))
    )
    engine.up(declared)
    engine.transport.clear_faults()
    engine.emulator.advance(HOUR)
    assert engine.up(declared).writes == [ROTATE]
    assert "the deployment verifies again; a target's rejection rolls back" in engine.last_preview.messages
    assert engine.slots == before
    outputs = engine.outputs("rotation")
    assert outputs["failed_generation"] == "b"
    assert outputs["rotated_at"] == outputs["rolled_back_at"]
    assert "previous_fingerprint" not in outputs


def test_pending_generation_excludes_rollback(scenario: VerificationScenario) -> None:
    """If the command generates over the previous signer, the preview says that a rollback is impossible."""
    engine, (before, _) = scenario.engine, scenario.engine.slots
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), FIND_S4))
    )
    engine.up(scenario.program("b", "s4"))
    engine.transport.clear_faults()
    engine.emulator.advance(HOUR)
    scenario.misreport("s4", engine.slots[0])
    with pytest.raises(RollbackFailed, match="a rollback is impossible"):
        engine.up(scenario.program("b", "s4", passive_generation="c"))
    assert f"a target's rejection cannot roll back: 'c' is generated over {str(before)[:8]} (a) first" in (
        engine.last_preview.messages
    )
    assert "rejection rolls back" not in engine.last_preview.messages
    scenario.misreport("s4")
    engine.deploy(scenario.program("b", "s4", "assertion", passive_generation="c"))


def test_removed_destination_ends_verification(scenario: VerificationScenario) -> None:
    """A destination that leaves the list ends its verification."""
    engine = scenario.engine
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), FIND_S4))
    )
    engine.up(scenario.program("b", "s4"))
    engine.deploy(scenario.program("b", "sf"))
    assert "unverified" not in engine.outputs("rotation")


def test_inconclusive_step_waits_during_drift(scenario: VerificationScenario) -> None:
    """The verification pauses during a drift; then it continues and may roll back."""
    engine, declared = scenario.engine, scenario.program("b", "s4")
    before = engine.slots
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), FIND_S4))
    )
    engine.up(declared)
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(HOUR)
    assert destination_requests(engine.up(declared)) == []
    assert engine.outputs("rotation")["unverified"] == ["s4"]
    engine.transport.clear_faults()
    scenario.misreport("s4", before[1])
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(HOUR)
    report = engine.up(declared)
    assert "a target's rejection rolls back" in engine.last_preview.messages
    assert report.writes == [ROTATE]
    assert (engine.slots, engine.outputs("rotation")["failed_generation"]) == (before, "b")


def test_renamed_generation_stays_open(scenario: VerificationScenario) -> None:
    """Another name for the signer keeps its inconclusive destinations."""
    engine = scenario.engine
    before = engine.slots
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), FIND_S4))
    )
    engine.up(scenario.program("b", "s4"))
    engine.transport.clear_faults()
    scenario.misreport("s4", before[1])
    report = engine.up(scenario.program("b2", "s4", known_generations={"b2": before[1]}))
    assert report.writes == [ROTATE]
    assert engine.slots == before
