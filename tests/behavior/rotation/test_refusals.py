"""Refusals of RotationTrigger through the eyes of an engine, and the remedies that they offer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    YEAR,
    CheckFailedError,
    Deployment,
    FakeEngine,
    Program,
    assert_three_part_message,
    program,
)

PREPARED = program("b", "a")
ROTATED = program("b", "b")
NEXT = program("c", "b")
NEXT_ROTATED = program("c", "c")
RESTORING = program("b", "b", trigger={"on_drift": "restore"})


def with_arguments(prepared: str | None, signs: str, **more: Any) -> Program:
    """Write a program whose trigger has further arguments."""
    return program(prepared, signs, trigger=more)


def test_prepare_and_rotate_are_refused(engine: FakeEngine) -> None:
    """To prepare and to rotate are two deployments; the split that the message describes works."""
    engine.deploy(PREPARED, ROTATED)
    slots = engine.slots
    message = engine.assert_refused(NEXT_ROTATED, *slots)
    assert 'generation="b"' in message
    assert engine.slots == slots
    engine.deploy(NEXT, NEXT_ROTATED)


def test_skipped_preview_generates_without_swap(rotated: FakeEngine) -> None:
    """The second deployment of the same program is refused as well: the certificate was in no preview."""
    signing = rotated.slots[0]
    with pytest.raises(CheckFailedError) as refused:
        rotated.up(NEXT_ROTATED, skip_preview=True)
    assert_three_part_message(refused.value.reason, *rotated.slots)
    assert rotated.last_report.writes == ["POST certificate/passive"]
    rotated.assert_refused(NEXT_ROTATED, rotated.slots[1], "known_generations")
    assert rotated.slots[0] == signing
    rotated.deploy(NEXT, NEXT_ROTATED)


def test_any_swap_beside_generation_is_refused(rotated: FakeEngine) -> None:
    """A rollback and a known name are refused too: the new certificate would overwrite the one to swap in."""
    slots = rotated.slots
    rotated.assert_refused(program("c", "a"), *slots)
    rotated.assert_refused(with_arguments("c", "x", known_generations={"x": slots[1]}), *slots)


def test_restore_beside_generation_is_refused(rotated: FakeEngine) -> None:
    """A restore, which no declaration asks for, is refused too; the remedy deploys one after the other."""
    rotated.emulator.rotate(rotated.guid)
    rotated.deploy(ROTATED)
    slots, both = rotated.slots, program("c", "b", trigger={"on_drift": "restore"})
    message = rotated.assert_refused(both, *slots, "'c'")
    assert "revert the change of PassiveTrustCertificate, deploy, then make the change again" in message
    rotated.deploy(RESTORING)
    assert rotated.slots == slots[::-1]
    rotated.deploy(both)
    assert rotated.slots[0] == slots[1]


def test_expired_certificate_is_refused(engine: FakeEngine) -> None:
    """The message has the moment, and a new certificate is the remedy."""
    engine.deploy(PREPARED)
    engine.emulator.advance(2 * YEAR + HOUR * 48)
    message = engine.assert_refused(ROTATED, engine.slots[1])
    assert "expired" in message
    engine.deploy(program("c", "a"), program("c", "c"))
    engine.emulator.advance(-2 * YEAR)


def test_certificate_before_validity_is_refused(engine: FakeEngine) -> None:
    """The service's clock decides, and waiting is the remedy."""
    engine.deploy(PREPARED)
    engine.emulator.advance(-24 * HOUR)
    assert "not valid before" in engine.assert_refused(ROTATED, engine.slots[1])
    engine.emulator.advance(24 * HOUR)
    engine.deploy(ROTATED)


def test_unknown_generation_lists_known_ones(rotated: FakeEngine) -> None:
    """The refusal lists the known names with their fingerprints, and three remedies."""
    message = rotated.assert_refused(program("b", "z"), *rotated.slots, "known_generations")
    assert all(f"  {name}: " in message for name in "ab")


def test_known_name_is_never_rebound(rotated: FakeEngine) -> None:
    """The remedy gives the certificate another name."""
    slots = rotated.slots
    message = rotated.assert_refused(with_arguments("b", "b", known_generations={"a": slots[0]}), *slots)
    assert f'known_generations={{"a-2": "{slots[0]}"}}' in message
    rotated.deploy(with_arguments("b", "b", known_generations={"a-2": slots[0]}))


def test_candidate_never_rebinds_a_name(rotated: FakeEngine) -> None:
    """The candidate adopts its certificate under the name of the message, and nothing is generated."""
    rotated.deploy(with_arguments(None, "b", known_generations={"c": rotated.slots[0]}))
    rotated.emulator.generate_passive(rotated.guid)
    slots = rotated.slots
    without = program("c", "b", trigger={"candidate": None})
    rotated.deploy(without)
    message = rotated.assert_refused(program("c", "b"), *slots)
    assert f'generation="c-2", adopt="{slots[1]}"' in message
    rotated.deploy(program("c-2", "b", passive={"adopt": slots[1]}))
    assert rotated.slots == slots


def test_taken_name_is_refused_before_generation(engine: FakeEngine) -> None:
    """The revert of a retirement would generate a certificate under an old name, and the preview refuses that."""
    engine.deploy(PREPARED, ROTATED, program(None, "b"))
    engine.assert_refused(ROTATED, engine.slots[0])


def test_lost_passive_keeps_its_old_name(engine: FakeEngine) -> None:
    """`replace=`, a remedy of another refusal, would use the name of another certificate again."""
    engine.deploy(PREPARED, ROTATED)
    del engine.state["next"]
    engine.assert_refused(program("b", "b", passive={"replace": engine.slots[1]}), f'adopt="{engine.slots[0]}"')


def test_adoption_needs_a_slot(engine: FakeEngine) -> None:
    """For a name whose certificate is gone, a new name is the only remedy."""
    engine.deploy(PREPARED, program(None, "a"))
    message = engine.assert_refused(PREPARED, 'generation="b-2"')
    assert "adopt=" not in message
    engine.deploy(program("b-2", "a"))


def test_names_are_kept(rotated: FakeEngine) -> None:
    """A name stays known after `known_generations` loses it."""
    back = rotated.slots[1]
    rotated.deploy(with_arguments("b", "b", known_generations={"x": back}), ROTATED)
    assert rotated.state["rotation"].inputs["generations"]["x"] == back
    rotated.deploy(program("b", "x"))
    assert rotated.slots[0] == back


def test_inputs_and_outputs_agree(rotated: FakeEngine) -> None:
    """After each successful `up`, an input and an output of one name have one value."""
    rotated.deploy(NEXT)
    for stored in rotated.state.values():
        shared = stored.inputs.keys() & stored.outputs.keys()
        assert {key: stored.inputs[key] for key in shared} == {key: stored.outputs[key] for key in shared}


def test_known_generation_is_eligible_at_once(rotated: FakeEngine) -> None:
    """A fingerprint in the program was reviewed with it."""
    back = rotated.slots[1]
    rotated.deploy(with_arguments("b", "earlier", known_generations={"earlier": back}))
    assert rotated.slots[0] == back


def test_foreign_candidate_is_refused(rotated: FakeEngine, emulator: Emulator) -> None:
    """A certificate signs for its own subaccount only."""
    other = emulator.create_subaccount(generate=True).guid
    rotated.config["btp-trust:connections"] = json.dumps({"other": emulator.service_key(other)})

    def mixed(deployment: Deployment) -> None:
        foreign = deployment.passive("foreign", generation="b", connection="other")
        deployment.trigger(generation="b", candidate=foreign)

    rotated.assert_refused(mixed, other, rotated.guid)
    emulator.advance(HOUR)

    def foreign_only(deployment: Deployment) -> None:
        rotated_program(deployment)
        deployment.passive("foreign", generation="b", connection="other")

    rotated_program = ROTATED
    rotated.up(foreign_only)
    rotated.assert_refused(mixed, other, rotated.guid)


def test_generation_after_swap_is_refused(rotated: FakeEngine) -> None:
    """Without `candidate=` the engine may check the trigger first; then the certificate is refused."""

    def unordered(deployment: Deployment) -> None:
        deployment.trigger(generation="a", known_generations={"a": rotated.slots[1]})
        deployment.passive(generation="c")

    rotated.deploy(program("b", "b", trigger={"known_generations": {"a": rotated.slots[1]}}))
    del rotated.state["rotation"]

    def declared(deployment: Deployment) -> None:
        deployment.trigger(generation="b", known_generations={"b": rotated.slots[0]})
        deployment.passive(generation="b")

    rotated.deploy(declared)
    assert "candidate=" in rotated.assert_refused(unordered, rotated.slots[1])
