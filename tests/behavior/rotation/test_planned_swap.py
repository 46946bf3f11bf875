"""The swap among the inputs: what is done stays there, and only the command that has planned it swaps."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from btp_trust import Attested
from btp_trust.errors import SlotsChanged
from support.fake_engine import HOUR, PROVIDERS, FakeEngine, Program, StoredResource, program, round_trip
from support.passive_programs import BASE, NEXT, NEXT_ROTATED, PREPARED, ROTATED

WALK = [BASE, PREPARED, ROTATED, PREPARED, ROTATED, NEXT, NEXT_ROTATED]
TRUSTED: dict[str, Any] = {"connection": "billing", "origin_key": "shop", "passive": True}
WALK_WITH_TARGET = [program(*step, trusted=TRUSTED) for step in ("ba", "bb", "ba", "bb", "cb", "cc")]

A_LONG_WEEKEND = 4 * 24 * HOUR


def lost_keys(old: Any, new: Any) -> set[str]:
    """Name the keys at any depth that a preview shows with a minus."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return set()
    nested = (lost_keys(old[key], new[key]) for key in old.keys() & new.keys())
    return (old.keys() - new.keys()).union(*nested)


@pytest.mark.parametrize("walk", [WALK, WALK_WITH_TARGET], ids=["alone", "with a target"])
def test_done_steps_stay_shown(engine: FakeEngine, walk: list[Program]) -> None:
    """Through all steps, inputs are added and changed; a certificate that a target ceases to trust goes."""
    key = engine.emulator.api_access_key(engine.emulator.create_subaccount().guid)
    engine.config["btp-trust:connections"] = json.dumps({"billing": key})
    for each in walk:
        before = {name: stored.inputs for name, stored in engine.state.items()}
        engine.deploy(each)
        fingerprints = {*engine.slots, *before.get("billing", {}).get("certificates", {})}
        shown = engine.preview(each).inputs
        for name, inputs in before.items():
            assert lost_keys(inputs, shown[name]) <= fingerprints
        assert engine.preview(each).inputs == shown


@pytest.mark.parametrize("walk", [WALK, WALK_WITH_TARGET], ids=["alone", "with a target"])
def test_planned_steps_stay_over_days(engine: FakeEngine, walk: list[Program]) -> None:
    """The plan of each step can wait for its approval: a saved plan compares the inputs of all resources."""
    key = engine.emulator.api_access_key(engine.emulator.create_subaccount().guid)
    engine.config["btp-trust:connections"] = json.dumps({"billing": key})
    for each in walk:
        planned = engine.preview(each).inputs
        engine.emulator.advance(A_LONG_WEEKEND)
        assert engine.preview(each).inputs == planned
        engine.deploy(each)


def test_planned_rollback_stays_for_seconds(engine: FakeEngine) -> None:
    """An attestation of a later day leaves the time of the preview out: else no saved plan could be carried out."""
    later = engine.emulator.now.date() + timedelta(days=2)  # tomorrow has begun somewhere
    engine.deploy(PREPARED, ROTATED)
    attested = {"trusted_by": {"c4c": Attested(str(engine.slots[1]), "Ada", later)}}
    rollback = program("b", "a", trigger=attested)
    planned = engine.preview(rollback).inputs
    engine.emulator.advance(60)

    assert "still to come" in str(planned["rotation"]["swap"]["targets"])
    assert engine.preview(rollback).inputs == planned


def with_undone_swap(engine: FakeEngine) -> StoredResource:
    """Store a swap that was planned by an interrupted command."""
    stored = engine.state["rotation"]
    planned = engine.preview(ROTATED).inputs["rotation"]["swap"]
    return StoredResource(stored.kind, stored.id, {**stored.inputs, "swap": planned}, stored.outputs)


def test_stored_swap_stays_undone(engine: FakeEngine) -> None:
    """At rest, in a refresh, and when its precondition holds under a drift."""
    engine.deploy(PREPARED)
    engine.state["rotation"] = with_undone_swap(engine)
    engine.deploy(PREPARED)
    engine.refresh()
    assert engine.up(PREPARED).writes == []

    engine.deploy(ROTATED)
    assert engine.state["rotation"].inputs["swap"]["number"] == 2
    engine.emulator.rotate(engine.guid)  # a colleague; the inputs' precondition holds again
    engine.emulator.advance(3600)
    engine.refresh()
    report = engine.up(ROTATED)
    assert report.writes == []
    assert "drift" in report.inputs["rotation"]


def test_only_the_planning_command_swaps(engine: FakeEngine) -> None:
    """The inputs of another process leave the slots alone."""
    engine.deploy(PREPARED)
    slots = engine.slots
    stored, inputs = engine.state["rotation"], engine.preview(ROTATED).inputs["rotation"]
    engine.refresh()  # another process
    with pytest.raises(SlotsChanged):
        PROVIDERS["trigger"]().update(stored.id, round_trip(stored.outputs), round_trip(inputs))
    assert engine.slots == slots


def test_accepted_signer_is_a_rollback_target(engine: FakeEngine) -> None:
    """Accepting a colleague's swap records the signer before it: a later rollback passes its target."""
    engine.deploy(PREPARED, ROTATED, PREPARED)
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(3600)
    engine.deploy(ROTATED)
    assert engine.state["rotation"].inputs["rollback_to"] == engine.slots[1]
    back = program("b", "a", trigger={"trusted_by": {"s4": []}})
    assert engine.up(back).writes == ["POST rotateCertificate"]
    engine.assert_stable(back)


@pytest.mark.parametrize("accepts", [False, True], ids=["refreshed", "accepted"])
def test_unused_certificate_is_no_rollback_target(engine: FakeEngine, *, accepts: bool) -> None:
    """A colleague renewed the signer, so the prepared one is older and never signed: targets and time hold for it."""
    engine.deploy(PREPARED)
    engine.emulator.advance(3600)
    engine.emulator.generate_active(engine.guid)
    engine.emulator.advance(3600)
    names = {"known_generations": {"c": engine.slots[0]}} if accepts else {}
    engine.refresh()
    if accepts:
        engine.deploy(program("b", "c", trigger=names))
    engine.assert_refused(program("b", "b", trigger={**names, "trusted_by": {"s4": []}}), "not trusted by s4")
    engine.assert_refused(program("b", "b", trigger={**names, "soak": "3d"}), "Soaking: ")
    engine.up(program("b", "b", trigger=names))
    assert engine.last_report.inputs["rotation"]["swap"]["step"].startswith("rotate: ")
    # The renewed signer did sign before: a swap to it is a rollback.
    engine.emulator.advance(3600)
    back = program("b", "c", trigger={"known_generations": {"c": engine.slots[1]}, "trusted_by": {"s4": []}})
    assert engine.up(back).writes == ["POST rotateCertificate"]
