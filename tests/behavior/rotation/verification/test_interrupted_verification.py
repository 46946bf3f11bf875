"""A killed run, or a swap by hand: the next deployment verifies the signer that it finds."""

from __future__ import annotations

import pytest

from support.fake_engine import (
    HOUR,
    ProcessKilledError,
    commit_then_raise,
)
from support.verification import (
    FIND_S4,
    ROTATE,
    VerificationScenario,
    destination_requests,
)


@pytest.mark.parametrize("rejects", [False, True], ids=["accepted", "rejected"])
def test_killed_swap_is_verified_next(scenario: VerificationScenario, *, rejects: bool) -> None:
    """The next deployment verifies the swap of a killed run, and a rejection rolls back."""
    engine = scenario.engine
    before = engine.slots
    if rejects:
        scenario.misreport("s4", before[1])
    engine.transport.inject_once(ROTATE, commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(scenario.program("b", "s4", "assertion"))
    assert engine.slots == before[::-1]
    report = engine.up(scenario.program("b", "s4", "assertion"))
    assert engine.slots == (before if rejects else before[::-1])
    assert report.writes == ([ROTATE] if rejects else [])
    assert destination_requests(report) != []
    assert engine.outputs("rotation").get("failed_generation") == ("b" if rejects else None)
    if not rejects:
        engine.assert_stable(scenario.program("b", "s4", "assertion"))


def test_killed_verification_is_repeated(scenario: VerificationScenario) -> None:
    """A killed verification left no evidence, so the next deployment repeats it."""
    engine = scenario.engine
    scenario.misreport("s4", engine.slots[1])
    before = engine.slots
    engine.transport.inject_once(FIND_S4, commit_then_raise(ProcessKilledError()), after=2)
    with pytest.raises(ProcessKilledError):
        engine.up(scenario.program("b", "s4"))
    engine.up(scenario.program("b", "s4"))
    assert engine.slots == before


def test_refresh_leaves_verification_due(scenario: VerificationScenario) -> None:
    """A refresh records the new signer; the swap of the killed run is verified all the same."""
    engine, declared = scenario.engine, scenario.program("b", "s4")
    before = engine.slots
    scenario.misreport("s4", before[1])
    engine.transport.inject_once(ROTATE, commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(declared)
    engine.refresh()
    report = engine.up(declared)
    assert "s4 will be verified as the user; a target's rejection rolls back" in engine.last_preview.messages
    assert report.writes == [ROTATE]
    assert (engine.slots, engine.outputs("rotation")["failed_generation"]) == (before, "b")


def test_accepted_foreign_swap_may_roll_back(
    scenario: VerificationScenario,
) -> None:
    """The preview announces that a swap by hand, once declared, may be rolled back, also after a refresh."""
    engine = scenario.engine
    before = engine.slots
    for refresh in (False, True):
        engine.emulator.rotate(engine.guid)
        engine.emulator.advance(HOUR)
        scenario.misreport("s4", before[1])
        if refresh:
            engine.refresh()
        report = engine.up(scenario.program("b", "s4"))
        assert (
            "(b) signs, s4 will be verified as the user; a target's rejection rolls back"
            in engine.last_preview.messages
        )
        assert report.writes == [ROTATE]
        assert engine.slots == before
        engine.emulator.advance(HOUR)
        engine.deploy(scenario.program("a", "s4"))


@pytest.mark.parametrize("rejects", [False, True], ids=["accepted", "rejected"])
def test_killed_swap_is_verified_after_refresh(scenario: VerificationScenario, *, rejects: bool) -> None:
    """A refresh records the signer, and its verification stays due."""
    engine, declared = scenario.engine, scenario.program("b", "s4", "assertion")
    before = engine.slots
    if rejects:
        scenario.misreport("s4", before[1])
    engine.transport.inject_once(FIND_S4, commit_then_raise(ProcessKilledError()), after=1)
    with pytest.raises(ProcessKilledError):
        engine.up(declared)
    engine.refresh()
    assert engine.outputs("rotation")["fingerprint"] == before[1]
    report = engine.up(declared)
    assert destination_requests(report) != []
    assert report.writes == ([ROTATE] if rejects else [])
    assert engine.slots == (before if rejects else before[::-1])
    assert scenario.evidence()["s4"]["fingerprint"] == before[1]
    assert engine.outputs("rotation").get("failed_generation") == ("b" if rejects else None)
    if not rejects:
        engine.assert_stable(declared)


def test_new_name_of_signer_verifies_nothing(scenario: VerificationScenario) -> None:
    """Another name for the signer changes no signer, so nothing is verified."""
    engine = scenario.engine
    engine.deploy(scenario.program("b", "s4", "assertion"))
    scenario.misreport("s4", engine.slots[0])
    report = engine.up(scenario.program("c", "s4", "assertion", known_generations={"c": engine.slots[0]}))
    assert (report.writes, destination_requests(report)) == ([], [])


def test_undone_drift_is_reported_only(scenario: VerificationScenario) -> None:
    """No plan asked for the change of the signer, so a rejection is only reported."""
    engine = scenario.engine
    engine.deploy(scenario.program("b", "s4", "assertion"))
    engine.emulator.rotate(engine.guid)
    engine.deploy(scenario.program("b", "s4", "assertion"))
    engine.emulator.rotate(engine.guid)
    scenario.misreport("s4", engine.slots[0])
    report = engine.up(scenario.program("b", "s4", "assertion"))
    assert (report.writes, scenario.verdicts()["s4"]) == ([], "rejected")


def test_restore_may_be_rolled_back(scenario: VerificationScenario) -> None:
    """A restore is a step: a rejection rolls it back, and the declared generation is refused."""
    engine = scenario.engine
    engine.deploy(scenario.program("b", "s4", "assertion"))
    engine.emulator.rotate(engine.guid)
    before = engine.slots
    scenario.misreport("s4", before[1])
    report = engine.up(scenario.program("b", "s4", on_drift="restore"))
    assert report.writes == [ROTATE, ROTATE]
    assert (engine.slots, engine.outputs("rotation")["failed_generation"]) == (before, "b")
    engine.emulator.advance(HOUR)
    engine.assert_refused(scenario.program("b", "s4", on_drift="restore"), "s4")
    engine.deploy(scenario.program("a", "s4", "assertion"))
