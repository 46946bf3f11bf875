"""A rollback whose request fails, whose answer is lost, or whose slots are shown late."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from btp_trust.errors import (
    OutcomeUnknown,
    Refused,
    RollbackFailed,
    StaleRead,
)
from btp_trust.runtime import process_session
from btp_trust_emulator.faults.fault import FaultKind
from support.fake_engine import (
    HOUR,
    SendRequest,
    answer_with,
    assert_three_part_message,
    commit_then_raise,
    interleave,
    raise_before_sending,
)
from support.verification import (
    ACTIVE_PATH,
    FIND_S4,
    PASSIVE_PATH,
    ROTATE,
    VerificationScenario,
    leave_rollback_outcome_unknown,
    rotate_to_rejected,
)


def assert_others_are_withheld() -> None:
    """Assert that rotations of other subaccounts are withheld in this process, for an unconfirmed rollback."""
    with pytest.raises(Refused, match=r"The rollback of 'b' is unconfirmed\."):
        process_session.current().rolled_back.refuse_rotation("lyon", "b")


def test_failed_rollback_is_repeated_next_time(scenario: VerificationScenario) -> None:
    """The error names the slots and the remedy; the state is unchanged, so the next run rolls back."""
    engine = scenario.engine
    before = engine.slots
    scenario.misreport("s4", before[1])
    engine.transport.inject_once(ROTATE, raise_before_sending(httpx.ReadTimeout("lost")), after=1)
    with pytest.raises(RollbackFailed) as failure:
        engine.up(scenario.program("b", "s4"))
    assert_three_part_message(str(failure.value), "s4: rejected: ", *before, "pulumi up")
    assert engine.slots == before[::-1]
    assert engine.state["rotation"].inputs["generation"] == "a"
    assert_others_are_withheld()
    engine.up(scenario.program("b", "s4"))
    assert engine.slots == before
    assert engine.outputs("rotation")["failed_generation"] == "b"


@pytest.mark.parametrize("refreshed", [False, True])
def test_unknown_rollback_that_was_done(scenario: VerificationScenario, *, refreshed: bool) -> None:
    """The next command reads that the rollback was done, and sends no probe."""
    engine, before = scenario.engine, scenario.engine.slots
    message = leave_rollback_outcome_unknown(scenario, done=True)
    assert_others_are_withheld()
    assert_three_part_message(message, "'b'", "s4: rejected: ", *before, "pulumi up")
    assert engine.slots == before
    engine.emulator.advance(61)
    if refreshed:
        engine.refresh()
    for _ in range(2):
        message = engine.assert_refused(scenario.program("b", "s4"), "was rolled back", before[0])
        assert "outcome is unknown" not in message
    assert engine.last_report.writes == []
    engine.deploy(scenario.program("a", "s4"))
    assert engine.slots == before
    assert {"failed_generation", "rollback_outcome_unknown"} & engine.outputs("rotation").keys() == set()


@pytest.mark.parametrize("refreshed", [False, True])
def test_unknown_rollback_is_repeated(scenario: VerificationScenario, *, refreshed: bool) -> None:
    """The preview announces a rollback that was not done; the deployment does it once and keeps the rejection."""
    engine, before = scenario.engine, scenario.engine.slots
    leave_rollback_outcome_unknown(scenario, done=False)
    assert engine.slots == before[::-1]
    engine.emulator.advance(61)
    if refreshed:
        engine.refresh()
    report = engine.up(scenario.program("b", "s4"))
    assert "a target's rejection rolls back" in engine.last_preview.messages
    assert report.writes == [ROTATE]
    assert engine.slots == before
    outputs = engine.outputs("rotation")
    assert (outputs["failed_generation"], outputs.get("rollback_outcome_unknown")) == ("b", None)
    engine.assert_refused(scenario.program("b", "s4"), "was rolled back")


@pytest.mark.parametrize("trusted_by", [None, {"s4": "e" * 64}])
@pytest.mark.parametrize("refreshed", [False, True])
def test_revert_does_an_unknown_rollback(scenario: VerificationScenario, trusted_by: Any, *, refreshed: bool) -> None:
    """A revert rolls back as its reviewed plan says, and the target gate lets it pass."""
    engine, before = scenario.engine, scenario.engine.slots
    if trusted_by is not None:
        trusted_by = {"s4": before[1]}
        engine.deploy(scenario.program("a", "s4", trusted_by=trusted_by))
    leave_rollback_outcome_unknown(scenario, done=False, trusted_by=trusted_by)
    engine.emulator.advance(61)
    if refreshed:
        engine.refresh()
    declared = scenario.program("a", "s4", "assertion", trusted_by=trusted_by)
    assert engine.up(declared).writes == [ROTATE]
    assert engine.slots == before
    engine.assert_stable(declared)


def test_repaired_target_ends_unknown_rollback(scenario: VerificationScenario) -> None:
    """If the target was repaired meanwhile, the signer is verified and the rejection is over."""
    engine = scenario.engine
    leave_rollback_outcome_unknown(scenario, done=False)
    engine.emulator.advance(HOUR)
    scenario.misreport("s4")
    assert engine.up(scenario.program("b", "s4", "assertion")).writes == []
    assert {"failed_generation", "rollback_outcome_unknown"} & engine.outputs("rotation").keys() == set()
    engine.assert_stable(scenario.program("b", "s4", "assertion"))


def test_unknown_rollback_is_read_later(scenario: VerificationScenario) -> None:
    """Within a minute after a rollback with an unknown outcome, a reading may be stale and is refused."""
    engine = scenario.engine
    engine.config["btp-trust:operationTimeout"] = "20"
    leave_rollback_outcome_unknown(scenario, done=False)
    assert "look as they did before the swap" in engine.assert_refused(scenario.program("b", "s4"))
    assert "look as they did before the swap" in engine.assert_refused(scenario.program("a", "s4"))


def test_rollback_is_polled_while_stale(scenario: VerificationScenario) -> None:
    """A rollback whose answer is lost is polled for as long as readings may be stale."""
    engine, before = scenario.engine, scenario.engine.slots
    scenario.misreport("s4", before[1])

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        scenario.emulator.fault(FaultKind.STALE_AFTER_WRITE, subaccount=scenario.guid, seconds=50)
        return commit_then_raise(httpx.ReadTimeout("lost"))(request, send)

    engine.transport.inject_once(ROTATE, fault, after=1)
    report = engine.up(scenario.program("b", "s4"))
    scenario.emulator.clear_faults()
    assert report.writes == [ROTATE, ROTATE]
    assert engine.slots == before
    assert engine.outputs("rotation")["failed_generation"] == "b"
    assert "rollback_outcome_unknown" not in engine.outputs("rotation")


def test_retrying_hook_repeats_the_error(scenario: VerificationScenario) -> None:
    """Each retry of a failed rollback ends with the same error; the next run rolls back."""
    engine, before = scenario.engine, scenario.engine.slots
    scenario.misreport("s4", before[1])
    engine.retries = 2
    engine.transport.inject_once(ROTATE, raise_before_sending(httpx.ReadTimeout("lost")), after=1)
    sent = len(engine.transport.sent)
    with pytest.raises(RollbackFailed):
        engine.up(scenario.program("b", "s4"), skip_preview=True)
    assert engine.transport.sent[sent:].count(ROTATE) == 2
    assert len({str(call.error) for call in engine.calls[-3:]}) == 1
    engine.up(scenario.program("b", "s4"))
    assert engine.slots == before


@pytest.mark.parametrize(
    "fault", [answer_with(403), raise_before_sending(httpx.ConnectError("no"))], ids=["403", "no connection"]
)
def test_retrying_hook_swaps_once_while_stale(scenario: VerificationScenario, fault: Any) -> None:
    """While readings are stale, a retry sends no second swap."""
    engine, before = scenario.engine, scenario.engine.slots
    scenario.misreport("s4", before[1])
    engine.config["btp-trust:operationTimeout"] = "20"
    engine.retries = 2
    for path in (ACTIVE_PATH, PASSIVE_PATH):
        scenario.emulator.fault(
            FaultKind.STALE_AFTER_WRITE, subaccount=scenario.guid, method="GET", path=path, seconds=50.0
        )
    engine.transport.inject_once(ROTATE, interleave(after=lambda: engine.transport.inject_always(fault, ROTATE)))
    sent = len(engine.transport.sent)
    try:
        with pytest.raises(StaleRead) as behind:
            engine.up(scenario.program("b", "s4"), skip_preview=True)
    finally:
        scenario.emulator.clear_faults()
    assert engine.transport.sent[sent:].count(ROTATE) == 1
    assert_three_part_message(str(behind.value), before[1], "was done by this command already")
    engine.transport.clear_faults()
    engine.emulator.advance(61)
    engine.up(scenario.program("b", "s4"))
    assert (engine.slots, engine.outputs("rotation")["failed_generation"]) == (before, "b")


def test_foreign_unknown_write_forbids_rollback(scenario: VerificationScenario) -> None:
    """If another resource's write has an unknown outcome, the rollback is refused; its own outcome is known."""
    engine, before = scenario.engine, scenario.engine.slots
    scenario.misreport("s4", before[1])
    other = OutcomeUnknown("The deletion of the passive certificate was sent once.", "Why.", "What to do.")

    def elsewhere() -> None:
        process_session.current().subaccount("default", scenario.guid).write_lock.record_failure(other)

    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(interleave(before=elsewhere), FIND_S4))
    )
    with pytest.raises(RollbackFailed, match="The deletion of the passive certificate was sent once"):
        engine.up(scenario.program("b", "s4"))
    assert engine.last_report.writes == [ROTATE]
    assert "rollback_outcome_unknown" not in engine.outputs("rotation")
    engine.transport.clear_faults()
    engine.up(scenario.program("b", "s4"))
    assert engine.slots == before


def test_broken_probe_keeps_the_rejection(scenario: VerificationScenario) -> None:
    """An exception in the probe after the rollback leaves the rejection recorded."""
    engine = scenario.engine
    before = engine.slots
    scenario.misreport("s4", before[1])

    def broken(_: httpx.Request, __: SendRequest) -> httpx.Response:
        raise RuntimeError

    engine.transport.inject_once(FIND_S4, broken, after=5)
    assert engine.up(scenario.program("b", "s4")).writes == [ROTATE, ROTATE]
    assert engine.outputs("rotation")["failed_generation"] == "b"
    assert scenario.evidence()["s4"]["after_rollback"].startswith("inconclusive: the probe itself failed")


def test_one_stale_reading_permits_rollback(scenario: VerificationScenario) -> None:
    """One reading as before the swap is repeated, and the rollback is done."""
    engine = scenario.engine
    before = engine.slots
    scenario.misreport("s4", before[1])
    old, new = scenario.emulator.certificates(scenario.guid)
    engine.transport.inject_once("GET certificate", answer_with(200, json={"certificate": old}), after=4)
    engine.transport.inject_once("GET certificate/passive", answer_with(200, json={"certificate": new}), after=4)
    report = engine.up(scenario.program("b", "s4"))
    assert report.writes == [ROTATE, ROTATE]
    assert engine.slots == before


@pytest.mark.parametrize(
    "paths", [(ACTIVE_PATH, PASSIVE_PATH), (ACTIVE_PATH,), (PASSIVE_PATH,)], ids=["both", "active", "passive"]
)
def test_late_slots_permit_rollback(scenario: VerificationScenario, paths: tuple[str, ...]) -> None:
    """Readings as before the swap are doubted for as long as they may be stale, and the rollback is done."""
    engine = scenario.engine
    before = engine.slots
    scenario.misreport("s4", before[1])
    for path in paths:
        scenario.emulator.fault(FaultKind.STALE_AFTER_WRITE, subaccount=scenario.guid, path=path, seconds=59.0)
    try:
        report = engine.up(scenario.program("b", "s4"))
    finally:
        scenario.emulator.clear_faults()
    assert report.writes == [ROTATE, ROTATE]
    assert engine.slots == before
    assert engine.outputs("rotation")["failed_generation"] == "b"


def test_rollback_fails_without_time_to_read(scenario: VerificationScenario) -> None:
    """If the deadline ends before a stale reading can be doubted, the rollback fails loudly."""
    engine = scenario.engine
    engine.config["btp-trust:operationTimeout"] = "20"
    scenario.misreport("s4", engine.slots[1])
    for path in (ACTIVE_PATH, PASSIVE_PATH):
        scenario.emulator.fault(FaultKind.STALE_AFTER_WRITE, subaccount=scenario.guid, path=path, seconds=59.0)
    try:
        with pytest.raises(RollbackFailed) as failure:
            engine.up(scenario.program("b", "s4"))
    finally:
        scenario.emulator.clear_faults()
    assert_three_part_message(str(failure.value), "The slots look as if the swap was done already.")


def test_rollback_needs_the_previous_signer(scenario: VerificationScenario) -> None:
    """If somebody generated over the previous signer, each command says that a rollback is impossible."""
    engine = scenario.engine
    scenario.misreport("s4", engine.slots[1])
    engine.transport.inject_once(
        FIND_S4, interleave(after=lambda: engine.emulator.generate_passive(engine.guid)), after=4
    )
    with pytest.raises(RollbackFailed) as failure:
        engine.up(scenario.program("b", "s4"))
    assert engine.last_report.writes == [ROTATE]
    assert_three_part_message(str(failure.value), *engine.slots)
    for _ in range(2):
        with pytest.raises(RollbackFailed, match="a rollback is impossible") as impossible:
            engine.up(scenario.program("b", "s4"))
        assert engine.last_report.writes == []
        assert_three_part_message(str(impossible.value), engine.slots[0])
    scenario.misreport("s4")
    engine.deploy(scenario.program("b", "s4", "assertion"))


def test_slots_before_rollback_are_doubted(scenario: VerificationScenario) -> None:
    """A reading as before the rollback is refused for a minute."""
    engine = scenario.engine
    rotate_to_rejected(scenario)
    engine.emulator.rotate(engine.guid)
    engine.assert_refused(scenario.program("a", "s4"), engine.outputs("rotation")["rolled_back_at"])
    engine.assert_refused(scenario.program("b", "s4"), engine.outputs("rotation")["rolled_back_at"])
    engine.emulator.advance(61)
    report = engine.up(scenario.program("b", "s4"))
    assert report.writes == []
    assert "It is not rolled back." in report.messages
    assert "failed_generation" not in engine.outputs("rotation")
