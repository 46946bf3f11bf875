"""Stale readings after a restore or a rollback: the swap is sent once."""

from __future__ import annotations

import pytest

from btp_trust.errors import (
    StaleRead,
)
from support.fake_engine import (
    HOUR,
    Program,
    answer_with,
)
from support.verification import (
    ROTATE,
    VerificationScenario,
    leave_rollback_outcome_unknown,
    show_stale_slots,
)


def assert_restored_once(scenario: VerificationScenario, declared: Program) -> None:
    """Assert that stale readings are refused, also after a refresh, and that the program is stable a minute later."""
    engine, slots = scenario.engine, scenario.engine.slots
    for refreshed in (False, True):
        if refreshed:
            engine.refresh()
        with pytest.raises(StaleRead, match="look as they did before the swap of"):
            engine.up(declared, skip_preview=True)
        assert (engine.last_report.writes, engine.slots) == ([], slots)
    scenario.emulator.clear_faults()
    engine.emulator.advance(61)
    assert engine.up(declared).writes == []
    engine.assert_stable(declared)


@pytest.mark.parametrize("refreshed", [False, True])
def test_restore_is_done_once_while_stale(scenario: VerificationScenario, *, refreshed: bool) -> None:
    """A second swap would make the displaced certificate sign, unreviewed."""
    engine, declared = scenario.engine, scenario.program("a", on_drift="restore")
    engine.deploy(declared)
    engine.emulator.rotate(scenario.guid)
    engine.emulator.advance(HOUR)
    if refreshed:
        engine.refresh()
    show_stale_slots(scenario)
    assert engine.up(declared).writes == [ROTATE]
    assert_restored_once(scenario, declared)


def test_revert_swaps_once_while_stale(scenario: VerificationScenario) -> None:
    """The state names the earlier certificate already, so the time of the swap is recorded in addition."""
    engine, before, declared = scenario.engine, scenario.engine.slots, scenario.program("a", "s4", on_drift="restore")
    leave_rollback_outcome_unknown(scenario, done=False)
    engine.emulator.advance(61)
    show_stale_slots(scenario)
    assert engine.up(declared).writes == [ROTATE]
    assert engine.slots == before
    assert_restored_once(scenario, declared)


def test_update_remembers_the_rollback(scenario: VerificationScenario) -> None:
    """After a revert within the minute, a reading between the two swaps is still stale."""
    engine, before, declared = (
        scenario.engine,
        scenario.engine.slots,
        scenario.program("a", "s4", "assertion", on_drift="restore"),
    )
    scenario.misreport("s4", before[1])
    engine.up(scenario.program("b", "s4"))
    scenario.misreport("s4")
    assert engine.up(declared).operations["rotation"] == "update"
    old, new = scenario.emulator.certificates(scenario.guid)
    engine.transport.inject_always(answer_with(200, json={"certificate": new}), "GET certificate")
    engine.transport.inject_always(answer_with(200, json={"certificate": old}), "GET certificate/passive")
    with pytest.raises(StaleRead, match="look as they did before the swap of"):
        engine.up(declared, skip_preview=True)
    assert (engine.last_report.writes, engine.slots) == ([], before)


def test_targets_are_probed_after_restore(scenario: VerificationScenario) -> None:
    """The minute after which targets are probed once more begins with the restore."""
    engine, declared = scenario.engine, scenario.program("a", "s4", on_drift="restore")
    engine.deploy(declared)
    engine.emulator.rotate(scenario.guid)
    engine.emulator.advance(HOUR)
    for writes in ([ROTATE], []):
        report = engine.up(declared)
        assert report.writes == writes
        assert "The next deployment verifies again." in report.messages
        engine.emulator.advance(5)
    engine.emulator.advance(60)
    assert "The next deployment verifies again." not in engine.up(declared).messages
    engine.assert_stable(declared)
