"""`when="next_window"` through the eyes of an engine: a rotation waits, is said, and is performed in its time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from btp_trust.certificate import parse_pem
from btp_trust.errors import Refused
from btp_trust.formatting import format_rfc3339
from support.fake_engine import HOUR, FakeEngine, program
from support.verification import ROTATE

DAY = 24 * HOUR
WAITS = {"when": "next_window"}


def nightly(engine: FakeEngine, **more: Any) -> dict[str, Any]:
    """Open a window of two hours each night, the next one in about five hours."""
    hour = (engine.emulator.now + timedelta(hours=5)).hour
    return {"window": {"cron": f"0 {hour} * * *", "duration": "2h", "time_zone": "UTC"}, **WAITS, **more}


def next_opening(engine: FakeEngine) -> datetime:
    """Return the moment of that opening."""
    return (engine.emulator.now + timedelta(hours=5)).replace(minute=0, second=0, microsecond=0)


def wait_until(engine: FakeEngine, moment: datetime) -> None:
    """Move the clock, which also goes on by itself."""
    engine.emulator.advance((moment - engine.emulator.now).total_seconds())


def test_rotation_waits_for_its_window(engine: FakeEngine) -> None:
    """Outside of the window each command says the step and its moment, and changes nothing; inside it swaps."""
    engine.deploy(program("b", "a"))
    limits, opens = nightly(engine), next_opening(engine)
    engine.up(program("b", "a", trigger=limits))
    state, slots, rotated = dict(engine.state), engine.slots, program("b", "b", trigger=limits)
    for _ in range(2):
        report = engine.up(rotated)
        for said in (engine.last_preview, report):
            assert said.has_no_changes
            assert f"waits until {format_rfc3339(opens)} (OutsideWindow): rotate: passive" in said.messages
            assert "The first `pulumi up` from then on performs the step" in said.messages
        assert (engine.state, engine.slots, report.writes) == (state, slots, [])
    wait_until(engine, opens)
    report = engine.up(rotated)
    assert engine.last_preview.inputs["rotation"]["swap"]["only_if_active"] == slots[0]
    assert "waits" not in report.messages
    assert (report.writes, engine.outputs("rotation")["generation"]) == ([ROTATE], "b")
    engine.assert_stable(rotated)


def test_other_arguments_are_recorded_meanwhile(engine: FakeEngine) -> None:
    """A change of limits is deployed while the step waits; the state keeps the generation that signs."""
    engine.deploy(program("b", "a"))
    waiting = program("b", "b", trigger=nightly(engine))
    report = engine.up(waiting)
    assert (report.operations["rotation"], report.writes) == ("update", [])
    recorded = engine.state["rotation"]
    assert (recorded.inputs["generation"], recorded.outputs["generation"]) == ("a", "a")
    assert recorded.outputs["when"] == "next_window"
    assert recorded.outputs["signer"]["fingerprint"] == engine.slots[0]
    assert engine.preview(waiting).has_no_changes


@pytest.mark.parametrize("limit", [{"soak": 14}, {"freeze": 7}])
def test_soak_and_freeze_are_waited_for(engine: FakeEngine, limit: dict[str, Any]) -> None:
    """The one moment is the first at which all limits pass."""
    engine.deploy(program("b", "a"))
    if "freeze" in limit:
        start, end = (format_rfc3339(engine.emulator.now + timedelta(days=days)) for days in (-1, 13))
        limit = {"freeze": [{"from": start, "to": end, "why": "closing"}]}
    waiting = program("b", "b", trigger={**WAITS, **limit})
    engine.up(waiting)
    assert engine.up(waiting).has_no_changes
    engine.emulator.advance(14 * DAY)
    assert engine.up(waiting).writes == [ROTATE]


def test_emergencies_wait_for_nothing(engine: FakeEngine) -> None:
    """A broken glass and the rollback after it pass at once."""
    limits = nightly(engine)
    engine.up(program("b", "a", trigger=limits))
    broken = {**limits, "break_glass": {"b": "INC-1: leaked"}}
    assert engine.up(program("b", "b", trigger=broken)).writes == [ROTATE]
    engine.emulator.advance(HOUR)
    assert engine.up(program("b", "a", trigger=limits)).writes == [ROTATE]


def test_removed_waiting_is_a_refusal(engine: FakeEngine) -> None:
    """Without `when` the same step is refused, with the same moment; declared back, nothing waits."""
    limits = nightly(engine)
    engine.up(program("b", "a", trigger=limits))
    engine.up(program("b", "b", trigger=limits))
    now = {**limits, "when": None}
    engine.assert_refused(program("b", "b", trigger=now), "OutsideWindow: ")
    assert "waits" not in engine.up(program("b", "a", trigger=now)).messages


def test_waiting_rotation_keeps_its_certificate(engine: FakeEngine) -> None:
    """What would take the next signer away is refused while it waits, in each order of the resources."""
    limits = nightly(engine)
    engine.up(program("b", "a", trigger=limits))
    engine.assert_refused(program("c", "b", trigger=limits), "cannot be made to sign in the command")
    engine.assert_refused(program(None, "b", trigger=limits), "that removes candidate=")

    def trigger_first(deployment: Any) -> None:
        deployment.trigger(generation="b", known_generations={"b": engine.slots[1]}, **limits)
        deployment.passive(generation="c", replace=engine.slots[1])

    engine.up(program("b", "a", trigger={**limits, "candidate": None}))
    engine.assert_refused(trigger_first, "waits for its time", engine.slots[1])


def test_expiring_signer_names_the_moment(engine: FakeEngine) -> None:
    """The warning of the expiry tells that the declared rotation waits, in place of asking for one."""
    engine.up(program(None, "a"))
    engine.emulator.advance(700 * DAY)
    engine.emulator.generate_passive(engine.guid)
    waiting = program(None, "b", trigger={"known_generations": {"b": engine.slots[1]}, "soak": 5, **WAITS})
    moment = parse_pem(str(engine.emulator.certificates(engine.guid)[1])).not_before + timedelta(days=5)
    messages = engine.up(waiting).messages
    assert "expires in" in messages
    assert f"the first `pulumi up` from {format_rfc3339(moment)} on makes it sign." in messages


def test_colleagues_change_is_shown_meanwhile(engine: FakeEngine) -> None:
    """A signer of somebody else is a drift of the deployed generation also while another one waits."""
    engine.deploy(program("b", "a"), program("b", "b"), program("c", "b"))
    waiting = program("c", "c", trigger={"soak": 90, **WAITS})
    engine.up(waiting)
    engine.emulator.generate_active(engine.guid)
    messages = engine.up(waiting).messages
    assert "(b) should sign but is in no slot any more" in messages
    assert "waits until" in messages
    assert engine.outputs("rotation")["generation"] == "b"


def test_named_step_is_performed(engine: FakeEngine) -> None:
    """If the window opens or closes between preview and changes, what is done is what was named, or nothing."""
    engine.deploy(program("b", "a"))
    limits, opens = nightly(engine), next_opening(engine)
    rotated = program("b", "b", trigger=limits)
    engine.up(program("b", "a", trigger=limits))
    wait_until(engine, opens)
    assert "swap" in engine.preview(rotated).inputs["rotation"]
    engine.emulator.advance(2 * HOUR)
    closed = engine.up(rotated, skip_preview=True)
    assert (closed.has_no_changes, closed.writes) == (True, [])
    named = engine.preview(rotated).messages
    engine.emulator.advance(22 * HOUR)
    engine.up(rotated, skip_preview=True)
    assert engine.state["rotation"].inputs["swap"]["step"] in named


def test_window_closing_before_swap_fails(engine: FakeEngine) -> None:
    """The inputs of that update declare the new generation already, so that it ends with an error, and no swap."""
    engine.deploy(program("b", "a"))
    limits, opens = nightly(engine), next_opening(engine)
    engine.up(program("b", "a", trigger=limits))
    wait_until(engine, opens)
    slots, call = engine.slots, engine.call

    def late(kind: str, name: str, method: str, *args: Any) -> Any:
        if (kind, method) == ("trigger", "update"):
            engine.emulator.advance(3 * HOUR)
        return call(kind, name, method, *args)

    engine.call = late  # type: ignore[method-assign]
    with pytest.raises(Refused, match="OutsideWindow: "):
        engine.up(program("b", "b", trigger=limits))
    assert (engine.slots, engine.state["rotation"].inputs["generation"]) == (slots, "a")
