"""What teams do with Git and Pulumi, each pull request and its revert: played in order, quiet after each."""

from __future__ import annotations

from typing import Any

import pytest

from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    YEAR,
    CheckFailedError,
    Deployment,
    KilledError,
    Program,
    Twin,
    committed_then,
    program,
)

ALONE = program()
PREPARED = program("b", "a")
ROTATED = program("b", "b")
RETIRED = program(None, "b")
NEXT = program("c", "b")
NEXT_ROTATED = program("c", "c")


@pytest.fixture
def twin(emulator: Emulator) -> Twin:
    """A stack on a subaccount that signs."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    return twin


def moved(text: Program, **names: str) -> Program:
    """Rename resources in a program."""

    def run(deployment: Deployment) -> None:
        given = {kind: getattr(deployment, kind) for kind in ("passive", "trigger", "active")}
        for kind, name in names.items():
            vars(deployment)[kind] = lambda kind=kind, name=name, **rest: given[kind](name, **rest)
        text(deployment)

    return run


def swaps(twin: Twin) -> int:
    """Count the swaps that stacks made on this subaccount."""
    entries = [entry for entry in twin.emulator.journal() if entry.subaccount == twin.guid]
    return sum(entry.path.endswith("/rotateCertificate") for entry in entries)


@pytest.mark.parametrize(
    ("texts", "made"),
    [
        pytest.param([ALONE, PREPARED, ROTATED], 1, id="the story"),
        pytest.param([ALONE, PREPARED, ALONE], 0, id="prepare, reverted"),
        pytest.param([ALONE, PREPARED, ALONE, PREPARED, ROTATED], 1, id="prepare, reverted, and again"),
        pytest.param([ALONE, PREPARED, ROTATED, PREPARED], 2, id="rotate, reverted"),
        pytest.param([ALONE, PREPARED, ROTATED, PREPARED, ROTATED], 3, id="rotate, reverted, and again"),
        pytest.param([ALONE, PREPARED, ROTATED, RETIRED, program("c", "b"), NEXT_ROTATED], 2, id="retire, next cycle"),
        pytest.param([ALONE, PREPARED, ROTATED, NEXT, NEXT_ROTATED], 2, id="the next cycle without retiring"),
        pytest.param(
            [ALONE, PREPARED, ROTATED, NEXT, ROTATED, NEXT, NEXT_ROTATED], 2, id="the next one, reverted once"
        ),
        pytest.param([ALONE, PREPARED, ROTATED, NEXT, NEXT_ROTATED, ROTATED], 3, id="both names reverted at once"),
        pytest.param([ALONE, PREPARED, ROTATED, ALONE], 1, id="everything removed but what signs"),
    ],
)
def test_each_pull_request_does_what_it_says_and_then_all_is_quiet(twin: Twin, texts: list[Program], made: int) -> None:
    """As many swaps as declarations changed, and never another one."""
    twin.deploy(*texts)
    assert swaps(twin) == made


def test_the_revert_of_a_retirement_is_refused_with_a_way_out_that_works(twin: Twin) -> None:
    """Its name is the one of what signs: a new certificate needs a new name, or the old one is adopted."""
    twin.deploy(ALONE, PREPARED, ROTATED, RETIRED)
    signing = twin.slots[0]
    assert f'adopt="{signing}"' in twin.refuses(ROTATED, signing)
    twin.deploy(program("b", "b", passive={"adopt": signing}), program("c", "b"), NEXT_ROTATED)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({"active": "moved"}, id="the active one"),
        pytest.param({"trigger": "moved"}, id="the trigger"),
        pytest.param({"passive": "moved"}, id="the passive one"),
        pytest.param({"passive": "moved", "trigger": "moved-too", "active": "moved-three"}, id="all three"),
    ],
)
def test_a_rename_before_the_rotation_changes_no_slot(twin: Twin, names: dict[str, str]) -> None:
    """What the old resource held is adopted by the new one; the rotation then goes its way."""
    twin.deploy(ALONE, PREPARED)
    slots = twin.slots
    twin.deploy(moved(PREPARED, **names))
    assert twin.slots == slots
    twin.deploy(moved(ROTATED, **names))
    assert twin.slots == slots[::-1]


@pytest.mark.parametrize("kind", ["active", "trigger"])
def test_a_rename_after_the_rotation_changes_no_slot(twin: Twin, kind: str) -> None:
    """The new resource records what signs."""
    twin.deploy(ALONE, PREPARED, ROTATED)
    slots = twin.slots
    twin.deploy(moved(ROTATED, **{kind: "moved"}))
    assert twin.slots == slots


def test_a_renamed_trigger_is_taught_the_way_back(twin: Twin) -> None:
    """Its earlier names are gone with the old resource; `known_generations` brings one back."""
    twin.deploy(ALONE, PREPARED, ROTATED, moved(ROTATED, trigger="moved"))
    back = twin.slots[1]
    twin.refuses(moved(PREPARED, trigger="moved"), "known_generations")
    twin.deploy(moved(program("b", "a", trigger={"known_generations": {"a": back}}), trigger="moved"))
    assert twin.slots[0] == back


def test_a_rename_in_the_pull_request_that_rotates_is_refused(twin: Twin) -> None:
    """Creating a trigger never swaps."""
    twin.deploy(ALONE, PREPARED)
    twin.refuses(moved(ROTATED, trigger="moved"), *twin.slots)
    twin.deploy(moved(PREPARED, trigger="moved"), moved(ROTATED, trigger="moved"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([ALONE], ALONE, id="after adopting"),
        pytest.param([ALONE, PREPARED], PREPARED, id="after preparing"),
    ],
)
def test_a_lost_state_is_taken_up_again(twin: Twin, before: list[Program], after: Program) -> None:
    """The slots hold all that is needed."""
    twin.deploy(*before)
    slots = twin.slots
    twin.state.clear()
    twin.deploy(after)
    assert twin.slots == slots


def test_a_state_lost_after_the_rotation_is_taken_up_again_by_adopting_what_signs(twin: Twin) -> None:
    """The refusal says so; one command does it; the way back is taught."""
    twin.deploy(ALONE, PREPARED, ROTATED)
    slots = twin.slots
    twin.state.clear()
    twin.refuses(ROTATED, *slots)
    taken_up: dict[str, Any] = {"passive": {"adopt": slots[0]}, "trigger": {"known_generations": {"a": slots[1]}}}
    twin.deploy(program("b", "b", **taken_up))
    assert twin.slots == slots
    twin.deploy(program("b", "a", **taken_up))
    assert twin.slots == slots[::-1]


@pytest.mark.parametrize("noticed", ["not", "refreshed", "deployed"])
@pytest.mark.parametrize("way", ["keep", "roll back"])
def test_a_rotation_that_was_killed_and_reverted_is_told_as_our_own(twin: Twin, noticed: str, way: str) -> None:
    """What signs is the younger generation that this stack knows, what signed by the state lies passive."""
    twin.deploy(ALONE, PREPARED)
    before = twin.slots
    twin.line.once("POST rotateCertificate", committed_then(KilledError()))
    with pytest.raises(KilledError):
        twin.up(ROTATED)
    assert twin.slots == before[::-1]
    twin.emulator.advance(HOUR)
    if noticed == "refreshed":
        twin.refresh()
    if noticed == "deployed":
        twin.up(PREPARED)
    told = twin.preview(PREPARED)
    assert "a killed run of this stack did that, or somebody else swapped; nothing is done about it" in told.messages
    assert "killed after its swap to 'b'" in told.messages
    assert 'To accept it: generation="b". To undo it: on_drift="restore".' in told.messages
    assert len(told.inputs["rotation"]["drift"]) <= 150
    wanted = ROTATED if way == "keep" else program("b", "a", trigger={"on_drift": "restore"})
    report = twin.up(wanted)
    assert report.writes == ([] if way == "keep" else ["POST rotateCertificate"])
    twin.assert_settled(wanted)
    assert twin.slots == (before[::-1] if way == "keep" else before)


def test_a_roll_back_that_was_killed_and_reverted_is_told_beside_a_colleagues(twin: Twin) -> None:
    """The older one signs: a colleague is as probable, and both ways out are those of any drift."""
    twin.deploy(ALONE, PREPARED, ROTATED)
    before = twin.slots
    twin.line.once("POST rotateCertificate", committed_then(KilledError()))
    with pytest.raises(KilledError):
        twin.up(PREPARED)
    told = twin.preview(ROTATED)
    assert "(a) does: somebody else swapped" in told.messages
    assert "killed after its swap to 'a'" in told.messages
    twin.deploy(program("b", "b", trigger={"on_drift": "restore"}), ROTATED)
    assert twin.slots == before


def test_a_second_stack_sees_the_first_ones_rotation_as_drift(twin: Twin) -> None:
    """It reports, and swaps nothing back; each stack's own certificate is safe from the other."""
    other = Twin(twin.emulator, twin.guid)
    twin.deploy(ALONE, PREPARED)
    other.deploy(program(None, "theirs"))
    twin.deploy(ROTATED)
    slots = twin.slots
    report = other.up(program(None, "theirs"))
    assert report.writes == []
    assert "somebody else swapped" in report.messages
    other.refuses(program("x", "theirs"), *slots)
    other.destroy()
    assert twin.slots == slots
    twin.assert_settled(ROTATED)


def test_targets_do_one_thing_at_a_time(twin: Twin) -> None:
    """Preparing alone, rotating alone; what was not targeted follows later without a call."""
    twin.deploy(ALONE, PREPARED, ROTATED)
    slots = twin.slots
    assert twin.up(NEXT, targets={"next"}).writes == ["POST certificate/passive"]
    with pytest.raises(CheckFailedError, match="not prepared"):
        twin.preview(NEXT_ROTATED, targets={"rotation"})
    twin.up(NEXT, targets={"rotation"})
    assert twin.slots[0] == slots[0]
    assert twin.up(NEXT_ROTATED, targets={"rotation"}).writes == ["POST rotateCertificate"]
    assert twin.up(NEXT_ROTATED).writes == []
    twin.assert_settled(NEXT_ROTATED)


def test_both_names_at_once_wait_for_a_second_deployment(twin: Twin) -> None:
    """One pull request cannot do both; keeping one name is the way on."""
    twin.deploy(ALONE, PREPARED, ROTATED)
    slots = twin.slots
    twin.refuses(NEXT_ROTATED, *slots)
    assert twin.slots == slots
    twin.deploy(NEXT, NEXT_ROTATED)


def test_rotating_and_retiring_at_once_wait_for_a_second_deployment(twin: Twin) -> None:
    """The retirement would delete the way back that the swap has just made."""
    twin.deploy(ALONE, PREPARED)
    slots = twin.slots
    twin.refuses(RETIRED, *slots)
    twin.deploy(ROTATED, RETIRED)
    assert twin.slots == (slots[1], None)


def test_ten_years_of_cycles_stay_quiet_and_short(twin: Twin) -> None:
    """Two pull requests every other year; no name is forgotten, nothing piles up but names."""
    twin.deploy(ALONE, program("g1", "g0"), program("g1", "g1"))
    for cycle in range(2, 6):
        twin.emulator.advance(1.8 * YEAR)
        twin.deploy(program(f"g{cycle}", f"g{cycle - 1}"), program(f"g{cycle}", f"g{cycle}"))
    assert swaps(twin) == 5
    assert set(twin.state["rotation"].inputs["generations"]) == {f"g{cycle}" for cycle in range(6)}
    twin.emulator.advance(-8 * YEAR)
