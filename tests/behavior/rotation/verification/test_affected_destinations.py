"""`list_affected`: the preview of a step lists the destinations that sign with the certificate."""

from __future__ import annotations

import json

from support.fake_engine import (
    answer_with,
)
from support.verification import (
    LISTS,
    PASSWORD,
    VerificationScenario,
    destination_requests,
)


def test_step_lists_affected_destinations(scenario: VerificationScenario) -> None:
    """A planned step sends one request for each level and shows names only."""
    engine = scenario.engine
    scenario.emulator.create_destination(scenario.guid, {"Name": "plain", "Type": "HTTP", "Password": PASSWORD})
    scenario.emulator.create_destination(
        scenario.guid, {"Name": "at the instance", "Type": "HTTP", "Authentication": "SAMLAssertion"}, "instance"
    )
    declared = scenario.program("b", list_affected=True)
    report = engine.up(declared)
    plan = engine.last_preview
    assert plan.inputs["rotation"]["swap"]["affects"] == ["assertion", "at the instance", "s4", "sf"]
    assert destination_requests(plan) == destination_requests(report) == LISTS
    assert "swap" not in engine.outputs("rotation")
    assert destination_requests(engine.preview(declared)) == []
    engine.assert_stable(declared)
    assert PASSWORD not in json.dumps([stored.inputs for stored in engine.state.values()])


def test_failed_listing_is_a_warning(scenario: VerificationScenario) -> None:
    """A listing that fails is a warning; a strict run fails."""
    engine = scenario.engine
    engine.transport.inject_always(answer_with(403), "GET subaccountDestinations")
    declared = scenario.program("b", list_affected=True)
    report = engine.preview(declared)
    assert "affects" not in report.inputs["rotation"]["swap"]
    assert "The destinations that the step affects could not be listed." in report.messages
    engine.config["btp-trust:strict"] = "true"
    engine.assert_refused(declared, "403")
    del engine.config["btp-trust:strict"]
    engine.deploy(declared)


def test_listing_is_opt_in(scenario: VerificationScenario) -> None:
    """The lists hold other people's passwords, so they are read on request only."""
    assert destination_requests(scenario.engine.preview(scenario.program("b"))) == []
