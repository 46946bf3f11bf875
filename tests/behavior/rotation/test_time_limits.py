"""`soak`, `freeze` and `break_glass` through the eyes of an engine, with a moved clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from btp_trust.errors import Refused
from btp_trust.formatting import format_rfc3339
from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, FakeEngine, program
from support.verification import ROTATE

DAY = 24 * HOUR


def frozen(engine: FakeEngine, days: int = 7, after: int = -1) -> dict[str, Any]:
    """Freeze the signer for some days."""
    now = engine.emulator.now
    start, end = (format_rfc3339(now + timedelta(days=count)) for count in (after, after + days))
    return {"freeze": [{"from": start, "to": end, "why": "year-end closing"}]}


def test_certificate_soaks_before_it_signs(engine: FakeEngine) -> None:
    """A rotation is refused with the moment from which it passes, and passes then; a rollback passes at once."""
    limits: dict[str, Any] = {"soak": 14}
    engine.deploy(program("b", "a", trigger=limits))
    message = engine.assert_refused(program("b", "b", trigger=limits), "Soaking: generation 'b'", "`soak` gives")
    made_at = engine.outputs("next")["not_before"]
    assert made_at in message
    engine.emulator.advance(14 * DAY)
    engine.deploy(program("b", "b", trigger=limits))
    engine.deploy(program("b", "a", trigger=limits))


def test_frozen_signer_stays(engine: FakeEngine) -> None:
    """The reason of the freeze is in the message, the end of it as well."""
    engine.deploy(program("b", "a"))
    limits = frozen(engine)
    engine.deploy(program("b", "a", trigger=limits))
    engine.assert_refused(program("b", "b", trigger=limits), "Frozen: ", "year-end closing", limits["freeze"][0]["to"])
    engine.emulator.advance(7 * DAY)
    engine.deploy(program("b", "b", trigger=limits))


def test_outputs_have_the_last_word(emulator: Emulator) -> None:
    """An older certificate that never signed here is a rollback by its age alone, and by the outputs a rotation."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    emulator.generate_passive(engine.guid)
    emulator.rotate(engine.guid)
    limits = {**frozen(engine), "known_generations": {"old": engine.slots[1]}}
    engine.deploy(program(None, "young", trigger=limits))
    engine.assert_refused(program(None, "old", trigger=limits), "Frozen: ")


def test_rotation_waits_for_its_window(engine: FakeEngine) -> None:
    """Outside of the window it is refused with the next opening; inside it passes."""
    now = engine.emulator.now + timedelta(hours=5)
    limits = {"window": {"cron": f"0 {now.hour} * * *", "duration": "2h", "time_zone": "UTC"}}
    engine.deploy(program("b", "a", trigger=limits))
    opens = format_rfc3339(now.replace(minute=0, second=0))
    engine.assert_refused(program("b", "b", trigger=limits), "OutsideWindow: ", opens, "for 2h")
    engine.emulator.advance((now.replace(minute=0, second=0) - engine.emulator.now).total_seconds() + 1)
    engine.up(program("b", "b", trigger=limits))
    engine.assert_stable(program("b", "b", trigger=limits))


def test_glass_is_broken_with_a_reason(engine: FakeEngine) -> None:
    """The preview names what the swap passes, and why."""
    engine.deploy(program("b", "a"))
    limits = {**frozen(engine), "soak": "90d"}
    broken = program("b", "b", trigger={**limits, "break_glass": {"b": "INC-4711: the key leaked"}})
    engine.preview(broken)
    swap = engine.last_report.inputs["rotation"]["swap"]
    assert swap["break_glass"] == "passes Frozen and Soaking: INC-4711: the key leaked"
    engine.deploy(broken)
    assert engine.slots[0] == engine.outputs("rotation")["fingerprint"]


def test_freeze_may_begin_before_the_swap(engine: FakeEngine) -> None:
    """A command that reaches the swap only in the freeze leaves the signer as it is."""
    engine.deploy(program("b", "a"))
    limits = frozen(engine, after=1)
    slots = engine.slots

    call = engine.call

    def late(kind: str, name: str, method: str, *args: Any) -> Any:
        if (kind, method) == ("trigger", "update"):
            engine.emulator.advance(2 * DAY)
        return call(kind, name, method, *args)

    engine.call = late  # type: ignore[method-assign]
    with pytest.raises(Refused, match="Frozen: "):
        engine.up(program("b", "b", trigger=limits))
    assert engine.slots == slots
    assert ROTATE not in engine.last_report.requests
