"""ActiveTrustCertificate through the eyes of an engine: adopt, make the first one, renew, follow, leave in place."""

from __future__ import annotations

import httpx
import pytest

from btp_trust.errors import Refused, SlotsChanged, TrustError
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
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
FIRST = program(active={"generate": True})


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack on a subaccount that has an active certificate."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    return engine


@pytest.fixture
def empty(emulator: Emulator) -> FakeEngine:
    """A stack on a subaccount without any certificate."""
    return FakeEngine(emulator, emulator.create_subaccount().guid)


def renewing(fingerprint: str | None, **more: bool) -> Program:
    """Write a program that renews in place."""
    return program(active={"renew_fingerprint": fingerprint, **more})


def without_resources(_: Deployment) -> None:
    """Declare nothing."""


def renamed(deployment: Deployment) -> None:
    """Declare the resource under another name."""
    deployment.active("renamed")


def test_creating_adopts_the_certificate_that_signs(engine: FakeEngine) -> None:
    """No POST; the outputs are the live certificate's."""
    report = engine.up(ALONE)
    assert report.writes == []
    outputs = engine.outputs("signing")
    assert (outputs["fingerprint"], outputs["role"]) == (engine.slots[0], "active")
    assert outputs["subaccount_id"] == engine.guid
    assert outputs["certificate"] == engine.emulator.certificates(engine.guid)[0]
    engine.assert_stable(ALONE)


def test_a_preview_of_the_adoption_names_the_certificate(engine: FakeEngine) -> None:
    """What will be reported is a checked input."""
    assert engine.preview(ALONE).inputs["signing"]["signer"]["fingerprint"] == engine.slots[0]


def test_generate_adopts_a_certificate_that_exists(engine: FakeEngine) -> None:
    """`generate=True` is harmless where there is something to adopt, and later."""
    assert engine.up(FIRST).writes == []
    engine.assert_stable(FIRST)


def test_a_missing_certificate_is_not_made_unasked(empty: FakeEngine) -> None:
    """Refused in the preview, with the argument to add."""
    assert "generate=True" in empty.assert_refused(ALONE)


def test_the_first_certificate_is_made_after_both_were_missing_twice(empty: FakeEngine) -> None:
    """Certificate and metadata are each read twice at least before the one POST."""
    report = empty.up(FIRST)
    assert empty.last_preview.inputs["signing"]["step"] == "generate the first active certificate of the subaccount"
    assert report.writes == ["POST certificate"]
    before = report.requests[: report.requests.index("POST certificate")]
    assert before.count("GET metadata") == 2
    assert before[-5:].count("GET certificate") >= 1
    assert before.count("GET certificate") >= 2
    assert empty.outputs("signing")["fingerprint"] == empty.slots[0]
    empty.assert_stable(FIRST)
    empty.deploy(ALONE)


@pytest.mark.parametrize("look", [1, 2], ids=["at the first look", "at the second look"])
def test_metadata_without_a_certificate_stops_the_first_generation(empty: FakeEngine, look: int) -> None:
    """The service contradicts itself: no POST, and the next run may find the truth."""
    body = {"idpMetadata": "PHhtbC8+"}
    empty.transport.inject_once("GET metadata", answer_with(200, json=body), after=look - 1)
    with pytest.raises(SlotsChanged) as stopped:
        empty.up(FIRST)
    assert_three_part_message(str(stopped.value), empty.guid)
    assert empty.last_report.writes == []
    empty.deploy(FIRST)


def test_a_certificate_that_appears_before_the_first_generation_is_adopted(empty: FakeEngine) -> None:
    """A colleague made one between the looks: it is not overwritten."""
    empty.transport.inject_once("GET metadata", interleave(after=lambda: empty.emulator.generate_active(empty.guid)))
    assert empty.up(FIRST).writes == []
    assert empty.outputs("signing")["fingerprint"] == empty.slots[0]
    empty.assert_stable(FIRST)


def test_a_certificate_that_appears_before_the_second_look_is_adopted(empty: FakeEngine) -> None:
    """The second look counts as much as the first."""
    made = interleave(after=lambda: empty.emulator.generate_active(empty.guid))
    empty.transport.inject_once("GET metadata", made, after=1)
    assert empty.up(FIRST).writes == []
    empty.assert_stable(FIRST)


def test_a_run_killed_after_the_first_generation_is_resumed_by_adopting(empty: FakeEngine) -> None:
    """The state never saw the POST; the next `up` finds the certificate in the slot."""
    empty.transport.inject_once("POST certificate", commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        empty.up(FIRST)
    assert empty.state == {}
    assert empty.up(FIRST).writes == []
    empty.assert_stable(FIRST)


def test_the_outputs_follow_a_swap_in_the_cockpit(engine: FakeEngine) -> None:
    """One update that calls nothing, and whose preview names the change."""
    engine.deploy(ALONE)
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.rotate(engine.guid)
    report = engine.up(ALONE)
    assert (report.operations, report.changed, report.writes) == ({"signing": "update"}, {"signing": {"signer"}}, [])
    assert engine.outputs("signing")["fingerprint"] == engine.slots[0]
    engine.assert_stable(ALONE)


def test_without_rotation_one_update_that_calls_nothing_follows_a_swap(engine: FakeEngine) -> None:
    """The trigger's swap is reported one command later; with `rotation=` in the same one."""

    def apart(signs: str) -> Program:
        def run(deployment: Deployment) -> None:
            deployment.active()
            deployment.trigger(generation=signs, candidate=deployment.passive(generation="b"))

        return run

    engine.deploy(ALONE, apart("a"))
    engine.up(apart("b"))
    report = engine.up(apart("b"))
    assert report.operations == {"signing": "update", "next": "same", "rotation": "same"}
    assert report.writes == []
    engine.assert_stable(apart("b"))


def test_a_refresh_follows_the_slot(engine: FakeEngine) -> None:
    """Read reports what signs."""
    engine.deploy(ALONE)
    engine.emulator.generate_active(engine.guid)
    engine.refresh()
    assert (engine.outputs("signing")["fingerprint"], engine.outputs("signing")["role"]) == (engine.slots[0], "active")


def test_no_output_is_left_behind_by_a_refresh(engine: FakeEngine) -> None:
    """All outputs that name the signer name the same one, also after refresh and `up`."""
    engine.deploy(ALONE)
    engine.emulator.generate_active(engine.guid)
    engine.refresh()
    engine.up(ALONE)
    engine.assert_stable(ALONE)
    assert (
        engine.outputs("signing")["signer"]["fingerprint"]
        == engine.outputs("signing")["fingerprint"]
        == engine.slots[0]
    )


def test_a_refresh_says_when_nothing_signs_any_more(engine: FakeEngine) -> None:
    """The resource stays, its role is gone."""
    engine.deploy(ALONE)
    engine.transport.inject_once("GET certificate", answer_with(404, json={"ErrorMessage": "gone"}))
    report = engine.refresh()
    assert report.changed == {"signing": {"role"}}
    assert engine.outputs("signing")["role"] == "gone"
    assert "warning" in report.messages


def test_a_strict_refresh_fails_when_nothing_signs_any_more(engine: FakeEngine) -> None:
    """Three parts, and the one that signed is named."""
    engine.deploy(ALONE)
    engine.config["btp-trust:strict"] = "true"
    engine.transport.inject_once("GET certificate", answer_with(404, json={"ErrorMessage": "gone"}))
    with pytest.raises(Refused) as caught:
        engine.refresh()
    assert_three_part_message(str(caught.value), engine.slots[0])


def test_what_vanished_is_not_replaced_by_a_certificate_that_nobody_trusts(engine: FakeEngine) -> None:
    """An existing resource with `generate=True` makes no second first certificate."""
    engine.deploy(FIRST)
    engine.transport.inject_always(answer_with(404, json={"ErrorMessage": "gone"}), "GET certificate")
    assert "trusted by nobody" in engine.assert_refused(FIRST)


def test_a_certificate_that_vanishes_between_plan_and_update_is_an_error(engine: FakeEngine) -> None:
    """Nothing is recorded of a slot that is empty."""
    engine.deploy(ALONE)
    renew = renewing(engine.slots[0], accept_outage=True)
    engine.transport.inject_once("GET certificate", answer_with(404, json={"ErrorMessage": "gone"}), after=2)
    with pytest.raises(TrustError, match="no active") as stopped:
        engine.up(renew)
    assert_three_part_message(str(stopped.value))
    assert engine.last_report.writes == []


def test_a_renewal_in_place_needs_an_accepted_outage(engine: FakeEngine) -> None:
    """The preview points to the rotation."""
    engine.deploy(ALONE)
    message = engine.assert_refused(renewing(engine.slots[0]), engine.slots[0], "accept_outage=True")
    assert "Rotate instead" in message


def test_an_accepted_renewal_posts_once(engine: FakeEngine) -> None:
    """Two more years; the preview named the certificate; left in the code it does nothing but say so."""
    engine.deploy(ALONE)
    old = engine.slots[0]
    renew = renewing(old, accept_outage=True)
    report = engine.up(renew)
    assert str(old)[:8] in engine.last_preview.inputs["signing"]["step"]
    assert report.writes == ["POST certificate"]
    assert engine.outputs("signing")["fingerprint"] == engine.slots[0] != old
    engine.assert_stable(renew)
    assert "nothing is renewed" in engine.preview(renew).messages


def test_a_renewal_reads_directly_before_it_posts(engine: FakeEngine) -> None:
    """A colleague renewed in the same minute: exactly the named certificate, or none."""
    engine.deploy(ALONE)
    renew = renewing(engine.slots[0], accept_outage=True)
    engine.transport.inject_once(
        "GET certificate", interleave(before=lambda: engine.emulator.generate_active(engine.guid)), after=2
    )
    report = engine.up(renew)
    assert report.writes == []
    assert engine.outputs("signing")["fingerprint"] == engine.slots[0]
    engine.assert_stable(renew)


def test_creating_never_renews(engine: FakeEngine) -> None:
    """After a lost state the argument may still be in the code; the renewal takes a second deployment."""
    renew = renewing(engine.slots[0], accept_outage=True)
    assert "Remove renew_fingerprint=" in engine.assert_refused(renew, engine.slots[0])
    engine.deploy(ALONE)
    assert engine.up(renew).writes == ["POST certificate"]
    engine.assert_stable(renew)


@pytest.mark.parametrize("which", ["passive", "gone"])
def test_a_renewal_of_a_certificate_that_does_not_sign_does_nothing_and_says_so(engine: FakeEngine, which: str) -> None:
    """A waiver names its object."""
    engine.emulator.generate_passive(engine.guid)
    engine.deploy(ALONE)
    fingerprint = engine.slots[1] if which == "passive" else "0" * 64
    report = engine.up(renewing(fingerprint, accept_outage=True))
    assert report.writes == []
    assert "does not sign" in report.messages
    engine.assert_stable(renewing(fingerprint, accept_outage=True))


def test_a_renewal_of_what_a_trigger_declares_is_refused_with_a_way_out_that_works(engine: FakeEngine) -> None:
    """The declared certificate would be in no slot any more."""
    engine.deploy(ALONE, program("b", "a"))
    renew = program("b", "a", active={"renew_fingerprint": engine.slots[0], "accept_outage": True})
    assert "remove RotationTrigger and rotation=" in engine.assert_refused(renew, engine.slots[0])
    old = engine.slots[0]
    engine.deploy(program("b", active={"renew_fingerprint": old, "accept_outage": True}))
    assert engine.slots[0] != old
    engine.deploy(program("b", "renewed"))


def test_a_lost_answer_of_a_renewal_is_found_in_the_slots(engine: FakeEngine) -> None:
    """One POST, and the certificate that is there afterwards is its answer."""
    engine.deploy(ALONE)
    renew = renewing(engine.slots[0], accept_outage=True)
    engine.transport.inject_once("POST certificate", commit_then_raise(httpx.ReadTimeout("lost")))
    assert engine.up(renew).writes == ["POST certificate"]
    assert engine.outputs("signing")["fingerprint"] == engine.slots[0]
    engine.assert_stable(renew)


def test_a_renewal_killed_after_its_post_is_not_repeated(engine: FakeEngine) -> None:
    """The named certificate does not sign any more, so the next `up` only follows."""
    engine.deploy(ALONE)
    renew = renewing(engine.slots[0], accept_outage=True)
    engine.transport.inject_once("POST certificate", commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(renew)
    assert engine.up(renew).writes == []
    assert engine.outputs("signing")["fingerprint"] == engine.slots[0]
    engine.assert_stable(renew)


@pytest.mark.parametrize(
    "after", [pytest.param(renamed, id="renaming it"), pytest.param(without_resources, id="removing it")]
)
def test_deleting_leaves_the_certificate_in_place_and_says_so(engine: FakeEngine, after: Program) -> None:
    """The API has no such call."""
    engine.deploy(ALONE)
    slots = engine.slots
    report = engine.up(after)
    assert report.writes == []
    assert f"{slots[0]} stays the active certificate" in report.messages
    assert engine.slots == slots
    engine.assert_stable(after)
