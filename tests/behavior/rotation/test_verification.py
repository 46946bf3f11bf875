"""The check of a rotation through the eyes of an engine: proved, left open, or refused and swapped back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from btp_trust.errors import (
    NoUserToken,
    OutcomeUnknown,
    Refused,
    RollbackFailed,
    ServiceUnavailable,
    StaleRead,
    TrustError,
)
from btp_trust.rotation.verification import prober
from btp_trust.runtime import session
from btp_trust_emulator import Emulator, Switches, TokenCache
from btp_trust_emulator.faults.fault import FaultKind
from support.fake_engine import (
    HOUR,
    CheckFailedError,
    FakeEngine,
    ProcessKilledError,
    Program,
    SendRequest,
    answer_with,
    assert_three_part_message,
    commit_then_answer,
    commit_then_raise,
    interleave,
    raise_before_sending,
)
from support.verification import (
    PASSWORD,
    USER,
    VerificationScenario,
    answer_probes_with_error,
    answer_probes_with_token,
    fault_probes,
)

TARGET = "GET destinations/s4"
ROTATE = "POST rotateCertificate"
LISTS = ["GET subaccountDestinations", "GET instanceDestinations"]
"""What a preview asks about destinations."""
ACTIVE = "/destination-configuration/v1/saml2Metadata/certificate"
PASSIVE = f"{ACTIVE}/passive"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator for all tests of this file."""
    with Emulator(key_size=1024) as running:
        yield running


@pytest.fixture
def scenario(emulator: Emulator) -> VerificationScenario:
    """A prepared stack with targets that trust both certificates."""
    return VerificationScenario(FakeEngine(emulator, emulator.create_subaccount(generate=True).guid))


def finds(report: Any) -> list[str]:
    """The requests about destinations."""
    return [request for request in report.requests if "estinations" in request]


# --- proved ------------------------------------------------------------------------------------------------------


def test_a_rotation_is_proved_to_each_destination(scenario: VerificationScenario) -> None:
    """Who signed is certain of the assertion, that it is accepted of a target's new token; and all is quiet then."""
    engine, wanted = scenario.engine, scenario.program("b", "s4", "assertion")
    before = engine.slots
    report = engine.up(wanted)
    assert report.writes == [ROTATE]
    evidence = scenario.evidence()
    assert list(evidence) == ["s4", "assertion"]
    for found in evidence.values():
        assert (found["verdict"], found["fingerprint"]) == ("proved", before[1])
        assert found["at"].endswith("Z")
    assert {"unverified", "failed_generation", "failure"} & engine.outputs("rotation").keys() == set()
    assert "s4: proved: the target accepted the assertion" in report.messages
    assert "after the swap s4, assertion will be tried as the user; a target's refusal swaps back" in (
        engine.last_preview.messages
    )
    engine.assert_stable(wanted)


def test_a_preview_tries_nothing_and_a_rotation_looks_before_and_tries_after(scenario: VerificationScenario) -> None:
    """A preview lists; looking fetches no token; and the assertion comes before any target."""
    report = scenario.engine.up(scenario.program("b", "s4", "assertion"))
    s4, assertion = TARGET, "GET destinations/assertion"
    assert finds(scenario.engine.last_preview) == LISTS
    after = report.requests[report.requests.index(ROTATE) :]
    assert finds(report) == [*LISTS, s4, assertion, s4, assertion, assertion, s4]
    assert finds(scenario.engine.last_report) == finds(report)
    assert after == [ROTATE, s4, assertion, assertion, s4]


def test_a_changed_list_or_policy_neither_rotates_nor_tries(scenario: VerificationScenario) -> None:
    """An update that asks no target; a new list is compared."""
    scenario.engine.deploy(scenario.program("b", "s4", "assertion"))
    kept = scenario.evidence()
    for wanted, listed in (
        (scenario.program("b", "s4", "sf"), LISTS),
        (scenario.program("b", "sf", on_verification_failure="report"), LISTS),
        (scenario.program("b", "sf"), []),
    ):
        report = scenario.engine.up(wanted)
        assert (report.operations["rotation"], report.writes, finds(report)) == ("update", [], listed)
        scenario.engine.assert_stable(wanted)
    assert kept.keys() == {"s4", "assertion"}
    assert scenario.evidence() == {}


def test_asking_now_tries_the_list_on_an_unchanged_generation(scenario: VerificationScenario) -> None:
    """Once for each text; a refusal is said and recorded, and nothing is swapped."""
    engine = scenario.engine
    engine.deploy(scenario.program("b", "s4", "assertion"))
    slots = engine.slots
    scenario.misreport("s4", slots[0])
    asking = scenario.program("b", "s4", "assertion", verify_now="1")
    assert finds(engine.preview(asking)) == LISTS
    report = engine.up(asking)
    assert report.writes == []
    assert "warning: RotationTrigger: s4: refused: " in report.messages
    assert "It is not swapped back." in report.messages
    assert scenario.evidence()["s4"]["verdict"] == "refused"
    assert engine.slots == slots
    engine.assert_stable(asking)
    assert finds(engine.up(scenario.program("b", "s4", "assertion"))) == []
    assert finds(engine.up(scenario.program("b", "s4", "assertion", verify_now="2"))) != []


def test_asking_at_the_first_deployment_tries_the_list_too(emulator: Emulator) -> None:
    """What is asked for with the resource is not forgotten; without it there is nothing yet, and that is known."""
    scenario = VerificationScenario(
        FakeEngine(emulator, emulator.create_subaccount(generate=True).guid), is_known=False
    )
    engine = FakeEngine(emulator, scenario.guid, config=dict(scenario.engine.config))
    passive_generation = scenario.engine.outputs("rotation")["verified"]
    scenario.misreport("s4", engine.slots[0])
    report = engine.up(scenario.program("a", "s4", "assertion", passive_generation="b", verify_now="1"))
    assert report.writes == []
    assert "s4: refused: " in report.messages
    found = engine.outputs("rotation")["verified"]
    assert {name: each["verdict"] for name, each in found.items()} == {"s4": "refused", "assertion": "proved"}
    assert passive_generation == {}
    engine.assert_stable(scenario.program("a", "s4", "assertion", passive_generation="b", verify_now="1"))


def test_a_roll_back_is_proved_too(scenario: VerificationScenario) -> None:
    """With the same list."""
    scenario.engine.deploy(scenario.program("b", "s4", "assertion"), scenario.program("a", "s4", "assertion"))
    assert {found["verdict"] for found in scenario.evidence().values()} == {"proved"}
    assert {found["fingerprint"] for found in scenario.evidence().values()} == {scenario.engine.slots[0]}


# --- refused: the way back ---------------------------------------------------------------------------------------


def refused(scenario: VerificationScenario, **trigger: Any) -> Any:
    """Rotate to a certificate that s4 says it trusts, and refuses."""
    scenario.misreport("s4", scenario.engine.slots[1])
    return scenario.engine.up(scenario.program("b", "s4", "sf", "assertion", **trigger))


def test_a_refusal_swaps_back_and_is_remembered(scenario: VerificationScenario) -> None:
    """The earlier certificate signs again and works; the evidence is kept; the update itself succeeds."""
    engine = scenario.engine
    before = engine.slots
    report = refused(scenario)
    assert report.writes == [ROTATE, ROTATE]
    assert engine.slots == before
    outputs, evidence = engine.outputs("rotation"), scenario.evidence()
    assert outputs["fingerprint"] == before[0]
    assert outputs["failed_generation"] == "b"
    assert "previous_fingerprint" not in outputs
    assert evidence["s4"]["verdict"] == "refused"
    assert "Response was" in evidence["s4"]["detail"]
    assert {name: found["fingerprint"] for name, found in evidence.items()} == dict.fromkeys(evidence, before[1])
    assert {name: found["after_rollback"].partition(":")[0] for name, found in evidence.items()} == dict.fromkeys(
        ("s4", "sf", "assertion"), "proved"
    )
    assert_three_part_message(outputs["failure"], *before, "s4", 'generation="a"', "'b'")
    assert engine.outputs("signing")["fingerprint"] == before[0]


def test_a_refused_generation_is_refused_until_another_is_declared(scenario: VerificationScenario) -> None:
    """In every preview, also where drift is undone; whatever else changes; a refresh goes on working."""
    engine = scenario.engine
    refused(scenario)
    engine.emulator.advance(HOUR)
    for more in ({}, {"on_drift": "restore"}, {"verify_now": "1"}, {"verify_destinations": ["sf"]}):
        wanted = scenario.program("b", "s4", **more)
        message = engine.assert_refused(wanted, "s4: refused: ", *engine.slots)
        assert "somebody else" not in engine.last_report.messages
        assert engine.outputs("rotation")["rolled_back_at"] in message
        with pytest.raises(Refused):
            engine.up(wanted, skip_preview=True)
        assert engine.last_report.writes == []
    assert engine.refresh().writes == []
    engine.deploy(scenario.program("a", "s4"))
    assert {"failed_generation", "failure", "verified"} & engine.outputs("rotation").keys() == {"verified"}


def test_a_refused_generation_may_be_declared_again_once_the_code_has_changed(scenario: VerificationScenario) -> None:
    """The target was repaired in between; now it is proved."""
    engine = scenario.engine
    refused(scenario)
    before = engine.slots
    engine.emulator.advance(HOUR)
    engine.deploy(scenario.program("a", "s4", "assertion"))
    scenario.misreport("s4")
    engine.deploy(scenario.program("b", "s4", "assertion"))
    assert engine.slots == before[::-1]


def test_a_refused_generation_that_somebody_made_sign_is_refused_no_more(scenario: VerificationScenario) -> None:
    """Also where a refresh has recorded that it signs: what was said of the swap back is not true any more."""
    engine, wanted = scenario.engine, scenario.program("b", "s4", "sf", "assertion")
    refused(scenario)
    before = engine.slots
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(HOUR)
    engine.refresh()
    scenario.misreport("s4")
    engine.deploy(wanted)
    assert engine.slots == before[::-1]
    assert {"failed_generation", "failure", "rolled_back_at"} & engine.outputs("rotation").keys() == set()


def test_a_refused_generation_waits_for_all_targets_again(scenario: VerificationScenario) -> None:
    """What was swapped back is no way back: the gate holds for it."""
    engine = scenario.engine
    refused(scenario)
    engine.emulator.advance(HOUR)
    engine.deploy(scenario.program("a", "s4"))
    engine.assert_refused(scenario.program("b", "s4", trusted_by={"s4": engine.slots[0]}), "s4")


def test_a_refusal_is_only_reported_where_the_program_says_so(scenario: VerificationScenario) -> None:
    """Said and recorded; the next deployment is quiet."""
    before = scenario.engine.slots
    report = refused(scenario, on_verification_failure="report")
    assert report.writes == [ROTATE]
    assert scenario.engine.slots == before[::-1]
    assert "warning: RotationTrigger: s4: refused: " in report.messages
    assert "nothing is swapped back" in scenario.engine.last_preview.messages
    assert scenario.evidence()["s4"]["verdict"] == "refused"
    assert "failed_generation" not in scenario.engine.outputs("rotation")
    scenario.engine.assert_stable(scenario.program("b", "s4", "sf", "assertion", on_verification_failure="report"))


def test_a_roll_back_that_is_refused_is_not_undone(scenario: VerificationScenario) -> None:
    """Somebody had a reason to leave the newer one."""
    engine = scenario.engine
    engine.deploy(scenario.program("b", "s4", "assertion"))
    scenario.misreport("s4", engine.slots[1])
    report = engine.up(scenario.program("a", "s4"))
    assert report.writes == [ROTATE]
    assert "s4: refused: " in report.messages
    assert "nothing is swapped back" in engine.last_preview.messages


def test_a_target_that_refuses_the_earlier_one_as_well_is_told(scenario: VerificationScenario) -> None:
    """Then the certificate may not be the cause."""
    scenario.misreport("s4", *scenario.engine.slots)
    report = scenario.engine.up(scenario.program("b", "s4"))
    assert report.writes == [ROTATE, ROTATE]
    assert "s4 refused the earlier certificate as well" in scenario.engine.outputs("rotation")["failure"]


@pytest.mark.parametrize("refreshed", [False, True])
def test_a_revert_after_a_way_back_is_quiet_though_the_earlier_one_is_refused_too(
    scenario: VerificationScenario, *, refreshed: bool
) -> None:
    """Nothing leads away from what was gone back to: that is said once, as after any roll back, and blocks nobody."""
    engine, before, wanted = scenario.engine, scenario.engine.slots, scenario.program("a", "s4")
    scenario.misreport("s4", *before)
    engine.up(scenario.program("b", "s4"))
    engine.emulator.advance(HOUR)
    if refreshed:
        engine.refresh()
    report = engine.up(wanted)
    assert "nothing is swapped back" in engine.last_preview.messages
    assert "warning: RotationTrigger: s4: refused: " in report.messages
    assert (report.writes, engine.slots) == ([], before)
    engine.assert_stable(wanted)


def test_a_refusal_counts_when_it_is_repeated(scenario: VerificationScenario) -> None:
    """A target that has to read its new certificate first gets a few seconds."""
    scenario.engine.transport.inject_once(TARGET, answer_probes_with_error("status code 401"), after=2)
    scenario.engine.transport.inject_once(TARGET, answer_probes_with_error("status code 401"))
    report = scenario.engine.up(scenario.program("b", "s4", "assertion"))
    assert report.writes == [ROTATE]
    assert scenario.evidence()["s4"]["verdict"] == "proved"
    assert scenario.engine.pauses == [1.0, 2.0]


def test_nothing_private_is_in_state_or_messages(scenario: VerificationScenario) -> None:
    """Neither after a proof nor after a refusal that repeats the assertion and names the user."""
    engine = scenario.engine
    said = refused(scenario).messages + engine.last_preview.messages
    engine.emulator.advance(HOUR)
    engine.deploy(scenario.program("a", "s4"))
    token = scenario.emulator.user_token(scenario.guid, USER)
    text = f"Response was: user {USER} (JANE.ROE), assertion=PD94bWwgdmVyc2lvbj0iMS4w&password={PASSWORD} {token}"
    engine.transport.inject_always(answer_probes_with_error(text), TARGET)
    said += engine.up(scenario.program("b", "s4")).messages
    kept = json.dumps([[stored.inputs, stored.outputs] for stored in engine.state.values()]) + said
    assert engine.outputs("rotation")["failed_generation"] == "b"
    for private_texts in (*scenario.private_texts(), "JANE.ROE", token.split(".")[1]):
        assert private_texts not in kept


def test_a_failed_way_back_is_loud_and_the_next_run_goes_back(scenario: VerificationScenario) -> None:
    """With the exact state and the remedy; nothing of it is recorded, so the next run meets the truth."""
    engine = scenario.engine
    before = engine.slots
    scenario.misreport("s4", before[1])
    engine.transport.inject_once(ROTATE, raise_before_sending(httpx.ReadTimeout("lost")), after=1)
    with pytest.raises(RollbackFailed) as stuck:
        engine.up(scenario.program("b", "s4"))
    assert_three_part_message(str(stuck.value), "s4: refused: ", *before, "pulumi up")
    assert engine.slots == before[::-1]
    assert engine.state["rotation"].inputs["generation"] == "a"
    engine.up(scenario.program("b", "s4"))
    assert engine.slots == before
    assert engine.outputs("rotation")["failed_generation"] == "b"


def lost_way_back(scenario: VerificationScenario, *, done: bool, **trigger: Any) -> str:
    """Rotate to what a target refuses; the answer of the swap back is lost, and nothing can be read afterwards."""
    engine = scenario.engine
    scenario.misreport("s4", engine.slots[1])

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        engine.transport.inject_always(answer_with(403), "GET certificate", "GET certificate/passive")
        return (commit_then_raise if done else raise_before_sending)(httpx.ReadTimeout("lost"))(request, send)

    engine.transport.inject_once(ROTATE, fault, after=1)
    with contextlib.suppress(TrustError):  # what depends on it cannot read the slots either
        engine.up(scenario.program("b", "s4", **trigger))
    engine.transport.clear_faults()
    outputs = engine.outputs("rotation")
    assert outputs["failed_generation"] == outputs["generation"] == "b"
    return str(outputs["rollback_unconfirmed"])


@pytest.mark.parametrize("refreshed", [False, True])
def test_a_way_back_that_was_done_unseen_is_remembered(scenario: VerificationScenario, *, refreshed: bool) -> None:
    """The next command reads that it was done, and tries nothing: no user is refused a second time."""
    engine, before = scenario.engine, scenario.engine.slots
    told = lost_way_back(scenario, done=True)
    assert_three_part_message(told, "'b'", "s4: refused: ", *before, "pulumi up")
    assert engine.slots == before
    engine.emulator.advance(61)
    if refreshed:
        engine.refresh()
    for _ in range(2):
        message = engine.assert_refused(scenario.program("b", "s4"), "was swapped back", before[0])
        assert "nobody knows" not in message
    assert engine.last_report.writes == []
    engine.deploy(scenario.program("a", "s4"))
    assert engine.slots == before
    assert {"failed_generation", "rollback_unconfirmed"} & engine.outputs("rotation").keys() == set()


@pytest.mark.parametrize("refreshed", [False, True])
def test_a_way_back_that_was_not_done_is_gone_by_the_next_command(
    scenario: VerificationScenario, *, refreshed: bool
) -> None:
    """It says so in its preview, swaps once, and the refusal is kept."""
    engine, before = scenario.engine, scenario.engine.slots
    lost_way_back(scenario, done=False)
    assert engine.slots == before[::-1]
    engine.emulator.advance(61)
    if refreshed:
        engine.refresh()
    report = engine.up(scenario.program("b", "s4"))
    assert "a target's refusal swaps back" in engine.last_preview.messages
    assert report.writes == [ROTATE]
    assert engine.slots == before
    outputs = engine.outputs("rotation")
    assert (outputs["failed_generation"], outputs.get("rollback_unconfirmed")) == ("b", None)
    engine.assert_refused(scenario.program("b", "s4"), "was swapped back")


@pytest.mark.parametrize("trusted_by", [None, {"s4": "e" * 64}])
@pytest.mark.parametrize("refreshed", [False, True])
def test_a_way_back_that_was_not_done_is_done_by_a_revert(
    scenario: VerificationScenario, trusted_by: Any, *, refreshed: bool
) -> None:
    """Whatever signs by then was in the plan that was reviewed, and no target stands in the way."""
    engine, before = scenario.engine, scenario.engine.slots
    if trusted_by is not None:
        trusted_by = {"s4": before[1]}
        engine.deploy(scenario.program("a", "s4", trusted_by=trusted_by))
    lost_way_back(scenario, done=False, trusted_by=trusted_by)
    engine.emulator.advance(61)
    if refreshed:
        engine.refresh()
    wanted = scenario.program("a", "s4", "assertion", trusted_by=trusted_by)
    assert engine.up(wanted).writes == [ROTATE]
    assert engine.slots == before
    engine.assert_stable(wanted)


def test_a_way_back_that_was_not_done_may_not_be_needed(scenario: VerificationScenario) -> None:
    """The target has been repaired since: what signs is proved, and the refusal is over."""
    engine = scenario.engine
    lost_way_back(scenario, done=False)
    engine.emulator.advance(HOUR)
    scenario.misreport("s4")
    assert engine.up(scenario.program("b", "s4", "assertion")).writes == []
    assert {"failed_generation", "rollback_unconfirmed"} & engine.outputs("rotation").keys() == set()
    engine.assert_stable(scenario.program("b", "s4", "assertion"))


def test_slots_are_not_believed_at_once_after_a_way_back_that_nobody_saw(scenario: VerificationScenario) -> None:
    """They may be shown as before it; a minute later they are the truth."""
    engine = scenario.engine
    engine.config["btp-trust:operationTimeout"] = "20"
    lost_way_back(scenario, done=False)
    assert "look as they did before the swap" in engine.assert_refused(scenario.program("b", "s4"))
    assert "look as they did before the swap" in engine.assert_refused(scenario.program("a", "s4"))


def test_a_way_back_is_watched_for_as_long_as_readings_may_be_behind(scenario: VerificationScenario) -> None:
    """Its answer is lost, and the slots are shown as before it for longer than a swap is watched otherwise."""
    engine, before = scenario.engine, scenario.engine.slots
    scenario.misreport("s4", before[1])

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        scenario.emulator.fault(FaultKind.STALE_AFTER_WRITE, subaccount=scenario.guid, seconds=50)
        return commit_then_raise(httpx.ReadTimeout("lost"))(request, send)

    engine.transport.inject_once(ROTATE, fault, after=1)
    report = engine.up(scenario.program("b", "s4"))
    scenario.emulator.clear_faults()
    assert report.writes == [ROTATE, ROTATE]
    assert engine.slots == before
    assert engine.outputs("rotation")["failed_generation"] == "b"
    assert "rollback_unconfirmed" not in engine.outputs("rotation")


def test_a_hook_that_retries_does_not_repeat_a_failed_way_back(scenario: VerificationScenario) -> None:
    """The answer is lost and it seems not to be done: each retry ends with the same error; the next run goes back."""
    engine, before = scenario.engine, scenario.engine.slots
    scenario.misreport("s4", before[1])
    engine.retries = 2
    engine.transport.inject_once(ROTATE, raise_before_sending(httpx.ReadTimeout("lost")), after=1)
    sent = len(engine.transport.sent)
    with pytest.raises(RollbackFailed):
        engine.up(scenario.program("b", "s4"), skip_preview=True)
    assert engine.transport.sent[sent:].count(ROTATE) == 2
    assert len({id(call.error) for call in engine.calls[-3:]}) == 1
    engine.up(scenario.program("b", "s4"))
    assert engine.slots == before


@pytest.mark.parametrize(
    "fault", [answer_with(403), raise_before_sending(httpx.ConnectError("no"))], ids=["403", "no line"]
)
def test_a_hook_that_retries_swaps_no_second_time_on_readings_that_are_behind(
    scenario: VerificationScenario, fault: Any
) -> None:
    """The swap is done, its way back for certain not, and the slots are shown as before both."""
    engine, before = scenario.engine, scenario.engine.slots
    scenario.misreport("s4", before[1])
    engine.config["btp-trust:operationTimeout"] = "20"
    engine.retries = 2
    for path in (ACTIVE, PASSIVE):
        scenario.emulator.fault(
            FaultKind.STALE_AFTER_WRITE, subaccount=scenario.guid, method="GET", path=path, seconds=50.0
        )
    engine.transport.inject_once(ROTATE, interleave(after=lambda: engine.transport.inject_always(fault, ROTATE)))
    sent = len(engine.transport.sent)
    try:
        with pytest.raises(StaleRead) as behind:
            engine.up(scenario.program("b", "s4"), skip_preview=True)
    finally:
        scenario.emulator.clear_faults()
    assert engine.transport.sent[sent:].count(ROTATE) == 1
    assert_three_part_message(str(behind.value), before[1], "was done by this command already")
    engine.transport.clear_faults()
    engine.emulator.advance(61)
    engine.up(scenario.program("b", "s4"))
    assert (engine.slots, engine.outputs("rotation")["failed_generation"]) == (before, "b")


def test_a_way_back_that_another_unknown_write_forbids_is_not_taken_for_sent(scenario: VerificationScenario) -> None:
    """Another resource of the command has written meanwhile, and nobody knows what became of it."""
    engine, before = scenario.engine, scenario.engine.slots
    scenario.misreport("s4", before[1])
    other = OutcomeUnknown("The deletion of the passive certificate was sent once.", "Why.", "What to do.")

    def elsewhere() -> None:
        session.current().subaccount("default", scenario.guid).write_lock.record_failure(other)

    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(interleave(before=elsewhere), TARGET))
    )
    with pytest.raises(RollbackFailed, match="The deletion of the passive certificate was sent once"):
        engine.up(scenario.program("b", "s4"))
    assert engine.last_report.writes == [ROTATE]
    assert "rollback_unconfirmed" not in engine.outputs("rotation")
    engine.transport.clear_faults()
    engine.up(scenario.program("b", "s4"))
    assert engine.slots == before


def test_a_check_that_takes_all_its_time_leaves_some_for_the_way_back(scenario: VerificationScenario) -> None:
    """It has time and requests of its own; a refusal counts, though it could not be repeated often enough."""
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
    assert scenario.evidence()["sf"]["verdict"] == "inconclusive"


def test_a_swap_has_time_for_its_lost_answer_however_long_looking_took(scenario: VerificationScenario) -> None:
    """What was done is found out, and recorded."""
    engine = scenario.engine

    def slow(request: httpx.Request, send: SendRequest) -> httpx.Response:
        engine.elapsed += 175
        return send(request)

    engine.transport.inject_once(TARGET, slow)
    engine.transport.inject_once(ROTATE, commit_then_raise(httpx.ReadTimeout("lost")))
    report = engine.up(scenario.program("b", "s4", "assertion"))
    assert report.writes == [ROTATE]
    assert scenario.evidence()["s4"]["verdict"] == "proved"


def test_a_redirect_that_leads_nowhere_is_settled_like_any_other_answer(scenario: VerificationScenario) -> None:
    """What httpx cannot read of it must not lose that the service has swapped."""
    engine = scenario.engine
    engine.transport.inject_once(ROTATE, commit_then_answer(302, headers={"Location": "mailto:a"}))
    report = engine.up(scenario.program("b", "s4", "assertion"))
    assert report.writes == [ROTATE]
    assert scenario.evidence()["s4"]["verdict"] == "proved"


def test_a_fault_of_the_check_after_the_way_back_loses_no_memory(scenario: VerificationScenario) -> None:
    """Not even where a destination is only looked at."""
    engine = scenario.engine
    before = engine.slots
    scenario.misreport("s4", before[1])

    def broken(_: httpx.Request, __: SendRequest) -> httpx.Response:
        raise RuntimeError

    engine.transport.inject_once(TARGET, broken, after=5)
    assert engine.up(scenario.program("b", "s4")).writes == [ROTATE, ROTATE]
    assert engine.outputs("rotation")["failed_generation"] == "b"
    assert scenario.evidence()["s4"]["after_rollback"].startswith("inconclusive: the check itself failed")


def test_what_was_refused_is_no_way_back_though_it_signed_once(scenario: VerificationScenario) -> None:
    """It signed before, went back, and was refused when it came again: from then on the gate holds for it."""
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


def test_an_open_check_goes_with_the_certificate_under_any_name(scenario: VerificationScenario) -> None:
    """Another name for what signs closes nothing."""
    engine = scenario.engine
    before = engine.slots
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), TARGET))
    )
    engine.up(scenario.program("b", "s4"))
    engine.transport.clear_faults()
    scenario.misreport("s4", before[1])
    report = engine.up(scenario.program("b2", "s4", known_generations={"b2": before[1]}))
    assert report.writes == [ROTATE]
    assert engine.slots == before


def test_who_was_no_part_of_the_step_cannot_lead_back(scenario: VerificationScenario) -> None:
    """Asked for beside a check that is open, another target's refusal is only reported."""
    engine = scenario.engine
    before = engine.slots
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), TARGET))
    )
    engine.up(scenario.program("b", "s4"))
    scenario.misreport("sf", before[1])
    report = engine.up(scenario.program("b", "s4", "sf", verify_now="now"))
    assert report.writes == []
    assert "sf: refused: " in report.messages
    assert engine.outputs("rotation")["unverified"] == ["s4"]


def test_a_way_back_that_somebody_goes_first_is_not_gone_twice(scenario: VerificationScenario) -> None:
    """A colleague swapped back by hand; the reading is believed when it stays."""
    engine = scenario.engine
    before = engine.slots
    scenario.misreport("s4", before[1])
    colleague = interleave(after=lambda: engine.emulator.rotate(engine.guid))
    engine.transport.inject_once(TARGET, colleague, after=4)
    report = engine.up(scenario.program("b", "s4"))
    assert report.writes == [ROTATE]
    assert engine.slots == before
    assert engine.outputs("rotation")["failed_generation"] == "b"


def test_a_stale_reading_does_not_stop_the_way_back(scenario: VerificationScenario) -> None:
    """Slots as before the swap are not believed at once."""
    engine = scenario.engine
    before = engine.slots
    scenario.misreport("s4", before[1])
    old, new = scenario.emulator.certificates(scenario.guid)
    engine.transport.inject_once("GET certificate", answer_with(200, json={"certificate": old}), after=4)
    engine.transport.inject_once("GET certificate/passive", answer_with(200, json={"certificate": new}), after=4)
    report = engine.up(scenario.program("b", "s4"))
    assert report.writes == [ROTATE, ROTATE]
    assert engine.slots == before


@pytest.mark.parametrize("paths", [(ACTIVE, PASSIVE), (ACTIVE,), (PASSIVE,)], ids=["both", "the active", "the passive"])
def test_slots_that_are_shown_late_do_not_stop_the_way_back(
    scenario: VerificationScenario, paths: tuple[str, ...]
) -> None:
    """For as long as a reading may be behind, slots as before the swap are no proof that somebody has gone back."""
    engine = scenario.engine
    before = engine.slots
    scenario.misreport("s4", before[1])
    for path in paths:
        scenario.emulator.fault(FaultKind.STALE_AFTER_WRITE, subaccount=scenario.guid, path=path, seconds=59.0)
    try:
        report = engine.up(scenario.program("b", "s4"))
    finally:
        scenario.emulator.clear_faults()
    assert report.writes == [ROTATE, ROTATE]
    assert engine.slots == before
    assert engine.outputs("rotation")["failed_generation"] == "b"


def test_a_way_back_without_time_to_doubt_is_not_taken_for_gone(scenario: VerificationScenario) -> None:
    """The slots look as before the swap, and nobody can wait until that is believed: users may be refused."""
    engine = scenario.engine
    engine.config["btp-trust:operationTimeout"] = "20"
    scenario.misreport("s4", engine.slots[1])
    for path in (ACTIVE, PASSIVE):
        scenario.emulator.fault(FaultKind.STALE_AFTER_WRITE, subaccount=scenario.guid, path=path, seconds=59.0)
    try:
        with pytest.raises(RollbackFailed) as stuck:
            engine.up(scenario.program("b", "s4"))
    finally:
        scenario.emulator.clear_faults()
    assert_three_part_message(str(stuck.value), "The slots look as if the swap was done already.")


def test_the_passive_slot_must_still_hold_what_signed_before(scenario: VerificationScenario) -> None:
    """A colleague generated over it: there is no way back, and that is an error of its own."""
    engine = scenario.engine
    scenario.misreport("s4", engine.slots[1])
    engine.transport.inject_once(
        TARGET, interleave(after=lambda: engine.emulator.generate_passive(engine.guid)), after=4
    )
    with pytest.raises(RollbackFailed) as stuck:
        engine.up(scenario.program("b", "s4"))
    assert engine.last_report.writes == [ROTATE]
    assert_three_part_message(str(stuck.value), *engine.slots)
    for _ in range(2):
        with pytest.raises(RollbackFailed, match="there is no way back") as lost:
            engine.up(scenario.program("b", "s4"))
        assert engine.last_report.writes == []
        assert_three_part_message(str(lost.value), engine.slots[0])
    scenario.misreport("s4")
    engine.deploy(scenario.program("b", "s4", "assertion"))


def test_slots_as_before_the_way_back_are_not_believed_at_once(scenario: VerificationScenario) -> None:
    """A stale reading would swap once more, or forget the failure."""
    engine = scenario.engine
    refused(scenario)
    engine.emulator.rotate(engine.guid)
    engine.assert_refused(scenario.program("a", "s4"), engine.outputs("rotation")["rolled_back_at"])
    engine.assert_refused(scenario.program("b", "s4"), engine.outputs("rotation")["rolled_back_at"])
    engine.emulator.advance(61)
    report = engine.up(scenario.program("b", "s4"))
    assert report.writes == []
    assert "It is not swapped back." in report.messages
    assert "failed_generation" not in engine.outputs("rotation")


# --- left open ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answer_with(503), id="the service is down"),
        pytest.param(fault_probes(raise_before_sending(httpx.ReadTimeout("slow"))), id="no answer in time"),
        pytest.param(fault_probes(answer_with(404, json={"ErrorMessage": "gone"})), id="it was deleted meanwhile"),
        pytest.param(fault_probes(answer_with(503), answer_with(403)), id="now this, now that"),
        pytest.param(answer_probes_with_token(value=""), id="neither a token nor an error"),
        pytest.param(answer_probes_with_error("connect timed out"), id="the target does not answer"),
        pytest.param(answer_probes_with_error("Response was: 503 Service Unavailable"), id="the target is down"),
        pytest.param(answer_probes_with_error("something new"), id="a text that nobody knows"),
        pytest.param(answer_with(401), id="the user's token is refused"),
        pytest.param(answer_with(404, json={"ErrorMessage": "not found"}), id="the destination is gone"),
        pytest.param(
            answer_with(200, json={"destinationConfiguration": {"Name": "s4", "Authentication": "SAMLAssertion"}}),
            id="nothing",
        ),
    ],
)
def test_what_tells_nothing_is_said_and_tried_again(scenario: VerificationScenario, fault: Any) -> None:
    """It neither goes back nor is forgotten; once it is proved all is quiet."""
    engine, wanted = scenario.engine, scenario.program("b", "s4", "sf", "assertion")
    before = engine.slots
    engine.transport.inject_once(ROTATE, interleave(after=lambda: engine.transport.inject_always(fault, TARGET)))
    report = engine.up(wanted)
    assert engine.slots == before[::-1]
    assert "warning: RotationTrigger: s4: inconclusive: " in report.messages
    assert scenario.evidence()["sf"]["verdict"] == "proved"
    assert engine.outputs("rotation")["unverified"] == ["s4"]
    again = engine.preview(wanted)
    assert (again.operations["rotation"], finds(again)) == ("update", [])
    assert ") was left open (s4: inconclusive: " in again.messages
    engine.transport.clear_faults()
    assertion = "GET destinations/assertion"
    report = engine.up(wanted)
    assert finds(report) == [TARGET, "GET destinations/sf", assertion, assertion, TARGET]
    assert scenario.evidence()["s4"]["verdict"] == "proved"
    engine.assert_stable(wanted)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        pytest.param({"error": "status code 401"}, "status code 401", id="an error"),
        pytest.param({"value": "PGE+"}, "the assertion proves nothing: it is no", id="no assertion"),
    ],
)
def test_an_assertion_that_cannot_be_had_is_no_refusal(
    scenario: VerificationScenario, token: dict[str, str], why: str
) -> None:
    """No target is behind it."""
    before = scenario.engine.slots
    scenario.engine.transport.inject_always(answer_probes_with_token(**token), "GET destinations/assertion")
    scenario.engine.up(scenario.program("b", "assertion"))
    assert scenario.engine.slots == before[::-1]
    assert scenario.evidence()["assertion"]["verdict"] == "inconclusive"
    assert why in scenario.evidence()["assertion"]["detail"]


def test_a_fault_of_the_check_itself_is_inconclusive_and_the_swap_is_recorded(
    scenario: VerificationScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is thrown: it tells nothing about the target, and the next deployment tries again."""
    with monkeypatch.context() as broken:
        broken.setattr(prober, "find_signer", lambda *_: 1 / 0)
        report = scenario.engine.up(scenario.program("b", "assertion"))
    assert "the check itself failed (ZeroDivisionError)" in report.messages
    assert scenario.evidence()["assertion"]["verdict"] == "inconclusive"
    assert scenario.engine.outputs("rotation")["fingerprint"] == scenario.engine.slots[0]
    scenario.engine.deploy(scenario.program("b", "assertion"))
    assert scenario.evidence()["assertion"]["verdict"] == "proved"


def test_a_refusal_that_comes_and_goes_ends_as_it_was_last(scenario: VerificationScenario) -> None:
    """The tries are bounded: six of them, half a minute."""
    scenario.engine.transport.inject_always(
        fault_probes(answer_probes_with_error("connect timed out"), answer_probes_with_error("HTTP 401")), TARGET
    )
    scenario.engine.up(scenario.program("b", "s4", on_verification_failure="report"))
    assert scenario.evidence()["s4"]["verdict"] == "refused"
    assert scenario.engine.pauses == [1.0, 2.0, 4.0, 8.0, 15.0]


def test_a_check_left_open_may_still_lead_back(scenario: VerificationScenario) -> None:
    """It was part of the step that was approved, and the preview says so; then it is no way back any more."""
    engine, wanted = scenario.engine, scenario.program("b", "s4")
    before = engine.slots
    scenario.misreport("s4", before[1])
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), TARGET))
    )
    engine.up(wanted)
    engine.transport.clear_faults()
    engine.emulator.advance(HOUR)
    assert engine.up(wanted).writes == [ROTATE]
    assert "the deployment tries again, a target's refusal swaps back" in engine.last_preview.messages
    assert engine.slots == before
    outputs = engine.outputs("rotation")
    assert outputs["failed_generation"] == "b"
    assert outputs["rotated_at"] == outputs["rolled_back_at"]
    assert "previous_fingerprint" not in outputs


def test_a_check_left_open_promises_no_way_back_that_the_command_generates_over(scenario: VerificationScenario) -> None:
    """The next generation is prepared while it is open: the preview says that a refusal cannot lead back then."""
    engine, (before, _) = scenario.engine, scenario.engine.slots
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), TARGET))
    )
    engine.up(scenario.program("b", "s4"))
    engine.transport.clear_faults()
    engine.emulator.advance(HOUR)
    scenario.misreport("s4", engine.slots[0])
    with pytest.raises(RollbackFailed, match="there is no way back"):
        engine.up(scenario.program("b", "s4", passive_generation="c"))
    assert f"a target's refusal cannot swap back: 'c' is generated over {str(before)[:8]} (a) before" in (
        engine.last_preview.messages
    )
    assert "refusal swaps back" not in engine.last_preview.messages
    scenario.misreport("s4")
    engine.deploy(scenario.program("b", "s4", "assertion", passive_generation="c"))


def test_a_check_left_open_ends_with_its_generation_or_its_name(scenario: VerificationScenario) -> None:
    """Nobody asks for it any more."""
    engine = scenario.engine
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), TARGET))
    )
    engine.up(scenario.program("b", "s4"))
    engine.deploy(scenario.program("b", "sf"))
    assert "unverified" not in engine.outputs("rotation")


def test_a_check_left_open_waits_while_another_certificate_signs(scenario: VerificationScenario) -> None:
    """A drift is reported, and nothing is tried; once it is undone, the check goes on, and may lead back."""
    engine, wanted = scenario.engine, scenario.program("b", "s4")
    before = engine.slots
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), TARGET))
    )
    engine.up(wanted)
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(HOUR)
    assert finds(engine.up(wanted)) == []
    assert engine.outputs("rotation")["unverified"] == ["s4"]
    engine.transport.clear_faults()
    scenario.misreport("s4", before[1])
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(HOUR)
    report = engine.up(wanted)
    assert "a target's refusal swaps back" in engine.last_preview.messages
    assert report.writes == [ROTATE]
    assert (engine.slots, engine.outputs("rotation")["failed_generation"]) == (before, "b")


def test_a_service_that_still_signs_with_the_old_key_is_waited_for(scenario: VerificationScenario) -> None:
    """The swap takes a while to reach all of it; no target is asked about the old key."""
    engine = scenario.engine

    def late(request: httpx.Request, send: SendRequest) -> httpx.Response:
        engine.emulator.rotate(engine.guid)
        try:
            return send(request)
        finally:
            engine.emulator.rotate(engine.guid)

    for _ in range(2):
        engine.transport.inject_once("GET destinations/assertion", late, after=2)
    report = engine.up(scenario.program("b", "assertion", "s4"))
    assert {found["verdict"] for found in scenario.evidence().values()} == {"proved"}
    assert finds(report)[-1] == TARGET
    engine.deploy(scenario.program("a", "s4", "assertion"))
    engine.transport.inject_always(late, "GET destinations/assertion")
    report = engine.up(scenario.program("b", "assertion", "s4"))
    evidence = scenario.evidence()
    assert "still signs with" in evidence["assertion"]["detail"]
    assert evidence["s4"]["detail"] == f"not tried: {str(engine.slots[0])[:8]} does not sign yet"
    assert engine.outputs("rotation")["unverified"] == ["assertion", "s4"]
    assert TARGET not in report.requests[report.requests.index(ROTATE) :][3:]


def test_a_cached_token_proves_nothing_and_is_no_reason_to_ask_for_ever() -> None:
    """It hides that the target refuses; it is said, and the deployment is quiet afterwards."""
    with Emulator(key_size=1024, switches=Switches(token_cache=TokenCache.UNTIL_EXPIRY)) as caching:
        scenario = VerificationScenario(FakeEngine(caching, caching.create_subaccount(generate=True).guid))
        scenario.misreport("s4", scenario.engine.slots[1])
        caching.advance(60 - HOUR)
        wanted = scenario.program("b", "s4", "sf")
        report = scenario.engine.up(wanted)
        assert {found["verdict"] for found in scenario.evidence().values()} == {"inconclusive"}
        assert "nothing shows which certificate signed; a cached token proves nothing" in report.messages
        caching.advance(61)
        scenario.engine.deploy(wanted)


def test_the_first_token_of_a_target_is_weak(emulator: Emulator) -> None:
    """Unless it says itself when it was issued; its lifetime is remembered, and the next rotation is proved."""
    scenario = VerificationScenario(
        FakeEngine(emulator, emulator.create_subaccount(generate=True).guid), is_known=False
    )
    scenario.engine.deploy(scenario.program("b", "s4", "assertion"))
    assert scenario.evidence()["s4"]["verdict"] == "weak"
    scenario.engine.deploy(scenario.program("a", "s4", "assertion"))
    assert scenario.evidence()["s4"]["verdict"] == "proved"


# --- before the swap ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({"Authentication": "NoAuthentication"}, "NoAuthentication", id="another authentication"),
        pytest.param({"KeyStoreLocation": "own.jks"}, "key store of its own", id="a key of its own"),
        pytest.param({"SAMLAssertionProvider": "ClientProvided"}, "by the client", id="the client's"),
        pytest.param({"Type": "LDAP"}, "Its Type is LDAP", id="another type"),
        pytest.param(None, "not found", id="no such destination"),
    ],
)
def test_a_destination_that_cannot_be_tried_refuses_the_swap(
    scenario: VerificationScenario, change: dict[str, str] | None, named: str
) -> None:
    """The preview says so, and nothing is written."""
    engine = scenario.engine
    (s4,) = [each.properties for each in scenario.emulator.destinations(scenario.guid) if each.name == "s4"]
    scenario.emulator.delete_destination(scenario.guid, "s4")
    if change is not None:
        scenario.emulator.create_destination(scenario.guid, {**s4, **change})
    engine.assert_refused(scenario.program("b", "sf", "s4"), "s4", named)
    with pytest.raises(CheckFailedError, match="s4"):
        engine.up(scenario.program("b", "sf", "s4"), skip_preview=True)
    assert engine.last_report.writes == []
    engine.deploy(scenario.program("b", "sf", "assertion"))


@pytest.mark.parametrize(
    ("user", "fault", "kind"),
    [
        pytest.param(None, None, NoUserToken, id="nobody is named"),
        pytest.param({"name": USER, "password": "wrong"}, None, NoUserToken, id="the logon is refused"),
        pytest.param({"token": "expired"}, None, TrustError, id="the token is refused"),
        pytest.param({"token": "any"}, answer_with(503), ServiceUnavailable, id="the service is down"),
    ],
)
def test_without_a_user_nothing_is_swapped(
    scenario: VerificationScenario, user: dict[str, str] | None, fault: Any, kind: type[TrustError]
) -> None:
    """The preview warns where nobody is named; a roll back waits for nothing."""
    engine = scenario.engine
    good = engine.config.pop("btp-trust:user")
    if user is not None:
        engine.config["btp-trust:user"] = json.dumps(user)
    if fault is not None:
        engine.transport.inject_always(fault, TARGET)
    with pytest.raises(kind) as refusal:
        engine.up(scenario.program("b", "s4"))
    assert_three_part_message(str(refusal.value), "'b' was not made to sign")
    assert engine.last_report.writes == []
    assert ("Without one the deployment refuses the swap" in engine.last_preview.messages) == (user is None)
    engine.transport.clear_faults()
    engine.config["btp-trust:user"], bad = good, engine.config.pop("btp-trust:user", None)
    engine.deploy(scenario.program("b", "s4", "assertion"))
    engine.config = {**engine.config, "btp-trust:user": bad or "", "btp-trust:users": ""}
    if fault is not None:
        engine.transport.inject_always(fault, TARGET)
    report = engine.up(scenario.program("a", "s4"))
    assert report.writes == [ROTATE]
    assert "It is rolled back all the same." in report.messages
    assert scenario.evidence()["s4"]["verdict"] == "inconclusive"


def test_a_strict_preview_fails_where_nobody_is_named(scenario: VerificationScenario) -> None:
    """As wherever else there would be a warning."""
    scenario.engine.config.pop("btp-trust:user")
    scenario.engine.config["btp-trust:strict"] = "true"
    scenario.engine.assert_refused(scenario.program("b", "s4"), "BTP_TRUST_USER_TOKEN")


def test_a_list_that_cannot_be_is_refused(scenario: VerificationScenario) -> None:
    """By the name that is to blame."""
    for names in (["a/b"], [""], [".."], ["x" * 201], ["a\nb"], [f"d{number}" for number in range(13)]):
        scenario.engine.assert_refused(scenario.program("b", *names))
    assert scenario.engine.preview(scenario.program("b", "s4", "s4")).inputs["rotation"]["verify_destinations"] == [
        "s4"
    ]


# --- interrupted -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lies", [False, True], ids=["it is accepted", "it is refused"])
def test_a_run_killed_before_its_check_is_checked_by_the_next(scenario: VerificationScenario, *, lies: bool) -> None:
    """Before it is satisfied; and a refusal leads back."""
    engine = scenario.engine
    before = engine.slots
    if lies:
        scenario.misreport("s4", before[1])
    engine.transport.inject_once(ROTATE, commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(scenario.program("b", "s4", "assertion"))
    assert engine.slots == before[::-1]
    report = engine.up(scenario.program("b", "s4", "assertion"))
    assert engine.slots == (before if lies else before[::-1])
    assert report.writes == ([ROTATE] if lies else [])
    assert finds(report) != []
    assert engine.outputs("rotation").get("failed_generation") == ("b" if lies else None)
    if not lies:
        engine.assert_stable(scenario.program("b", "s4", "assertion"))


def test_a_run_killed_during_its_check_is_checked_by_the_next(scenario: VerificationScenario) -> None:
    """Nothing of the check was kept."""
    engine = scenario.engine
    scenario.misreport("s4", engine.slots[1])
    before = engine.slots
    engine.transport.inject_once(TARGET, commit_then_raise(ProcessKilledError()), after=2)
    with pytest.raises(ProcessKilledError):
        engine.up(scenario.program("b", "s4"))
    engine.up(scenario.program("b", "s4"))
    assert engine.slots == before


def test_a_refresh_after_a_kill_does_not_take_the_place_of_the_check(scenario: VerificationScenario) -> None:
    """`up --refresh` records who signs before it deploys; the swap of the killed run is tried all the same."""
    engine, wanted = scenario.engine, scenario.program("b", "s4")
    before = engine.slots
    scenario.misreport("s4", before[1])
    engine.transport.inject_once(ROTATE, commit_then_raise(ProcessKilledError()))
    with pytest.raises(ProcessKilledError):
        engine.up(wanted)
    engine.refresh()
    report = engine.up(wanted)
    assert "s4 will be tried as the user; a target's refusal swaps back" in engine.last_preview.messages
    assert report.writes == [ROTATE]
    assert (engine.slots, engine.outputs("rotation")["failed_generation"]) == (before, "b")


def test_a_colleagues_swap_that_is_accepted_may_be_swapped_back_and_the_preview_says_so(
    scenario: VerificationScenario,
) -> None:
    """The signer never changes without somebody having read that it may; also where a refresh has recorded the swap."""
    engine = scenario.engine
    before = engine.slots
    for refresh in (False, True):
        engine.emulator.rotate(engine.guid)
        engine.emulator.advance(HOUR)
        scenario.misreport("s4", before[1])
        if refresh:
            engine.refresh()
        report = engine.up(scenario.program("b", "s4"))
        assert "(b) signs, s4 will be tried as the user; a target's refusal swaps back" in engine.last_preview.messages
        assert report.writes == [ROTATE]
        assert engine.slots == before
        engine.emulator.advance(HOUR)
        engine.deploy(scenario.program("a", "s4"))


@pytest.mark.parametrize("lies", [False, True], ids=["it is accepted", "it is refused"])
def test_a_run_killed_before_its_check_is_checked_after_a_refresh_too(
    scenario: VerificationScenario, *, lies: bool
) -> None:
    """The refresh notes down who signs, but nobody has proved it yet."""
    engine, wanted = scenario.engine, scenario.program("b", "s4", "assertion")
    before = engine.slots
    if lies:
        scenario.misreport("s4", before[1])
    engine.transport.inject_once(TARGET, commit_then_raise(ProcessKilledError()), after=1)
    with pytest.raises(ProcessKilledError):
        engine.up(wanted)
    engine.refresh()
    assert engine.outputs("rotation")["fingerprint"] == before[1]
    report = engine.up(wanted)
    assert finds(report) != []
    assert report.writes == ([ROTATE] if lies else [])
    assert engine.slots == (before if lies else before[::-1])
    assert scenario.evidence()["s4"]["fingerprint"] == before[1]
    assert engine.outputs("rotation").get("failed_generation") == ("b" if lies else None)
    if not lies:
        engine.assert_stable(wanted)


def test_another_name_for_what_signs_is_nothing_to_prove(scenario: VerificationScenario) -> None:
    """Nobody is made to sign by it, so no target can lead back."""
    engine = scenario.engine
    engine.deploy(scenario.program("b", "s4", "assertion"))
    scenario.misreport("s4", engine.slots[0])
    report = engine.up(scenario.program("c", "s4", "assertion", known_generations={"c": engine.slots[0]}))
    assert (report.writes, finds(report)) == ([], [])


def test_a_drift_that_somebody_undid_is_tried_and_only_reported(scenario: VerificationScenario) -> None:
    """Nobody asked this deployment to change the signer."""
    engine = scenario.engine
    engine.deploy(scenario.program("b", "s4", "assertion"))
    engine.emulator.rotate(engine.guid)
    engine.deploy(scenario.program("b", "s4", "assertion"))
    engine.emulator.rotate(engine.guid)
    scenario.misreport("s4", engine.slots[0])
    report = engine.up(scenario.program("b", "s4", "assertion"))
    assert (report.writes, scenario.evidence()["s4"]["verdict"]) == ([], "refused")


def test_putting_back_is_proved_and_may_lead_back(scenario: VerificationScenario) -> None:
    """The generation that is declared is remembered as refused."""
    engine = scenario.engine
    engine.deploy(scenario.program("b", "s4", "assertion"))
    engine.emulator.rotate(engine.guid)
    before = engine.slots
    scenario.misreport("s4", before[1])
    report = engine.up(scenario.program("b", "s4", on_drift="restore"))
    assert report.writes == [ROTATE, ROTATE]
    assert (engine.slots, engine.outputs("rotation")["failed_generation"]) == (before, "b")
    engine.emulator.advance(HOUR)
    engine.assert_refused(scenario.program("b", "s4", on_drift="restore"), "s4")
    engine.deploy(scenario.program("a", "s4", "assertion"))


# --- blast radius ------------------------------------------------------------------------------------------------


def behind(scenario: VerificationScenario, seconds: float = 50.0) -> None:
    """From now on, show the slots as before each write for so long."""
    for path in (ACTIVE, PASSIVE):
        scenario.emulator.fault(
            FaultKind.STALE_AFTER_WRITE, subaccount=scenario.guid, method="GET", path=path, seconds=seconds
        )


def assert_put_back_once(scenario: VerificationScenario, wanted: Program) -> None:
    """Assert that readings that are behind lead to no second swap, refreshed or not, and that all is quiet after."""
    engine, slots = scenario.engine, scenario.engine.slots
    for refreshed in (False, True):
        if refreshed:
            engine.refresh()
        with pytest.raises(StaleRead, match="look as they did before the swap of"):
            engine.up(wanted, skip_preview=True)
        assert (engine.last_report.writes, engine.slots) == ([], slots)
    scenario.emulator.clear_faults()
    engine.emulator.advance(61)
    assert engine.up(wanted).writes == []
    engine.assert_stable(wanted)


@pytest.mark.parametrize("refreshed", [False, True])
def test_what_is_put_back_is_not_put_back_twice_on_readings_that_are_behind(
    scenario: VerificationScenario, *, refreshed: bool
) -> None:
    """A second swap would make the certificate sign that was swapped out, and nobody would have approved that."""
    engine, wanted = scenario.engine, scenario.program("a", on_drift="restore")
    engine.deploy(wanted)
    engine.emulator.rotate(scenario.guid)
    engine.emulator.advance(HOUR)
    if refreshed:
        engine.refresh()
    behind(scenario)
    assert engine.up(wanted).writes == [ROTATE]
    assert_put_back_once(scenario, wanted)


def test_a_revert_after_a_way_back_that_was_not_done_swaps_once(scenario: VerificationScenario) -> None:
    """The state says already that the earlier certificate signs, so it must remember the swap in another way."""
    engine, before, wanted = scenario.engine, scenario.engine.slots, scenario.program("a", "s4", on_drift="restore")
    lost_way_back(scenario, done=False)
    engine.emulator.advance(61)
    behind(scenario)
    assert engine.up(wanted).writes == [ROTATE]
    assert engine.slots == before
    assert_put_back_once(scenario, wanted)


def test_an_update_within_the_minute_does_not_forget_a_way_back(scenario: VerificationScenario) -> None:
    """The revert is deployed at once; a reading of the time between the two swaps is still none."""
    engine, before, wanted = (
        scenario.engine,
        scenario.engine.slots,
        scenario.program("a", "s4", "assertion", on_drift="restore"),
    )
    scenario.misreport("s4", before[1])
    engine.up(scenario.program("b", "s4"))
    scenario.misreport("s4")
    assert engine.up(wanted).operations["rotation"] == "update"
    old, new = scenario.emulator.certificates(scenario.guid)
    engine.transport.inject_always(answer_with(200, json={"certificate": new}), "GET certificate")
    engine.transport.inject_always(answer_with(200, json={"certificate": old}), "GET certificate/passive")
    with pytest.raises(StaleRead, match="look as they did before the swap of"):
        engine.up(wanted, skip_preview=True)
    assert (engine.last_report.writes, engine.slots) == ([], before)


def test_targets_alone_are_asked_again_after_what_was_put_back(scenario: VerificationScenario) -> None:
    """The minute counts from the last swap, whatever it led to."""
    engine, wanted = scenario.engine, scenario.program("a", "s4", on_drift="restore")
    engine.deploy(wanted)
    engine.emulator.rotate(scenario.guid)
    engine.emulator.advance(HOUR)
    for writes in ([ROTATE], []):
        report = engine.up(wanted)
        assert report.writes == writes
        assert "The next deployment tries again." in report.messages
        engine.emulator.advance(5)
    engine.emulator.advance(60)
    assert "The next deployment tries again." not in engine.up(wanted).messages
    engine.assert_stable(wanted)


def test_the_preview_of_a_step_lists_what_it_touches(scenario: VerificationScenario) -> None:
    """One request for each level, while a step is planned; names only."""
    engine = scenario.engine
    scenario.emulator.create_destination(scenario.guid, {"Name": "plain", "Type": "HTTP", "Password": PASSWORD})
    scenario.emulator.create_destination(
        scenario.guid, {"Name": "at the instance", "Type": "HTTP", "Authentication": "SAMLAssertion"}, "instance"
    )
    wanted = scenario.program("b", list_affected=True)
    report = engine.up(wanted)
    plan = engine.last_preview
    assert plan.inputs["rotation"]["affects"] == ["assertion", "at the instance", "s4", "sf"]
    assert "affects" in plan.changed["rotation"]
    assert finds(plan) == finds(report) == LISTS
    assert "affects" not in engine.outputs("rotation")
    assert finds(engine.preview(wanted)) == []
    engine.assert_stable(wanted)
    assert PASSWORD not in json.dumps([stored.inputs for stored in engine.state.values()])


def test_what_cannot_be_listed_stops_nothing(scenario: VerificationScenario) -> None:
    """A warning; a strict run fails."""
    engine = scenario.engine
    engine.transport.inject_always(answer_with(403), "GET subaccountDestinations")
    wanted = scenario.program("b", list_affected=True)
    report = engine.preview(wanted)
    assert "affects" not in report.inputs["rotation"]
    assert "warning: RotationTrigger: the destinations that the step affects could not be listed." in report.messages
    engine.config["btp-trust:strict"] = "true"
    engine.assert_refused(wanted, "403")
    del engine.config["btp-trust:strict"]
    engine.deploy(wanted)


def test_nothing_is_listed_unasked(scenario: VerificationScenario) -> None:
    """Those lists hold other people's passwords."""
    assert finds(scenario.engine.preview(scenario.program("b"))) == []
