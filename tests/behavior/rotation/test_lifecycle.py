"""RotationTrigger through the eyes of an engine: record, compare and swap, drift, refusals whose ways out work."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from btp_trust.errors import SlotsChanged, StaleRead, TrustError
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    YEAR,
    CheckFailedError,
    Deployment,
    FakeEngine,
    ProcessKilledError,
    Program,
    answer_with,
    assert_three_part_message,
    commit_then_raise,
    interleave,
    program,
)

ALONE = program()
PREPARED = program("b", "a")
ROTATED = program("b", "b")
NEXT = program("c", "b")
NEXT_ROTATED = program("c", "c")
RESTORING = program("b", "b", trigger={"on_drift": "restore"})


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack that adopted the active certificate."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    engine.deploy(ALONE)
    return engine


@pytest.fixture
def rotated(engine: FakeEngine) -> FakeEngine:
    """A stack that has rotated once: b signs, a is the way back."""
    engine.deploy(PREPARED, ROTATED)
    return engine


def taught(prepared: str | None, signs: str, **more: Any) -> Program:
    """Write a program whose trigger has further arguments."""
    return program(prepared, signs, trigger=more)


def pasted(line: str) -> dict[str, Any]:
    """Read the arguments of a line that a message says to paste."""
    found = re.search(r'generation="(?P<name>[^"]+)", known_generations=(?P<known>\{[^}]*\})', line)
    assert found is not None, line
    return {"signs": found["name"], "known_generations": json.loads(found["known"])}


# --- create ------------------------------------------------------------------------------------------------------


def test_creating_records_what_signs_under_a_new_name(engine: FakeEngine) -> None:
    """The baseline: nothing is called, the name is bound."""
    report = engine.up(program(None, "a"))
    assert report.writes == []
    outputs = engine.outputs("rotation")
    assert outputs["fingerprint"] == engine.slots[0]
    assert engine.state["rotation"].inputs["generations"] == {"a": engine.slots[0]}
    assert not {"previous_fingerprint", "rotated_at", "step", "slots_before", "drift"} & outputs.keys()
    engine.assert_stable(program(None, "a"))


def test_creating_with_the_candidates_name_records_it_where_it_signs(rotated: FakeEngine) -> None:
    """After a lost trigger, for example by a rename."""
    renamed = program("b", "b", trigger={"name": "renamed"})
    assert rotated.up(renamed).writes == []
    assert rotated.state["renamed"].inputs["generations"] == {"b": rotated.slots[0]}
    rotated.assert_stable(renamed)


def test_creating_with_a_passive_candidates_name_is_refused(engine: FakeEngine) -> None:
    """Creating never swaps: two deployments, as the message says, do."""

    def prepared_only(deployment: Deployment) -> None:
        deployment.passive(generation="b")
        deployment.active()

    engine.deploy(prepared_only)
    message = engine.assert_refused(ROTATED, *engine.slots)
    assert "second deployment" in message
    slots = engine.slots
    engine.deploy(PREPARED, ROTATED)
    assert engine.slots == slots[::-1]


def test_creating_with_the_name_of_a_candidate_that_is_not_minted_yet_is_refused(engine: FakeEngine) -> None:
    """In the preview, where the candidate's outputs are unknown, and in an up that skipped it."""
    engine.assert_refused(ROTATED, engine.slots[0])
    with pytest.raises(CheckFailedError):
        engine.up(ROTATED, skip_preview=True)
    assert engine.last_report.writes == ["POST certificate/passive"]
    engine.deploy(PREPARED, ROTATED)


def test_a_subaccount_without_an_active_certificate_is_refused(emulator: Emulator) -> None:
    """Deploy ActiveTrustCertificate alone first."""
    engine = FakeEngine(emulator, emulator.create_subaccount().guid)

    def only_trigger(deployment: Deployment) -> None:
        deployment.trigger(generation="a")

    engine.assert_refused(only_trigger, "generate=True", engine.guid)


# --- update ------------------------------------------------------------------------------------------------------


def test_preparing_plans_nothing_on_the_trigger(engine: FakeEngine) -> None:
    """A bump on the passive certificate alone."""
    engine.deploy(PREPARED)
    report = engine.up(program("c", "a"))
    assert report.operations == {"next": "update", "rotation": "same", "signing": "same"}
    engine.assert_stable(program("c", "a"))


def test_rotating_is_one_swap_that_the_preview_named(engine: FakeEngine) -> None:
    """Both fingerprints, both expiry dates, the step; the active resource reports it in the same command."""
    engine.deploy(PREPARED)
    before = engine.slots
    report = engine.up(ROTATED)
    plan = engine.last_preview.inputs["rotation"]
    assert plan["slots_before"] == {"active": before[0], "passive": before[1]}
    assert plan["signer"]["fingerprint"] == before[1]
    assert plan["signer"]["not_after"] > engine.outputs("next")["not_before"]
    assert plan["step"] in engine.last_preview.messages
    assert engine.last_preview.changed["rotation"] == {"generation", "signer", "step", "swap_number", "slots_before"}
    assert report.writes == ["POST rotateCertificate"]
    assert engine.slots == before[::-1]
    outputs = engine.outputs("rotation")
    assert (outputs["fingerprint"], outputs["previous_fingerprint"]) == engine.slots
    assert outputs["rotated_at"].endswith("Z")
    assert engine.outputs("signing")["fingerprint"] == engine.slots[0]
    engine.assert_stable(ROTATED)


def test_a_preview_of_the_three_resources_costs_three_requests_and_the_rotation_six(engine: FakeEngine) -> None:
    """One token, one read of each slot; and for the swap one more reading and the POST."""
    engine.deploy(PREPARED)
    reading = ["POST token", "GET certificate", "GET certificate/passive"]
    assert engine.preview(PREPARED).requests == reading
    assert engine.up(ROTATED).requests == [*reading, *reading[1:], "POST rotateCertificate"]
    assert engine.last_preview.requests == reading
    assert engine.refresh().requests == reading


def test_rolling_back_is_the_revert(rotated: FakeEngine) -> None:
    """The earlier generation's certificate is still in the passive slot."""
    before = rotated.slots
    report = rotated.up(PREPARED)
    assert rotated.last_preview.inputs["rotation"]["step"].startswith("roll back: ")
    assert report.writes == ["POST rotateCertificate"]
    assert rotated.slots == before[::-1]
    assert rotated.outputs("rotation")["previous_fingerprint"] == before[0]
    rotated.assert_stable(PREPARED)


def test_no_two_steps_look_alike(engine: FakeEngine) -> None:
    """`swap_number` counts them."""
    engine.deploy(PREPARED, ROTATED, PREPARED, ROTATED)
    assert engine.state["rotation"].inputs["swap_number"] == 3
    engine.assert_stable(ROTATED)


def test_a_swap_that_somebody_did_already_is_not_done_again(engine: FakeEngine) -> None:
    """Live active is the desired one: nothing to do, on the plan's side and on the update's."""
    engine.deploy(PREPARED)
    engine.emulator.rotate(engine.guid)
    assert engine.up(ROTATED).writes == []
    engine.assert_stable(ROTATED)


def test_a_swap_that_somebody_does_between_plan_and_write_is_not_undone(engine: FakeEngine) -> None:
    """The read directly before finds the desired one signing."""
    engine.deploy(PREPARED)
    engine.transport.inject_once(
        "GET certificate", interleave(before=lambda: engine.emulator.rotate(engine.guid)), after=2
    )
    assert engine.up(ROTATED).writes == []
    assert engine.outputs("rotation")["fingerprint"] == engine.slots[0]
    engine.assert_stable(ROTATED)


@pytest.mark.parametrize("rival", ["generate_active", "generate_passive", "delete_passive"])
def test_any_other_pair_stops_the_swap(engine: FakeEngine, rival: str) -> None:
    """An error that names all fingerprints, planned and found; nothing is sent."""
    engine.deploy(PREPARED)
    before = engine.slots
    act = getattr(engine.emulator, rival)
    engine.transport.inject_once("GET certificate", interleave(before=lambda: act(engine.guid)), after=2)
    with pytest.raises(SlotsChanged) as stopped:
        engine.up(ROTATED)
    assert_three_part_message(str(stopped.value), *before, *[found for found in engine.slots if found])
    assert engine.last_report.writes == []
    assert engine.state["rotation"].inputs["generation"] == "a"


def test_a_swap_in_the_same_moment_is_an_error_and_nothing_is_recorded(engine: FakeEngine) -> None:
    """The two undid each other; the next `up` meets the truth."""
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


def test_a_run_killed_after_the_swap_does_not_swap_again(engine: FakeEngine) -> None:
    """The next `up` finds the desired one signing."""
    engine.deploy(PREPARED)
    before = engine.slots
    engine.transport.inject_once("POST rotateCertificate", commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(ROTATED)
    assert engine.up(ROTATED).writes == []
    assert engine.slots == before[::-1]
    assert engine.outputs("rotation")["previous_fingerprint"] == before[0]
    engine.assert_stable(ROTATED)


def test_a_new_declaration_does_not_swap_away_from_a_signer_that_nobody_recorded(engine: FakeEngine) -> None:
    """A colleague renewed what signs: take note of it first, then the swap is planned from it."""
    engine.deploy(PREPARED)
    engine.emulator.generate_active(engine.guid)
    engine.assert_refused(ROTATED, engine.slots[0], engine.outputs("rotation")["fingerprint"])
    assert engine.slots[0] != engine.outputs("rotation")["fingerprint"]
    engine.refresh()
    engine.deploy(ROTATED)
    assert engine.outputs("rotation")["fingerprint"] == engine.outputs("next")["fingerprint"]


def test_a_changed_argument_never_rotates_by_itself(rotated: FakeEngine) -> None:
    """An update that calls nothing."""
    slots = rotated.slots
    wanted = taught("b", "b", on_drift="restore", known_generations={"x": slots[1]})
    report = rotated.up(wanted)
    assert (report.operations["rotation"], report.writes) == ("update", [])
    rotated.assert_stable(wanted)


# --- drift -------------------------------------------------------------------------------------------------------


def test_a_drift_is_reported_and_nothing_is_swapped(rotated: FakeEngine) -> None:
    """Who should sign, who does, both ways out; the outputs follow; said in every command; quiet afterwards."""
    rotated.emulator.rotate(rotated.guid)
    slots = rotated.slots
    report = rotated.up(ROTATED)
    assert report.writes == []
    assert "drift" in rotated.last_preview.changed["rotation"]
    for said in (rotated.last_preview.messages, report.messages, rotated.preview(ROTATED).messages):
        assert all(str(found)[:8] in said for found in slots)
        assert 'generation="a"' in said
        assert 'on_drift="restore"' in said
    outputs = rotated.outputs("rotation")
    assert (outputs["fingerprint"], outputs["generation"]) == (slots[0], "b")
    assert rotated.outputs("signing")["fingerprint"] == slots[0]
    rotated.assert_stable(ROTATED)


@pytest.mark.parametrize("noticed", [False, True], ids=["at once", "after it was reported"])
def test_a_drift_is_accepted_by_declaring_the_other_generation(rotated: FakeEngine, *, noticed: bool) -> None:
    """The first way out."""
    rotated.emulator.rotate(rotated.guid)
    slots = rotated.slots
    if noticed:
        rotated.deploy(ROTATED)
    rotated.deploy(PREPARED)
    assert rotated.slots == slots


@pytest.mark.parametrize("noticed", [False, True], ids=["at once", "after it was reported"])
def test_a_drift_is_undone_by_restore(rotated: FakeEngine, *, noticed: bool) -> None:
    """The second way out: the next plain preview shows the step back."""
    before = rotated.slots
    rotated.emulator.rotate(rotated.guid)
    if noticed:
        rotated.deploy(ROTATED)
    report = rotated.up(RESTORING)
    plan = rotated.last_preview.inputs["rotation"]
    assert plan["step"].startswith("put back: ")
    assert plan["slots_before"] == {"active": before[1], "passive": before[0]}
    assert report.writes == ["POST rotateCertificate"]
    assert rotated.slots == before
    rotated.assert_stable(RESTORING)


def test_a_drift_that_somebody_undid_is_forgotten(rotated: FakeEngine) -> None:
    """One update that calls nothing, then quiet."""
    rotated.emulator.rotate(rotated.guid)
    rotated.deploy(ROTATED)
    rotated.emulator.rotate(rotated.guid)
    assert rotated.up(ROTATED).writes == []
    assert "drift" not in rotated.state["rotation"].inputs
    rotated.assert_stable(ROTATED)


def test_a_drift_to_a_stranger_is_accepted_by_the_line_to_paste(rotated: FakeEngine) -> None:
    """The certificate has no name yet: the message teaches one."""
    rotated.emulator.generate_passive(rotated.guid)
    rotated.emulator.rotate(rotated.guid)
    slots = rotated.slots
    line = pasted(rotated.preview(ROTATED).messages)
    assert list(line["known_generations"].values()) == [slots[0]]
    accepted = taught("b", **line)
    rotated.deploy(accepted)
    assert rotated.slots == slots


def test_a_refresh_follows_what_signs(rotated: FakeEngine) -> None:
    """Read reports the signer, whoever made it sign."""
    rotated.emulator.rotate(rotated.guid)
    rotated.refresh()
    assert rotated.outputs("rotation")["fingerprint"] == rotated.slots[0]
    rotated.deploy(ROTATED)


def test_what_signed_before_is_never_what_signs(rotated: FakeEngine) -> None:
    """`previous_fingerprint` follows a change that a refresh saw, as it follows one that `up` saw."""
    rotated.emulator.rotate(rotated.guid)
    rotated.refresh()
    rotated.deploy(ROTATED)
    outputs = rotated.outputs("rotation")
    assert outputs["previous_fingerprint"] != outputs["fingerprint"]


def test_a_refresh_of_a_subaccount_without_a_signer_says_gone(rotated: FakeEngine) -> None:
    """The resource stays."""
    rotated.transport.inject_always(answer_with(404, json={"ErrorMessage": "gone"}), "GET certificate")
    rotated.refresh()
    assert rotated.outputs("rotation")["role"] == "gone"


def test_a_signer_that_vanishes_inside_the_command_is_an_error(rotated: FakeEngine) -> None:
    """Nothing is recorded of an empty slot."""
    rotated.emulator.rotate(rotated.guid)
    gone = answer_with(404, json={"ErrorMessage": "gone"})

    def vanishing(deployment: Deployment) -> None:
        rotated.emulator.advance(1)
        deployment.passive(generation="c", adopt=rotated.slots[0])
        deployment.trigger(generation="b")

    rotated.transport.inject_once("GET certificate", gone, after=2)
    with pytest.raises(TrustError) as stopped:
        rotated.up(vanishing)
    assert_three_part_message(str(stopped.value))


# --- refusals ----------------------------------------------------------------------------------------------------


def test_both_names_at_once_are_refused(engine: FakeEngine) -> None:
    """To prepare and to rotate are two deployments; the message says how to split them, and that works."""
    engine.deploy(PREPARED, ROTATED)
    slots = engine.slots
    message = engine.assert_refused(NEXT_ROTATED, *slots)
    assert 'generation="b"' in message
    assert engine.slots == slots
    engine.deploy(NEXT, NEXT_ROTATED)


def test_both_names_at_once_without_a_preview_mint_and_do_not_swap(rotated: FakeEngine) -> None:
    """The second deployment of the same program is refused, too: nobody was shown the swap's certificate."""
    signing = rotated.slots[0]
    with pytest.raises(CheckFailedError) as refused:
        rotated.up(NEXT_ROTATED, skip_preview=True)
    assert_three_part_message(refused.value.reason, *rotated.slots)
    assert rotated.last_report.writes == ["POST certificate/passive"]
    rotated.assert_refused(NEXT_ROTATED, rotated.slots[1], "known_generations")
    assert rotated.slots[0] == signing
    rotated.deploy(NEXT, NEXT_ROTATED)


def test_whatever_the_swap_it_is_refused_beside_a_mint(rotated: FakeEngine) -> None:
    """The way back and a taught name: the mint would overwrite what is to be swapped in."""
    slots = rotated.slots
    rotated.assert_refused(program("c", "a"), *slots)
    rotated.assert_refused(taught("c", "x", known_generations={"x": slots[1]}), *slots)


def test_putting_back_beside_a_mint_is_refused_with_a_way_out_that_works(rotated: FakeEngine) -> None:
    """Also the step that nobody asked for in this command; first one, then the other."""
    rotated.emulator.rotate(rotated.guid)
    rotated.deploy(ROTATED)
    slots, both = rotated.slots, program("c", "b", trigger={"on_drift": "restore"})
    message = rotated.assert_refused(both, *slots, "'c'")
    assert "take the change of PassiveTrustCertificate back, deploy, then make it again" in message
    rotated.deploy(RESTORING)
    assert rotated.slots == slots[::-1]
    rotated.deploy(both)
    assert rotated.slots[0] == slots[1]


def test_an_expired_certificate_is_not_made_to_sign(engine: FakeEngine) -> None:
    """The message names the moment; a new preparation is the way out."""
    engine.deploy(PREPARED)
    engine.emulator.advance(2 * YEAR + HOUR * 48)
    message = engine.assert_refused(ROTATED, engine.slots[1])
    assert "expired" in message
    engine.deploy(program("c", "a"), program("c", "c"))
    engine.emulator.advance(-2 * YEAR)


def test_a_certificate_that_is_not_valid_yet_is_not_made_to_sign(engine: FakeEngine) -> None:
    """The clock of the service decides; waiting is the way out."""
    engine.deploy(PREPARED)
    engine.emulator.advance(-24 * HOUR)
    assert "not valid before" in engine.assert_refused(ROTATED, engine.slots[1])
    engine.emulator.advance(24 * HOUR)
    engine.deploy(ROTATED)


def test_an_unknown_generation_lists_the_known_ones(rotated: FakeEngine) -> None:
    """With their fingerprints, and three ways on."""
    message = rotated.assert_refused(program("b", "z"), *rotated.slots, "known_generations")
    assert all(f"  {name}: " in message for name in "ab")


def test_a_known_name_is_not_rebound(rotated: FakeEngine) -> None:
    """The certificate gets another name instead."""
    slots = rotated.slots
    message = rotated.assert_refused(taught("b", "b", known_generations={"a": slots[0]}), *slots)
    assert f'known_generations={{"a-2": "{slots[0]}"}}' in message
    rotated.deploy(taught("b", "b", known_generations={"a-2": slots[0]}))


def test_a_candidate_does_not_rebind_a_known_name(rotated: FakeEngine) -> None:
    """Its certificate is taken up by another name, as the message says; nothing is minted."""
    rotated.deploy(taught(None, "b", known_generations={"c": rotated.slots[0]}))
    rotated.emulator.generate_passive(rotated.guid)
    slots = rotated.slots
    without = program("c", "b", trigger={"candidate": None})
    rotated.deploy(without)
    message = rotated.assert_refused(program("c", "b"), *slots)
    assert f'generation="c-2", adopt="{slots[1]}"' in message
    rotated.deploy(program("c-2", "b", passive={"adopt": slots[1]}))
    assert rotated.slots == slots


def test_a_name_that_another_certificate_has_is_refused_before_anything_is_minted_under_it(engine: FakeEngine) -> None:
    """The revert of a retirement would mint a new certificate under an old name: the preview says so."""
    engine.deploy(PREPARED, ROTATED, program(None, "b"))
    engine.assert_refused(ROTATED, engine.slots[0])


def test_a_lost_passive_resource_is_not_minted_anew_under_its_old_name(engine: FakeEngine) -> None:
    """With `replace=`, a way out that the refusal offers, the name of another certificate would be used again."""
    engine.deploy(PREPARED, ROTATED)
    del engine.state["next"]
    engine.assert_refused(program("b", "b", passive={"replace": engine.slots[1]}), f'adopt="{engine.slots[0]}"')


def test_what_is_in_no_slot_is_not_offered_for_adoption(engine: FakeEngine) -> None:
    """Only a new name is left for a name whose certificate is gone."""
    engine.deploy(PREPARED, program(None, "a"))
    message = engine.assert_refused(PREPARED, 'generation="b-2"')
    assert "adopt=" not in message
    engine.deploy(program("b-2", "a"))


def test_names_are_never_forgotten(rotated: FakeEngine) -> None:
    """A taught name stays known when it is no longer taught."""
    back = rotated.slots[1]
    rotated.deploy(taught("b", "b", known_generations={"x": back}), ROTATED)
    assert rotated.state["rotation"].inputs["generations"]["x"] == back
    rotated.deploy(program("b", "x"))
    assert rotated.slots[0] == back


def test_no_output_shares_its_name_with_an_input_of_another_value(rotated: FakeEngine) -> None:
    """After each successful `up`, what inputs and outputs both say is the same."""
    rotated.deploy(NEXT)
    for stored in rotated.state.values():
        shared = stored.inputs.keys() & stored.outputs.keys()
        assert {key: stored.inputs[key] for key in shared} == {key: stored.outputs[key] for key in shared}


def test_a_taught_name_may_be_declared_at_once(rotated: FakeEngine) -> None:
    """Its fingerprint stands in the program: it was reviewed."""
    back = rotated.slots[1]
    rotated.deploy(taught("b", "way back", known_generations={"way back": back}))
    assert rotated.slots[0] == back


def test_a_candidate_of_another_subaccount_is_refused(rotated: FakeEngine, emulator: Emulator) -> None:
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


# --- the generation's certificate is in no slot ------------------------------------------------------------------


def gone(engine: FakeEngine) -> tuple[str | None, str | None]:
    """Let a colleague renew what signs, so that the declared certificate is in no slot."""
    engine.emulator.generate_active(engine.guid)
    engine.emulator.advance(HOUR)
    return engine.slots


def test_a_certificate_in_no_slot_warns_in_every_command_with_a_line_that_works(rotated: FakeEngine) -> None:
    """No step, no failure; the outputs follow; the line to paste ends the warning."""
    signing = gone(rotated)[0]
    assert rotated.up(ROTATED).writes == []
    assert rotated.outputs("rotation")["fingerprint"] == signing
    rotated.assert_stable(ROTATED)
    line = pasted(rotated.preview(ROTATED).messages)
    accepted = taught("b", **line)
    rotated.deploy(accepted)
    assert "warning" not in rotated.preview(accepted).messages.replace("warning: The certificate of generation", "")
    assert rotated.slots[0] == signing


def test_a_restoring_trigger_warns_all_the_same(rotated: FakeEngine) -> None:
    """No swap can bring it back."""
    gone(rotated)
    assert rotated.up(RESTORING).writes == []
    rotated.assert_stable(RESTORING)


def test_declaring_a_certificate_in_no_slot_is_refused(rotated: FakeEngine) -> None:
    """A changed generation has to be done, and cannot."""
    rotated.emulator.delete_passive(rotated.guid)
    line = pasted(
        rotated.assert_refused(PREPARED, rotated.slots[0], rotated.outputs("rotation")["previous_fingerprint"])
    )
    rotated.deploy(taught("b", **line))


# --- delete and offline ------------------------------------------------------------------------------------------


def test_deleting_calls_nothing(rotated: FakeEngine) -> None:
    """What signs stays, the slots stay."""
    slots = rotated.slots

    def without(deployment: Deployment) -> None:
        deployment.passive(generation="b")
        deployment.active()

    assert rotated.up(without).writes == []
    assert rotated.slots == slots
    rotated.assert_stable(without)


def test_removing_the_candidate_changes_nothing_but_says_what_a_removal_would_take(rotated: FakeEngine) -> None:
    """Its names stay known."""

    def without_candidate(deployment: Deployment) -> None:
        deployment.passive(generation="b")
        deployment.active(rotation=deployment.trigger(generation="b"))

    report = rotated.up(without_candidate)
    assert report.writes == []
    assert str(rotated.slots[1])[:8] in report.messages
    rotated.assert_stable(without_candidate)


def test_taking_the_candidate_away_from_an_empty_slot_needs_no_word(rotated: FakeEngine) -> None:
    """Nothing can be deleted any more."""
    rotated.emulator.delete_passive(rotated.guid)
    rotated.deploy(program(None, "b"))
    assert rotated.slots[1] is None


def test_a_mint_beside_a_swap_is_refused_when_the_trigger_comes_first(rotated: FakeEngine) -> None:
    """Without `candidate=` the engine may check the trigger first; the certificate is refused then."""

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


def test_a_strict_run_fails_where_others_warn_of_drift(rotated: FakeEngine) -> None:
    """A nightly job notices what a colleague did, with both ways out."""
    rotated.emulator.rotate(rotated.guid)
    rotated.config["btp-trust:strict"] = "true"
    rotated.assert_refused(ROTATED, rotated.slots[0], 'on_drift="restore"')


# --- a reading that is stale -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(RESTORING, id="a swap that is due again"),
        pytest.param(program("b", "a"), id="another generation that is declared"),
    ],
)
def test_slots_as_before_a_swap_just_made_are_not_believed_at_once(engine: FakeEngine, wanted: Program) -> None:
    """The reading may be stale, and a second swap would undo the first; a minute later it is believed."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    engine.emulator.rotate(engine.guid)
    slots = engine.slots
    for _ in range(2):
        message = engine.assert_refused(wanted, *slots)
        assert engine.outputs("rotation")["rotated_at"] in message
        with pytest.raises(StaleRead):
            engine.up(wanted, skip_preview=True)
        assert engine.last_report.writes == []
        engine.emulator.advance(20)
    engine.emulator.advance(40)
    engine.deploy(wanted)
    assert engine.slots == (slots[::-1] if wanted is RESTORING else slots)


def test_slots_as_before_a_swap_just_made_block_nothing_that_is_not_due(engine: FakeEngine) -> None:
    """With the same declaration, and nothing to restore, they are a drift like any other."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    engine.emulator.rotate(engine.guid)
    assert "warning" in engine.preview(ROTATED).messages


def test_a_rotation_back_right_after_a_swap_is_done(engine: FakeEngine) -> None:
    """Slots as after the swap are the truth: a roll-back has not to wait."""
    engine.deploy(PREPARED)
    engine.up(ROTATED)
    assert engine.up(PREPARED).writes == ["POST rotateCertificate"]
