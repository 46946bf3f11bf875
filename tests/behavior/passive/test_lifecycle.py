"""PassiveTrustCertificate driven by the fake engine: generate, adopt, refuse, follow."""

from __future__ import annotations

import io

import pytest

from btp_trust.errors import Refused, SlotsChanged, TrustError
from btp_trust.providers import PassiveTrustCertificateProvider
from btp_trust.runtime import process_session
from btp_trust.runtime.session import Session
from btp_trust_emulator import Emulator
from support.fake_engine import (
    PROVIDERS,
    FakeEngine,
    ProcessKilledError,
    Program,
    answer_with,
    assert_three_part_message,
    commit_then_raise,
    interleave,
    program,
    round_trip,
)
from support.passive_programs import (
    NEXT,
    PREPARED,
    ROTATED,
    generate_by_a_colleague,
    only,
    swap_by_a_colleague,
)

# --- create and update -------------------------------------------------------------------------------------------


def test_generates_with_one_post(engine: FakeEngine) -> None:
    """The preview says what will be generated; the outputs are the new certificate's; the signer stays."""
    signing = engine.slots[0]
    report = engine.up(only("b"))
    assert "generate 'b' in the empty passive slot" in engine.last_preview.messages
    assert engine.last_preview.inputs["next"]["replaces"] == "nothing: the passive slot is empty"
    assert report.writes == ["POST certificate/passive"]
    outputs = engine.outputs("next")
    assert engine.slots == (signing, outputs["fingerprint"])
    assert outputs["generation"] == "b"
    assert outputs["generations"] == {"b": outputs["fingerprint"]}
    assert outputs["certificate"] == engine.emulator.certificates(engine.guid)[1]
    assert outputs["certificate_body"] in outputs["metadata"]
    engine.assert_stable(only("b"))


def test_overwrites_its_own_certificate(engine: FakeEngine) -> None:
    """`replaces` of the preview names it: prepared again before it was ever active."""
    engine.deploy(only("b"))
    first = engine.slots[1]
    report = engine.up(only("c"))
    plan = engine.last_preview.inputs["next"]
    assert plan["only_if_passive"] == first
    assert all(line.count(str(first)[:8]) == 1 for line in (plan["step"], plan["replaces"]))
    assert plan["replaces"].endswith("; its key is gone")
    assert f"over passive {str(first)[:8]} (b, expires " in engine.last_preview.messages
    assert report.writes == ["POST certificate/passive"]
    assert engine.outputs("next")["generations"] == {"b": first, "c": engine.slots[1]}
    engine.assert_stable(only("c"))


def test_overwrites_the_displaced_certificate(engine: FakeEngine) -> None:
    """The next cycle replaces the certificate of a rollback; the trigger knows its name."""
    engine.deploy(PREPARED, ROTATED)
    signing, displaced = engine.slots
    engine.up(NEXT)
    plan = engine.last_preview.inputs["next"]
    assert plan["only_if_passive"] == displaced
    assert plan["replaces"].startswith(f"{str(displaced)[:8]}, exists since ")
    assert all(plan[line].endswith("rolling back to it ends") for line in ("step", "replaces"))
    assert f"is generated over {str(displaced)[:8]} (a, expires " in engine.last_preview.messages
    assert "rolling back to 'a' ends" in engine.last_preview.messages
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
    assert engine.outputs("next")["fingerprint"] == fingerprint
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
    assert engine.last_report.writes == []
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
    assert engine.last_report.writes == []
    engine.deploy(only("c"))


def test_stops_for_a_rivals_renewal(engine: FakeEngine) -> None:
    """A rival renews the active certificate: the foreign one becomes the older one, and the command stops."""
    generate_by_a_colleague(engine)
    rival = interleave(before=lambda: engine.emulator.generate_active(engine.guid))
    engine.transport.inject_once("GET certificate", rival, after=2)
    with pytest.raises(Refused) as stopped:
        engine.up(only("b"))
    assert_three_part_message(str(stopped.value), *engine.slots)
    assert engine.last_report.writes == []


def test_a_planned_adoption_never_generates(engine: FakeEngine) -> None:
    """The certificate to adopt again vanished from the other slot: no POST."""
    engine.deploy(PREPARED, ROTATED, NEXT)
    engine.transport.inject_once(
        "GET certificate", interleave(before=lambda: engine.emulator.generate_active(engine.guid)), after=2
    )
    with pytest.raises(TrustError) as stopped:
        engine.up(program("b", "b"))
    assert_three_part_message(str(stopped.value))
    assert engine.last_report.writes == []


def test_overwrites_only_what_is_planned(engine: FakeEngine) -> None:
    """The inputs name the overwritten certificate, and the same command has planned it, or the POST is left out."""
    engine.deploy(only("b"))
    stored, inputs = engine.state["next"], engine.preview(only("c")).inputs["next"]
    unnamed = {key: value for key, value in inputs.items() if key != "only_if_passive"}
    with pytest.raises(SlotsChanged) as stopped:
        PROVIDERS["passive"]().update(stored.id, round_trip(stored.outputs), round_trip(unnamed))
    assert_three_part_message(str(stopped.value), *engine.slots)
    engine.refresh()  # another process
    with pytest.raises(SlotsChanged):
        PROVIDERS["passive"]().update(stored.id, round_trip(stored.outputs), round_trip(inputs))
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
    assert engine.outputs("next")["fingerprint"] == signing
    engine.deploy(NEXT)
    assert engine.outputs("next")["fingerprint"] == prepared
    assert engine.slots == (signing, prepared)
    assert not [entry for entry in engine.emulator.journal() if entry.method == "POST" and "saml2" in entry.path]


def test_refuses_a_name_without_certificate(engine: FakeEngine) -> None:
    """A name is bound permanently to one fingerprint; the proposed one works."""
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


def test_swap_leaves_the_outputs_alone(engine: FakeEngine) -> None:
    """The certificate is the resource's own in either slot, so that a refresh after a rotation finds no change."""
    engine.deploy(PREPARED)
    outputs = engine.outputs("next")
    engine.up(ROTATED)
    assert engine.refresh().changed["next"] == set()
    assert engine.outputs("next") == outputs


def test_warns_of_a_certificate_gone(engine: FakeEngine) -> None:
    """The resource stays; the next certificate is generated when `generation` gets a new name."""
    engine.deploy(only("b"))
    gone = engine.slots[1]
    engine.emulator.delete_passive(engine.guid)
    assert str(gone) in engine.preview(only("b")).messages
    report = engine.refresh()
    assert report.changed["next"] == set()
    assert str(gone) in report.messages
    engine.deploy(only("b"))
    assert engine.slots[1] is None
    engine.deploy(only("c"))
    assert engine.slots[1] is not None


def test_update_keeps_role_without_reading(engine: FakeEngine) -> None:
    """While the service is unreachable, an update records the arguments and keeps the role as recorded."""
    engine.deploy(only("b"))
    stored = engine.state["next"]
    engine.transport.inject_always(answer_with(503), "GET certificate", "GET certificate/passive")
    process_session.set_current(Session(engine.config.get, engine.host(io.StringIO())))
    renamed = {**stored.inputs, "resource_urn": "urn:renamed"}

    outputs = PassiveTrustCertificateProvider().update(stored.id, stored.outputs, renamed).outs

    assert outputs == {**stored.outputs, "resource_urn": "urn:renamed"}
