"""The check of a rotation where somebody is slow, nobody can be asked, or an answer does not show who signed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from btp_trust.errors import Refused
from btp_trust.rotation.schema import MAX_DESTINATIONS
from btp_trust_emulator import Emulator, Switches, TokenCache
from btp_trust_emulator.faults.fault import FaultKind
from support.fake_engine import (
    CheckFailedError,
    FakeEngine,
    SendRequest,
    answer_with,
    assert_three_part_message,
    interleave,
    program,
    raise_before_sending,
)
from support.verification import SAML, USER, VerificationScenario, fault_probes

TARGET, ASSERTION = "GET destinations/s4", "GET destinations/assertion"
ROTATE = "POST rotateCertificate"
FIND = "/destination-configuration/v1/destinations/"
ALL_IT_HAS = 180.0
"""Seconds of an operation."""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator for all tests of this file."""
    with Emulator(key_size=1024) as running:
        yield running


@pytest.fixture
def scenario(emulator: Emulator) -> Iterator[VerificationScenario]:
    """A prepared stack with targets that trust both certificates."""
    yield VerificationScenario(FakeEngine(emulator, emulator.create_subaccount(generate=True).guid))
    emulator.clear_faults()


def tries(report: Any) -> list[str]:
    """The destinations that were found, with and without a token."""
    return [request for request in report.requests if request.startswith("GET destinations/")]


# --- asked for, and nobody to ask as ------------------------------------------------------------------------------

NOBODY = [
    pytest.param({}, id="nobody is named"),
    pytest.param({"btp-trust:user": json.dumps({"name": USER, "password": "wrong"})}, id="the logon is refused"),
    pytest.param({"btp-trust:userToken": "expired"}, id="the token has expired"),
    pytest.param({"btp-trust:userTokenCommand": json.dumps([sys.executable, "-c", "exit(1)"])}, id="the command fails"),
]


@pytest.mark.parametrize("config", NOBODY)
def test_what_is_asked_for_stays_asked_for_until_somebody_can_be_asked_as(
    scenario: VerificationScenario, config: dict[str, str]
) -> None:
    """Each deployment tries again and says so; then it is answered, and all is quiet."""
    engine, wanted = scenario.engine, scenario.program("a", "s4", "assertion", verify_now="2")
    good = engine.config.pop("btp-trust:user")
    engine.config |= config
    for _ in range(2):
        report = engine.up(wanted)
        assert report.writes == []
        assert (report.operations["rotation"], engine.last_preview.operations["rotation"]) == ("update", "update")
        assert "warning: RotationTrigger: s4: inconclusive: " in report.messages
        assert report.messages.count("The next deployment tries again.") == 2
        assert "Without one the check stays open." in engine.last_preview.messages or config
        assert engine.outputs("rotation")["verify_now"] == "first"
        assert "unverified" not in engine.outputs("rotation")
    for key in config:
        del engine.config[key]
    engine.config["btp-trust:user"] = good
    assert "s4, assertion will be tried as the user; nothing is swapped back" in engine.preview(wanted).messages
    engine.deploy(wanted)
    assert {found["verdict"] for found in scenario.evidence().values()} == {"proved"}
    assert engine.outputs("rotation")["verify_now"] == "2"


@pytest.mark.parametrize("config", NOBODY)
def test_what_the_first_deployment_asks_for_stays_asked_for_too(emulator: Emulator, config: dict[str, str]) -> None:
    """A trigger that is created records who signs, and not that anybody was asked."""
    scenario = VerificationScenario(
        FakeEngine(emulator, emulator.create_subaccount(generate=True).guid), is_known=False
    )
    engine = FakeEngine(emulator, scenario.guid, config={**scenario.engine.config, **config})
    if "btp-trust:user" not in config:
        del engine.config["btp-trust:user"]
    wanted = scenario.program("a", "s4", "assertion", passive_generation="b", verify_now="1")
    engine.up(wanted)
    assert "verify_now" not in engine.outputs("rotation")
    assert engine.preview(wanted).operations["rotation"] == "update"
    engine.config = dict(scenario.engine.config)
    engine.deploy(wanted)
    assert (
        engine.outputs("rotation")["verify_now"],
        engine.outputs("rotation")["verified"]["assertion"]["verdict"],
    ) == (
        "1",
        "proved",
    )


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answer_with(503), id="it is down"),
        pytest.param(answer_with(403), id="it may not be read"),
        pytest.param(fault_probes(raise_before_sending(httpx.ReadTimeout("slow"))), id="no answer in time"),
    ],
)
def test_one_destination_without_an_answer_keeps_the_request_open(scenario: VerificationScenario, fault: Any) -> None:
    """The others have answered, and it is asked once more."""
    engine, wanted = scenario.engine, scenario.program("a", "s4", "assertion", verify_now="2")
    engine.up(scenario.program("a", "s4", "assertion", verify_now="first"))
    engine.preview(wanted)
    engine.transport.inject_always(fault, TARGET)
    engine.up(wanted, skip_preview=True)
    assert engine.outputs("rotation")["verify_now"] == "first"
    engine.transport.clear_faults()
    engine.deploy(wanted)
    assert scenario.evidence()["s4"]["verdict"] == "proved"


def test_a_refusal_answers_what_is_asked_for(scenario: VerificationScenario) -> None:
    """Said once."""
    engine, wanted = scenario.engine, scenario.program("a", "s4", "assertion", verify_now="2")
    scenario.misreport("s4", engine.slots[0])
    assert "s4: refused: " in engine.up(wanted).messages
    engine.assert_stable(wanted)


def test_what_is_asked_for_waits_while_another_certificate_signs(scenario: VerificationScenario) -> None:
    """Nothing is tried, and nothing is spent; nor does it make a preview restless."""
    engine, wanted = scenario.engine, scenario.program("a", "s4", "assertion", verify_now="2")
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(61)
    engine.up(scenario.program("a", "s4", "assertion", verify_now="first"))
    engine.up(wanted)
    assert f"verify_now waits until {str(engine.slots[1])[:8]} signs" in engine.last_preview.messages
    assert engine.outputs("rotation")["verify_now"] == "first"
    engine.assert_stable(wanted)
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(61)
    assert tries(engine.up(wanted)) != []
    assert engine.outputs("rotation")["verify_now"] == "2"
    engine.assert_stable(wanted)


def test_what_is_asked_for_while_it_drifts_is_not_recorded_as_done(scenario: VerificationScenario) -> None:
    """The first command that sees the drift has an update to do, and nothing to try."""
    engine, wanted = scenario.engine, scenario.program("a", "s4", "assertion", verify_now="2")
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(61)
    assert tries(engine.up(wanted)) == []
    assert engine.outputs("rotation")["verify_now"] == "first"


def test_a_request_that_is_taken_back_may_be_made_again(scenario: VerificationScenario) -> None:
    """By the same text."""
    engine, wanted = scenario.engine, scenario.program("a", "s4", "assertion", verify_now="first")
    engine.deploy(scenario.program("a", "s4", "assertion"))
    assert "verify_now" not in engine.outputs("rotation")
    assert tries(engine.up(wanted)) != []
    assert tries(engine.up(wanted)) == []


def test_a_request_beside_a_swap_is_answered_by_its_check(scenario: VerificationScenario) -> None:
    """What stays open is open as part of the step, and is tried alone."""
    engine, wanted = scenario.engine, scenario.program("b", "s4", "assertion", verify_now="2")
    engine.transport.inject_once(
        ROTATE, interleave(after=lambda: engine.transport.inject_always(answer_with(503), TARGET))
    )
    engine.up(wanted)
    assert (engine.outputs("rotation")["verify_now"], engine.outputs("rotation")["unverified"]) == ("2", ["s4"])
    engine.transport.clear_faults()
    engine.deploy(wanted)


# --- slow destinations --------------------------------------------------------------------------------------------


def crowd(scenario: VerificationScenario, names: list[str], **changes: str) -> None:
    """Create destinations like s4, or like the assertion."""
    (like,) = [each.properties for each in scenario.emulator.destinations(scenario.guid) if each.name == "s4"]
    for name in names:
        scenario.emulator.create_destination(scenario.guid, {**like, **changes, "Name": name})


def hang(request: httpx.Request, engine: FakeEngine) -> httpx.Response:
    """Let as much time go by as the client waits."""
    engine.elapsed += request.extensions["timeout"]["read"]
    raise httpx.ReadTimeout("slow", request=request)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    slow=st.integers(1, MAX_DESTINATIONS - 1),
    place=st.integers(0, MAX_DESTINATIONS - 1),
    is_seen=st.booleans(),
    kind=st.sampled_from([{}, SAML]),
)
def test_slow_destinations_hide_no_refusal(
    emulator: Emulator, slow: int, place: int, kind: dict[str, str], *, is_seen: bool
) -> None:
    """Wherever in the list it is, whatever is slow, and however many: it is heard, and swapped back, in time."""
    scenario = VerificationScenario(
        FakeEngine(emulator, emulator.create_subaccount(generate=True).guid), is_known=False
    )
    engine, names = scenario.engine, [f"d{number}" for number in range(slow)]
    crowd(scenario, names, **kind)
    before, times = engine.slots, []
    scenario.misreport("s4", before[1])

    def stall(request: httpx.Request, send: SendRequest) -> httpx.Response:
        return send(request) if is_seen and "skipTokenRetrieval" in str(request.url) else hang(request, engine)

    def rotated() -> None:
        times.append(engine.elapsed)
        engine.transport.inject_always(stall, *[f"GET destinations/{name}" for name in names])

    engine.transport.inject_always(interleave(after=rotated), ROTATE)
    listed = [*names[:place], "s4", *names[place:]]
    report = engine.up(scenario.program("b", *listed))
    assert report.writes == [ROTATE, ROTATE]
    assert engine.slots == before
    assert engine.outputs("rotation")["failed_generation"] == "b"
    assert times[1] - times[0] < (70 if is_seen else 130) < ALL_IT_HAS
    assert {scenario.evidence()[name]["verdict"] for name in names} == {"inconclusive"}


def test_a_refusal_is_repeated_before_the_slow_ones_are_waited_for(scenario: VerificationScenario) -> None:
    """Users may be refused meanwhile; what is behind it in the list is not tried at all."""
    engine = scenario.engine
    crowd(scenario, ["d1", "d2"])
    scenario.misreport("s4", engine.slots[1])
    engine.transport.inject_always(
        fault_probes(lambda request, _: hang(request, engine)), "GET destinations/d1", "GET destinations/d2"
    )
    report = engine.up(scenario.program("b", "s4", "d1", "d2"))
    assert report.writes == [ROTATE, ROTATE]
    first, second = (place for place, each in enumerate(report.requests) if each == ROTATE)
    assert report.requests[first:second].count("GET destinations/d1") == 1
    assert scenario.evidence()["d1"]["detail"] == "not tried: another target refused first"


def test_a_destination_that_is_slow_at_first_gets_its_time_later(scenario: VerificationScenario) -> None:
    """Its share of what remains: more than at first, while others had not been tried yet."""
    engine, elapsed = scenario.engine, []

    def slow(request: httpx.Request, send: SendRequest) -> httpx.Response:
        elapsed.append(request.extensions["timeout"]["read"])
        return send(request) if elapsed[-1] > 20 else hang(request, engine)

    engine.transport.inject_always(fault_probes(slow), TARGET)
    engine.up(scenario.program("b", "s4", "sf", "assertion"))
    assert {found["verdict"] for found in scenario.evidence().values()} == {"proved"}
    assert elapsed == [5.0, 30.0]


def test_where_no_time_is_left_that_is_said(scenario: VerificationScenario) -> None:
    """And tried again."""
    engine, wanted = scenario.engine, scenario.program("b", "assertion", "s4")

    def endless(request: httpx.Request, _: SendRequest) -> httpx.Response:
        engine.elapsed += ALL_IT_HAS
        raise httpx.ReadTimeout("slow", request=request)

    engine.transport.inject_always(fault_probes(endless), ASSERTION)
    report = engine.up(wanted)
    assert report.writes == [ROTATE]
    assert scenario.evidence()["s4"]["detail"].startswith(("GET ", "not tried: no time was left"))
    assert engine.outputs("rotation")["unverified"] == ["assertion", "s4"]


def test_a_destination_that_could_not_be_looked_at_is_tried_all_the_same(scenario: VerificationScenario) -> None:
    """What it is shows when it is tried; one that tells nothing is left."""
    engine = scenario.engine
    crowd(scenario, ["plain"])

    def unseen(request: httpx.Request, send: SendRequest) -> httpx.Response:
        return answer_with(500)(request, send) if "skipTokenRetrieval" in str(request.url) else send(request)

    def rotated() -> None:
        engine.transport.inject_always(unseen, TARGET, ASSERTION, "GET destinations/plain")
        scenario.emulator.delete_destination(scenario.guid, "plain")
        scenario.emulator.create_destination(scenario.guid, {"Name": "plain", "Type": "HTTP"})

    engine.transport.inject_once(ROTATE, interleave(after=rotated))
    engine.up(scenario.program("b", "assertion", "s4", "plain"))
    evidence = scenario.evidence()
    assert {evidence[name]["verdict"] for name in ("assertion", "s4")} == {"proved"}
    assert "tells nothing about the trust certificate" in evidence["plain"]["detail"]


# --- names that are mistyped --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [("S4", "'s4'"), ("s44", "'s4'"), ("asertion", "'assertion'"), ("at the instanze", "'at the instance'")],
)
def test_a_name_that_is_mistyped_is_refused_in_the_preview(
    scenario: VerificationScenario, name: str, meant: str
) -> None:
    """With what may have been meant, at both levels; before a swap, and where a check is asked for."""
    engine = scenario.engine
    scenario.emulator.create_destination(scenario.guid, {**SAML, "Name": "at the instance"}, "instance")
    for wanted in (scenario.program("b", "sf", name), scenario.program("a", "sf", name, verify_now="2")):
        message = engine.assert_refused(wanted, repr(name), f"did you mean {meant}")
        assert "verify_destinations" in message.splitlines()[-1]
    with pytest.raises(CheckFailedError):
        engine.up(scenario.program("b", name), skip_preview=True)
    assert engine.last_report.writes == []


def test_a_name_like_no_other_is_refused_without_a_guess(scenario: VerificationScenario) -> None:
    """None is near."""
    assert "did you mean" not in scenario.engine.assert_refused(
        scenario.program("b", "billing"), "'billing' is not found"
    )


def test_a_new_list_may_name_what_is_still_to_be_created(scenario: VerificationScenario) -> None:
    """Nothing is tried yet: a warning at the change, and silence afterwards."""
    engine, wanted = scenario.engine, scenario.program("a", "s4", "assertion", "later", "latest", verify_now="first")
    engine.up(wanted)
    for name in ("later", "latest"):
        assert f"warning: RotationTrigger: Destination '{name}' is not found." in engine.last_preview.messages
    assert not any("estinations" in request for request in engine.preview(wanted).requests)
    engine.assert_stable(wanted)
    engine.config["btp-trust:strict"] = "true"
    with pytest.raises(CheckFailedError):
        engine.preview(scenario.program("a", "latter"))


def test_the_first_list_is_looked_at_too(emulator: Emulator) -> None:
    """A trigger that is created."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    report = engine.up(program(active_generation="a", trigger={"verify_destinations": ["s5"]}))
    assert "warning: RotationTrigger: Destination 's5' is not found." in report.messages


def test_a_roll_back_is_warned_of_a_mistyped_name_and_done(scenario: VerificationScenario) -> None:
    """It waits for nothing."""
    engine = scenario.engine
    engine.deploy(scenario.program("b", "s4", "assertion"))
    engine.config["btp-trust:strict"] = "true"
    report = engine.up(scenario.program("a", "s44"))
    assert report.writes == [ROTATE]
    assert "warning: RotationTrigger: Destination 's44' is not found." in report.messages
    assert "It is rolled back all the same." in report.messages


def test_a_service_that_does_not_tell_is_no_reason_to_refuse_a_preview(scenario: VerificationScenario) -> None:
    """It warns once; the deployment looks before it swaps."""
    engine = scenario.engine
    engine.transport.inject_always(answer_with(403), "GET instanceDestinations", TARGET)
    engine.preview(scenario.program("b", "sf", "s4", "assertion"))
    assert (
        "warning: RotationTrigger: the destinations to be tried could not be looked for. "
        in engine.last_report.messages
    )
    with pytest.raises(Exception, match="403"):
        engine.up(scenario.program("b", "sf", "s4", "assertion"))
    assert engine.last_report.writes == []


def test_offline_nothing_is_looked_at(scenario: VerificationScenario) -> None:
    """Nor refused."""
    scenario.engine.config["btp-trust:offline"] = "true"
    scenario.engine.preview(scenario.program("a", "s44"))
    assert scenario.engine.last_report.requests == []


def test_a_destination_that_goes_before_the_swap_refuses_it(scenario: VerificationScenario) -> None:
    """The deployment looks again, as the user."""
    engine = scenario.engine
    gone = interleave(after=lambda: scenario.emulator.delete_destination(scenario.guid, "s4"))
    engine.transport.inject_once("GET instanceDestinations", gone, after=1)
    with pytest.raises(Refused) as refusal:
        engine.up(scenario.program("b", "sf", "s4"))
    assert_three_part_message(str(refusal.value), "'b' was not made to sign", "'s4' is not found")
    assert engine.last_report.writes == []


# --- who signed ---------------------------------------------------------------------------------------------------


def late(scenario: VerificationScenario, seconds: float) -> None:
    """Let the service sign with the certificate from before for a while after the swap."""
    for name in ("s4", "sf", "assertion"):
        scenario.emulator.fault(
            FaultKind.STALE_AFTER_WRITE, subaccount=scenario.guid, method="GET", path=f"{FIND}{name}", seconds=seconds
        )


@pytest.mark.parametrize("seconds", [None, 40.0], ids=["at once", "late"])
def test_targets_alone_do_not_show_who_signed(scenario: VerificationScenario, seconds: float | None) -> None:
    """The preview says what is missing; a minute later they are asked once more, and then all is quiet."""
    engine, wanted = scenario.engine, scenario.program("b", "s4", "sf")
    if seconds:
        late(scenario, seconds)
    report = engine.up(wanted)
    assert "none of verify_destinations shows which certificate signs" in engine.last_preview.messages
    assert {found["verdict"] for found in scenario.evidence().values()} == {"inconclusive"}
    assert "warning: RotationTrigger: s4: inconclusive: nothing shows which certificate signed; the target" in (
        report.messages
    )
    assert "A destination with SAMLAssertion in verify_destinations shows it." in report.messages
    assert engine.outputs("rotation")["unverified"] == ["s4", "sf"]
    engine.up(wanted)
    assert engine.outputs("rotation")["unverified"] == ["s4", "sf"]
    engine.emulator.advance(60)
    report = engine.up(wanted)
    assert "The next deployment tries again." not in report.messages
    assert {found["verdict"] for found in scenario.evidence().values()} == {"inconclusive"}
    engine.assert_stable(wanted)


def test_a_target_that_refuses_once_the_swap_is_passed_on_leads_back(scenario: VerificationScenario) -> None:
    """It accepted the old certificate, and was not taken for content."""
    engine, wanted = scenario.engine, scenario.program("b", "s4")
    before = engine.slots
    scenario.misreport("s4", before[1])
    late(scenario, 40.0)
    engine.up(wanted)
    assert engine.slots == before[::-1]
    engine.emulator.advance(61)
    report = engine.up(wanted)
    assert "a target's refusal swaps back" in engine.last_preview.messages
    assert report.writes == [ROTATE]
    assert (engine.slots, engine.outputs("rotation")["failed_generation"]) == (before, "b")


def test_a_destination_that_shows_who_signs_closes_what_the_targets_left_open(scenario: VerificationScenario) -> None:
    """It is tried with them, though it was not there before."""
    engine = scenario.engine
    engine.up(scenario.program("b", "s4"))
    engine.up(scenario.program("b", "s4", "sf", "assertion"))
    assert {name: each["verdict"] for name, each in scenario.evidence().items()} == {
        "s4": "proved",
        "assertion": "proved",
    }
    engine.assert_stable(scenario.program("b", "s4", "sf", "assertion"))


def test_a_target_is_asked_again_once_it_is_shown_who_signs(scenario: VerificationScenario) -> None:
    """What it accepted before that proves nothing."""
    engine = scenario.engine
    engine.transport.inject_once(ASSERTION, answer_with(503), after=2)
    report = engine.up(scenario.program("b", "s4", "assertion"))
    assert {found["verdict"] for found in scenario.evidence().values()} == {"proved"}
    assert tries(report)[-4:] == [ASSERTION, TARGET, ASSERTION, TARGET]


def test_what_has_signed_for_long_is_tried_once(scenario: VerificationScenario) -> None:
    """Asked for: nothing shows who signs, and no later deployment would know more."""
    engine, wanted = scenario.engine, scenario.program("a", "s4", verify_now="2")
    engine.up(wanted)
    assert scenario.evidence()["s4"]["verdict"] == "inconclusive"
    engine.assert_stable(wanted)


def test_a_run_killed_after_its_swap_begins_the_minute_with_the_next(scenario: VerificationScenario) -> None:
    """Nobody noted down when that was."""
    engine, wanted = scenario.engine, scenario.program("b", "s4")
    engine.emulator.rotate(engine.guid)
    engine.emulator.advance(600)
    engine.up(wanted)
    assert engine.outputs("rotation")["unverified"] == ["s4"]
    engine.emulator.advance(61)
    engine.up(wanted)
    engine.assert_stable(wanted)


def test_a_cached_assertion_shows_nothing_of_now() -> None:
    """It was signed by the right key once, before the way there and back."""
    with Emulator(key_size=1024, switches=Switches(token_cache=TokenCache.UNTIL_EXPIRY)) as caching:
        scenario = VerificationScenario(
            FakeEngine(caching, caching.create_subaccount(generate=True).guid), targets=("s4",)
        )
        wanted = scenario.program("a", "s4", "assertion", verify_now="2")
        caching.advance(100 - 3600)
        scenario.engine.up(wanted)
        assert {name: each["verdict"] for name, each in scenario.evidence().items()} == {
            "s4": "inconclusive",
            "assertion": "weak",
        }
        scenario.engine.assert_stable(wanted)
