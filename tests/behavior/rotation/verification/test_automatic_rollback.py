"""A rejection by a target: the command rolls back, and the generation is refused until the program changes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import httpx
import pytest

from btp_trust import Attested
from btp_trust.errors import (
    Refused,
    TrustError,
)
from support.fake_engine import (
    HOUR,
    CheckFailedError,
    SendRequest,
    answer_with,
    assert_three_part_message,
    interleave,
)
from support.verification import (
    FIND_S4,
    PASSWORD,
    ROTATE,
    USER,
    VerificationScenario,
    answer_probes_with_error,
    create_destinations_like_s4,
    fault_probes,
    rotate_to_rejected,
    time_out,
)


def test_rejection_rolls_back_and_is_recorded(scenario: VerificationScenario) -> None:
    """The earlier certificate signs again and is probed, the evidence is recorded, and the update itself succeeds."""
    engine = scenario.engine
    before = engine.slots
    report = rotate_to_rejected(scenario)
    assert report.writes == [ROTATE, ROTATE]
    assert engine.slots == before
    outputs, evidence = engine.outputs("rotation"), scenario.evidence()
    assert outputs["fingerprint"] == before[0]
    assert outputs["failed_generation"] == "b"
    assert "previous_fingerprint" not in outputs
    assert evidence["s4"]["verdict"] == "rejected"
    assert "Response was" in evidence["s4"]["detail"]
    assert {probe["fingerprint"] for probe in evidence.values()} == {before[1]}
    assert {name: probe["after_rollback"].partition(":")[0] for name, probe in evidence.items()} == dict.fromkeys(
        ("s4", "sf", "assertion"), "verified"
    )
    assert_three_part_message(outputs["failure"], *before, "s4", 'generation="a"', "'b'")
    assert "Users of s4 were refused from 20" in outputs["failure"]
    assert f" to {outputs['rolled_back_at']}, when the rollback was confirmed, for " in outputs["failure"]
    assert engine.outputs("signing")["fingerprint"] == before[0]


def test_older_certificate_means_rollback(scenario: VerificationScenario) -> None:
    """A rejected certificate is rolled back, also where a colleague's renewed signer is younger."""
    engine = scenario.engine
    engine.emulator.generate_active(engine.guid)
    engine.emulator.advance(HOUR)
    engine.refresh()
    before = engine.slots
    scenario.misreport("s4", before[1])
    declared = scenario.program("b", "s4", "assertion")
    messages = engine.preview(declared).messages
    assert "a target's rejection rolls back" in messages
    assert engine.up(declared).writes == [ROTATE, ROTATE]
    assert engine.slots == before
    assert engine.outputs("rotation")["failed_generation"] == "b"


def test_older_certificate_needs_verification(scenario: VerificationScenario) -> None:
    """No swap is sent that cannot be verified; a rollback alone would go on without."""
    engine = scenario.engine
    engine.emulator.generate_active(engine.guid)
    engine.emulator.advance(HOUR)
    engine.refresh()
    before, declared = engine.slots, scenario.program("b", "s4")
    del engine.config["btp-trust:user"]
    assert "the deployment refuses the swap" in engine.preview(declared).messages
    with pytest.raises(TrustError, match="was not made to sign"):
        engine.up(declared, skip_preview=True)
    assert engine.slots == before


def test_rejected_generation_is_refused(scenario: VerificationScenario) -> None:
    """Every preview refuses a rejected generation until the program declares another one; a refresh still works."""
    engine = scenario.engine
    rotate_to_rejected(scenario)
    engine.emulator.advance(HOUR)
    for more in ({}, {"on_drift": "restore"}, {"verify_now": "1"}, {"verify_destinations": ["sf"]}):
        declared = scenario.program("b", "s4", **more)
        message = engine.assert_refused(declared, "s4: rejected: ", *engine.slots)
        assert "somebody else" not in engine.last_report.messages
        assert engine.outputs("rotation")["rolled_back_at"] in message
        with pytest.raises(Refused):
            engine.up(declared, skip_preview=True)
        assert engine.last_report.writes == []
    assert engine.refresh().writes == []
    engine.deploy(scenario.program("a", "s4"))
    assert {"failed_generation", "failure", "verified"} & engine.outputs("rotation").keys() == {"verified"}


def test_rejected_generation_may_be_declared_again(scenario: VerificationScenario) -> None:
    """After a revert and a repair of the target, the generation is verified."""
    engine = scenario.engine
    rotate_to_rejected(scenario)
    before = engine.slots
    engine.emulator.advance(HOUR)
    engine.deploy(scenario.program("a", "s4", "assertion"))
    scenario.misreport("s4")
    engine.deploy(scenario.program("b", "s4", "assertion"))
    assert engine.slots == before[::-1]


def test_rejected_generation_that_signs_is_accepted(scenario: VerificationScenario) -> None:
    """A rejected generation that signs again by hand is verified, also after a refresh."""
    engine, declared = scenario.engine, scenario.program("b", "s4", "sf", "assertion")
    rotate_to_rejected(scenario)
    before = engine.slots
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(HOUR)
    engine.refresh()
    scenario.misreport("s4")
    engine.deploy(declared)
    assert engine.slots == before[::-1]
    assert {"failed_generation", "failure", "rolled_back_at"} & engine.outputs("rotation").keys() == set()


def test_rejected_generation_waits_for_targets(scenario: VerificationScenario) -> None:
    """A rejected certificate is no rollback target, so the target gate holds for it."""
    engine = scenario.engine
    rotate_to_rejected(scenario)
    engine.emulator.advance(HOUR)
    engine.deploy(scenario.program("a", "s4"))
    engine.assert_refused(scenario.program("b", "s4", trusted_by={"s4": engine.slots[0]}), "s4")


@pytest.mark.parametrize(
    ("target", "on", "passes"),
    [
        pytest.param("s4", None, False, id="on the day of the rejection"),
        pytest.param("S4", None, False, id="in other letters"),
        pytest.param("s4", timedelta(hours=1), True, id="an hour later"),
        pytest.param("s4", timedelta(0), False, id="at that moment"),
        pytest.param("other", None, True, id="of another target"),
    ],
)
def test_rejected_certificate_is_attested_anew(
    scenario: VerificationScenario, target: str, on: timedelta | None, *, passes: bool
) -> None:
    """After a rejection the target's attestation has to be later; the preview says once when it was rejected."""
    engine = scenario.engine
    rotate_to_rejected(scenario)
    before, rejected_at = engine.slots, scenario.evidence()["s4"]["at"]
    assert engine.outputs("rotation")["rejections"] == {before[1]: {"s4": rejected_at}}
    moment = datetime.fromisoformat(rejected_at)
    engine.emulator.advance(2 * HOUR)
    engine.deploy(scenario.program("a", "s4", "assertion"))
    scenario.misreport("s4")
    attested = Attested(str(before[1]), "Ada", moment.date() if on is None else moment + on)
    declared = scenario.program("b", "s4", "assertion", trusted_by={target: attested})
    if not passes:
        message = engine.assert_refused(declared, f"{target}: rejected at {rejected_at}; attested by Ada on ")
        assert "attest it anew" in message
        return
    engine.up(declared)
    assert engine.slots == before[::-1]
    line = f"{str(before[1])[:8]} (b) was rejected by s4 at {rejected_at}; "
    assert engine.last_preview.messages.count(line) == 1
    assert ("yes, attested since by Ada on " in engine.last_preview.messages) is (target == "s4")
    assert "rejections" not in engine.outputs("rotation")
    engine.assert_stable(declared)


def test_rejection_of_restored_signer_is_stated(scenario: VerificationScenario) -> None:
    """A restore leads to the declared certificate, which a target may have rejected: the preview says so."""
    engine = scenario.engine
    trigger = {"on_verification_failure": "report", "on_drift": "restore"}
    rotate_to_rejected(scenario, **trigger)
    rejected_at = scenario.evidence()["s4"]["at"]
    engine.emulator.advance(HOUR)
    engine.emulator.rotate(engine.guid)
    messages = engine.preview(scenario.program("b", "s4", "sf", "assertion", **trigger)).messages
    assert f"(b) was rejected by s4 at {rejected_at}; trusted_by has no target" in messages
    assert "was rejected" not in engine.refresh().messages


def test_policy_report_keeps_the_swap(scenario: VerificationScenario) -> None:
    """With `report` a rejection is printed and recorded, and the swap is kept."""
    before = scenario.engine.slots
    report = rotate_to_rejected(scenario, on_verification_failure="report")
    assert report.writes == [ROTATE]
    assert scenario.engine.slots == before[::-1]
    assert f"warning: {scenario.engine.subject}s4: rejected: " in report.messages
    assert "nothing is rolled back" in scenario.engine.last_preview.messages
    assert scenario.verdicts()["s4"] == "rejected"
    assert "failed_generation" not in scenario.engine.outputs("rotation")
    scenario.engine.assert_stable(scenario.program("b", "s4", "sf", "assertion", on_verification_failure="report"))


def test_rejected_rollback_is_kept(scenario: VerificationScenario) -> None:
    """A rejection of a rollback by the program is reported only."""
    engine = scenario.engine
    engine.deploy(scenario.program("b", "s4", "assertion"))
    scenario.misreport("s4", engine.slots[1])
    report = engine.up(scenario.program("a", "s4"))
    assert report.writes == [ROTATE]
    assert "s4: rejected: " in report.messages
    assert "nothing is rolled back" in engine.last_preview.messages


def test_second_rejection_is_named(scenario: VerificationScenario) -> None:
    """If the target rejects the earlier certificate as well, the message says so."""
    scenario.misreport("s4", *scenario.engine.slots)
    report = scenario.engine.up(scenario.program("b", "s4"))
    assert report.writes == [ROTATE, ROTATE]
    assert "s4 rejected the earlier certificate as well" in scenario.engine.outputs("rotation")["failure"]


@pytest.mark.parametrize("refreshed", [False, True])
def test_revert_after_rollback_is_reported_once(scenario: VerificationScenario, *, refreshed: bool) -> None:
    """A rejection of the certificate that was rolled back to is reported once and blocks nothing."""
    engine, before, declared = scenario.engine, scenario.engine.slots, scenario.program("a", "s4")
    scenario.misreport("s4", *before)
    engine.up(scenario.program("b", "s4"))
    engine.emulator.advance(HOUR)
    if refreshed:
        engine.refresh()
    report = engine.up(declared)
    assert "nothing is rolled back" in engine.last_preview.messages
    assert f"warning: {engine.subject}s4: rejected: " in report.messages
    assert (report.writes, engine.slots) == ([], before)
    engine.assert_stable(declared)


def test_rejection_counts_when_repeated(scenario: VerificationScenario) -> None:
    """A target that has to load its new certificate first gets a few seconds."""
    scenario.engine.transport.inject_once(FIND_S4, answer_probes_with_error("status code 401"), after=2)
    scenario.engine.transport.inject_once(FIND_S4, answer_probes_with_error("status code 401"))
    report = scenario.engine.up(scenario.program("b", "s4", "assertion"))
    assert report.writes == [ROTATE]
    assert scenario.verdicts()["s4"] == "verified"
    assert scenario.engine.pauses == [1.0, 2.0]


def test_state_and_messages_are_redacted(scenario: VerificationScenario) -> None:
    """A rejection that repeats the assertion and names the user is redacted in state and messages."""
    engine = scenario.engine
    messages = rotate_to_rejected(scenario).messages + engine.last_preview.messages
    engine.emulator.advance(HOUR)
    engine.deploy(scenario.program("a", "s4"))
    token = scenario.emulator.user_token(scenario.guid, USER)
    text = f"Response was: user {USER} (JANE.ROE), assertion=PD94bWwgdmVyc2lvbj0iMS4w&password={PASSWORD} {token}"
    engine.transport.inject_always(answer_probes_with_error(text), FIND_S4)
    messages += engine.up(scenario.program("b", "s4")).messages
    texts = json.dumps([[stored.inputs, stored.outputs] for stored in engine.state.values()]) + messages
    assert engine.outputs("rotation")["failed_generation"] == "b"
    for text in (*scenario.private_texts(), "JANE.ROE", token.split(".")[1]):
        assert text not in texts


def test_rejected_certificate_is_no_rollback_target(scenario: VerificationScenario) -> None:
    """A certificate that signed before and was then rejected is subject to the target gate."""
    engine = scenario.engine
    before = engine.slots
    both = {"s4": [*before]}
    engine.deploy(
        scenario.program("b", "s4", "assertion", trusted_by=both),
        scenario.program("a", "s4", "assertion", trusted_by=both),
    )
    scenario.misreport("s4", before[1])
    engine.up(scenario.program("b", "s4", "assertion", trusted_by=both))
    assert engine.outputs("rotation")["failed_generation"] == "b"
    engine.deploy(scenario.program("a", "s4", "assertion", trusted_by={"s4": [before[0]]}))
    with pytest.raises((CheckFailedError, Refused), match="not trusted by s4"):
        engine.up(scenario.program("b", "s4", "assertion", trusted_by={"s4": [before[0]]}))
    assert engine.slots == before


def test_alternating_rejection_ends_as_last(scenario: VerificationScenario) -> None:
    """Six probes within half a minute are the limit; the last result counts."""
    scenario.engine.transport.inject_always(
        fault_probes(answer_probes_with_error("connect timed out"), answer_probes_with_error("HTTP 401")), FIND_S4
    )
    scenario.engine.up(scenario.program("b", "s4", on_verification_failure="report"))
    assert scenario.verdicts()["s4"] == "rejected"
    assert scenario.engine.pauses == [1.0, 2.0, 4.0, 8.0, 15.0]


def test_rollback_has_its_own_deadline(scenario: VerificationScenario) -> None:
    """After a verification that used up its time, the rollback has time and requests of its own."""
    engine = scenario.engine
    before = engine.slots
    scenario.misreport("s4", before[1])

    def slow(request: httpx.Request, _: SendRequest) -> httpx.Response:
        engine.elapsed += 100
        raise httpx.ReadTimeout("slow", request=request)

    engine.transport.inject_always(fault_probes(slow), "GET destinations/sf")
    report = engine.up(scenario.program("b", "sf", "s4"))
    assert report.writes == [ROTATE, ROTATE]
    assert engine.slots == before
    assert scenario.verdicts()["sf"] == "inconclusive"


def test_rollback_by_hand_is_recognized(scenario: VerificationScenario) -> None:
    """If somebody swaps by hand first, the command records the rollback and sends no swap."""
    engine = scenario.engine
    before = engine.slots
    scenario.misreport("s4", before[1])
    colleague = interleave(after=lambda: engine.emulator.rotate(engine.guid))
    engine.transport.inject_once(FIND_S4, colleague, after=4)
    report = engine.up(scenario.program("b", "s4"))
    assert report.writes == [ROTATE]
    assert engine.slots == before
    assert engine.outputs("rotation")["failed_generation"] == "b"


def test_later_destination_is_reported_only(scenario: VerificationScenario) -> None:
    """A rejection by a destination that was added after the step is only reported."""
    engine = scenario.engine
    before = engine.slots
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), FIND_S4))
    )
    engine.up(scenario.program("b", "s4"))
    scenario.misreport("sf", before[1])
    report = engine.up(scenario.program("b", "s4", "sf", verify_now="now"))
    assert report.writes == []
    assert "sf: rejected: " in report.messages
    assert engine.outputs("rotation")["unverified"] == ["s4"]


def test_rejection_is_repeated_before_slow_destinations(scenario: VerificationScenario) -> None:
    """While users may be rejected, slow destinations behind the rejecting one are skipped."""
    engine = scenario.engine
    create_destinations_like_s4(scenario, ["d1", "d2"])
    scenario.misreport("s4", engine.slots[1])
    engine.transport.inject_always(
        fault_probes(lambda request, _: time_out(request, engine)), "GET destinations/d1", "GET destinations/d2"
    )
    report = engine.up(scenario.program("b", "s4", "d1", "d2"))
    assert report.writes == [ROTATE, ROTATE]
    first, second = (place for place, request in enumerate(report.requests) if request == ROTATE)
    assert report.requests[first:second].count("GET destinations/d1") == 1
    assert scenario.evidence()["d1"]["detail"] == "skipped: another target rejected first"
