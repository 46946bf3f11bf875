"""Stale reads: for a minute, a reading that contradicts a write of this stack is doubted."""

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
    """Assert that a program is refused while the reading is stale, previewed or not, and is done afterwards."""
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
def test_fresh_certificate_is_not_overwritten(engine: FakeEngine, before: list[Program], wanted: Program) -> None:
    """While a reading lacks the certificate generated just now, another generation is refused."""
    engine.deploy(*before[:-1])
    engine.up(before[-1])
    assert_waits(engine, wanted, engine.slots[1])


@pytest.mark.parametrize("command", ["up", "refresh"])
def test_missing_fresh_certificate_is_only_warned(engine: FakeEngine, command: str) -> None:
    """At rest, a certificate that seems gone is a warning, which says from when on the reading counts."""
    engine.up(PREPARED)
    falls_behind(engine)
    report = engine.refresh() if command == "refresh" else engine.up(PREPARED)
    assert command == "refresh" or report.has_no_changes
    assert "seems to be in no slot" in report.messages
    assert "Run the same command again after" in report.messages
    engine.emulator.advance(MINUTE)
    engine.emulator.delete_passive(engine.guid)
    assert engine.up(PREPARED).has_no_changes
    assert f"generation 'b' ({engine.outputs('next')['fingerprint']}) in no slot." in engine.last_report.messages
    assert "If the next command says so again, somebody else removed it" in engine.last_report.messages


def test_rotation_to_missing_fresh_certificate_waits(engine: FakeEngine) -> None:
    """A certificate that was generated just now is doubted to be gone, also by the trigger that makes it sign."""
    engine.up(PREPARED)
    assert_waits(engine, ROTATED, engine.slots[1])


def test_changed_argument_passes_stale_read(engine: FakeEngine) -> None:
    """A change that needs no slot is recorded."""
    engine.up(PREPARED)
    falls_behind(engine)
    named = program("b", "a", passive={"display_name": "Acme"})
    assert engine.up(named).operations["next"] == "update"


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(program("b", "a"), id="a rollback that seems done"),
        pytest.param(program("b", "b", trigger={"known_generations": {"x": "e" * 64}}), id="another argument"),
        pytest.param(RESTORING, id="a drift that seems to be there"),
    ],
)
def test_stale_slots_block_due_changes(engine: FakeEngine, wanted: Program) -> None:
    """Slots as before the swap of this stack block a swap and a record."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    assert_waits(engine, wanted)


def test_stale_slots_block_generation(engine: FakeEngine) -> None:
    """A generation over slots as before the swap is refused: the preview would name the wrong certificate."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    falls_behind(engine)
    engine.assert_refused(NEXT, *engine.slots)
    engine.emulator.advance(MINUTE)
    displaced = engine.slots[1]
    engine.deploy(NEXT)
    assert engine.last_preview.inputs["next"]["only_if_passive"] == displaced


def test_stale_slots_keep_outputs(engine: FakeEngine) -> None:
    """At rest, slots as before the swap leave all outputs as they are."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    signing = engine.slots[0]
    falls_behind(engine)
    assert engine.up(ROTATED).has_no_changes
    assert "was not checked" in engine.last_report.messages
    assert {engine.outputs(name)["fingerprint"] for name in ("rotation", "signing")} == {signing}


def test_stale_slots_block_active_update(engine: FakeEngine) -> None:
    """A changed argument of ActiveTrustCertificate waits for a current reading."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    assert_waits(engine, program("b", "b", active={"generate": True}))


def test_stale_refresh_keeps_swap(engine: FakeEngine) -> None:
    """A stale refresh keeps the swap of the RotationTrigger, which would be taken for drift otherwise."""
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


def test_strict_fails_on_stale_read(engine: FakeEngine) -> None:
    """With `btp-trust:strict`, a stale reading fails the run."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    engine.config["btp-trust:strict"] = "true"
    falls_behind(engine)
    with pytest.raises(StaleRead):
        engine.refresh()
