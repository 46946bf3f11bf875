"""PassiveTrustCertificate through the eyes of an engine: mint, adopt, take up again, refuse, delete only its own."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from btp_trust.errors import Refused, ServiceUnavailable, SlotsChanged, TrustError
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    PROVIDERS,
    CheckFailedError,
    Deployment,
    KilledError,
    Program,
    Twin,
    answered,
    assert_three_parts,
    committed_then,
    lost_before,
    meanwhile,
    program,
    wire,
)

ALONE = program()
BASE = program(None, "a")
PREPARED = program("b", "a")
ROTATED = program("b", "b")
NEXT = program("c", "b")
NEXT_ROTATED = program("c", "c")


@pytest.fixture
def twin(emulator: Emulator) -> Twin:
    """A stack that adopted the active certificate."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    twin.deploy(ALONE)
    return twin


def only(generation: str, **more: Any) -> Program:
    """Write a program with nothing but a PassiveTrustCertificate."""

    def run(deployment: Deployment) -> None:
        deployment.passive(generation=generation, **more)

    return run


def nothing(_: Deployment) -> None:
    """Declare nothing."""


def mint_by_a_colleague(twin: Twin) -> str | None:
    """Let a colleague generate a passive certificate; return its fingerprint."""
    twin.emulator.generate_passive(twin.guid)
    twin.emulator.advance(HOUR)
    return twin.slots[1]


def swap_by_a_colleague(twin: Twin) -> None:
    """Let a colleague swap."""
    twin.emulator.rotate(twin.guid)
    twin.emulator.advance(HOUR)


# --- create and update -------------------------------------------------------------------------------------------


def test_an_empty_slot_is_minted_into_with_one_post(twin: Twin) -> None:
    """The preview says what will be generated; the outputs are the new certificate's; nothing signs with it."""
    signing = twin.slots[0]
    report = twin.up(only("b"))
    assert "generate 'b' in the empty passive slot" in twin.previewed.messages
    assert "replaces" not in twin.previewed.inputs["next"]
    assert report.writes == ["POST certificate/passive"]
    outputs = twin.outputs("next")
    assert twin.slots == (signing, outputs["fingerprint"])
    assert (outputs["role"], outputs["generation"]) == ("passive", "b")
    assert outputs["generations"] == {"b": outputs["fingerprint"]}
    assert outputs["certificate"] == twin.emulator.certificates(twin.guid)[1]
    assert outputs["certificate_body"] in outputs["metadata"]
    twin.assert_settled(only("b"))


def test_a_new_generation_overwrites_its_own_certificate_that_replaces_named(twin: Twin) -> None:
    """Prepared again before it ever signed."""
    twin.deploy(only("b"))
    first = twin.slots[1]
    report = twin.up(only("c"))
    assert twin.previewed.inputs["next"]["replaces"] == first
    assert str(first)[:8] in twin.previewed.inputs["next"]["step"]
    assert report.writes == ["POST certificate/passive"]
    assert twin.outputs("next")["generations"] == {"b": first, "c": twin.slots[1]}
    twin.assert_settled(only("c"))


def test_a_new_generation_overwrites_the_certificate_that_its_own_displaced(twin: Twin) -> None:
    """The next cycle replaces the way back."""
    twin.deploy(PREPARED, ROTATED)
    signing, displaced = twin.slots
    twin.up(NEXT)
    assert twin.previewed.inputs["next"]["replaces"] == displaced
    assert twin.slots[0] == signing
    assert twin.slots[1] not in (signing, displaced)
    twin.assert_settled(NEXT)


def test_a_younger_stranger_is_adopted(twin: Twin) -> None:
    """Nothing is lost, nothing is generated."""
    stranger = mint_by_a_colleague(twin)
    report = twin.up(only("b"))
    assert "nothing is generated" in twin.previewed.messages
    assert report.writes == []
    assert twin.outputs("next")["fingerprint"] == stranger
    twin.assert_settled(only("b"))


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        pytest.param([], only("b"), id="on creation"),
        pytest.param([only("b")], only("c"), id="on an update over its own"),
        pytest.param([PREPARED, ROTATED], NEXT, id="on an update over the displaced one"),
    ],
)
def test_a_run_killed_after_its_mint_resumes_by_adopting(twin: Twin, before: list[Program], wanted: Program) -> None:
    """The state never saw the POST; the next `up` posts nothing more."""
    twin.deploy(*before)
    twin.line.once("POST certificate/passive", committed_then(KilledError()))
    with pytest.raises(KilledError):
        twin.up(wanted)
    minted = twin.slots[1]
    assert twin.up(wanted).writes == []
    assert twin.outputs("next")["fingerprint"] == minted == twin.slots[1]
    twin.assert_settled(wanted)


@pytest.mark.parametrize("way", ["replace", "adopt the passive one", "adopt what signs"])
def test_an_older_stranger_is_refused_with_ways_out_that_work(twin: Twin, way: str) -> None:
    """Somebody's swap left it there: it may be the way back."""
    mint_by_a_colleague(twin)
    swap_by_a_colleague(twin)
    signing, stranger = twin.slots
    message = twin.refuses(only("b"), stranger, signing)
    pasted = {
        "replace": {"replace": stranger},
        "adopt the passive one": {"adopt": stranger},
        "adopt what signs": {"adopt": signing},
    }[way]
    line = "".join(f'{key}="{value}"' for key, value in pasted.items())
    assert line in message
    report = twin.up(only("b", **pasted))
    assert report.writes == (["POST certificate/passive"] if way == "replace" else [])
    assert twin.slots[0] == signing
    twin.assert_settled(only("b", **pasted))


def test_an_older_stranger_is_refused_on_an_update_in_the_preview(twin: Twin) -> None:
    """What only the recorded certificate shows to be wrong is refused in diff."""
    twin.deploy(only("b"))
    mint_by_a_colleague(twin)
    swap_by_a_colleague(twin)
    twin.refuses(only("c"), *twin.slots)


def test_adopt_never_mints(twin: Twin) -> None:
    """A fingerprint that no slot holds is refused, with those that they hold."""
    twin.refuses(only("b", adopt="0" * 64), twin.slots[0])


@pytest.mark.parametrize("slot", [0, 1], ids=["the active one", "the passive one"])
def test_adopt_takes_up_exactly_that_certificate_from_either_slot(twin: Twin, slot: int) -> None:
    """Colons and capitals are accepted, as openssl prints them."""
    mint_by_a_colleague(twin)
    wanted = str(twin.slots[slot])
    printed = ":".join(wanted[at : at + 2] for at in range(0, 64, 2)).upper()
    report = twin.up(only("b", adopt=printed))
    assert report.writes == []
    assert (twin.outputs("next")["fingerprint"], twin.outputs("next")["role"]) == (wanted, ["active", "passive"][slot])
    twin.assert_settled(only("b", adopt=printed))


def test_adopt_for_a_new_generation_accepts_what_a_colleague_did(twin: Twin) -> None:
    """Also on an update, and its own old certificate is not touched."""
    twin.deploy(only("b"))
    stranger = mint_by_a_colleague(twin)
    report = twin.up(only("c", adopt=stranger))
    assert report.writes == []
    assert twin.outputs("next")["generations"]["c"] == stranger
    twin.assert_settled(only("c", adopt=stranger))


@pytest.mark.parametrize("waiver", ["adopt", "replace"])
def test_a_waiver_that_has_done_its_work_can_be_removed(twin: Twin, waiver: str) -> None:
    """Removing the argument is one update that calls nothing; then all is quiet."""
    stranger = mint_by_a_colleague(twin)
    twin.deploy(only("b", **{waiver: stranger}))
    slots = twin.slots
    assert twin.up(only("b")).writes == []
    assert twin.slots == slots
    twin.assert_settled(only("b"))


def test_an_adopt_left_in_the_code_is_refused_for_the_next_generation(twin: Twin) -> None:
    """It would bind the new name to the old certificate."""
    stranger = mint_by_a_colleague(twin)
    twin.deploy(only("b", adopt=stranger))
    twin.refuses(only("c", adopt=stranger), stranger, "adopt=")


def test_a_replace_left_in_the_code_disarms_nothing(twin: Twin) -> None:
    """It names a certificate that is gone; another older stranger is refused all the same."""
    mint_by_a_colleague(twin)
    swap_by_a_colleague(twin)
    waiver = twin.slots[1]
    twin.deploy(only("b", replace=waiver))
    mint_by_a_colleague(twin)
    swap_by_a_colleague(twin)
    mint_by_a_colleague(twin)
    swap_by_a_colleague(twin)
    twin.refuses(only("c", replace=waiver), *twin.slots)


def test_a_mint_overwrites_only_what_replaces_named(twin: Twin) -> None:
    """A rival mints between the plan and the POST: nothing is sent, and the next `up` meets the truth."""
    twin.deploy(only("b"))
    rival = meanwhile(before=lambda: twin.emulator.generate_passive(twin.guid))
    twin.line.once("GET certificate/passive", rival, after=2)
    with pytest.raises(SlotsChanged) as stopped:
        twin.up(only("c"))
    assert_three_parts(str(stopped.value), *twin.slots)
    assert twin.last.writes == []
    stranger = twin.slots[1]
    assert twin.up(only("c")).writes == []
    assert twin.outputs("next")["fingerprint"] == stranger
    twin.assert_settled(only("c"))


def test_a_mint_into_a_slot_that_was_emptied_meanwhile_is_not_done(twin: Twin) -> None:
    """Nor is the plan stretched in the other direction."""
    twin.deploy(only("b"))
    rival = meanwhile(before=lambda: twin.emulator.delete_passive(twin.guid))
    twin.line.once("GET certificate/passive", rival, after=2)
    with pytest.raises(SlotsChanged, match="passive empty"):
        twin.up(only("c"))
    assert twin.last.writes == []
    twin.deploy(only("c"))


def test_an_update_whose_step_changes_with_the_active_slot_overwrites_nothing_unnamed(twin: Twin) -> None:
    """A rival renews what signs: the stranger becomes an older one, and the command stops."""
    mint_by_a_colleague(twin)
    rival = meanwhile(before=lambda: twin.emulator.generate_active(twin.guid))
    twin.line.once("GET certificate", rival, after=2)
    with pytest.raises(Refused) as stopped:
        twin.up(only("b"))
    assert_three_parts(str(stopped.value), *twin.slots)
    assert twin.last.writes == []


def test_a_planned_adoption_is_never_turned_into_a_mint(twin: Twin) -> None:
    """The certificate to take up again vanished from the other slot: no POST."""
    twin.deploy(PREPARED, ROTATED, NEXT)
    twin.line.once("GET certificate", meanwhile(before=lambda: twin.emulator.generate_active(twin.guid)), after=2)
    with pytest.raises(TrustError) as stopped:
        twin.up(program("b", "b"))
    assert_three_parts(str(stopped.value))
    assert twin.last.writes == []


def test_a_mint_that_no_replaces_named_is_not_sent(twin: Twin) -> None:
    """Whatever made the plan forget it: what is overwritten stands in the inputs, or nothing is."""
    twin.deploy(only("b"))
    stored, inputs = twin.state["next"], twin.preview(only("c")).inputs["next"]
    unnamed = {key: value for key, value in inputs.items() if key != "replaces"}
    with pytest.raises(SlotsChanged) as stopped:
        PROVIDERS["passive"]().update(stored.id, wire(stored.outputs), wire(unnamed))
    assert_three_parts(str(stopped.value), *twin.slots)
    assert twin.slots[1] == twin.outputs("next")["fingerprint"]


def test_without_an_active_certificate_nothing_is_prepared(emulator: Emulator) -> None:
    """A passive certificate is the successor of an active one."""
    twin = Twin(emulator, emulator.create_subaccount().guid)
    twin.refuses(only("b"), "generate=True")


# --- names -------------------------------------------------------------------------------------------------------


def test_a_reverted_preparation_takes_the_earlier_certificate_up_again(twin: Twin) -> None:
    """It signs; what was prepared meanwhile stays where it is, and can be taken up again, too."""
    twin.deploy(PREPARED, ROTATED, NEXT)
    signing, prepared = twin.slots
    twin.emulator.clear_journal()
    twin.deploy(ROTATED)
    assert (twin.outputs("next")["fingerprint"], twin.outputs("next")["role"]) == (signing, "active")
    twin.deploy(NEXT)
    assert twin.outputs("next")["fingerprint"] == prepared
    assert twin.slots == (signing, prepared)
    assert not [entry for entry in twin.emulator.journal() if entry.method == "POST" and "saml2" in entry.path]


def test_an_earlier_name_whose_certificate_is_gone_is_refused_with_a_way_out_that_works(twin: Twin) -> None:
    """A name is bound to one fingerprint for ever."""
    twin.deploy(only("b"), only("c"))
    gone = twin.outputs("next")["generations"]["b"]
    message = twin.refuses(only("b"), gone, twin.slots[1])
    assert '"b-2"' in message
    twin.deploy(only("b-2"))


def test_the_declared_name_is_not_rebound_by_adopt(twin: Twin) -> None:
    """Refused in the preview; a new name may take the stranger up."""
    twin.deploy(only("b"))
    mint_by_a_colleague(twin)
    stranger = twin.slots[1]
    message = twin.refuses(only("b", adopt=stranger), stranger)
    assert 'generation="b-2"' in message
    twin.deploy(only("b-2", adopt=stranger))


def test_adopt_of_its_own_certificate_calls_nothing(twin: Twin) -> None:
    """A changed argument is an update, though it calls nothing."""
    twin.deploy(only("b"))
    wanted = only("b", adopt=twin.slots[1])
    assert twin.up(wanted).operations["next"] == "update"
    twin.assert_settled(wanted)


# --- read --------------------------------------------------------------------------------------------------------


def test_a_refresh_finds_the_certificate_in_the_other_slot(twin: Twin) -> None:
    """The role changes, the fingerprint does not."""
    twin.deploy(PREPARED, ROTATED)
    assert twin.refresh().changed["next"] == {"role"}
    assert twin.outputs("next")["role"] == "active"
    twin.assert_settled(ROTATED)


def test_a_certificate_in_no_slot_stays_in_the_state_with_a_warning(twin: Twin) -> None:
    """Nothing is minted until `generation` gets a new name; then it is."""
    twin.deploy(only("b"))
    gone = twin.slots[1]
    twin.emulator.delete_passive(twin.guid)
    assert str(gone) in twin.preview(only("b")).messages
    report = twin.refresh()
    assert report.changed["next"] == {"role"}
    assert twin.outputs("next")["role"] == "gone"
    assert str(gone) in report.messages
    twin.deploy(only("b"))
    assert twin.slots[1] is None
    twin.deploy(only("c"))
    assert twin.slots[1] is not None


# --- delete ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([PREPARED], BASE, id="its own"),
        pytest.param([PREPARED, ROTATED], program(None, "b"), id="the one that it displaced"),
    ],
)
def test_deleting_empties_the_slot_of_what_is_its_own(twin: Twin, before: list[Program], after: Program) -> None:
    """One DELETE, what signs stays."""
    twin.deploy(*before)
    signing, passive = twin.slots
    report = twin.up(after)
    assert report.writes == ["DELETE certificate/passive"]
    assert str(passive)[:8] in report.messages
    assert twin.slots == (signing, None)
    twin.assert_settled(after)


@pytest.mark.parametrize("before", [[PREPARED], [PREPARED, ROTATED], [PREPARED, ROTATED, NEXT]], ids=len)
def test_the_preview_of_a_removal_never_names_what_stays(twin: Twin, before: list[Program]) -> None:
    """It shows stored inputs only, and they are older than a swap of the same `up`: rather none than a wrong one."""
    twin.deploy(*before)
    for _ in range(2):
        shown = twin.preview(ALONE).deletes["next"]
        assert shown.get("passive_slot", {}).get("fingerprint") != twin.slots[0]
        twin.deploy(before[-1])


def test_the_preview_of_a_removal_names_the_displaced_certificate(twin: Twin) -> None:
    """Once an `up` has seen it in the passive slot."""
    twin.deploy(PREPARED, ROTATED, ROTATED)
    assert twin.preview(ALONE).deletes["next"]["passive_slot"]["fingerprint"] == twin.slots[1]


def test_destroying_empties_the_passive_slot_and_leaves_the_active_one(twin: Twin) -> None:
    """No program runs, so nothing was checked that could have taken over."""
    twin.deploy(PREPARED)
    signing = twin.slots[0]
    assert twin.destroy().writes == ["DELETE certificate/passive"]
    assert twin.slots == (signing, None)
    assert twin.state == {}


@pytest.mark.parametrize("swapped", [False, True], ids=["a younger one", "an older one"])
def test_deleting_leaves_a_stranger_and_says_so(twin: Twin, *, swapped: bool) -> None:
    """Delete succeeds all the same."""
    twin.deploy(only("b"))
    mint_by_a_colleague(twin)
    if swapped:
        swap_by_a_colleague(twin)
    slots = twin.slots
    report = twin.up(nothing)
    assert report.writes == []
    assert "stays" in report.messages
    assert str(slots[1])[:8] in report.messages
    assert twin.slots == slots
    assert "next" not in twin.state


def test_deleting_leaves_a_younger_certificate_beside_its_own_signing_one(twin: Twin) -> None:
    """That one was not displaced: somebody prepared it."""
    twin.deploy(PREPARED, ROTATED)
    mint_by_a_colleague(twin)
    slots = twin.slots
    assert twin.up(program(None, "b")).writes == []
    assert twin.slots == slots


def test_an_empty_slot_makes_deleting_a_success(twin: Twin) -> None:
    """Somebody was quicker; no DELETE is sent."""
    twin.deploy(only("b"))
    twin.emulator.delete_passive(twin.guid)
    assert twin.up(nothing).writes == []
    assert "next" not in twin.state


def test_a_404_makes_deleting_a_success(twin: Twin) -> None:
    """Somebody was quicker by a second."""
    twin.deploy(only("b"))
    rival = meanwhile(before=lambda: twin.emulator.delete_passive(twin.guid))
    twin.line.once("DELETE certificate/passive", rival)
    assert twin.up(nothing).writes == ["DELETE certificate/passive"]
    assert "next" not in twin.state


@pytest.mark.parametrize(
    "move",
    [
        pytest.param(lambda twin: twin.up(only("b", name="renamed")), id="a rename"),
        pytest.param(lambda twin: twin.up(only("b"), replace={"next"}), id="a replace"),
    ],
)
def test_a_certificate_that_another_resource_took_over_is_kept(twin: Twin, move: object) -> None:
    """The new resource adopts it, deleting the old one calls nothing."""
    twin.deploy(only("b"))
    slots = twin.slots
    assert callable(move)
    report = move(twin)
    assert report.writes == []
    assert "has taken over" in report.messages
    assert twin.slots == slots
    (resource,) = [stored for stored in twin.state.values() if stored.kind == "passive"]
    assert resource.outputs["fingerprint"] == slots[1]


RENAMED = pytest.param({"name": "renamed"}, {}, id="a rename")
REPLACED = pytest.param({}, {"replace": {"next"}}, id="a replacement")
REPLACED_ALONE = pytest.param({}, {"replace": {"next"}, "targets": {"next"}}, id="a targeted replacement")


@pytest.mark.parametrize(("name", "options"), [RENAMED, REPLACED])
@pytest.mark.parametrize("way", ["keep", "another", "both"])
def test_a_trigger_keeps_a_certificate_to_its_one_name(twin: Twin, name: Any, options: Any, way: str) -> None:
    """It knows the certificate under another name, and refuses in the preview; each way out works."""
    twin.deploy(PREPARED)
    slots = twin.slots
    with pytest.raises(CheckFailedError) as caught:
        twin.up(program("c", "a", passive=name), **options)
    message = caught.value.reason
    assert_three_parts(message, "'c'", "'b'", slots[1])
    assert twin.slots == slots
    assert {stored.inputs.get("generation") for stored in twin.state.values()} >= {"b"}
    assert "'c'" not in str(twin.state)
    adopt, replace = ({argument: slots[1]} for argument in ("adopt", "replace"))
    changed = {"keep": ("b", adopt), "another": ("c", replace), "both": ("c", adopt)}[way]
    assert all(f'{argument}="{slots[1]}"' in message for argument in changed[1])
    wanted = program(changed[0], "a", passive={**name, **changed[1]})
    twin.up(wanted, **options)
    twin.assert_settled(wanted)
    names = twin.state["rotation"].inputs["generations"]
    assert (twin.slots != slots) == (way == "another")
    assert names[changed[0]] == twin.slots[1]


@pytest.mark.parametrize("has_trigger", [True, False])
@pytest.mark.parametrize("way", ["keep", "another", "both"])
@pytest.mark.parametrize(("name", "options"), [RENAMED, REPLACED, REPLACED_ALONE])
def test_what_no_preview_can_know_is_refused_before_the_old_resource_goes(
    twin: Twin, name: Any, options: Any, way: str, *, has_trigger: bool
) -> None:
    """Without a preview, or where nothing but the old resource knows the name; each way out works."""
    twin.deploy(PREPARED if has_trigger else only("b"))
    slots = twin.slots
    signs = "a" if has_trigger else None
    for _ in range(2 if name else 1):  # the twin forgets what is to be deleted after a replacement, Pulumi does not
        with pytest.raises((CheckFailedError, Refused)) as caught:
            twin.up(program("c", signs, passive=name), skip_preview=True, **options)
        message = str(getattr(caught.value, "reason", caught.value))
        assert_three_parts(message, "'c'", "'b'", slots[1])
    adopt = {"adopt": slots[1]}
    changed = {"keep": ("b", adopt), "another": ("c-2", {}), "both": ("c", adopt)}[way]
    assert (f'generation="{changed[0]}"' in message) == (way != "both")
    wanted = program(changed[0], signs, passive={**name, **changed[1]})
    twin.up(wanted)
    twin.assert_settled(wanted)
    assert (twin.slots != slots) == (way == "another")
    assert [stored.kind for stored in twin.state.values()].count("passive") == 1


def test_a_replacement_that_is_checked_twice_keeps_the_name_too(twin: Twin) -> None:
    """Pulumi checks with the old inputs, decides to replace, and checks without them: a new generation is refused."""
    twin.deploy(only("b"))
    slots = twin.slots

    def twice(generation: str, **args: Any) -> Program:
        def run(deployment: Deployment) -> None:
            given = {"generation": generation, "__provider": "passive"}
            deployment.twin.call("passive", "next", "check", wire(twin.state["next"].inputs), given)
            deployment.replace = frozenset({"next"})
            deployment.passive(generation=generation, **args)

        return run

    message = twin.refuses(twice("c"), "'c'", "'b'", slots[1])
    assert f'replace="{slots[1]}"' in message
    twin.up(twice("b"))
    assert twin.slots == slots
    twin.up(twice("b", adopt=slots[1]))
    twin.up(twice("c", replace=slots[1]))
    assert twin.slots[1] not in slots


def test_an_earlier_certificate_of_the_resource_gets_no_second_name(twin: Twin) -> None:
    """It is no stranger that a killed run left behind: refused, and each way out works."""
    twin.deploy(only("b"))
    slots = twin.slots
    twin.deploy(only("x", adopt=slots[0]))
    twin.refuses(only("c"), "'c'", "'b'", f'replace="{slots[1]}"', f'generation="b", adopt="{slots[1]}"')
    state = dict(twin.state)
    twin.deploy(only("b", adopt=slots[1]))
    assert twin.slots == slots
    twin.state = state
    twin.deploy(only("c", replace=slots[1]))
    assert twin.slots[1] not in slots


def test_a_rename_after_the_rotation_is_refused_with_a_way_out_that_works(twin: Twin) -> None:
    """The displaced one is a stranger to the new resource; adopting what signs takes the old one's place."""
    twin.deploy(PREPARED, ROTATED)
    slots = twin.slots
    twin.refuses(program("b", "b", passive={"name": "renamed"}), *slots)
    moved = program("b", "b", passive={"name": "renamed", "adopt": slots[0]})
    assert twin.up(moved).writes == []
    assert twin.slots == slots
    twin.assert_settled(moved)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda twin: twin.config.pop("btp-trust:serviceKey"), id="without credentials"),
        pytest.param(lambda twin: twin.line.always(answered(404, html="gone"), "POST token"), id="dead subaccount"),
        pytest.param(lambda twin: twin.line.always(answered(401), "POST token"), id="expired key"),
        pytest.param(lambda twin: twin.line.always(lost_before(httpx.ConnectError("no"))), id="service down"),
        pytest.param(lambda twin: twin.config.update({"btp-trust:offline": "true"}), id="offline"),
    ],
)
def test_what_cannot_be_deleted_says_how_to_go_on(twin: Twin, broken: object) -> None:
    """It names retain_on_delete, `pulumi state delete` and how to find the URN; the state keeps the resource."""
    twin.deploy(only("b"))
    assert callable(broken)
    broken(twin)
    with pytest.raises(TrustError) as stopped:
        twin.destroy()
    assert_three_parts(str(stopped.value).strip(), "retain_on_delete", "pulumi state delete", "URN")
    assert "next" in twin.state


def test_a_lost_answer_of_a_delete_is_found_in_the_slots(twin: Twin) -> None:
    """One DELETE, and success."""
    twin.deploy(only("b"))
    twin.line.once("DELETE certificate/passive", committed_then(httpx.ReadTimeout("lost")))
    assert twin.up(nothing).writes == ["DELETE certificate/passive"]
    assert "next" not in twin.state


def test_a_foreign_answer_to_a_delete_is_no_lie_about_credentials(twin: Twin) -> None:
    """A fault of the moment is said as such, and the next `up` deletes."""
    twin.deploy(only("b"))
    twin.line.always(answered(429), "DELETE certificate/passive")
    with pytest.raises(ServiceUnavailable, match="429"):
        twin.up(nothing)
    assert twin.last.writes == []
    twin.line.repair()
    assert twin.up(nothing).writes == ["DELETE certificate/passive"]


def test_somebody_elses_act_during_a_delete_is_said_as_it_is(twin: Twin) -> None:
    """Slots that the delete does not explain stop the command."""
    twin.deploy(only("b"))
    twin.line.once("DELETE certificate/passive", lost_before(httpx.ReadError("lost")))
    rival = meanwhile(before=lambda: twin.emulator.rotate(twin.guid))
    twin.line.once("GET certificate", rival, after=1)
    with pytest.raises(SlotsChanged) as stopped:
        twin.up(nothing)
    assert_three_parts(str(stopped.value), *twin.slots)
