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
    FakeEngine,
    ProcessKilledError,
    Program,
    commit_then_raise,
    program,
)

ALONE = program()
PREPARED = program("b", "a")
ROTATED = program("b", "b")
RETIRED = program(None, "b")
NEXT = program("c", "b")
NEXT_ROTATED = program("c", "c")


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack on a subaccount with an active certificate."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    return engine


def moved(text: Program, **names: str) -> Program:
    """Rename resources in a program."""

    def run(deployment: Deployment) -> None:
        given = {kind: getattr(deployment, kind) for kind in ("passive", "trigger", "active")}
        for kind, name in names.items():
            vars(deployment)[kind] = lambda kind=kind, name=name, **rest: given[kind](name, **rest)
        text(deployment)

    return run


def swaps(engine: FakeEngine) -> int:
    """Count the swaps that stacks made on this subaccount."""
    entries = [entry for entry in engine.emulator.journal() if entry.subaccount == engine.guid]
    return sum(entry.path.endswith("/rotateCertificate") for entry in entries)


@pytest.mark.parametrize(
    ("texts", "swap_count"),
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
        pytest.param([ALONE, PREPARED, ROTATED, ALONE], 1, id="everything removed but the active certificate"),
    ],
)
def test_each_pull_request_swaps_as_declared(engine: FakeEngine, texts: list[Program], swap_count: int) -> None:
    """There are as many swaps as changed declarations, and all is stable after each."""
    engine.deploy(*texts)
    assert swaps(engine) == swap_count


def test_reverted_retirement_is_refused(engine: FakeEngine) -> None:
    """The name is that of the active certificate: a new one needs a new name, or the old one is adopted."""
    engine.deploy(ALONE, PREPARED, ROTATED, RETIRED)
    signing = engine.slots[0]
    assert f'adopt="{signing}"' in engine.assert_refused(ROTATED, signing)
    engine.deploy(program("b", "b", passive={"adopt": signing}), program("c", "b"), NEXT_ROTATED)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({"active": "moved"}, id="the active one"),
        pytest.param({"trigger": "moved"}, id="the trigger"),
        pytest.param({"passive": "moved"}, id="the passive one"),
        pytest.param({"passive": "moved", "trigger": "moved-too", "active": "moved-three"}, id="all three"),
    ],
)
def test_rename_before_rotation_keeps_slots(engine: FakeEngine, names: dict[str, str]) -> None:
    """The new resource adopts the certificate of the old one, and the rotation follows as usual."""
    engine.deploy(ALONE, PREPARED)
    slots = engine.slots
    engine.deploy(moved(PREPARED, **names))
    assert engine.slots == slots
    engine.deploy(moved(ROTATED, **names))
    assert engine.slots == slots[::-1]


@pytest.mark.parametrize("kind", ["active", "trigger"])
def test_rename_after_rotation_keeps_slots(engine: FakeEngine, kind: str) -> None:
    """The new resource records the active certificate."""
    engine.deploy(ALONE, PREPARED, ROTATED)
    slots = engine.slots
    engine.deploy(moved(ROTATED, **{kind: "moved"}))
    assert engine.slots == slots


def test_renamed_trigger_needs_known_generations(engine: FakeEngine) -> None:
    """Its earlier names are gone with the old resource; `known_generations` makes a rollback possible."""
    engine.deploy(ALONE, PREPARED, ROTATED, moved(ROTATED, trigger="moved"))
    back = engine.slots[1]
    engine.assert_refused(moved(PREPARED, trigger="moved"), "known_generations")
    engine.deploy(moved(program("b", "a", trigger={"known_generations": {"a": back}}), trigger="moved"))
    assert engine.slots[0] == back


def test_rename_with_rotation_is_refused(engine: FakeEngine) -> None:
    """The create of a trigger never swaps."""
    engine.deploy(ALONE, PREPARED)
    engine.assert_refused(moved(ROTATED, trigger="moved"), *engine.slots)
    engine.deploy(moved(PREPARED, trigger="moved"), moved(ROTATED, trigger="moved"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([ALONE], ALONE, id="after adopting"),
        pytest.param([ALONE, PREPARED], PREPARED, id="after preparing"),
    ],
)
def test_lost_state_is_adopted(engine: FakeEngine, before: list[Program], after: Program) -> None:
    """The slots have all that a new state needs."""
    engine.deploy(*before)
    slots = engine.slots
    engine.state.clear()
    engine.deploy(after)
    assert engine.slots == slots


def test_state_lost_after_rotation_is_adopted(engine: FakeEngine) -> None:
    """The refusal has the arguments; one command adopts the signer, and a known name makes a rollback possible."""
    engine.deploy(ALONE, PREPARED, ROTATED)
    slots = engine.slots
    engine.state.clear()
    engine.assert_refused(ROTATED, *slots)
    adopted: dict[str, Any] = {"passive": {"adopt": slots[0]}, "trigger": {"known_generations": {"a": slots[1]}}}
    engine.deploy(program("b", "b", **adopted))
    assert engine.slots == slots
    engine.deploy(program("b", "a", **adopted))
    assert engine.slots == slots[::-1]


@pytest.mark.parametrize("noticed", ["not", "refreshed", "deployed"])
@pytest.mark.parametrize("way", ["keep", "roll back"])
def test_killed_and_reverted_rotation_is_explained(engine: FakeEngine, noticed: str, way: str) -> None:
    """The active certificate is the younger generation that this stack knows, so a killed run is named as the cause."""
    engine.deploy(ALONE, PREPARED)
    before = engine.slots
    engine.transport.inject_once("POST rotateCertificate", commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(ROTATED)
    assert engine.slots == before[::-1]
    engine.emulator.advance(HOUR)
    if noticed == "refreshed":
        engine.refresh()
    if noticed == "deployed":
        engine.up(PREPARED)
    report = engine.preview(PREPARED)
    assert (
        "a killed run of this stack did that, or somebody else swapped; the slots are left as they are"
        in report.messages
    )
    assert "killed between its swap to 'b'" in report.messages
    assert 'To accept it: generation="b". To undo it: on_drift="restore".' in report.messages
    assert len(report.inputs["rotation"]["drift"]) <= 150
    declared = ROTATED if way == "keep" else program("b", "a", trigger={"on_drift": "restore"})
    report = engine.up(declared)
    assert report.writes == ([] if way == "keep" else ["POST rotateCertificate"])
    engine.assert_stable(declared)
    assert engine.slots == (before[::-1] if way == "keep" else before)


def test_killed_and_reverted_rollback_is_explained(engine: FakeEngine) -> None:
    """The older certificate is active: a colleague is as probable, and both remedies are those of any drift."""
    engine.deploy(ALONE, PREPARED, ROTATED)
    before = engine.slots
    engine.transport.inject_once("POST rotateCertificate", commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(PREPARED)
    report = engine.preview(ROTATED)
    assert "(a) does: somebody else swapped" in report.messages
    assert "killed between its swap to 'a'" in report.messages
    engine.deploy(program("b", "b", trigger={"on_drift": "restore"}), ROTATED)
    assert engine.slots == before


def test_second_stack_reports_a_drift(engine: FakeEngine) -> None:
    """It only reports, and each stack's own certificate is safe from the other."""
    other = FakeEngine(engine.emulator, engine.guid)
    engine.deploy(ALONE, PREPARED)
    other.deploy(program(None, "theirs"))
    engine.deploy(ROTATED)
    slots = engine.slots
    report = other.up(program(None, "theirs"))
    assert report.writes == []
    assert "somebody else swapped" in report.messages
    other.assert_refused(program("x", "theirs"), *slots)
    other.destroy()
    assert engine.slots == slots
    engine.assert_stable(ROTATED)


def test_targeted_update_does_one_step(engine: FakeEngine) -> None:
    """Preparing alone, rotating alone; the resources that were left out follow later without a call."""
    engine.deploy(ALONE, PREPARED, ROTATED)
    slots = engine.slots
    assert engine.up(NEXT, targets={"next"}).writes == ["POST certificate/passive"]
    with pytest.raises(CheckFailedError, match="not prepared"):
        engine.preview(NEXT_ROTATED, targets={"rotation"})
    engine.up(NEXT, targets={"rotation"})
    assert engine.slots[0] == slots[0]
    assert engine.up(NEXT_ROTATED, targets={"rotation"}).writes == ["POST rotateCertificate"]
    assert engine.up(NEXT_ROTATED).writes == []
    engine.assert_stable(NEXT_ROTATED)


def test_prepare_and_rotate_need_two_deployments(engine: FakeEngine) -> None:
    """One pull request cannot do both; the remedy keeps one name."""
    engine.deploy(ALONE, PREPARED, ROTATED)
    slots = engine.slots
    engine.assert_refused(NEXT_ROTATED, *slots)
    assert engine.slots == slots
    engine.deploy(NEXT, NEXT_ROTATED)


def test_rotate_and_retire_need_two_deployments(engine: FakeEngine) -> None:
    """The retirement would delete the rollback target of the swap."""
    engine.deploy(ALONE, PREPARED)
    slots = engine.slots
    engine.assert_refused(RETIRED, *slots)
    engine.deploy(ROTATED, RETIRED)
    assert engine.slots == (slots[1], None)


def test_ten_years_stay_stable(engine: FakeEngine) -> None:
    """Two pull requests every other year keep all names and pile up nothing else."""
    engine.deploy(ALONE, program("g1", "g0"), program("g1", "g1"))
    for cycle in range(2, 6):
        engine.emulator.advance(1.8 * YEAR)
        engine.deploy(program(f"g{cycle}", f"g{cycle - 1}"), program(f"g{cycle}", f"g{cycle}"))
    assert swaps(engine) == 5
    assert set(engine.state["rotation"].inputs["generations"]) == {f"g{cycle}" for cycle in range(6)}
    engine.emulator.advance(-8 * YEAR)
