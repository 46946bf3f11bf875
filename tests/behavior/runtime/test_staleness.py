"""Readings that are behind this stack's own writes: nothing follows from them for a minute."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from btp_trust.errors import ReadsDisagree
from btp_trust_emulator import Emulator
from btp_trust_emulator.faults.fault import Kind
from support.fake_engine import HOUR, Program, Twin, program

ALONE = program()
PREPARED = program("b", "a")
ROTATED = program("b", "b")
NEXT = program("c", "b")
RESTORING = program("b", "b", trigger={"on_drift": "restore"})
MINUTE = 60.0


@pytest.fixture
def twin(emulator: Emulator) -> Iterator[Twin]:
    """A stack that adopted the active certificate."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    twin.deploy(ALONE)
    yield twin
    emulator.clear_faults()


def falls_behind(twin: Twin) -> None:
    """Let the service show the slots as before their last write, for almost a minute from now."""
    twin.emulator.fault(Kind.STALE, subaccount=twin.guid, seconds=MINUTE - 1)


def assert_waits(twin: Twin, wanted: Program, *named: str | None) -> None:
    """Assert that a program is refused while the reading is behind, without a preview too, and is done afterwards."""
    slots = twin.slots
    falls_behind(twin)
    assert "Run the same command again after" in twin.refuses(wanted, *named)
    with pytest.raises(ReadsDisagree):
        twin.up(wanted, skip_preview=True)
    assert twin.last.writes == []
    assert twin.slots == slots
    twin.emulator.advance(MINUTE)
    twin.deploy(wanted)


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        pytest.param([PREPARED], program("c", "a"), id="the slot seems empty"),
        pytest.param([PREPARED, program("c", "a")], program("d", "a"), id="the slot seems to hold the one before"),
    ],
)
def test_what_was_minted_just_now_is_not_minted_over_unseen(twin: Twin, before: list[Program], wanted: Program) -> None:
    """The preview would name another certificate than the one that goes, or none."""
    twin.deploy(*before[:-1])
    twin.up(before[-1])
    assert_waits(twin, wanted, twin.slots[1])


def test_what_was_minted_just_now_and_seems_gone_is_not_missed_at_rest(twin: Twin) -> None:
    """Said, and nothing is done about it."""
    twin.up(PREPARED)
    falls_behind(twin)
    assert twin.up(PREPARED).is_quiet
    assert "in no slot" in twin.last.messages


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(program("b", "a"), id="a way back that signs already, it seems"),
        pytest.param(program("b", "b", trigger={"known_generations": {"x": "e" * 64}}), id="another argument"),
        pytest.param(RESTORING, id="a swap back that nobody did, it seems"),
    ],
)
def test_slots_as_before_our_swap_lead_to_nothing(twin: Twin, wanted: Program) -> None:
    """Neither a swap nor a record."""
    twin.deploy(PREPARED)
    twin.up(ROTATED)
    assert_waits(twin, wanted)


def test_nothing_is_minted_over_slots_as_before_our_swap(twin: Twin) -> None:
    """The preview would name the certificate that signs as the one that goes."""
    twin.deploy(PREPARED)
    twin.up(ROTATED)
    falls_behind(twin)
    twin.refuses(NEXT, *twin.slots)
    twin.emulator.advance(MINUTE)
    displaced = twin.slots[1]
    twin.deploy(NEXT)
    assert twin.previewed.inputs["next"]["replaces"] == displaced


def test_at_rest_slots_as_before_our_swap_change_no_output(twin: Twin) -> None:
    """Nothing downstream is fed the certificate that signed before."""
    twin.deploy(PREPARED)
    twin.up(ROTATED)
    signing = twin.slots[0]
    falls_behind(twin)
    assert twin.up(ROTATED).is_quiet
    assert "was not checked" in twin.last.messages
    assert {twin.outputs(name)["fingerprint"] for name in ("rotation", "signing")} == {signing}


def test_another_argument_of_what_signs_waits_for_a_reading_that_is_believed(twin: Twin) -> None:
    """Its update would report what signed before."""
    twin.deploy(PREPARED)
    twin.up(ROTATED)
    assert_waits(twin, program("b", "b", active={"generate": True}))


def test_a_refresh_that_is_behind_does_not_make_the_trigger_forget_its_swap(twin: Twin) -> None:
    """It would take our own swap for a colleague's, and the next command would put the old certificate back."""
    twin.deploy(PREPARED)
    twin.up(RESTORING)
    twin.up(RESTORING)
    slots = twin.slots
    falls_behind(twin)
    twin.refresh()
    assert twin.outputs("rotation")["fingerprint"] == slots[0]
    assert "was not checked" in twin.last.messages
    twin.refuses(RESTORING)
    with pytest.raises(ReadsDisagree):
        twin.up(RESTORING, skip_preview=True)
    assert twin.slots == slots
    twin.emulator.advance(MINUTE)
    twin.deploy(RESTORING)
    assert twin.slots == slots


def test_a_strict_run_fails_on_a_reading_that_is_behind(twin: Twin) -> None:
    """It would be a warning otherwise."""
    twin.deploy(PREPARED)
    twin.up(ROTATED)
    twin.config["btp-trust:strict"] = "true"
    falls_behind(twin)
    with pytest.raises(ReadsDisagree):
        twin.refresh()
