"""PassiveTrustCertificate driven by the fake engine: generate, adopt, refuse, delete only its own."""

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
    """Write a program with one PassiveTrustCertificate."""

    def run(deployment: Deployment) -> None:
        deployment.passive(generation=generation, **more)

    return run


def nothing(_: Deployment) -> None:
    """Declare nothing."""


def generate_by_a_colleague(engine: FakeEngine) -> str | None:
    """Let a colleague generate a passive certificate; return its fingerprint."""
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.advance(HOUR)
    return engine.slots[1]


def swap_by_a_colleague(engine: FakeEngine) -> None:
    """Let a colleague swap."""
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(HOUR)


# --- create and update -------------------------------------------------------------------------------------------


def test_generates_with_one_post(engine: FakeEngine) -> None:
    """The preview says what will be generated; the outputs are the new certificate's; the signer stays."""
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


def test_overwrites_its_own_certificate(engine: FakeEngine) -> None:
    """`replaces` of the preview names it: prepared again before it was ever active."""
    engine.deploy(only("b"))
    first = engine.slots[1]
    report = engine.up(only("c"))
    assert engine.last_preview.inputs["next"]["replaces"] == first
    assert str(first)[:8] in engine.last_preview.inputs["next"]["step"]
    assert report.writes == ["POST certificate/passive"]
    assert engine.outputs("next")["generations"] == {"b": first, "c": engine.slots[1]}
    engine.assert_stable(only("c"))


def test_overwrites_the_displaced_certificate(engine: FakeEngine) -> None:
    """The next cycle replaces the certificate of a rollback."""
    engine.deploy(PREPARED, ROTATED)
    signing, displaced = engine.slots
    engine.up(NEXT)
    assert engine.last_preview.inputs["next"]["replaces"] == displaced
    assert engine.slots[0] == signing
    assert engine.slots[1] not in (signing, displaced)
    engine.assert_stable(NEXT)


def test_adopts_a_younger_foreign_certificate(engine: FakeEngine) -> None:
    """Both certificates stay; none is generated."""
    foreign = generate_by_a_colleague(engine)
    report = engine.up(only("b"))
    assert "nothing is generated" in engine.last_preview.messages
    assert report.writes == []
    assert engine.outputs("next")["fingerprint"] == foreign
    engine.assert_stable(only("b"))


@pytest.mark.parametrize(
    ("before", "declared"),
    [
        pytest.param([], only("b"), id="on creation"),
        pytest.param([only("b")], only("c"), id="on an update over its own"),
        pytest.param([PREPARED, ROTATED], NEXT, id="on an update over the displaced one"),
    ],
)
def test_resumes_a_killed_run_by_adopting(engine: FakeEngine, before: list[Program], declared: Program) -> None:
    """The state lacks the certificate of the POST; the next `up` posts nothing more."""
    engine.deploy(*before)
    engine.transport.inject_once("POST certificate/passive", commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(declared)
    generated = engine.slots[1]
    assert engine.up(declared).writes == []
    assert engine.outputs("next")["fingerprint"] == generated == engine.slots[1]
    engine.assert_stable(declared)


@pytest.mark.parametrize("way", ["replace", "adopt the passive one", "adopt the active one"])
def test_refuses_an_older_foreign_certificate(engine: FakeEngine, way: str) -> None:
    """Somebody's swap left it there, perhaps for a rollback; each remedy of the message works."""
    generate_by_a_colleague(engine)
    swap_by_a_colleague(engine)
    signing, foreign = engine.slots
    message = engine.assert_refused(only("b"), foreign, signing)
    pasted = {
        "replace": {"replace": foreign},
        "adopt the passive one": {"adopt": foreign},
        "adopt the active one": {"adopt": signing},
    }[way]
    line = "".join(f'{key}="{value}"' for key, value in pasted.items())
    assert line in message
    report = engine.up(only("b", **pasted))
    assert report.writes == (["POST certificate/passive"] if way == "replace" else [])
    assert engine.slots[0] == signing
    engine.assert_stable(only("b", **pasted))


def test_refuses_an_older_one_in_diff(engine: FakeEngine) -> None:
    """A request that only the recorded certificate shows to be wrong is refused in the preview too."""
    engine.deploy(only("b"))
    generate_by_a_colleague(engine)
    swap_by_a_colleague(engine)
    engine.assert_refused(only("c"), *engine.slots)


def test_refuses_an_unknown_adopt(engine: FakeEngine) -> None:
    """A fingerprint that is in neither slot is refused, with those that are."""
    engine.assert_refused(only("b", adopt="0" * 64), engine.slots[0])


@pytest.mark.parametrize("slot", [0, 1], ids=["the active one", "the passive one"])
def test_adopts_from_either_slot(engine: FakeEngine, slot: int) -> None:
    """Exactly the named certificate; colons and capitals are accepted, as openssl prints them."""
    generate_by_a_colleague(engine)
    fingerprint = str(engine.slots[slot])
    printed = ":".join(fingerprint[at : at + 2] for at in range(0, 64, 2)).upper()
    report = engine.up(only("b", adopt=printed))
    assert report.writes == []
    assert (engine.outputs("next")["fingerprint"], engine.outputs("next")["role"]) == (
        fingerprint,
        ["active", "passive"][slot],
    )
    engine.assert_stable(only("b", adopt=printed))


def test_adopts_a_colleagues_certificate_on_update(engine: FakeEngine) -> None:
    """A new generation adopts the certificate that a colleague generated."""
    engine.deploy(only("b"))
    foreign = generate_by_a_colleague(engine)
    report = engine.up(only("c", adopt=foreign))
    assert report.writes == []
    assert engine.outputs("next")["generations"]["c"] == foreign
    engine.assert_stable(only("c", adopt=foreign))


@pytest.mark.parametrize("waiver", ["adopt", "replace"])
def test_a_used_waiver_can_be_removed(engine: FakeEngine, waiver: str) -> None:
    """Removing the argument is one update that calls nothing; then all is quiet."""
    foreign = generate_by_a_colleague(engine)
    engine.deploy(only("b", **{waiver: foreign}))
    slots = engine.slots
    assert engine.up(only("b")).writes == []
    assert engine.slots == slots
    engine.assert_stable(only("b"))


def test_refuses_a_reused_adopt(engine: FakeEngine) -> None:
    """It would bind the new name to the old certificate."""
    foreign = generate_by_a_colleague(engine)
    engine.deploy(only("b", adopt=foreign))
    engine.assert_refused(only("c", adopt=foreign), foreign, "adopt=")


def test_a_used_replace_has_no_effect(engine: FakeEngine) -> None:
    """It names a certificate that is gone; another older foreign one is refused all the same."""
    generate_by_a_colleague(engine)
    swap_by_a_colleague(engine)
    waiver = engine.slots[1]
    engine.deploy(only("b", replace=waiver))
    generate_by_a_colleague(engine)
    swap_by_a_colleague(engine)
    generate_by_a_colleague(engine)
    swap_by_a_colleague(engine)
    engine.assert_refused(only("c", replace=waiver), *engine.slots)


def test_stops_for_a_rivals_certificate(engine: FakeEngine) -> None:
    """A rival generates between the plan and the POST: nothing is sent, and the next `up` adopts that one."""
    engine.deploy(only("b"))
    rival = interleave(before=lambda: engine.emulator.generate_passive(engine.guid))
    engine.transport.inject_once("GET certificate/passive", rival, after=2)
    with pytest.raises(SlotsChanged) as stopped:
        engine.up(only("c"))
    assert_three_part_message(str(stopped.value), *engine.slots)
    assert engine.last.writes == []
    foreign = engine.slots[1]
    assert engine.up(only("c")).writes == []
    assert engine.outputs("next")["fingerprint"] == foreign
    engine.assert_stable(only("c"))


def test_stops_for_a_slot_emptied_meanwhile(engine: FakeEngine) -> None:
    """A plan that overwrites holds for that certificate alone."""
    engine.deploy(only("b"))
    rival = interleave(before=lambda: engine.emulator.delete_passive(engine.guid))
    engine.transport.inject_once("GET certificate/passive", rival, after=2)
    with pytest.raises(SlotsChanged, match="passive empty"):
        engine.up(only("c"))
    assert engine.last.writes == []
    engine.deploy(only("c"))


def test_stops_for_a_rivals_renewal(engine: FakeEngine) -> None:
    """A rival renews the active certificate: the foreign one becomes the older one, and the command stops."""
    generate_by_a_colleague(engine)
    rival = interleave(before=lambda: engine.emulator.generate_active(engine.guid))
    engine.transport.inject_once("GET certificate", rival, after=2)
    with pytest.raises(Refused) as stopped:
        engine.up(only("b"))
    assert_three_part_message(str(stopped.value), *engine.slots)
    assert engine.last.writes == []


def test_a_planned_adoption_never_generates(engine: FakeEngine) -> None:
    """The certificate to adopt again vanished from the other slot: no POST."""
    engine.deploy(PREPARED, ROTATED, NEXT)
    engine.transport.inject_once(
        "GET certificate", interleave(before=lambda: engine.emulator.generate_active(engine.guid)), after=2
    )
    with pytest.raises(TrustError) as stopped:
        engine.up(program("b", "b"))
    assert_three_part_message(str(stopped.value))
    assert engine.last.writes == []


def test_overwrites_only_what_replaces_names(engine: FakeEngine) -> None:
    """The inputs name the overwritten certificate, or the POST is left out."""
    engine.deploy(only("b"))
    stored, inputs = engine.state["next"], engine.preview(only("c")).inputs["next"]
    unnamed = {key: value for key, value in inputs.items() if key != "replaces"}
    with pytest.raises(SlotsChanged) as stopped:
        PROVIDERS["passive"]().update(stored.id, round_trip(stored.outputs), round_trip(unnamed))
    assert_three_part_message(str(stopped.value), *engine.slots)
    assert engine.slots[1] == engine.outputs("next")["fingerprint"]


def test_refuses_without_an_active_certificate(emulator: Emulator) -> None:
    """A passive certificate is the successor of an active one."""
    engine = FakeEngine(emulator, emulator.create_subaccount().guid)
    engine.assert_refused(only("b"), "generate=True")


# --- names -------------------------------------------------------------------------------------------------------


def test_a_reverted_preparation_adopts_again(engine: FakeEngine) -> None:
    """The earlier certificate is active; the one prepared meanwhile stays, and can be adopted again, too."""
    engine.deploy(PREPARED, ROTATED, NEXT)
    signing, prepared = engine.slots
    engine.emulator.clear_journal()
    engine.deploy(ROTATED)
    assert (engine.outputs("next")["fingerprint"], engine.outputs("next")["role"]) == (signing, "active")
    engine.deploy(NEXT)
    assert engine.outputs("next")["fingerprint"] == prepared
    assert engine.slots == (signing, prepared)
    assert not [entry for entry in engine.emulator.journal() if entry.method == "POST" and "saml2" in entry.path]


def test_refuses_a_name_without_certificate(engine: FakeEngine) -> None:
    """A name is bound to one fingerprint for ever; the proposed one works."""
    engine.deploy(only("b"), only("c"))
    gone = engine.outputs("next")["generations"]["b"]
    message = engine.assert_refused(only("b"), gone, engine.slots[1])
    assert '"b-2"' in message
    engine.deploy(only("b-2"))


def test_adopt_rebinds_no_declared_name(engine: FakeEngine) -> None:
    """Refused in the preview; a new name may adopt the foreign certificate."""
    engine.deploy(only("b"))
    generate_by_a_colleague(engine)
    foreign = engine.slots[1]
    message = engine.assert_refused(only("b", adopt=foreign), foreign)
    assert 'generation="b-2"' in message
    engine.deploy(only("b-2", adopt=foreign))


def test_adopting_its_own_calls_nothing(engine: FakeEngine) -> None:
    """A changed argument is an update, though it calls nothing."""
    engine.deploy(only("b"))
    declared = only("b", adopt=engine.slots[1])
    assert engine.up(declared).operations["next"] == "update"
    engine.assert_stable(declared)


# --- read --------------------------------------------------------------------------------------------------------


def test_refresh_follows_the_certificate(engine: FakeEngine) -> None:
    """The role changes, the fingerprint stays."""
    engine.deploy(PREPARED, ROTATED)
    assert engine.refresh().changed["next"] == {"role"}
    assert engine.outputs("next")["role"] == "active"
    engine.assert_stable(ROTATED)


def test_warns_of_a_certificate_gone(engine: FakeEngine) -> None:
    """The resource stays; the next certificate is generated when `generation` gets a new name."""
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
def test_deletes_its_own_or_displaced(engine: FakeEngine, before: list[Program], after: Program) -> None:
    """One DELETE; the active certificate stays."""
    engine.deploy(*before)
    signing, passive = engine.slots
    report = engine.up(after)
    assert report.writes == ["DELETE certificate/passive"]
    assert str(passive)[:8] in report.messages
    assert engine.slots == (signing, None)
    engine.assert_stable(after)


@pytest.mark.parametrize("before", [[PREPARED], [PREPARED, ROTATED], [PREPARED, ROTATED, NEXT]], ids=len)
def test_removal_preview_never_names_the_signer(engine: FakeEngine, before: list[Program]) -> None:
    """It shows stored inputs only, and they are older than a swap of the same `up`: rather none than a wrong one."""
    engine.deploy(*before)
    for _ in range(2):
        shown = engine.preview(ALONE).deletes["next"]
        assert shown.get("passive_slot", {}).get("fingerprint") != engine.slots[0]
        engine.deploy(before[-1])


def test_removal_preview_names_the_displaced(engine: FakeEngine) -> None:
    """Once an `up` has seen it in the passive slot."""
    engine.deploy(PREPARED, ROTATED, ROTATED)
    assert engine.preview(ALONE).deletes["next"]["passive_slot"]["fingerprint"] == engine.slots[1]


def test_destroy_empties_the_passive_slot(engine: FakeEngine) -> None:
    """The active one stays. No program runs, so no other resource can have taken over."""
    engine.deploy(PREPARED)
    signing = engine.slots[0]
    assert engine.destroy().writes == ["DELETE certificate/passive"]
    assert engine.slots == (signing, None)
    assert engine.state == {}


@pytest.mark.parametrize("swapped", [False, True], ids=["a younger one", "an older one"])
def test_deletion_leaves_a_foreign_certificate(engine: FakeEngine, *, swapped: bool) -> None:
    """Delete succeeds all the same, and reports it."""
    engine.deploy(only("b"))
    generate_by_a_colleague(engine)
    if swapped:
        swap_by_a_colleague(engine)
    slots = engine.slots
    report = engine.up(nothing)
    assert report.writes == []
    assert "stays" in report.messages
    assert str(slots[1])[:8] in report.messages
    assert engine.slots == slots
    assert "next" not in engine.state


def test_deletion_leaves_a_younger_certificate(engine: FakeEngine) -> None:
    """It was prepared by somebody: the own active certificate displaced an older one."""
    engine.deploy(PREPARED, ROTATED)
    generate_by_a_colleague(engine)
    slots = engine.slots
    assert engine.up(program(None, "b")).writes == []
    assert engine.slots == slots


def test_deletion_succeeds_on_empty_slot(engine: FakeEngine) -> None:
    """Somebody was quicker; no DELETE is sent."""
    engine.deploy(only("b"))
    engine.emulator.delete_passive(engine.guid)
    assert engine.up(nothing).writes == []
    assert "next" not in engine.state


def test_deletion_succeeds_on_404(engine: FakeEngine) -> None:
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
def test_a_moved_resource_keeps_the_certificate(engine: FakeEngine, move: object) -> None:
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
def test_trigger_refuses_a_second_name(engine: FakeEngine, name: Any, options: Any, way: str) -> None:
    """It knows the certificate under another name, and refuses in the preview; each remedy works."""
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
    declared = program(changed[0], "a", passive={**name, **changed[1]})
    engine.up(declared, **options)
    engine.assert_stable(declared)
    names = engine.state["rotation"].inputs["generations"]
    assert (engine.slots != slots) == (way == "another")
    assert names[changed[0]] == engine.slots[1]


@pytest.mark.parametrize("has_trigger", [True, False])
@pytest.mark.parametrize("way", ["keep", "another", "both"])
@pytest.mark.parametrize(("name", "options"), [RENAMED, REPLACED, REPLACED_ALONE])
def test_delete_refuses_a_second_name(
    engine: FakeEngine, name: Any, options: Any, way: str, *, has_trigger: bool
) -> None:
    """Without a preview, or where the old resource alone knows the name; each remedy works."""
    engine.deploy(PREPARED if has_trigger else only("b"))
    slots = engine.slots
    signs = "a" if has_trigger else None
    for _ in range(
        2 if name else 1
    ):  # the fake engine forgets, and Pulumi keeps, what is to be deleted after a replacement
        with pytest.raises((CheckFailedError, Refused)) as caught:
            engine.up(program("c", signs, passive=name), skip_preview=True, **options)
        message = str(getattr(caught.value, "reason", caught.value))
        assert_three_part_message(message, "'c'", "'b'", slots[1])
    adopt = {"adopt": slots[1]}
    changed = {"keep": ("b", adopt), "another": ("c-2", {}), "both": ("c", adopt)}[way]
    assert (f'generation="{changed[0]}"' in message) == (way != "both")
    declared = program(changed[0], signs, passive={**name, **changed[1]})
    engine.up(declared)
    engine.assert_stable(declared)
    assert (engine.slots != slots) == (way == "another")
    assert [stored.kind for stored in engine.state.values()].count("passive") == 1


def test_a_twice_checked_replacement_keeps_names(engine: FakeEngine) -> None:
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


def test_refuses_to_rename_its_own(engine: FakeEngine) -> None:
    """A killed run would have left an unknown certificate; this one has a name. Each remedy works."""
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


def test_refuses_a_rename_after_rotation(engine: FakeEngine) -> None:
    """The displaced certificate is foreign to the new resource; adopting the active one takes the old one's place."""
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
def test_a_failed_deletion_names_remedies(engine: FakeEngine, broken: object) -> None:
    """It names retain_on_delete, `pulumi state delete` and how to find the URN; the state keeps the resource."""
    engine.deploy(only("b"))
    assert callable(broken)
    broken(engine)
    with pytest.raises(TrustError) as stopped:
        engine.destroy()
    assert_three_part_message(str(stopped.value).strip(), "retain_on_delete", "pulumi state delete", "URN")
    assert "next" in engine.state


def test_reads_after_a_lost_response(engine: FakeEngine) -> None:
    """One DELETE, and success."""
    engine.deploy(only("b"))
    engine.transport.inject_once("DELETE certificate/passive", commit_then_raise(httpx.ReadTimeout("lost")))
    assert engine.up(nothing).writes == ["DELETE certificate/passive"]
    assert "next" not in engine.state


def test_deletion_reports_a_busy_service(engine: FakeEngine) -> None:
    """A fault of the moment is reported as such, and the next `up` deletes."""
    engine.deploy(only("b"))
    engine.transport.inject_always(answer_with(429), "DELETE certificate/passive")
    with pytest.raises(ServiceUnavailable, match="429"):
        engine.up(nothing)
    assert engine.last.writes == []
    engine.transport.repair()
    assert engine.up(nothing).writes == ["DELETE certificate/passive"]


def test_stops_for_a_rival_during_deletion(engine: FakeEngine) -> None:
    """Slots that the delete cannot explain stop the command."""
    engine.deploy(only("b"))
    engine.transport.inject_once("DELETE certificate/passive", raise_before_sending(httpx.ReadError("lost")))
    rival = interleave(before=lambda: engine.emulator.rotate(engine.guid))
    engine.transport.inject_once("GET certificate", rival, after=1)
    with pytest.raises(SlotsChanged) as stopped:
        engine.up(nothing)
    assert_three_part_message(str(stopped.value), *engine.slots)
