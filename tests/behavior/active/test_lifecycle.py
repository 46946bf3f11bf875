"""ActiveTrustCertificate through the eyes of an engine: adopt, make the first one, renew, follow, leave in place."""

from __future__ import annotations

import httpx
import pytest

from btp_trust.errors import Refused, SlotsChanged, TrustError
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
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
FIRST = program(active={"generate": True})


@pytest.fixture
def twin(emulator: Emulator) -> Twin:
    """A stack on a subaccount that has an active certificate."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    return twin


@pytest.fixture
def empty(emulator: Emulator) -> Twin:
    """A stack on a subaccount without any certificate."""
    return Twin(emulator, emulator.create_subaccount().guid)


def renewing(fingerprint: str | None, **more: bool) -> Program:
    """Write a program that renews in place."""
    return program(active={"renew_fingerprint": fingerprint, **more})


def without_resources(_: Deployment) -> None:
    """Declare nothing."""


def renamed(deployment: Deployment) -> None:
    """Declare the resource under another name."""
    deployment.active("renamed")


def test_creating_adopts_the_certificate_that_signs(twin: Twin) -> None:
    """No POST; the outputs are the live certificate's."""
    report = twin.up(ALONE)
    assert report.writes == []
    outputs = twin.outputs("signing")
    assert (outputs["fingerprint"], outputs["role"]) == (twin.slots[0], "active")
    assert outputs["subaccount_id"] == twin.guid
    assert outputs["certificate"] == twin.emulator.certificates(twin.guid)[0]
    twin.assert_settled(ALONE)


def test_a_preview_of_the_adoption_names_the_certificate(twin: Twin) -> None:
    """What will be reported is a checked input."""
    assert twin.preview(ALONE).inputs["signing"]["signing"]["fingerprint"] == twin.slots[0]


def test_generate_adopts_a_certificate_that_exists(twin: Twin) -> None:
    """`generate=True` is harmless where there is something to adopt, and later."""
    assert twin.up(FIRST).writes == []
    twin.assert_settled(FIRST)


def test_a_missing_certificate_is_not_made_unasked(empty: Twin) -> None:
    """Refused in the preview, with the argument to add."""
    assert "generate=True" in empty.refuses(ALONE)


def test_the_first_certificate_is_made_after_both_were_missing_twice(empty: Twin) -> None:
    """Certificate and metadata are each read twice at least before the one POST."""
    report = empty.up(FIRST)
    assert empty.previewed.inputs["signing"]["step"] == "generate the first active certificate of the subaccount"
    assert report.writes == ["POST certificate"]
    before = report.requests[: report.requests.index("POST certificate")]
    assert before.count("GET metadata") == 2
    assert before[-5:].count("GET certificate") >= 1
    assert before.count("GET certificate") >= 2
    assert empty.outputs("signing")["fingerprint"] == empty.slots[0]
    empty.assert_settled(FIRST)
    empty.deploy(ALONE)


@pytest.mark.parametrize("look", [1, 2], ids=["at the first look", "at the second look"])
def test_metadata_without_a_certificate_stops_the_first_generation(empty: Twin, look: int) -> None:
    """The service contradicts itself: no POST, and the next run may find the truth."""
    body = {"idpMetadata": "PHhtbC8+"}
    empty.line.once("GET metadata", answered(200, json=body), after=look - 1)
    with pytest.raises(SlotsChanged) as stopped:
        empty.up(FIRST)
    assert_three_parts(str(stopped.value), empty.guid)
    assert empty.last.writes == []
    empty.deploy(FIRST)


def test_a_certificate_that_appears_before_the_first_generation_is_adopted(empty: Twin) -> None:
    """A colleague made one between the looks: it is not overwritten."""
    empty.line.once("GET metadata", meanwhile(after=lambda: empty.emulator.generate_active(empty.guid)))
    assert empty.up(FIRST).writes == []
    assert empty.outputs("signing")["fingerprint"] == empty.slots[0]
    empty.assert_settled(FIRST)


def test_a_certificate_that_appears_before_the_second_look_is_adopted(empty: Twin) -> None:
    """The second look counts as much as the first."""
    made = meanwhile(after=lambda: empty.emulator.generate_active(empty.guid))
    empty.line.once("GET metadata", made, after=1)
    assert empty.up(FIRST).writes == []
    empty.assert_settled(FIRST)


def test_a_run_killed_after_the_first_generation_is_resumed_by_adopting(empty: Twin) -> None:
    """The state never saw the POST; the next `up` finds the certificate in the slot."""
    empty.line.once("POST certificate", committed_then(KilledError()))
    with pytest.raises(KilledError):
        empty.up(FIRST)
    assert empty.state == {}
    assert empty.up(FIRST).writes == []
    empty.assert_settled(FIRST)


def test_the_outputs_follow_a_swap_in_the_cockpit(twin: Twin) -> None:
    """One update that calls nothing, and whose preview names the change."""
    twin.deploy(ALONE)
    twin.emulator.generate_passive(twin.guid)
    twin.emulator.rotate(twin.guid)
    report = twin.up(ALONE)
    assert (report.operations, report.changed, report.writes) == ({"signing": "update"}, {"signing": {"signing"}}, [])
    assert twin.outputs("signing")["fingerprint"] == twin.slots[0]
    twin.assert_settled(ALONE)


def test_without_rotation_one_update_that_calls_nothing_follows_a_swap(twin: Twin) -> None:
    """The trigger's swap is reported one command later; with `rotation=` in the same one."""

    def apart(signs: str) -> Program:
        def run(deployment: Deployment) -> None:
            deployment.active()
            deployment.trigger(generation=signs, candidate=deployment.passive(generation="b"))

        return run

    twin.deploy(ALONE, apart("a"))
    twin.up(apart("b"))
    report = twin.up(apart("b"))
    assert report.operations == {"signing": "update", "next": "same", "rotation": "same"}
    assert report.writes == []
    twin.assert_settled(apart("b"))


def test_a_refresh_follows_the_slot(twin: Twin) -> None:
    """Read reports what signs."""
    twin.deploy(ALONE)
    twin.emulator.generate_active(twin.guid)
    twin.refresh()
    assert (twin.outputs("signing")["fingerprint"], twin.outputs("signing")["role"]) == (twin.slots[0], "active")


def test_no_output_is_left_behind_by_a_refresh(twin: Twin) -> None:
    """All outputs that name the signer name the same one, also after refresh and `up`."""
    twin.deploy(ALONE)
    twin.emulator.generate_active(twin.guid)
    twin.refresh()
    twin.up(ALONE)
    twin.assert_settled(ALONE)
    assert twin.outputs("signing")["signing"]["fingerprint"] == twin.outputs("signing")["fingerprint"] == twin.slots[0]


def test_a_refresh_says_when_nothing_signs_any_more(twin: Twin) -> None:
    """The resource stays, its role is gone."""
    twin.deploy(ALONE)
    twin.line.once("GET certificate", answered(404, json={"ErrorMessage": "gone"}))
    report = twin.refresh()
    assert report.changed == {"signing": {"role"}}
    assert twin.outputs("signing")["role"] == "gone"
    assert "warning" in report.messages


def test_a_strict_refresh_fails_when_nothing_signs_any_more(twin: Twin) -> None:
    """Three parts, and the one that signed is named."""
    twin.deploy(ALONE)
    twin.config["btp-trust:strict"] = "true"
    twin.line.once("GET certificate", answered(404, json={"ErrorMessage": "gone"}))
    with pytest.raises(Refused) as caught:
        twin.refresh()
    assert_three_parts(str(caught.value), twin.slots[0])


def test_what_vanished_is_not_replaced_by_a_certificate_that_nobody_trusts(twin: Twin) -> None:
    """An existing resource with `generate=True` makes no second first certificate."""
    twin.deploy(FIRST)
    twin.line.always(answered(404, json={"ErrorMessage": "gone"}), "GET certificate")
    assert "trusted by nobody" in twin.refuses(FIRST)


def test_a_certificate_that_vanishes_between_plan_and_update_is_an_error(twin: Twin) -> None:
    """Nothing is recorded of a slot that is empty."""
    twin.deploy(ALONE)
    renew = renewing(twin.slots[0], accept_outage=True)
    twin.line.once("GET certificate", answered(404, json={"ErrorMessage": "gone"}), after=2)
    with pytest.raises(TrustError, match="no active") as stopped:
        twin.up(renew)
    assert_three_parts(str(stopped.value))
    assert twin.last.writes == []


def test_a_renewal_in_place_needs_an_accepted_outage(twin: Twin) -> None:
    """The preview points to the rotation."""
    twin.deploy(ALONE)
    message = twin.refuses(renewing(twin.slots[0]), twin.slots[0], "accept_outage=True")
    assert "Rotate instead" in message


def test_an_accepted_renewal_posts_once(twin: Twin) -> None:
    """Two more years; the preview named the certificate; left in the code it does nothing but say so."""
    twin.deploy(ALONE)
    old = twin.slots[0]
    renew = renewing(old, accept_outage=True)
    report = twin.up(renew)
    assert str(old)[:8] in twin.previewed.inputs["signing"]["step"]
    assert report.writes == ["POST certificate"]
    assert twin.outputs("signing")["fingerprint"] == twin.slots[0] != old
    twin.assert_settled(renew)
    assert "nothing is renewed" in twin.preview(renew).messages


def test_a_renewal_reads_directly_before_it_posts(twin: Twin) -> None:
    """A colleague renewed in the same minute: exactly the named certificate, or none."""
    twin.deploy(ALONE)
    renew = renewing(twin.slots[0], accept_outage=True)
    twin.line.once("GET certificate", meanwhile(before=lambda: twin.emulator.generate_active(twin.guid)), after=2)
    report = twin.up(renew)
    assert report.writes == []
    assert twin.outputs("signing")["fingerprint"] == twin.slots[0]
    twin.assert_settled(renew)


def test_creating_never_renews(twin: Twin) -> None:
    """After a lost state the argument may still be in the code; the renewal takes a second deployment."""
    renew = renewing(twin.slots[0], accept_outage=True)
    assert "Remove renew_fingerprint=" in twin.refuses(renew, twin.slots[0])
    twin.deploy(ALONE)
    assert twin.up(renew).writes == ["POST certificate"]
    twin.assert_settled(renew)


@pytest.mark.parametrize("which", ["passive", "gone"])
def test_a_renewal_of_a_certificate_that_does_not_sign_does_nothing_and_says_so(twin: Twin, which: str) -> None:
    """A waiver names its object."""
    twin.emulator.generate_passive(twin.guid)
    twin.deploy(ALONE)
    fingerprint = twin.slots[1] if which == "passive" else "0" * 64
    report = twin.up(renewing(fingerprint, accept_outage=True))
    assert report.writes == []
    assert "does not sign" in report.messages
    twin.assert_settled(renewing(fingerprint, accept_outage=True))


def test_a_renewal_of_what_a_trigger_declares_is_refused_with_a_way_out_that_works(twin: Twin) -> None:
    """The declared certificate would be in no slot any more."""
    twin.deploy(ALONE, program("b", "a"))
    renew = program("b", "a", active={"renew_fingerprint": twin.slots[0], "accept_outage": True})
    assert "remove RotationTrigger and rotation=" in twin.refuses(renew, twin.slots[0])
    old = twin.slots[0]
    twin.deploy(program("b", active={"renew_fingerprint": old, "accept_outage": True}))
    assert twin.slots[0] != old
    twin.deploy(program("b", "renewed"))


def test_a_lost_answer_of_a_renewal_is_found_in_the_slots(twin: Twin) -> None:
    """One POST, and the certificate that is there afterwards is its answer."""
    twin.deploy(ALONE)
    renew = renewing(twin.slots[0], accept_outage=True)
    twin.line.once("POST certificate", committed_then(httpx.ReadTimeout("lost")))
    assert twin.up(renew).writes == ["POST certificate"]
    assert twin.outputs("signing")["fingerprint"] == twin.slots[0]
    twin.assert_settled(renew)


def test_a_renewal_killed_after_its_post_is_not_repeated(twin: Twin) -> None:
    """The named certificate does not sign any more, so the next `up` only follows."""
    twin.deploy(ALONE)
    renew = renewing(twin.slots[0], accept_outage=True)
    twin.line.once("POST certificate", committed_then(KilledError()))
    with pytest.raises(KilledError):
        twin.up(renew)
    assert twin.up(renew).writes == []
    assert twin.outputs("signing")["fingerprint"] == twin.slots[0]
    twin.assert_settled(renew)


@pytest.mark.parametrize(
    "after", [pytest.param(renamed, id="renaming it"), pytest.param(without_resources, id="removing it")]
)
def test_deleting_leaves_the_certificate_in_place_and_says_so(twin: Twin, after: Program) -> None:
    """The API has no such call."""
    twin.deploy(ALONE)
    slots = twin.slots
    report = twin.up(after)
    assert report.writes == []
    assert f"{slots[0]} stays the active certificate" in report.messages
    assert twin.slots == slots
    twin.assert_settled(after)
