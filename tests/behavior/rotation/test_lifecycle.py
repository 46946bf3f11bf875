"""RotationTrigger through the eyes of an engine: record, compare and swap."""

from __future__ import annotations

from typing import Any

import pytest

from btp_trust.errors import SlotsChanged, StaleRead
from btp_trust_emulator import Emulator
from support.fake_engine import (
    CheckFailedError,
    Deployment,
    FakeEngine,
    ProcessKilledError,
    Program,
    assert_three_part_message,
    commit_then_raise,
    interleave,
    program,
)

PREPARED = program("b", "a")
ROTATED = program("b", "b")
RESTORING = program("b", "b", trigger={"on_drift": "restore"})


def with_arguments(prepared: str | None, signs: str, **more: Any) -> Program:
    """Write a program whose trigger has further arguments."""
    return program(prepared, signs, trigger=more)


# --- create ------------------------------------------------------------------------------------------------------


def test_create_records_the_active_certificate(engine: FakeEngine) -> None:
    """The baseline: a create calls nothing and binds the name."""
    report = engine.up(program(None, "a"))
    assert report.writes == []
    outputs = engine.outputs("rotation")
    assert f"record active {outputs['fingerprint'][:8]} (valid since {outputs['not_before'][:10]}" in report.messages
    assert f"signs until {outputs['not_after'][:10]}) as 'a'; nothing is sent" in report.messages
    assert outputs["fingerprint"] == engine.slots[0]
    assert engine.state["rotation"].inputs["generations"] == {"a": engine.slots[0]}
    assert not {"previous_fingerprint", "rotated_at", "swap", "step", "drift"} & outputs.keys()
    engine.assert_stable(program(None, "a"))


def test_create_records_an_active_candidate(rotated: FakeEngine) -> None:
    """A trigger that was lost, for example by a rename, records the candidate that signs."""
    renamed = program("b", "b", trigger={"name": "renamed"})
    assert rotated.up(renamed).writes == []
    assert rotated.state["renamed"].inputs["generations"] == {"b": rotated.slots[0]}
    rotated.assert_stable(renamed)


def test_create_refuses_a_passive_candidate(engine: FakeEngine) -> None:
    """A create never swaps; the two deployments of the message do."""

    def prepared_only(deployment: Deployment) -> None:
        deployment.passive(generation="b")
        deployment.active()

    engine.deploy(prepared_only)
    message = engine.assert_refused(ROTATED, *engine.slots)
    assert "second deployment" in message
    slots = engine.slots
    engine.deploy(PREPARED, ROTATED)
    assert engine.slots == slots[::-1]


def test_create_refuses_a_pending_candidate(engine: FakeEngine) -> None:
    """It is refused in the preview, where the candidate's outputs are unknown, and in an up that skipped it."""
    engine.assert_refused(ROTATED, engine.slots[0])
    with pytest.raises(CheckFailedError):
        engine.up(ROTATED, skip_preview=True)
    assert engine.last_report.writes == ["POST certificate/passive"]
    engine.deploy(PREPARED, ROTATED)


def test_empty_active_slot_is_refused(emulator: Emulator) -> None:
    """The refusal sends to ActiveTrustCertificate, to be deployed alone first."""
    engine = FakeEngine(emulator, emulator.create_subaccount().guid)

    def only_trigger(deployment: Deployment) -> None:
        deployment.trigger(generation="a")

    engine.assert_refused(only_trigger, "generate=True", engine.label)


# --- update ------------------------------------------------------------------------------------------------------


def test_preparing_leaves_the_trigger_alone(engine: FakeEngine) -> None:
    """A new generation of the passive certificate changes that resource alone."""
    engine.deploy(PREPARED)
    report = engine.up(program("c", "a"))
    assert report.operations == {"next": "update", "rotation": "same", "signing": "same"}
    engine.assert_stable(program("c", "a"))


def test_rotation_is_the_previewed_swap(engine: FakeEngine) -> None:
    """The preview has both fingerprints, both dates and the step; the active resource reports it at once."""
    engine.deploy(PREPARED)
    before = engine.slots
    report = engine.up(ROTATED)
    plan = engine.last_preview.inputs["rotation"]
    assert (plan["swap"]["only_if_active"], plan["signer"]["fingerprint"]) == before
    assert plan["signer"]["not_after"] > engine.outputs("next")["not_before"]
    assert plan["swap"]["step"] in engine.last_preview.messages
    assert engine.last_preview.changed["rotation"] == {"generation", "signer", "swap"}
    assert report.writes == ["POST rotateCertificate"]
    assert engine.slots == before[::-1]
    outputs = engine.outputs("rotation")
    assert (outputs["fingerprint"], outputs["previous_fingerprint"]) == engine.slots
    assert outputs["rotated_at"].endswith("Z")
    assert engine.outputs("signing")["fingerprint"] == engine.slots[0]
    engine.assert_stable(ROTATED)


def test_preview_costs_three_requests(engine: FakeEngine) -> None:
    """A preview costs one token and one read of each slot; a swap one more reading and the POST."""
    engine.deploy(PREPARED)
    reading = ["POST token", "GET certificate", "GET certificate/passive"]
    assert engine.preview(PREPARED).requests == reading
    assert engine.up(ROTATED).requests == [*reading, *reading[1:], "POST rotateCertificate"]
    assert engine.last_preview.requests == reading
    assert engine.refresh().requests == reading


def test_revert_rolls_back(rotated: FakeEngine) -> None:
    """The certificate of the earlier generation is still in the passive slot, and the revert swaps it in."""
    before = rotated.slots
    report = rotated.up(PREPARED)
    assert rotated.last_preview.inputs["rotation"]["swap"]["step"].startswith("roll back: ")
    assert report.writes == ["POST rotateCertificate"]
    assert rotated.slots == before[::-1]
    assert rotated.outputs("rotation")["previous_fingerprint"] == before[0]
    rotated.assert_stable(PREPARED)


def test_swap_number_counts_steps(engine: FakeEngine) -> None:
    """`swap_number` tells equal steps apart."""
    engine.deploy(PREPARED, ROTATED, PREPARED, ROTATED)
    assert engine.state["rotation"].inputs["swap"]["number"] == engine.outputs("rotation")["swap_number"] == 3
    engine.assert_stable(ROTATED)


def test_earlier_swap_is_accepted(engine: FakeEngine) -> None:
    """With the declared certificate active, neither the plan nor the update swaps."""
    engine.deploy(PREPARED)
    engine.emulator.rotate(engine.guid)
    assert engine.up(ROTATED).writes == []
    engine.assert_stable(ROTATED)


def test_concurrent_equal_swap_is_accepted(engine: FakeEngine) -> None:
    """The read directly before the write finds the declared certificate active, and the write is left out."""
    engine.deploy(PREPARED)
    engine.transport.inject_once(
        "GET certificate", interleave(before=lambda: engine.emulator.rotate(engine.guid)), after=2
    )
    assert engine.up(ROTATED).writes == []
    assert engine.outputs("rotation")["fingerprint"] == engine.slots[0]
    engine.assert_stable(ROTATED)


@pytest.mark.parametrize("rival", ["generate_active", "generate_passive", "delete_passive"])
def test_changed_slots_stop_the_swap(engine: FakeEngine, rival: str) -> None:
    """The error names all fingerprints, planned and found, and nothing is sent."""
    engine.deploy(PREPARED)
    before = engine.slots
    act = getattr(engine.emulator, rival)
    engine.transport.inject_once("GET certificate", interleave(before=lambda: act(engine.guid)), after=2)
    with pytest.raises(SlotsChanged) as stopped:
        engine.up(ROTATED)
    assert_three_part_message(
        str(stopped.value), *before, *[fingerprint for fingerprint in engine.slots if fingerprint]
    )
    assert engine.last_report.writes == []
    assert engine.state["rotation"].inputs["generation"] == "a"


def test_simultaneous_swap_is_an_error(engine: FakeEngine) -> None:
    """Two swaps undo each other: nothing is recorded, and the next `up` reads the slots again."""
    engine.deploy(PREPARED)
    before = engine.slots
    engine.transport.inject_once(
        "POST rotateCertificate", interleave(before=lambda: engine.emulator.rotate(engine.guid))
    )
    with pytest.raises(SlotsChanged) as stopped:
        engine.up(ROTATED)
    assert_three_part_message(str(stopped.value), *before)
    assert engine.state["rotation"].inputs["generation"] == "a"
    assert engine.slots == before
    engine.deploy(ROTATED)
    assert engine.slots == before[::-1]


def test_killed_run_swaps_once(engine: FakeEngine) -> None:
    """The next `up` finds the declared certificate active."""
    engine.deploy(PREPARED)
    before = engine.slots
    engine.transport.inject_once("POST rotateCertificate", commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(ROTATED)
    assert engine.up(ROTATED).writes == []
    new, old = (str(fingerprint)[:8] for fingerprint in engine.slots)
    recorded = (
        f"{new} (b) signs already, and the state still has {old}: this deployment records it, and nothing is sent"
    )
    assert recorded in engine.last_preview.messages
    assert recorded in engine.last_report.messages
    assert engine.slots == before[::-1]
    assert engine.outputs("rotation")["previous_fingerprint"] == before[0]
    engine.assert_stable(ROTATED)


def test_unrecorded_signer_is_recorded_first(engine: FakeEngine) -> None:
    """After a colleague's renewal, a refresh records the signer before a swap is planned from it."""
    engine.deploy(PREPARED)
    engine.emulator.generate_active(engine.guid)
    engine.assert_refused(ROTATED, engine.slots[0], engine.outputs("rotation")["fingerprint"])
    assert engine.slots[0] != engine.outputs("rotation")["fingerprint"]
    engine.refresh()
    engine.deploy(ROTATED)
    assert engine.outputs("rotation")["fingerprint"] == engine.outputs("next")["fingerprint"]


def test_changed_argument_calls_nothing(rotated: FakeEngine) -> None:
    """Arguments other than `generation` are an update without a call."""
    slots = rotated.slots
    declared = with_arguments("b", "b", on_drift="restore", known_generations={"x": slots[1]})
    report = rotated.up(declared)
    assert (report.operations["rotation"], report.writes) == ("update", [])
    rotated.assert_stable(declared)


# --- delete and the removal of the candidate ------------------------------------------------------------------------


def test_delete_calls_nothing(rotated: FakeEngine) -> None:
    """A delete leaves the signer and the slots alone."""
    slots = rotated.slots

    def without(deployment: Deployment) -> None:
        deployment.passive(generation="b")
        deployment.active()

    assert rotated.up(without).writes == []
    assert rotated.slots == slots
    rotated.assert_stable(without)


def test_removed_candidate_is_announced(rotated: FakeEngine) -> None:
    """Its names stay known, and the message names the certificate that a removal deletes."""

    def without_candidate(deployment: Deployment) -> None:
        deployment.passive(generation="b")
        deployment.active(rotation=deployment.trigger(generation="b"))

    report = rotated.up(without_candidate)
    assert report.writes == []
    assert str(rotated.slots[1])[:8] in report.messages
    rotated.assert_stable(without_candidate)


def test_empty_passive_slot_is_unannounced(rotated: FakeEngine) -> None:
    """With an empty passive slot, a removal deletes nothing."""
    rotated.emulator.delete_passive(rotated.guid)
    rotated.deploy(program(None, "b"))
    assert rotated.slots[1] is None


# --- a reading that is stale -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param(RESTORING, id="a swap that is due again"),
        pytest.param(program("b", "a"), id="another generation that is declared"),
    ],
)
def test_stale_read_stops_a_second_swap(engine: FakeEngine, declared: Program) -> None:
    """A reading that may be stale stops a swap that would undo the first one; a minute later it counts."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    engine.emulator.rotate(engine.guid)
    slots = engine.slots
    for _ in range(2):
        message = engine.assert_refused(declared, *slots)
        assert engine.outputs("rotation")["rotated_at"] in message
        with pytest.raises(StaleRead):
            engine.up(declared, skip_preview=True)
        assert engine.last_report.writes == []
        engine.emulator.advance(20)
    engine.emulator.advance(40)
    engine.deploy(declared)
    assert engine.slots == (slots[::-1] if declared is RESTORING else slots)


def test_stale_read_without_changes_warns(engine: FakeEngine) -> None:
    """With the same declaration the reading is only a warning."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    engine.emulator.rotate(engine.guid)
    assert "warning" in engine.preview(ROTATED).messages


def test_rollback_right_after_swap_works(engine: FakeEngine) -> None:
    """Slots as after the swap are current, so a rollback goes ahead at once."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    assert engine.up(PREPARED).writes == ["POST rotateCertificate"]
