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
    FakeEngine,
    ProcessKilledError,
    Program,
    answer_with,
    assert_three_part_message,
    commit_then_raise,
    interleave,
    program,
    raise_before_sending,
    round_trip,
)

ALONE = program()
BASE = program(None, "a")
PREPARED = program("b", "a")
ROTATED = program("b", "b")
NEXT = program("c", "b")
NEXT_ROTATED = program("c", "c")


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack that adopted the active certificate."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    engine.deploy(ALONE)
    return engine


def only(generation: str, **more: Any) -> Program:
    """Write a program with nothing but a PassiveTrustCertificate."""

    def run(deployment: Deployment) -> None:
        deployment.passive(generation=generation, **more)

    return run


def nothing(_: Deployment) -> None:
    """Declare nothing."""


def mint_by_a_colleague(engine: FakeEngine) -> str | None:
    """Let a colleague generate a passive certificate; return its fingerprint."""
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.advance(HOUR)
    return engine.slots[1]


def swap_by_a_colleague(engine: FakeEngine) -> None:
    """Let a colleague swap."""
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(HOUR)


# --- create and update -------------------------------------------------------------------------------------------


def test_an_empty_slot_is_minted_into_with_one_post(engine: FakeEngine) -> None:
    """The preview says what will be generated; the outputs are the new certificate's; nothing signs with it."""
    signing = engine.slots[0]
    report = engine.up(only("b"))
    assert "generate 'b' in the empty passive slot" in engine.last_preview.messages
    assert "replaces" not in engine.last_preview.inputs["next"]
    assert report.writes == ["POST certificate/passive"]
    outputs = engine.outputs("next")
    assert engine.slots == (signing, outputs["fingerprint"])
    assert (outputs["role"], outputs["generation"]) == ("passive", "b")
    assert outputs["generations"] == {"b": outputs["fingerprint"]}
    assert outputs["certificate"] == engine.emulator.certificates(engine.guid)[1]
    assert outputs["certificate_body"] in outputs["metadata"]
    engine.assert_stable(only("b"))


def test_a_new_generation_overwrites_its_own_certificate_that_replaces_named(engine: FakeEngine) -> None:
    """Prepared again before it ever signed."""
    engine.deploy(only("b"))
    first = engine.slots[1]
    report = engine.up(only("c"))
    assert engine.last_preview.inputs["next"]["replaces"] == first
    assert str(first)[:8] in engine.last_preview.inputs["next"]["step"]
    assert report.writes == ["POST certificate/passive"]
    assert engine.outputs("next")["generations"] == {"b": first, "c": engine.slots[1]}
    engine.assert_stable(only("c"))


def test_a_new_generation_overwrites_the_certificate_that_its_own_displaced(engine: FakeEngine) -> None:
    """The next cycle replaces the way back."""
    engine.deploy(PREPARED, ROTATED)
    signing, displaced = engine.slots
    engine.up(NEXT)
    assert engine.last_preview.inputs["next"]["replaces"] == displaced
    assert engine.slots[0] == signing
    assert engine.slots[1] not in (signing, displaced)
    engine.assert_stable(NEXT)


def test_a_younger_stranger_is_adopted(engine: FakeEngine) -> None:
    """Nothing is lost, nothing is generated."""
    stranger = mint_by_a_colleague(engine)
    report = engine.up(only("b"))
    assert "nothing is generated" in engine.last_preview.messages
    assert report.writes == []
    assert engine.outputs("next")["fingerprint"] == stranger
    engine.assert_stable(only("b"))


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        pytest.param([], only("b"), id="on creation"),
        pytest.param([only("b")], only("c"), id="on an update over its own"),
        pytest.param([PREPARED, ROTATED], NEXT, id="on an update over the displaced one"),
    ],
)
def test_a_run_killed_after_its_mint_resumes_by_adopting(
    engine: FakeEngine, before: list[Program], wanted: Program
) -> None:
    """The state never saw the POST; the next `up` posts nothing more."""
    engine.deploy(*before)
    engine.transport.inject_once("POST certificate/passive", commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(wanted)
    minted = engine.slots[1]
    assert engine.up(wanted).writes == []
    assert engine.outputs("next")["fingerprint"] == minted == engine.slots[1]
    engine.assert_stable(wanted)


@pytest.mark.parametrize("way", ["replace", "adopt the passive one", "adopt what signs"])
def test_an_older_stranger_is_refused_with_ways_out_that_work(engine: FakeEngine, way: str) -> None:
    """Somebody's swap left it there: it may be the way back."""
    mint_by_a_colleague(engine)
    swap_by_a_colleague(engine)
    signing, stranger = engine.slots
    message = engine.assert_refused(only("b"), stranger, signing)
    pasted = {
        "replace": {"replace": stranger},
        "adopt the passive one": {"adopt": stranger},
        "adopt what signs": {"adopt": signing},
    }[way]
    line = "".join(f'{key}="{value}"' for key, value in pasted.items())
    assert line in message
    report = engine.up(only("b", **pasted))
    assert report.writes == (["POST certificate/passive"] if way == "replace" else [])
    assert engine.slots[0] == signing
    engine.assert_stable(only("b", **pasted))


def test_an_older_stranger_is_refused_on_an_update_in_the_preview(engine: FakeEngine) -> None:
    """What only the recorded certificate shows to be wrong is refused in diff."""
    engine.deploy(only("b"))
    mint_by_a_colleague(engine)
    swap_by_a_colleague(engine)
    engine.assert_refused(only("c"), *engine.slots)


def test_adopt_never_mints(engine: FakeEngine) -> None:
    """A fingerprint that no slot holds is refused, with those that they hold."""
    engine.assert_refused(only("b", adopt="0" * 64), engine.slots[0])


@pytest.mark.parametrize("slot", [0, 1], ids=["the active one", "the passive one"])
def test_adopt_takes_up_exactly_that_certificate_from_either_slot(engine: FakeEngine, slot: int) -> None:
    """Colons and capitals are accepted, as openssl prints them."""
    mint_by_a_colleague(engine)
    wanted = str(engine.slots[slot])
    printed = ":".join(wanted[at : at + 2] for at in range(0, 64, 2)).upper()
    report = engine.up(only("b", adopt=printed))
    assert report.writes == []
    assert (engine.outputs("next")["fingerprint"], engine.outputs("next")["role"]) == (
        wanted,
        ["active", "passive"][slot],
    )
    engine.assert_stable(only("b", adopt=printed))


def test_adopt_for_a_new_generation_accepts_what_a_colleague_did(engine: FakeEngine) -> None:
    """Also on an update, and its own old certificate is not touched."""
    engine.deploy(only("b"))
    stranger = mint_by_a_colleague(engine)
    report = engine.up(only("c", adopt=stranger))
    assert report.writes == []
    assert engine.outputs("next")["generations"]["c"] == stranger
    engine.assert_stable(only("c", adopt=stranger))


@pytest.mark.parametrize("waiver", ["adopt", "replace"])
def test_a_waiver_that_has_done_its_work_can_be_removed(engine: FakeEngine, waiver: str) -> None:
    """Removing the argument is one update that calls nothing; then all is quiet."""
    stranger = mint_by_a_colleague(engine)
    engine.deploy(only("b", **{waiver: stranger}))
    slots = engine.slots
    assert engine.up(only("b")).writes == []
    assert engine.slots == slots
    engine.assert_stable(only("b"))


def test_an_adopt_left_in_the_code_is_refused_for_the_next_generation(engine: FakeEngine) -> None:
    """It would bind the new name to the old certificate."""
    stranger = mint_by_a_colleague(engine)
    engine.deploy(only("b", adopt=stranger))
    engine.assert_refused(only("c", adopt=stranger), stranger, "adopt=")


def test_a_replace_left_in_the_code_disarms_nothing(engine: FakeEngine) -> None:
    """It names a certificate that is gone; another older stranger is refused all the same."""
    mint_by_a_colleague(engine)
    swap_by_a_colleague(engine)
    waiver = engine.slots[1]
    engine.deploy(only("b", replace=waiver))
    mint_by_a_colleague(engine)
    swap_by_a_colleague(engine)
    mint_by_a_colleague(engine)
    swap_by_a_colleague(engine)
    engine.assert_refused(only("c", replace=waiver), *engine.slots)


def test_a_mint_overwrites_only_what_replaces_named(engine: FakeEngine) -> None:
    """A rival mints between the plan and the POST: nothing is sent, and the next `up` meets the truth."""
    engine.deploy(only("b"))
    rival = interleave(before=lambda: engine.emulator.generate_passive(engine.guid))
    engine.transport.inject_once("GET certificate/passive", rival, after=2)
    with pytest.raises(SlotsChanged) as stopped:
        engine.up(only("c"))
    assert_three_part_message(str(stopped.value), *engine.slots)
    assert engine.last_report.writes == []
    stranger = engine.slots[1]
    assert engine.up(only("c")).writes == []
    assert engine.outputs("next")["fingerprint"] == stranger
    engine.assert_stable(only("c"))


def test_a_mint_into_a_slot_that_was_emptied_meanwhile_is_not_done(engine: FakeEngine) -> None:
    """Nor is the plan stretched in the other direction."""
    engine.deploy(only("b"))
    rival = interleave(before=lambda: engine.emulator.delete_passive(engine.guid))
    engine.transport.inject_once("GET certificate/passive", rival, after=2)
    with pytest.raises(SlotsChanged, match="passive empty"):
        engine.up(only("c"))
    assert engine.last_report.writes == []
    engine.deploy(only("c"))


def test_an_update_whose_step_changes_with_the_active_slot_overwrites_nothing_unnamed(engine: FakeEngine) -> None:
    """A rival renews what signs: the stranger becomes an older one, and the command stops."""
    mint_by_a_colleague(engine)
    rival = interleave(before=lambda: engine.emulator.generate_active(engine.guid))
    engine.transport.inject_once("GET certificate", rival, after=2)
    with pytest.raises(Refused) as stopped:
        engine.up(only("b"))
    assert_three_part_message(str(stopped.value), *engine.slots)
    assert engine.last_report.writes == []


def test_a_planned_adoption_is_never_turned_into_a_mint(engine: FakeEngine) -> None:
    """The certificate to take up again vanished from the other slot: no POST."""
    engine.deploy(PREPARED, ROTATED, NEXT)
    engine.transport.inject_once(
        "GET certificate", interleave(before=lambda: engine.emulator.generate_active(engine.guid)), after=2
    )
    with pytest.raises(TrustError) as stopped:
        engine.up(program("b", "b"))
    assert_three_part_message(str(stopped.value))
    assert engine.last_report.writes == []


def test_a_mint_that_no_replaces_named_is_not_sent(engine: FakeEngine) -> None:
    """Whatever made the plan forget it: what is overwritten stands in the inputs, or nothing is."""
    engine.deploy(only("b"))
    stored, inputs = engine.state["next"], engine.preview(only("c")).inputs["next"]
    unnamed = {key: value for key, value in inputs.items() if key != "replaces"}
    with pytest.raises(SlotsChanged) as stopped:
        PROVIDERS["passive"]().update(stored.id, round_trip(stored.outputs), round_trip(unnamed))
    assert_three_part_message(str(stopped.value), *engine.slots)
    assert engine.slots[1] == engine.outputs("next")["fingerprint"]


def test_without_an_active_certificate_nothing_is_prepared(emulator: Emulator) -> None:
    """A passive certificate is the successor of an active one."""
    engine = FakeEngine(emulator, emulator.create_subaccount().guid)
    engine.assert_refused(only("b"), "generate=True")


# --- names -------------------------------------------------------------------------------------------------------


def test_a_reverted_preparation_takes_the_earlier_certificate_up_again(engine: FakeEngine) -> None:
    """It signs; what was prepared meanwhile stays where it is, and can be taken up again, too."""
    engine.deploy(PREPARED, ROTATED, NEXT)
    signing, prepared = engine.slots
    engine.emulator.clear_journal()
    engine.deploy(ROTATED)
    assert (engine.outputs("next")["fingerprint"], engine.outputs("next")["role"]) == (signing, "active")
    engine.deploy(NEXT)
    assert engine.outputs("next")["fingerprint"] == prepared
    assert engine.slots == (signing, prepared)
    assert not [entry for entry in engine.emulator.journal() if entry.method == "POST" and "saml2" in entry.path]


def test_an_earlier_name_whose_certificate_is_gone_is_refused_with_a_way_out_that_works(engine: FakeEngine) -> None:
    """A name is bound to one fingerprint for ever."""
    engine.deploy(only("b"), only("c"))
    gone = engine.outputs("next")["generations"]["b"]
    message = engine.assert_refused(only("b"), gone, engine.slots[1])
    assert '"b-2"' in message
    engine.deploy(only("b-2"))


def test_the_declared_name_is_not_rebound_by_adopt(engine: FakeEngine) -> None:
    """Refused in the preview; a new name may take the stranger up."""
    engine.deploy(only("b"))
    mint_by_a_colleague(engine)
    stranger = engine.slots[1]
    message = engine.assert_refused(only("b", adopt=stranger), stranger)
    assert 'generation="b-2"' in message
    engine.deploy(only("b-2", adopt=stranger))


def test_adopt_of_its_own_certificate_calls_nothing(engine: FakeEngine) -> None:
    """A changed argument is an update, though it calls nothing."""
    engine.deploy(only("b"))
    wanted = only("b", adopt=engine.slots[1])
    assert engine.up(wanted).operations["next"] == "update"
    engine.assert_stable(wanted)


# --- read --------------------------------------------------------------------------------------------------------


def test_a_refresh_finds_the_certificate_in_the_other_slot(engine: FakeEngine) -> None:
    """The role changes, the fingerprint does not."""
    engine.deploy(PREPARED, ROTATED)
    assert engine.refresh().changed["next"] == {"role"}
    assert engine.outputs("next")["role"] == "active"
    engine.assert_stable(ROTATED)


def test_a_certificate_in_no_slot_stays_in_the_state_with_a_warning(engine: FakeEngine) -> None:
    """Nothing is minted until `generation` gets a new name; then it is."""
    engine.deploy(only("b"))
    gone = engine.slots[1]
    engine.emulator.delete_passive(engine.guid)
    assert str(gone) in engine.preview(only("b")).messages
    report = engine.refresh()
    assert report.changed["next"] == {"role"}
    assert engine.outputs("next")["role"] == "gone"
    assert str(gone) in report.messages
    engine.deploy(only("b"))
    assert engine.slots[1] is None
    engine.deploy(only("c"))
    assert engine.slots[1] is not None


# --- delete ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([PREPARED], BASE, id="its own"),
        pytest.param([PREPARED, ROTATED], program(None, "b"), id="the one that it displaced"),
    ],
)
def test_deleting_empties_the_slot_of_what_is_its_own(
    engine: FakeEngine, before: list[Program], after: Program
) -> None:
    """One DELETE, what signs stays."""
    engine.deploy(*before)
    signing, passive = engine.slots
    report = engine.up(after)
    assert report.writes == ["DELETE certificate/passive"]
    assert str(passive)[:8] in report.messages
    assert engine.slots == (signing, None)
    engine.assert_stable(after)


@pytest.mark.parametrize("before", [[PREPARED], [PREPARED, ROTATED], [PREPARED, ROTATED, NEXT]], ids=len)
def test_the_preview_of_a_removal_never_names_what_stays(engine: FakeEngine, before: list[Program]) -> None:
    """It shows stored inputs only, and they are older than a swap of the same `up`: rather none than a wrong one."""
    engine.deploy(*before)
    for _ in range(2):
        shown = engine.preview(ALONE).deletes["next"]
        assert shown.get("passive_slot", {}).get("fingerprint") != engine.slots[0]
        engine.deploy(before[-1])


def test_the_preview_of_a_removal_names_the_displaced_certificate(engine: FakeEngine) -> None:
    """Once an `up` has seen it in the passive slot."""
    engine.deploy(PREPARED, ROTATED, ROTATED)
    assert engine.preview(ALONE).deletes["next"]["passive_slot"]["fingerprint"] == engine.slots[1]


def test_destroying_empties_the_passive_slot_and_leaves_the_active_one(engine: FakeEngine) -> None:
    """No program runs, so nothing was checked that could have taken over."""
    engine.deploy(PREPARED)
    signing = engine.slots[0]
    assert engine.destroy().writes == ["DELETE certificate/passive"]
    assert engine.slots == (signing, None)
    assert engine.state == {}


@pytest.mark.parametrize("swapped", [False, True], ids=["a younger one", "an older one"])
def test_deleting_leaves_a_stranger_and_says_so(engine: FakeEngine, *, swapped: bool) -> None:
    """Delete succeeds all the same."""
    engine.deploy(only("b"))
    mint_by_a_colleague(engine)
    if swapped:
        swap_by_a_colleague(engine)
    slots = engine.slots
    report = engine.up(nothing)
    assert report.writes == []
    assert "stays" in report.messages
    assert str(slots[1])[:8] in report.messages
    assert engine.slots == slots
    assert "next" not in engine.state


def test_deleting_leaves_a_younger_certificate_beside_its_own_signing_one(engine: FakeEngine) -> None:
    """That one was not displaced: somebody prepared it."""
    engine.deploy(PREPARED, ROTATED)
    mint_by_a_colleague(engine)
    slots = engine.slots
    assert engine.up(program(None, "b")).writes == []
    assert engine.slots == slots


def test_an_empty_slot_makes_deleting_a_success(engine: FakeEngine) -> None:
    """Somebody was quicker; no DELETE is sent."""
    engine.deploy(only("b"))
    engine.emulator.delete_passive(engine.guid)
    assert engine.up(nothing).writes == []
    assert "next" not in engine.state


def test_a_404_makes_deleting_a_success(engine: FakeEngine) -> None:
    """Somebody was quicker by a second."""
    engine.deploy(only("b"))
    rival = interleave(before=lambda: engine.emulator.delete_passive(engine.guid))
    engine.transport.inject_once("DELETE certificate/passive", rival)
    assert engine.up(nothing).writes == ["DELETE certificate/passive"]
    assert "next" not in engine.state


@pytest.mark.parametrize(
    "move",
    [
        pytest.param(lambda engine: engine.up(only("b", name="renamed")), id="a rename"),
        pytest.param(lambda engine: engine.up(only("b"), replace={"next"}), id="a replace"),
    ],
)
def test_a_certificate_that_another_resource_took_over_is_kept(engine: FakeEngine, move: object) -> None:
    """The new resource adopts it, deleting the old one calls nothing."""
    engine.deploy(only("b"))
    slots = engine.slots
    assert callable(move)
    report = move(engine)
    assert report.writes == []
    assert "has taken over" in report.messages
    assert engine.slots == slots
    (resource,) = [stored for stored in engine.state.values() if stored.kind == "passive"]
    assert resource.outputs["fingerprint"] == slots[1]


RENAMED = pytest.param({"name": "renamed"}, {}, id="a rename")
REPLACED = pytest.param({}, {"replace": {"next"}}, id="a replacement")
REPLACED_ALONE = pytest.param({}, {"replace": {"next"}, "targets": {"next"}}, id="a targeted replacement")


@pytest.mark.parametrize(("name", "options"), [RENAMED, REPLACED])
@pytest.mark.parametrize("way", ["keep", "another", "both"])
def test_a_trigger_keeps_a_certificate_to_its_one_name(engine: FakeEngine, name: Any, options: Any, way: str) -> None:
    """It knows the certificate under another name, and refuses in the preview; each way out works."""
    engine.deploy(PREPARED)
    slots = engine.slots
    with pytest.raises(CheckFailedError) as caught:
        engine.up(program("c", "a", passive=name), **options)
    message = caught.value.reason
    assert_three_part_message(message, "'c'", "'b'", slots[1])
    assert engine.slots == slots
    assert {stored.inputs.get("generation") for stored in engine.state.values()} >= {"b"}
    assert "'c'" not in str(engine.state)
    adopt, replace = ({argument: slots[1]} for argument in ("adopt", "replace"))
    changed = {"keep": ("b", adopt), "another": ("c", replace), "both": ("c", adopt)}[way]
    assert all(f'{argument}="{slots[1]}"' in message for argument in changed[1])
    wanted = program(changed[0], "a", passive={**name, **changed[1]})
    engine.up(wanted, **options)
    engine.assert_stable(wanted)
    names = engine.state["rotation"].inputs["generations"]
    assert (engine.slots != slots) == (way == "another")
    assert names[changed[0]] == engine.slots[1]


@pytest.mark.parametrize("has_trigger", [True, False])
@pytest.mark.parametrize("way", ["keep", "another", "both"])
@pytest.mark.parametrize(("name", "options"), [RENAMED, REPLACED, REPLACED_ALONE])
def test_what_no_preview_can_know_is_refused_before_the_old_resource_goes(
    engine: FakeEngine, name: Any, options: Any, way: str, *, has_trigger: bool
) -> None:
    """Without a preview, or where nothing but the old resource knows the name; each way out works."""
    engine.deploy(PREPARED if has_trigger else only("b"))
    slots = engine.slots
    signs = "a" if has_trigger else None
    for _ in range(2 if name else 1):  # the twin forgets what is to be deleted after a replacement, Pulumi does not
        with pytest.raises((CheckFailedError, Refused)) as caught:
            engine.up(program("c", signs, passive=name), skip_preview=True, **options)
        message = str(getattr(caught.value, "reason", caught.value))
        assert_three_part_message(message, "'c'", "'b'", slots[1])
    adopt = {"adopt": slots[1]}
    changed = {"keep": ("b", adopt), "another": ("c-2", {}), "both": ("c", adopt)}[way]
    assert (f'generation="{changed[0]}"' in message) == (way != "both")
    wanted = program(changed[0], signs, passive={**name, **changed[1]})
    engine.up(wanted)
    engine.assert_stable(wanted)
    assert (engine.slots != slots) == (way == "another")
    assert [stored.kind for stored in engine.state.values()].count("passive") == 1


def test_a_replacement_that_is_checked_twice_keeps_the_name_too(engine: FakeEngine) -> None:
    """Pulumi checks with the old inputs, decides to replace, and checks without them: a new generation is refused."""
    engine.deploy(only("b"))
    slots = engine.slots

    def twice(generation: str, **args: Any) -> Program:
        def run(deployment: Deployment) -> None:
            given = {"generation": generation, "__provider": "passive"}
            deployment.engine.call("passive", "next", "check", round_trip(engine.state["next"].inputs), given)
            deployment.replace = frozenset({"next"})
            deployment.passive(generation=generation, **args)

        return run

    message = engine.assert_refused(twice("c"), "'c'", "'b'", slots[1])
    assert f'replace="{slots[1]}"' in message
    engine.up(twice("b"))
    assert engine.slots == slots
    engine.up(twice("b", adopt=slots[1]))
    engine.up(twice("c", replace=slots[1]))
    assert engine.slots[1] not in slots


def test_an_earlier_certificate_of_the_resource_gets_no_second_name(engine: FakeEngine) -> None:
    """It is no stranger that a killed run left behind: refused, and each way out works."""
    engine.deploy(only("b"))
    slots = engine.slots
    engine.deploy(only("x", adopt=slots[0]))
    engine.assert_refused(only("c"), "'c'", "'b'", f'replace="{slots[1]}"', f'generation="b", adopt="{slots[1]}"')
    state = dict(engine.state)
    engine.deploy(only("b", adopt=slots[1]))
    assert engine.slots == slots
    engine.state = state
    engine.deploy(only("c", replace=slots[1]))
    assert engine.slots[1] not in slots


def test_a_rename_after_the_rotation_is_refused_with_a_way_out_that_works(engine: FakeEngine) -> None:
    """The displaced one is a stranger to the new resource; adopting what signs takes the old one's place."""
    engine.deploy(PREPARED, ROTATED)
    slots = engine.slots
    engine.assert_refused(program("b", "b", passive={"name": "renamed"}), *slots)
    moved = program("b", "b", passive={"name": "renamed", "adopt": slots[0]})
    assert engine.up(moved).writes == []
    assert engine.slots == slots
    engine.assert_stable(moved)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda engine: engine.config.pop("btp-trust:serviceKey"), id="without credentials"),
        pytest.param(
            lambda engine: engine.transport.inject_always(answer_with(404, html="gone"), "POST token"),
            id="dead subaccount",
        ),
        pytest.param(lambda engine: engine.transport.inject_always(answer_with(401), "POST token"), id="expired key"),
        pytest.param(
            lambda engine: engine.transport.inject_always(raise_before_sending(httpx.ConnectError("no"))),
            id="service down",
        ),
        pytest.param(lambda engine: engine.config.update({"btp-trust:offline": "true"}), id="offline"),
    ],
)
def test_what_cannot_be_deleted_says_how_to_go_on(engine: FakeEngine, broken: object) -> None:
    """It names retain_on_delete, `pulumi state delete` and how to find the URN; the state keeps the resource."""
    engine.deploy(only("b"))
    assert callable(broken)
    broken(engine)
    with pytest.raises(TrustError) as stopped:
        engine.destroy()
    assert_three_part_message(str(stopped.value).strip(), "retain_on_delete", "pulumi state delete", "URN")
    assert "next" in engine.state


def test_a_lost_answer_of_a_delete_is_found_in_the_slots(engine: FakeEngine) -> None:
    """One DELETE, and success."""
    engine.deploy(only("b"))
    engine.transport.inject_once("DELETE certificate/passive", commit_then_raise(httpx.ReadTimeout("lost")))
    assert engine.up(nothing).writes == ["DELETE certificate/passive"]
    assert "next" not in engine.state


def test_a_foreign_answer_to_a_delete_is_no_lie_about_credentials(engine: FakeEngine) -> None:
    """A fault of the moment is said as such, and the next `up` deletes."""
    engine.deploy(only("b"))
    engine.transport.inject_always(answer_with(429), "DELETE certificate/passive")
    with pytest.raises(ServiceUnavailable, match="429"):
        engine.up(nothing)
    assert engine.last_report.writes == []
    engine.transport.clear_faults()
    assert engine.up(nothing).writes == ["DELETE certificate/passive"]


def test_somebody_elses_act_during_a_delete_is_said_as_it_is(engine: FakeEngine) -> None:
    """Slots that the delete does not explain stop the command."""
    engine.deploy(only("b"))
    engine.transport.inject_once("DELETE certificate/passive", raise_before_sending(httpx.ReadError("lost")))
    rival = interleave(before=lambda: engine.emulator.rotate(engine.guid))
    engine.transport.inject_once("GET certificate", rival, after=1)
    with pytest.raises(SlotsChanged) as stopped:
        engine.up(nothing)
    assert_three_part_message(str(stopped.value), *engine.slots)
