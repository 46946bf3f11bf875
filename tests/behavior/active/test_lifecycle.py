"""ActiveTrustCertificate driven by the fake engine: adopt, generate the first one, renew, follow, leave in place."""

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
    """A stack on a subaccount with empty slots."""
    return FakeEngine(emulator, emulator.create_subaccount().guid)


def renewing(fingerprint: str | None, **more: bool) -> Program:
    """Write a program that renews in place."""
    return program(active={"renew_fingerprint": fingerprint, **more})


def without_resources(_: Deployment) -> None:
    """Declare nothing."""


def renamed(deployment: Deployment) -> None:
    """Declare the resource under another name."""
    deployment.active("renamed")


def test_creation_adopts_the_active_certificate(engine: FakeEngine) -> None:
    """The outputs are the live certificate's."""
    report = engine.up(ALONE)
    assert report.writes == []
    outputs = engine.outputs("signing")
    assert (outputs["fingerprint"], outputs["role"]) == (engine.slots[0], "active")
    assert outputs["subaccount_id"] == engine.guid
    assert outputs["certificate"] == engine.emulator.certificates(engine.guid)[0]
    since, until = outputs["not_before"][:10], outputs["not_after"][:10]
    adopted = f"adopt active {str(engine.slots[0])[:8]} (valid since {since}, signs until {until}); nothing is sent\n"
    assert adopted in engine.last_preview.messages
    assert adopted in report.messages
    engine.assert_stable(ALONE)
    assert "adopt" not in engine.preview(ALONE).messages


def test_preview_names_the_adopted_certificate(engine: FakeEngine) -> None:
    """The signer is a checked input."""
    assert engine.preview(ALONE).inputs["signing"]["signer"]["fingerprint"] == engine.slots[0]


def test_generate_adopts_an_existing_certificate(engine: FakeEngine) -> None:
    """`generate=True` is harmless where a certificate is active, and later."""
    assert engine.up(FIRST).writes == []
    engine.assert_stable(FIRST)


def test_refuses_to_generate_unasked(empty: FakeEngine) -> None:
    """Refused in the preview, with the argument to add."""
    assert "generate=True" in empty.assert_refused(ALONE)


def test_reads_twice_before_generating(empty: FakeEngine) -> None:
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


@pytest.mark.parametrize("reading", [1, 2], ids=["at the first reading", "at the second reading"])
def test_stops_for_contradicting_metadata(empty: FakeEngine, reading: int) -> None:
    """Metadata, and an empty slot: the next run may read the truth."""
    body = {"idpMetadata": "PHhtbC8+"}
    empty.transport.inject_once("GET metadata", answer_with(200, json=body), after=reading - 1)
    with pytest.raises(SlotsChanged) as stopped:
        empty.up(FIRST)
    assert_three_part_message(str(stopped.value), empty.label)
    assert empty.last_report.writes == []
    empty.deploy(FIRST)


def test_adopts_after_the_first_reading(empty: FakeEngine) -> None:
    """A colleague generated one between the two readings: it stays."""
    empty.transport.inject_once("GET metadata", interleave(after=lambda: empty.emulator.generate_active(empty.guid)))
    assert empty.up(FIRST).writes == []
    assert empty.outputs("signing")["fingerprint"] == empty.slots[0]
    empty.assert_stable(FIRST)


def test_adopts_after_the_second_reading(empty: FakeEngine) -> None:
    """The second reading counts as much as the first."""
    rival = interleave(after=lambda: empty.emulator.generate_active(empty.guid))
    empty.transport.inject_once("GET metadata", rival, after=1)
    assert empty.up(FIRST).writes == []
    empty.assert_stable(FIRST)


def test_resumes_a_killed_run_by_adopting(empty: FakeEngine) -> None:
    """The state lacks the certificate of the POST; the next `up` finds it in the slot."""
    empty.transport.inject_once("POST certificate", commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        empty.up(FIRST)
    assert empty.state == {}
    assert empty.up(FIRST).writes == []
    empty.assert_stable(FIRST)


def test_follows_a_swap_in_the_cockpit(engine: FakeEngine) -> None:
    """One update that calls nothing, and whose preview names the change."""
    engine.deploy(ALONE)
    engine.emulator.generate_passive(engine.guid)
    engine.emulator.rotate(engine.guid)
    report = engine.up(ALONE)
    assert (report.operations, report.changed, report.writes) == ({"signing": "update"}, {"signing": {"signer"}}, [])
    assert engine.outputs("signing")["fingerprint"] == engine.slots[0]
    engine.assert_stable(ALONE)


def test_follows_a_trigger_without_rotation(engine: FakeEngine) -> None:
    """Its swap is reported one command later, by an update without a write; with `rotation=` in the same one."""

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


def test_refresh_follows_the_slot(engine: FakeEngine) -> None:
    """Read reports the active certificate."""
    engine.deploy(ALONE)
    engine.emulator.generate_active(engine.guid)
    engine.refresh()
    assert (engine.outputs("signing")["fingerprint"], engine.outputs("signing")["role"]) == (engine.slots[0], "active")


def test_all_outputs_name_one_signer(engine: FakeEngine) -> None:
    """Also after refresh and `up`."""
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


def test_refresh_warns_of_an_empty_slot(engine: FakeEngine) -> None:
    """The resource stays, its role is gone."""
    engine.deploy(ALONE)
    engine.transport.inject_once("GET certificate", answer_with(404, json={"ErrorMessage": "gone"}))
    report = engine.refresh()
    assert report.changed == {"signing": {"role"}}
    assert engine.outputs("signing")["role"] == "gone"
    assert "warning" in report.messages


def test_strict_refresh_fails_on_empty_slot(engine: FakeEngine) -> None:
    """Three parts, with the recorded signer."""
    engine.deploy(ALONE)
    engine.config["btp-trust:strict"] = "true"
    engine.transport.inject_once("GET certificate", answer_with(404, json={"ErrorMessage": "gone"}))
    with pytest.raises(Refused) as caught:
        engine.refresh()
    assert_three_part_message(str(caught.value), engine.slots[0])


def test_refuses_a_second_first_certificate(engine: FakeEngine) -> None:
    """For an existing resource with `generate=True`: every target would reject the new certificate."""
    engine.deploy(FIRST)
    engine.transport.inject_always(answer_with(404, json={"ErrorMessage": "gone"}), "GET certificate")
    assert "every target would reject a new one" in engine.assert_refused(FIRST)


def test_fails_if_the_certificate_vanishes(engine: FakeEngine) -> None:
    """Between plan and update: an empty slot is recorded nowhere."""
    engine.deploy(ALONE)
    renew = renewing(engine.slots[0], accept_outage=True)
    engine.transport.inject_once("GET certificate", answer_with(404, json={"ErrorMessage": "gone"}), after=2)
    with pytest.raises(TrustError, match="no active") as stopped:
        engine.up(renew)
    assert_three_part_message(str(stopped.value))
    assert engine.last_report.writes == []


def test_refuses_an_unaccepted_renewal(engine: FakeEngine) -> None:
    """The preview points to the rotation."""
    engine.deploy(ALONE)
    message = engine.assert_refused(renewing(engine.slots[0]), engine.slots[0], "accept_outage=True")
    assert "Rotate instead" in message


def test_an_accepted_renewal_posts_once(engine: FakeEngine) -> None:
    """Two more years; the preview named the certificate; left in the code, the argument only prints a note."""
    engine.deploy(ALONE)
    old = engine.slots[0]
    renew = renewing(old, accept_outage=True)
    report = engine.up(renew)
    assert str(old)[:8] in engine.last_preview.inputs["signing"]["step"]
    assert report.writes == ["POST certificate"]
    assert engine.outputs("signing")["fingerprint"] == engine.slots[0] != old
    engine.assert_stable(renew)
    assert "nothing to renew" in engine.preview(renew).messages


def test_renewal_reads_before_it_posts(engine: FakeEngine) -> None:
    """A colleague renewed in the same minute: exactly the named certificate is renewed, or none."""
    engine.deploy(ALONE)
    renew = renewing(engine.slots[0], accept_outage=True)
    engine.transport.inject_once(
        "GET certificate", interleave(before=lambda: engine.emulator.generate_active(engine.guid)), after=2
    )
    report = engine.up(renew)
    assert report.writes == []
    assert engine.outputs("signing")["fingerprint"] == engine.slots[0]
    engine.assert_stable(renew)


def test_creation_refuses_to_renew(engine: FakeEngine) -> None:
    """After a lost state the argument may still be in the code; the renewal takes a second deployment."""
    renew = renewing(engine.slots[0], accept_outage=True)
    assert "Remove renew_fingerprint=" in engine.assert_refused(renew, engine.slots[0])
    engine.deploy(ALONE)
    assert engine.up(renew).writes == ["POST certificate"]
    engine.assert_stable(renew)


@pytest.mark.parametrize("role", ["passive", "gone"])
def test_remarks_on_an_ineffective_renewal(engine: FakeEngine, role: str) -> None:
    """A waiver names its object: another certificate stays, with a note."""
    engine.emulator.generate_passive(engine.guid)
    engine.deploy(ALONE)
    fingerprint = engine.slots[1] if role == "passive" else "0" * 64
    report = engine.up(renewing(fingerprint, accept_outage=True))
    assert report.writes == []
    assert "is not the active certificate" in report.messages
    engine.assert_stable(renewing(fingerprint, accept_outage=True))


def test_refuses_to_renew_a_declared_certificate(engine: FakeEngine) -> None:
    """A renewal would take the declared certificate out of both slots; the remedy works."""
    engine.deploy(ALONE, program("b", "a"))
    renew = program("b", "a", active={"renew_fingerprint": engine.slots[0], "accept_outage": True})
    assert "remove RotationTrigger and rotation=" in engine.assert_refused(renew, engine.slots[0])
    old = engine.slots[0]
    engine.deploy(program("b", active={"renew_fingerprint": old, "accept_outage": True}))
    assert engine.slots[0] != old
    engine.deploy(program("b", "renewed"))


def test_reads_after_a_lost_response(engine: FakeEngine) -> None:
    """One POST, and the outputs are the certificate that is there afterwards."""
    engine.deploy(ALONE)
    renew = renewing(engine.slots[0], accept_outage=True)
    engine.transport.inject_once("POST certificate", commit_then_raise(httpx.ReadTimeout("lost")))
    assert engine.up(renew).writes == ["POST certificate"]
    assert engine.outputs("signing")["fingerprint"] == engine.slots[0]
    engine.assert_stable(renew)


def test_a_killed_renewal_posts_once(engine: FakeEngine) -> None:
    """Another certificate is active by then, so the next `up` only follows."""
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
def test_deletion_leaves_the_certificate(engine: FakeEngine, after: Program) -> None:
    """The API can delete only a passive one; the command reports it."""
    engine.deploy(ALONE)
    slots = engine.slots
    report = engine.up(after)
    assert report.writes == []
    assert f"{str(slots[0])[:8]} stays the active certificate" in report.messages
    assert engine.slots == slots
    engine.assert_stable(after)
