"""Readings that are behind this stack's own writes: nothing follows from them for a minute."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from btp_trust.errors import StaleRead
from btp_trust_emulator import Emulator
from btp_trust_emulator.faults.fault import FaultKind
from support.fake_engine import HOUR, FakeEngine, Program, program

ALONE = program()
PREPARED = program("b", "a")
ROTATED = program("b", "b")
NEXT = program("c", "b")
RESTORING = program("b", "b", trigger={"on_drift": "restore"})
MINUTE = 60.0


@pytest.fixture
def engine(emulator: Emulator) -> Iterator[FakeEngine]:
    """A stack that adopted the active certificate."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    engine.deploy(ALONE)
    yield engine
    emulator.clear_faults()


def falls_behind(engine: FakeEngine) -> None:
    """Let the service show the slots as before their last write, for almost a minute from now."""
    engine.emulator.fault(FaultKind.STALE, subaccount=engine.guid, seconds=MINUTE - 1)


def assert_waits(engine: FakeEngine, wanted: Program, *named: str | None) -> None:
    """Assert that a program is refused while the reading is behind, without a preview too, and is done afterwards."""
    slots = engine.slots
    falls_behind(engine)
    assert "Run the same command again after" in engine.assert_refused(wanted, *named)
    with pytest.raises(StaleRead):
        engine.up(wanted, skip_preview=True)
    assert engine.last_report.writes == []
    assert engine.slots == slots
    engine.emulator.advance(MINUTE)
    engine.deploy(wanted)


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        pytest.param([PREPARED], program("c", "a"), id="the slot seems empty"),
        pytest.param([PREPARED, program("c", "a")], program("d", "a"), id="the slot seems to hold the one before"),
    ],
)
def test_what_was_minted_just_now_is_not_minted_over_unseen(
    engine: FakeEngine, before: list[Program], wanted: Program
) -> None:
    """The preview would name another certificate than the one that goes, or none."""
    engine.deploy(*before[:-1])
    engine.up(before[-1])
    assert_waits(engine, wanted, engine.slots[1])


def test_what_was_minted_just_now_and_seems_gone_is_not_missed_at_rest(engine: FakeEngine) -> None:
    """Said, and nothing is done about it."""
    engine.up(PREPARED)
    falls_behind(engine)
    assert engine.up(PREPARED).has_no_changes
    assert "in no slot" in engine.last_report.messages


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(program("b", "a"), id="a way back that signs already, it seems"),
        pytest.param(program("b", "b", trigger={"known_generations": {"x": "e" * 64}}), id="another argument"),
        pytest.param(RESTORING, id="a swap back that nobody did, it seems"),
    ],
)
def test_slots_as_before_our_swap_lead_to_nothing(engine: FakeEngine, wanted: Program) -> None:
    """Neither a swap nor a record."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    assert_waits(engine, wanted)


def test_nothing_is_minted_over_slots_as_before_our_swap(engine: FakeEngine) -> None:
    """The preview would name the certificate that signs as the one that goes."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    falls_behind(engine)
    engine.assert_refused(NEXT, *engine.slots)
    engine.emulator.advance(MINUTE)
    displaced = engine.slots[1]
    engine.deploy(NEXT)
    assert engine.last_preview.inputs["next"]["replaces"] == displaced


def test_at_rest_slots_as_before_our_swap_change_no_output(engine: FakeEngine) -> None:
    """Nothing downstream is fed the certificate that signed before."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    signing = engine.slots[0]
    falls_behind(engine)
    assert engine.up(ROTATED).has_no_changes
    assert "was not checked" in engine.last_report.messages
    assert {engine.outputs(name)["fingerprint"] for name in ("rotation", "signing")} == {signing}


def test_another_argument_of_what_signs_waits_for_a_reading_that_is_believed(engine: FakeEngine) -> None:
    """Its update would report what signed before."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    assert_waits(engine, program("b", "b", active={"generate": True}))


def test_a_refresh_that_is_behind_does_not_make_the_trigger_forget_its_swap(engine: FakeEngine) -> None:
    """It would take our own swap for a colleague's, and the next command would put the old certificate back."""
    engine.deploy(PREPARED)
    engine.up(RESTORING)
    engine.up(RESTORING)
    slots = engine.slots
    falls_behind(engine)
    engine.refresh()
    assert engine.outputs("rotation")["fingerprint"] == slots[0]
    assert "was not checked" in engine.last_report.messages
    engine.assert_refused(RESTORING)
    with pytest.raises(StaleRead):
        engine.up(RESTORING, skip_preview=True)
    assert engine.slots == slots
    engine.emulator.advance(MINUTE)
    engine.deploy(RESTORING)
    assert engine.slots == slots


def test_a_strict_run_fails_on_a_reading_that_is_behind(engine: FakeEngine) -> None:
    """It would be a warning otherwise."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    engine.config["btp-trust:strict"] = "true"
    falls_behind(engine)
    with pytest.raises(StaleRead):
        engine.refresh()
