"""RotationTrigger through the eyes of an engine: record, compare and swap, drift, refusals whose ways out work."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from btp_trust.errors import ReadsDisagree, SlotsChanged, TrustError
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    YEAR,
    CheckFailedError,
    Deployment,
    KilledError,
    Program,
    Twin,
    answered,
    assert_three_parts,
    committed_then,
    meanwhile,
    program,
)

ALONE = program()
PREPARED = program("b", "a")
ROTATED = program("b", "b")
NEXT = program("c", "b")
NEXT_ROTATED = program("c", "c")
RESTORING = program("b", "b", trigger={"on_drift": "restore"})


@pytest.fixture
def twin(emulator: Emulator) -> Twin:
    """A stack that adopted the active certificate."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    twin.deploy(ALONE)
    return twin


@pytest.fixture
def rotated(twin: Twin) -> Twin:
    """A stack that has rotated once: b signs, a is the way back."""
    twin.deploy(PREPARED, ROTATED)
    return twin


def taught(prepared: str | None, signs: str, **more: Any) -> Program:
    """Write a program whose trigger has further arguments."""
    return program(prepared, signs, trigger=more)


def pasted(line: str) -> dict[str, Any]:
    """Read the arguments of a line that a message says to paste."""
    found = re.search(r'generation="(?P<name>[^"]+)", known_generations=(?P<known>\{[^}]*\})', line)
    assert found is not None, line
    return {"signs": found["name"], "known_generations": json.loads(found["known"])}


# --- create ------------------------------------------------------------------------------------------------------


def test_creating_records_what_signs_under_a_new_name(twin: Twin) -> None:
    """The baseline: nothing is called, the name is bound."""
    report = twin.up(program(None, "a"))
    assert report.writes == []
    outputs = twin.outputs("rotation")
    assert outputs["fingerprint"] == twin.slots[0]
    assert twin.state["rotation"].inputs["generations"] == {"a": twin.slots[0]}
    assert not {"previous_fingerprint", "rotated_at", "step", "swaps", "drift"} & outputs.keys()
    twin.assert_settled(program(None, "a"))


def test_creating_with_the_candidates_name_records_it_where_it_signs(rotated: Twin) -> None:
    """After a lost trigger, for example by a rename."""
    renamed = program("b", "b", trigger={"name": "renamed"})
    assert rotated.up(renamed).writes == []
    assert rotated.state["renamed"].inputs["generations"] == {"b": rotated.slots[0]}
    rotated.assert_settled(renamed)


def test_creating_with_a_passive_candidates_name_is_refused(twin: Twin) -> None:
    """Creating never swaps: two deployments, as the message says, do."""

    def prepared_only(deployment: Deployment) -> None:
        deployment.passive(generation="b")
        deployment.active()

    twin.deploy(prepared_only)
    message = twin.refuses(ROTATED, *twin.slots)
    assert "second deployment" in message
    slots = twin.slots
    twin.deploy(PREPARED, ROTATED)
    assert twin.slots == slots[::-1]


def test_creating_with_the_name_of_a_candidate_that_is_not_minted_yet_is_refused(twin: Twin) -> None:
    """In the preview, where the candidate's outputs are unknown, and in an up that skipped it."""
    twin.refuses(ROTATED, twin.slots[0])
    with pytest.raises(CheckFailedError):
        twin.up(ROTATED, skip_preview=True)
    assert twin.last.writes == ["POST certificate/passive"]
    twin.deploy(PREPARED, ROTATED)


def test_a_subaccount_without_an_active_certificate_is_refused(emulator: Emulator) -> None:
    """Deploy ActiveTrustCertificate alone first."""
    twin = Twin(emulator, emulator.create_subaccount().guid)

    def only_trigger(deployment: Deployment) -> None:
        deployment.trigger(generation="a")

    twin.refuses(only_trigger, "generate=True", twin.guid)


# --- update ------------------------------------------------------------------------------------------------------


def test_preparing_plans_nothing_on_the_trigger(twin: Twin) -> None:
    """A bump on the passive certificate alone."""
    twin.deploy(PREPARED)
    report = twin.up(program("c", "a"))
    assert report.operations == {"next": "update", "rotation": "same", "signing": "same"}
    twin.assert_settled(program("c", "a"))


def test_rotating_is_one_swap_that_the_preview_named(twin: Twin) -> None:
    """Both fingerprints, both expiry dates, the step; the active resource reports it in the same command."""
    twin.deploy(PREPARED)
    before = twin.slots
    report = twin.up(ROTATED)
    plan = twin.previewed.inputs["rotation"]
    assert plan["swaps"] == {"active": before[0], "passive": before[1]}
    assert plan["signing"]["fingerprint"] == before[1]
    assert plan["signing"]["not_after"] > twin.outputs("next")["not_before"]
    assert plan["step"] in twin.previewed.messages
    assert twin.previewed.changed["rotation"] == {"generation", "signing", "step", "swap_number", "swaps"}
    assert report.writes == ["POST rotateCertificate"]
    assert twin.slots == before[::-1]
    outputs = twin.outputs("rotation")
    assert (outputs["fingerprint"], outputs["previous_fingerprint"]) == twin.slots
    assert outputs["rotated_at"].endswith("Z")
    assert twin.outputs("signing")["fingerprint"] == twin.slots[0]
    twin.assert_settled(ROTATED)


def test_a_preview_of_the_three_resources_costs_three_requests_and_the_rotation_six(twin: Twin) -> None:
    """One token, one read of each slot; and for the swap one more reading and the POST."""
    twin.deploy(PREPARED)
    reading = ["POST token", "GET certificate", "GET certificate/passive"]
    assert twin.preview(PREPARED).requests == reading
    assert twin.up(ROTATED).requests == [*reading, *reading[1:], "POST rotateCertificate"]
    assert twin.previewed.requests == reading
    assert twin.refresh().requests == reading


def test_rolling_back_is_the_revert(rotated: Twin) -> None:
    """The earlier generation's certificate is still in the passive slot."""
    before = rotated.slots
    report = rotated.up(PREPARED)
    assert rotated.previewed.inputs["rotation"]["step"].startswith("roll back: ")
    assert report.writes == ["POST rotateCertificate"]
    assert rotated.slots == before[::-1]
    assert rotated.outputs("rotation")["previous_fingerprint"] == before[0]
    rotated.assert_settled(PREPARED)


def test_no_two_steps_look_alike(twin: Twin) -> None:
    """`swap_number` counts them."""
    twin.deploy(PREPARED, ROTATED, PREPARED, ROTATED)
    assert twin.state["rotation"].inputs["swap_number"] == 3
    twin.assert_settled(ROTATED)


def test_a_swap_that_somebody_did_already_is_not_done_again(twin: Twin) -> None:
    """Live active is the desired one: nothing to do, on the plan's side and on the update's."""
    twin.deploy(PREPARED)
    twin.emulator.rotate(twin.guid)
    assert twin.up(ROTATED).writes == []
    twin.assert_settled(ROTATED)


def test_a_swap_that_somebody_does_between_plan_and_write_is_not_undone(twin: Twin) -> None:
    """The read directly before finds the desired one signing."""
    twin.deploy(PREPARED)
    twin.line.once("GET certificate", meanwhile(before=lambda: twin.emulator.rotate(twin.guid)), after=2)
    assert twin.up(ROTATED).writes == []
    assert twin.outputs("rotation")["fingerprint"] == twin.slots[0]
    twin.assert_settled(ROTATED)


@pytest.mark.parametrize("rival", ["generate_active", "generate_passive", "delete_passive"])
def test_any_other_pair_stops_the_swap(twin: Twin, rival: str) -> None:
    """An error that names all fingerprints, planned and found; nothing is sent."""
    twin.deploy(PREPARED)
    before = twin.slots
    act = getattr(twin.emulator, rival)
    twin.line.once("GET certificate", meanwhile(before=lambda: act(twin.guid)), after=2)
    with pytest.raises(SlotsChanged) as stopped:
        twin.up(ROTATED)
    assert_three_parts(str(stopped.value), *before, *[found for found in twin.slots if found])
    assert twin.last.writes == []
    assert twin.state["rotation"].inputs["generation"] == "a"


def test_a_swap_in_the_same_moment_is_an_error_and_nothing_is_recorded(twin: Twin) -> None:
    """The two undid each other; the next `up` meets the truth."""
    twin.deploy(PREPARED)
    before = twin.slots
    twin.line.once("POST rotateCertificate", meanwhile(before=lambda: twin.emulator.rotate(twin.guid)))
    with pytest.raises(SlotsChanged) as stopped:
        twin.up(ROTATED)
    assert_three_parts(str(stopped.value), *before)
    assert twin.state["rotation"].inputs["generation"] == "a"
    assert twin.slots == before
    twin.deploy(ROTATED)
    assert twin.slots == before[::-1]


def test_a_run_killed_after_the_swap_does_not_swap_again(twin: Twin) -> None:
    """The next `up` finds the desired one signing."""
    twin.deploy(PREPARED)
    before = twin.slots
    twin.line.once("POST rotateCertificate", committed_then(KilledError()))
    with pytest.raises(KilledError):
        twin.up(ROTATED)
    assert twin.up(ROTATED).writes == []
    assert twin.slots == before[::-1]
    assert twin.outputs("rotation")["previous_fingerprint"] == before[0]
    twin.assert_settled(ROTATED)


def test_a_new_declaration_does_not_swap_away_from_a_signer_that_nobody_recorded(twin: Twin) -> None:
    """A colleague renewed what signs: take note of it first, then the swap is planned from it."""
    twin.deploy(PREPARED)
    twin.emulator.generate_active(twin.guid)
    twin.refuses(ROTATED, twin.slots[0], twin.outputs("rotation")["fingerprint"])
    assert twin.slots[0] != twin.outputs("rotation")["fingerprint"]
    twin.refresh()
    twin.deploy(ROTATED)
    assert twin.outputs("rotation")["fingerprint"] == twin.outputs("next")["fingerprint"]


def test_a_changed_argument_never_rotates_by_itself(rotated: Twin) -> None:
    """An update that calls nothing."""
    slots = rotated.slots
    wanted = taught("b", "b", on_drift="restore", known_generations={"x": slots[1]})
    report = rotated.up(wanted)
    assert (report.operations["rotation"], report.writes) == ("update", [])
    rotated.assert_settled(wanted)


# --- drift -------------------------------------------------------------------------------------------------------


def test_a_drift_is_reported_and_nothing_is_swapped(rotated: Twin) -> None:
    """Who should sign, who does, both ways out; the outputs follow; said in every command; quiet afterwards."""
    rotated.emulator.rotate(rotated.guid)
    slots = rotated.slots
    report = rotated.up(ROTATED)
    assert report.writes == []
    assert "drift" in rotated.previewed.changed["rotation"]
    for said in (rotated.previewed.messages, report.messages, rotated.preview(ROTATED).messages):
        assert all(str(found)[:8] in said for found in slots)
        assert 'generation="a"' in said
        assert 'on_drift="restore"' in said
    outputs = rotated.outputs("rotation")
    assert (outputs["fingerprint"], outputs["generation"]) == (slots[0], "b")
    assert rotated.outputs("signing")["fingerprint"] == slots[0]
    rotated.assert_settled(ROTATED)


@pytest.mark.parametrize("noticed", [False, True], ids=["at once", "after it was reported"])
def test_a_drift_is_accepted_by_declaring_the_other_generation(rotated: Twin, *, noticed: bool) -> None:
    """The first way out."""
    rotated.emulator.rotate(rotated.guid)
    slots = rotated.slots
    if noticed:
        rotated.deploy(ROTATED)
    rotated.deploy(PREPARED)
    assert rotated.slots == slots


@pytest.mark.parametrize("noticed", [False, True], ids=["at once", "after it was reported"])
def test_a_drift_is_undone_by_restore(rotated: Twin, *, noticed: bool) -> None:
    """The second way out: the next plain preview shows the step back."""
    before = rotated.slots
    rotated.emulator.rotate(rotated.guid)
    if noticed:
        rotated.deploy(ROTATED)
    report = rotated.up(RESTORING)
    plan = rotated.previewed.inputs["rotation"]
    assert plan["step"].startswith("put back: ")
    assert plan["swaps"] == {"active": before[1], "passive": before[0]}
    assert report.writes == ["POST rotateCertificate"]
    assert rotated.slots == before
    rotated.assert_settled(RESTORING)


def test_a_drift_that_somebody_undid_is_forgotten(rotated: Twin) -> None:
    """One update that calls nothing, then quiet."""
    rotated.emulator.rotate(rotated.guid)
    rotated.deploy(ROTATED)
    rotated.emulator.rotate(rotated.guid)
    assert rotated.up(ROTATED).writes == []
    assert "drift" not in rotated.state["rotation"].inputs
    rotated.assert_settled(ROTATED)


def test_a_drift_to_a_stranger_is_accepted_by_the_line_to_paste(rotated: Twin) -> None:
    """The certificate has no name yet: the message teaches one."""
    rotated.emulator.generate_passive(rotated.guid)
    rotated.emulator.rotate(rotated.guid)
    slots = rotated.slots
    line = pasted(rotated.preview(ROTATED).messages)
    assert list(line["known_generations"].values()) == [slots[0]]
    accepted = taught("b", **line)
    rotated.deploy(accepted)
    assert rotated.slots == slots


def test_a_refresh_follows_what_signs(rotated: Twin) -> None:
    """Read reports the signer, whoever made it sign."""
    rotated.emulator.rotate(rotated.guid)
    rotated.refresh()
    assert rotated.outputs("rotation")["fingerprint"] == rotated.slots[0]
    rotated.deploy(ROTATED)


def test_what_signed_before_is_never_what_signs(rotated: Twin) -> None:
    """`previous_fingerprint` follows a change that a refresh saw, as it follows one that `up` saw."""
    rotated.emulator.rotate(rotated.guid)
    rotated.refresh()
    rotated.deploy(ROTATED)
    outputs = rotated.outputs("rotation")
    assert outputs["previous_fingerprint"] != outputs["fingerprint"]


def test_a_refresh_of_a_subaccount_without_a_signer_says_gone(rotated: Twin) -> None:
    """The resource stays."""
    rotated.line.always(answered(404, json={"ErrorMessage": "gone"}), "GET certificate")
    rotated.refresh()
    assert rotated.outputs("rotation")["role"] == "gone"


def test_a_signer_that_vanishes_inside_the_command_is_an_error(rotated: Twin) -> None:
    """Nothing is recorded of an empty slot."""
    rotated.emulator.rotate(rotated.guid)
    gone = answered(404, json={"ErrorMessage": "gone"})

    def vanishing(deployment: Deployment) -> None:
        rotated.emulator.advance(1)
        deployment.passive(generation="c", adopt=rotated.slots[0])
        deployment.trigger(generation="b")

    rotated.line.once("GET certificate", gone, after=2)
    with pytest.raises(TrustError) as stopped:
        rotated.up(vanishing)
    assert_three_parts(str(stopped.value))


# --- refusals ----------------------------------------------------------------------------------------------------


def test_both_names_at_once_are_refused(twin: Twin) -> None:
    """To prepare and to rotate are two deployments; the message says how to split them, and that works."""
    twin.deploy(PREPARED, ROTATED)
    slots = twin.slots
    message = twin.refuses(NEXT_ROTATED, *slots)
    assert 'generation="b"' in message
    assert twin.slots == slots
    twin.deploy(NEXT, NEXT_ROTATED)


def test_both_names_at_once_without_a_preview_mint_and_do_not_swap(rotated: Twin) -> None:
    """The second deployment of the same program is refused, too: nobody was shown the swap's certificate."""
    signing = rotated.slots[0]
    with pytest.raises(CheckFailedError) as refused:
        rotated.up(NEXT_ROTATED, skip_preview=True)
    assert_three_parts(refused.value.reason, *rotated.slots)
    assert rotated.last.writes == ["POST certificate/passive"]
    rotated.refuses(NEXT_ROTATED, rotated.slots[1], "known_generations")
    assert rotated.slots[0] == signing
    rotated.deploy(NEXT, NEXT_ROTATED)


def test_whatever_the_swap_it_is_refused_beside_a_mint(rotated: Twin) -> None:
    """The way back and a taught name: the mint would overwrite what is to be swapped in."""
    slots = rotated.slots
    rotated.refuses(program("c", "a"), *slots)
    rotated.refuses(taught("c", "x", known_generations={"x": slots[1]}), *slots)


def test_putting_back_beside_a_mint_is_refused_with_a_way_out_that_works(rotated: Twin) -> None:
    """Also the step that nobody asked for in this command; first one, then the other."""
    rotated.emulator.rotate(rotated.guid)
    rotated.deploy(ROTATED)
    slots, both = rotated.slots, program("c", "b", trigger={"on_drift": "restore"})
    message = rotated.refuses(both, *slots, "'c'")
    assert "take the change of PassiveTrustCertificate back, deploy, then make it again" in message
    rotated.deploy(RESTORING)
    assert rotated.slots == slots[::-1]
    rotated.deploy(both)
    assert rotated.slots[0] == slots[1]


def test_an_expired_certificate_is_not_made_to_sign(twin: Twin) -> None:
    """The message names the moment; a new preparation is the way out."""
    twin.deploy(PREPARED)
    twin.emulator.advance(2 * YEAR + HOUR * 48)
    message = twin.refuses(ROTATED, twin.slots[1])
    assert "expired" in message
    twin.deploy(program("c", "a"), program("c", "c"))
    twin.emulator.advance(-2 * YEAR)


def test_a_certificate_that_is_not_valid_yet_is_not_made_to_sign(twin: Twin) -> None:
    """The clock of the service decides; waiting is the way out."""
    twin.deploy(PREPARED)
    twin.emulator.advance(-24 * HOUR)
    assert "not valid before" in twin.refuses(ROTATED, twin.slots[1])
    twin.emulator.advance(24 * HOUR)
    twin.deploy(ROTATED)


def test_an_unknown_generation_lists_the_known_ones(rotated: Twin) -> None:
    """With their fingerprints, and three ways on."""
    message = rotated.refuses(program("b", "z"), *rotated.slots, "known_generations")
    assert all(f"  {name}: " in message for name in "ab")


def test_a_known_name_is_not_rebound(rotated: Twin) -> None:
    """The certificate gets another name instead."""
    slots = rotated.slots
    message = rotated.refuses(taught("b", "b", known_generations={"a": slots[0]}), *slots)
    assert f'known_generations={{"a-2": "{slots[0]}"}}' in message
    rotated.deploy(taught("b", "b", known_generations={"a-2": slots[0]}))


def test_a_candidate_does_not_rebind_a_known_name(rotated: Twin) -> None:
    """Its certificate is taken up by another name, as the message says; nothing is minted."""
    rotated.deploy(taught(None, "b", known_generations={"c": rotated.slots[0]}))
    rotated.emulator.generate_passive(rotated.guid)
    slots = rotated.slots
    without = program("c", "b", trigger={"candidate": None})
    rotated.deploy(without)
    message = rotated.refuses(program("c", "b"), *slots)
    assert f'generation="c-2", adopt="{slots[1]}"' in message
    rotated.deploy(program("c-2", "b", passive={"adopt": slots[1]}))
    assert rotated.slots == slots


def test_a_name_that_another_certificate_has_is_refused_before_anything_is_minted_under_it(twin: Twin) -> None:
    """The revert of a retirement would mint a new certificate under an old name: the preview says so."""
    twin.deploy(PREPARED, ROTATED, program(None, "b"))
    twin.refuses(ROTATED, twin.slots[0])


def test_a_lost_passive_resource_is_not_minted_anew_under_its_old_name(twin: Twin) -> None:
    """With `replace=`, a way out that the refusal offers, the name of another certificate would be used again."""
    twin.deploy(PREPARED, ROTATED)
    del twin.state["next"]
    twin.refuses(program("b", "b", passive={"replace": twin.slots[1]}), f'adopt="{twin.slots[0]}"')


def test_what_is_in_no_slot_is_not_offered_for_adoption(twin: Twin) -> None:
    """Only a new name is left for a name whose certificate is gone."""
    twin.deploy(PREPARED, program(None, "a"))
    message = twin.refuses(PREPARED, 'generation="b-2"')
    assert "adopt=" not in message
    twin.deploy(program("b-2", "a"))


def test_names_are_never_forgotten(rotated: Twin) -> None:
    """A taught name stays known when it is no longer taught."""
    back = rotated.slots[1]
    rotated.deploy(taught("b", "b", known_generations={"x": back}), ROTATED)
    assert rotated.state["rotation"].inputs["generations"]["x"] == back
    rotated.deploy(program("b", "x"))
    assert rotated.slots[0] == back


def test_no_output_shares_its_name_with_an_input_of_another_value(rotated: Twin) -> None:
    """After each successful `up`, what inputs and outputs both say is the same."""
    rotated.deploy(NEXT)
    for stored in rotated.state.values():
        shared = stored.inputs.keys() & stored.outputs.keys()
        assert {key: stored.inputs[key] for key in shared} == {key: stored.outputs[key] for key in shared}


def test_a_taught_name_may_be_declared_at_once(rotated: Twin) -> None:
    """Its fingerprint stands in the program: it was reviewed."""
    back = rotated.slots[1]
    rotated.deploy(taught("b", "way back", known_generations={"way back": back}))
    assert rotated.slots[0] == back


def test_a_candidate_of_another_subaccount_is_refused(rotated: Twin, emulator: Emulator) -> None:
    """A certificate signs for its own subaccount only."""
    other = emulator.create_subaccount(generate=True).guid
    rotated.config["btp-trust:connections"] = json.dumps({"other": emulator.service_key(other)})

    def mixed(deployment: Deployment) -> None:
        foreign = deployment.passive("foreign", generation="b", connection="other")
        deployment.trigger(generation="b", candidate=foreign)

    rotated.refuses(mixed, other, rotated.guid)
    emulator.advance(HOUR)

    def foreign_only(deployment: Deployment) -> None:
        rotated_program(deployment)
        deployment.passive("foreign", generation="b", connection="other")

    rotated_program = ROTATED
    rotated.up(foreign_only)
    rotated.refuses(mixed, other, rotated.guid)


# --- the generation's certificate is in no slot ------------------------------------------------------------------


def gone(twin: Twin) -> tuple[str | None, str | None]:
    """Let a colleague renew what signs, so that the declared certificate is in no slot."""
    twin.emulator.generate_active(twin.guid)
    twin.emulator.advance(HOUR)
    return twin.slots


def test_a_certificate_in_no_slot_warns_in_every_command_with_a_line_that_works(rotated: Twin) -> None:
    """No step, no failure; the outputs follow; the line to paste ends the warning."""
    signing = gone(rotated)[0]
    assert rotated.up(ROTATED).writes == []
    assert rotated.outputs("rotation")["fingerprint"] == signing
    rotated.assert_settled(ROTATED)
    line = pasted(rotated.preview(ROTATED).messages)
    accepted = taught("b", **line)
    rotated.deploy(accepted)
    assert "warning" not in rotated.preview(accepted).messages.replace("warning: The certificate of generation", "")
    assert rotated.slots[0] == signing


def test_a_restoring_trigger_warns_all_the_same(rotated: Twin) -> None:
    """No swap can bring it back."""
    gone(rotated)
    assert rotated.up(RESTORING).writes == []
    rotated.assert_settled(RESTORING)


def test_declaring_a_certificate_in_no_slot_is_refused(rotated: Twin) -> None:
    """A changed generation has to be done, and cannot."""
    rotated.emulator.delete_passive(rotated.guid)
    line = pasted(rotated.refuses(PREPARED, rotated.slots[0], rotated.outputs("rotation")["previous_fingerprint"]))
    rotated.deploy(taught("b", **line))


# --- delete and offline ------------------------------------------------------------------------------------------


def test_deleting_calls_nothing(rotated: Twin) -> None:
    """What signs stays, the slots stay."""
    slots = rotated.slots

    def without(deployment: Deployment) -> None:
        deployment.passive(generation="b")
        deployment.active()

    assert rotated.up(without).writes == []
    assert rotated.slots == slots
    rotated.assert_settled(without)


def test_removing_the_candidate_changes_nothing_but_says_what_a_removal_would_take(rotated: Twin) -> None:
    """Its names stay known."""

    def without_candidate(deployment: Deployment) -> None:
        deployment.passive(generation="b")
        deployment.active(rotation=deployment.trigger(generation="b"))

    report = rotated.up(without_candidate)
    assert report.writes == []
    assert str(rotated.slots[1])[:8] in report.messages
    rotated.assert_settled(without_candidate)


def test_taking_the_candidate_away_from_an_empty_slot_needs_no_word(rotated: Twin) -> None:
    """Nothing can be deleted any more."""
    rotated.emulator.delete_passive(rotated.guid)
    rotated.deploy(program(None, "b"))
    assert rotated.slots[1] is None


def test_a_mint_beside_a_swap_is_refused_when_the_trigger_comes_first(rotated: Twin) -> None:
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
    assert "candidate=" in rotated.refuses(unordered, rotated.slots[1])


def test_a_strict_run_fails_where_others_warn_of_drift(rotated: Twin) -> None:
    """A nightly job notices what a colleague did, with both ways out."""
    rotated.emulator.rotate(rotated.guid)
    rotated.config["btp-trust:strict"] = "true"
    rotated.refuses(ROTATED, rotated.slots[0], 'on_drift="restore"')


# --- a reading that is stale -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(RESTORING, id="a swap that is due again"),
        pytest.param(program("b", "a"), id="another generation that is declared"),
    ],
)
def test_slots_as_before_a_swap_just_made_are_not_believed_at_once(twin: Twin, wanted: Program) -> None:
    """The reading may be stale, and a second swap would undo the first; a minute later it is believed."""
    twin.deploy(PREPARED)
    twin.up(ROTATED)
    twin.emulator.rotate(twin.guid)
    slots = twin.slots
    for _ in range(2):
        message = twin.refuses(wanted, *slots)
        assert twin.outputs("rotation")["rotated_at"] in message
        with pytest.raises(ReadsDisagree):
            twin.up(wanted, skip_preview=True)
        assert twin.last.writes == []
        twin.emulator.advance(20)
    twin.emulator.advance(40)
    twin.deploy(wanted)
    assert twin.slots == (slots[::-1] if wanted is RESTORING else slots)


def test_slots_as_before_a_swap_just_made_block_nothing_that_is_not_due(twin: Twin) -> None:
    """With the same declaration, and nothing to restore, they are a drift like any other."""
    twin.deploy(PREPARED)
    twin.up(ROTATED)
    twin.emulator.rotate(twin.guid)
    assert "warning" in twin.preview(ROTATED).messages


def test_a_rotation_back_right_after_a_swap_is_done(twin: Twin) -> None:
    """Slots as after the swap are the truth: a roll-back has not to wait."""
    twin.deploy(PREPARED)
    twin.up(ROTATED)
    assert twin.up(PREPARED).writes == ["POST rotateCertificate"]
