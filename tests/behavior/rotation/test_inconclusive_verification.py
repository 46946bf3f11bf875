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
from btp_trust.rotation.schema import MOST
from btp_trust_emulator import Emulator, Switches, TokenCache
from btp_trust_emulator.faults.fault import Kind
from support.fake_engine import (
    CheckFailedError,
    Send,
    Twin,
    answered,
    assert_three_parts,
    lost_before,
    meanwhile,
    program,
)
from support.verification import SAML, USER, Landscape, trying

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
def here(emulator: Emulator) -> Iterator[Landscape]:
    """A prepared stack with targets that trust both certificates."""
    yield Landscape(Twin(emulator, emulator.create_subaccount(generate=True).guid))
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
    here: Landscape, config: dict[str, str]
) -> None:
    """Each deployment tries again and says so; then it is answered, and all is quiet."""
    twin, wanted = here.twin, here.program("a", "s4", "assertion", verify_now="2")
    good = twin.config.pop("btp-trust:user")
    twin.config |= config
    for _ in range(2):
        report = twin.up(wanted)
        assert report.writes == []
        assert (report.operations["rotation"], twin.previewed.operations["rotation"]) == ("update", "update")
        assert "warning: RotationTrigger: s4: inconclusive: " in report.messages
        assert report.messages.count("The next deployment tries again.") == 2
        assert "Without one the check stays open." in twin.previewed.messages or config
        assert twin.outputs("rotation")["verify_now"] == "first"
        assert "unverified" not in twin.outputs("rotation")
    for key in config:
        del twin.config[key]
    twin.config["btp-trust:user"] = good
    assert "s4, assertion will be tried as the user; nothing is swapped back" in twin.preview(wanted).messages
    twin.deploy(wanted)
    assert {found["verdict"] for found in here.evidence().values()} == {"proved"}
    assert twin.outputs("rotation")["verify_now"] == "2"


@pytest.mark.parametrize("config", NOBODY)
def test_what_the_first_deployment_asks_for_stays_asked_for_too(emulator: Emulator, config: dict[str, str]) -> None:
    """A trigger that is created records who signs, and not that anybody was asked."""
    here = Landscape(Twin(emulator, emulator.create_subaccount(generate=True).guid), is_known=False)
    twin = Twin(emulator, here.guid, config={**here.twin.config, **config})
    if "btp-trust:user" not in config:
        del twin.config["btp-trust:user"]
    wanted = here.program("a", "s4", "assertion", prepared="b", verify_now="1")
    twin.up(wanted)
    assert "verify_now" not in twin.outputs("rotation")
    assert twin.preview(wanted).operations["rotation"] == "update"
    twin.config = dict(here.twin.config)
    twin.deploy(wanted)
    assert (twin.outputs("rotation")["verify_now"], twin.outputs("rotation")["verified"]["assertion"]["verdict"]) == (
        "1",
        "proved",
    )


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answered(503), id="it is down"),
        pytest.param(answered(403), id="it may not be read"),
        pytest.param(trying(lost_before(httpx.ReadTimeout("slow"))), id="no answer in time"),
    ],
)
def test_one_destination_without_an_answer_keeps_the_request_open(here: Landscape, fault: Any) -> None:
    """The others have answered, and it is asked once more."""
    twin, wanted = here.twin, here.program("a", "s4", "assertion", verify_now="2")
    twin.up(here.program("a", "s4", "assertion", verify_now="first"))
    twin.preview(wanted)
    twin.line.always(fault, TARGET)
    twin.up(wanted, skip_preview=True)
    assert twin.outputs("rotation")["verify_now"] == "first"
    twin.line.repair()
    twin.deploy(wanted)
    assert here.evidence()["s4"]["verdict"] == "proved"


def test_a_refusal_answers_what_is_asked_for(here: Landscape) -> None:
    """Said once."""
    twin, wanted = here.twin, here.program("a", "s4", "assertion", verify_now="2")
    here.lie("s4", twin.slots[0])
    assert "s4: refused: " in twin.up(wanted).messages
    twin.assert_settled(wanted)


def test_what_is_asked_for_waits_while_another_certificate_signs(here: Landscape) -> None:
    """Nothing is tried, and nothing is spent; nor does it make a preview restless."""
    twin, wanted = here.twin, here.program("a", "s4", "assertion", verify_now="2")
    twin.emulator.rotate(twin.guid)
    twin.emulator.advance(61)
    twin.up(here.program("a", "s4", "assertion", verify_now="first"))
    twin.up(wanted)
    assert f"verify_now waits until {str(twin.slots[1])[:8]} signs" in twin.previewed.messages
    assert twin.outputs("rotation")["verify_now"] == "first"
    twin.assert_settled(wanted)
    twin.emulator.rotate(twin.guid)
    twin.emulator.advance(61)
    assert tries(twin.up(wanted)) != []
    assert twin.outputs("rotation")["verify_now"] == "2"
    twin.assert_settled(wanted)


def test_what_is_asked_for_while_it_drifts_is_not_recorded_as_done(here: Landscape) -> None:
    """The first command that sees the drift has an update to do, and nothing to try."""
    twin, wanted = here.twin, here.program("a", "s4", "assertion", verify_now="2")
    twin.emulator.rotate(twin.guid)
    twin.emulator.advance(61)
    assert tries(twin.up(wanted)) == []
    assert twin.outputs("rotation")["verify_now"] == "first"


def test_a_request_that_is_taken_back_may_be_made_again(here: Landscape) -> None:
    """By the same text."""
    twin, wanted = here.twin, here.program("a", "s4", "assertion", verify_now="first")
    twin.deploy(here.program("a", "s4", "assertion"))
    assert "verify_now" not in twin.outputs("rotation")
    assert tries(twin.up(wanted)) != []
    assert tries(twin.up(wanted)) == []


def test_a_request_beside_a_swap_is_answered_by_its_check(here: Landscape) -> None:
    """What stays open is open as part of the step, and is tried alone."""
    twin, wanted = here.twin, here.program("b", "s4", "assertion", verify_now="2")
    twin.line.once(ROTATE, meanwhile(after=lambda: twin.line.always(answered(503), TARGET)))
    twin.up(wanted)
    assert (twin.outputs("rotation")["verify_now"], twin.outputs("rotation")["unverified"]) == ("2", ["s4"])
    twin.line.repair()
    twin.deploy(wanted)


# --- slow destinations --------------------------------------------------------------------------------------------


def crowd(here: Landscape, names: list[str], **changes: str) -> None:
    """Create destinations like s4, or like the assertion."""
    (like,) = [each.properties for each in here.emulator.destinations(here.guid) if each.name == "s4"]
    for name in names:
        here.emulator.create_destination(here.guid, {**like, **changes, "Name": name})


def hang(request: httpx.Request, twin: Twin) -> httpx.Response:
    """Let as much time go by as the client waits."""
    twin.waited += request.extensions["timeout"]["read"]
    raise httpx.ReadTimeout("slow", request=request)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    slow=st.integers(1, MOST - 1),
    place=st.integers(0, MOST - 1),
    is_seen=st.booleans(),
    kind=st.sampled_from([{}, SAML]),
)
def test_slow_destinations_hide_no_refusal(
    emulator: Emulator, slow: int, place: int, kind: dict[str, str], *, is_seen: bool
) -> None:
    """Wherever in the list it is, whatever is slow, and however many: it is heard, and swapped back, in time."""
    here = Landscape(Twin(emulator, emulator.create_subaccount(generate=True).guid), is_known=False)
    twin, names = here.twin, [f"d{number}" for number in range(slow)]
    crowd(here, names, **kind)
    before, times = twin.slots, []
    here.lie("s4", before[1])

    def stall(request: httpx.Request, send: Send) -> httpx.Response:
        return send(request) if is_seen and "skipTokenRetrieval" in str(request.url) else hang(request, twin)

    def rotated() -> None:
        times.append(twin.waited)
        twin.line.always(stall, *[f"GET destinations/{name}" for name in names])

    twin.line.always(meanwhile(after=rotated), ROTATE)
    listed = [*names[:place], "s4", *names[place:]]
    report = twin.up(here.program("b", *listed))
    assert report.writes == [ROTATE, ROTATE]
    assert twin.slots == before
    assert twin.outputs("rotation")["failed_generation"] == "b"
    assert times[1] - times[0] < (70 if is_seen else 130) < ALL_IT_HAS
    assert {here.evidence()[name]["verdict"] for name in names} == {"inconclusive"}


def test_a_refusal_is_repeated_before_the_slow_ones_are_waited_for(here: Landscape) -> None:
    """Users may be refused meanwhile; what is behind it in the list is not tried at all."""
    twin = here.twin
    crowd(here, ["d1", "d2"])
    here.lie("s4", twin.slots[1])
    twin.line.always(trying(lambda request, _: hang(request, twin)), "GET destinations/d1", "GET destinations/d2")
    report = twin.up(here.program("b", "s4", "d1", "d2"))
    assert report.writes == [ROTATE, ROTATE]
    first, second = (place for place, each in enumerate(report.requests) if each == ROTATE)
    assert report.requests[first:second].count("GET destinations/d1") == 1
    assert here.evidence()["d1"]["detail"] == "not tried: another target refused first"


def test_a_destination_that_is_slow_at_first_gets_its_time_later(here: Landscape) -> None:
    """Its share of what remains: more than at first, while others had not been tried yet."""
    twin, waited = here.twin, []

    def slow(request: httpx.Request, send: Send) -> httpx.Response:
        waited.append(request.extensions["timeout"]["read"])
        return send(request) if waited[-1] > 20 else hang(request, twin)

    twin.line.always(trying(slow), TARGET)
    twin.up(here.program("b", "s4", "sf", "assertion"))
    assert {found["verdict"] for found in here.evidence().values()} == {"proved"}
    assert waited == [5.0, 30.0]


def test_where_no_time_is_left_that_is_said(here: Landscape) -> None:
    """And tried again."""
    twin, wanted = here.twin, here.program("b", "assertion", "s4")

    def endless(request: httpx.Request, _: Send) -> httpx.Response:
        twin.waited += ALL_IT_HAS
        raise httpx.ReadTimeout("slow", request=request)

    twin.line.always(trying(endless), ASSERTION)
    report = twin.up(wanted)
    assert report.writes == [ROTATE]
    assert here.evidence()["s4"]["detail"].startswith(("GET ", "not tried: no time was left"))
    assert twin.outputs("rotation")["unverified"] == ["assertion", "s4"]


def test_a_destination_that_could_not_be_looked_at_is_tried_all_the_same(here: Landscape) -> None:
    """What it is shows when it is tried; one that tells nothing is left."""
    twin = here.twin
    crowd(here, ["plain"])

    def unseen(request: httpx.Request, send: Send) -> httpx.Response:
        return answered(500)(request, send) if "skipTokenRetrieval" in str(request.url) else send(request)

    def rotated() -> None:
        twin.line.always(unseen, TARGET, ASSERTION, "GET destinations/plain")
        here.emulator.delete_destination(here.guid, "plain")
        here.emulator.create_destination(here.guid, {"Name": "plain", "Type": "HTTP"})

    twin.line.once(ROTATE, meanwhile(after=rotated))
    twin.up(here.program("b", "assertion", "s4", "plain"))
    evidence = here.evidence()
    assert {evidence[name]["verdict"] for name in ("assertion", "s4")} == {"proved"}
    assert "tells nothing about the trust certificate" in evidence["plain"]["detail"]


# --- names that are mistyped --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [("S4", "'s4'"), ("s44", "'s4'"), ("asertion", "'assertion'"), ("at the instanze", "'at the instance'")],
)
def test_a_name_that_is_mistyped_is_refused_in_the_preview(here: Landscape, name: str, meant: str) -> None:
    """With what may have been meant, at both levels; before a swap, and where a check is asked for."""
    twin = here.twin
    here.emulator.create_destination(here.guid, {**SAML, "Name": "at the instance"}, "instance")
    for wanted in (here.program("b", "sf", name), here.program("a", "sf", name, verify_now="2")):
        message = twin.refuses(wanted, repr(name), f"did you mean {meant}")
        assert "verify_destinations" in message.splitlines()[-1]
    with pytest.raises(CheckFailedError):
        twin.up(here.program("b", name), skip_preview=True)
    assert twin.last.writes == []


def test_a_name_like_no_other_is_refused_without_a_guess(here: Landscape) -> None:
    """None is near."""
    assert "did you mean" not in here.twin.refuses(here.program("b", "billing"), "'billing' is not found")


def test_a_new_list_may_name_what_is_still_to_be_created(here: Landscape) -> None:
    """Nothing is tried yet: a warning at the change, and silence afterwards."""
    twin, wanted = here.twin, here.program("a", "s4", "assertion", "later", "latest", verify_now="first")
    twin.up(wanted)
    for name in ("later", "latest"):
        assert f"warning: RotationTrigger: Destination '{name}' is not found." in twin.previewed.messages
    assert not any("estinations" in request for request in twin.preview(wanted).requests)
    twin.assert_settled(wanted)
    twin.config["btp-trust:strict"] = "true"
    with pytest.raises(CheckFailedError):
        twin.preview(here.program("a", "latter"))


def test_the_first_list_is_looked_at_too(emulator: Emulator) -> None:
    """A trigger that is created."""
    twin = Twin(emulator, emulator.create_subaccount(generate=True).guid)
    report = twin.up(program(signs="a", trigger={"verify_destinations": ["s5"]}))
    assert "warning: RotationTrigger: Destination 's5' is not found." in report.messages


def test_a_roll_back_is_warned_of_a_mistyped_name_and_done(here: Landscape) -> None:
    """It waits for nothing."""
    twin = here.twin
    twin.deploy(here.program("b", "s4", "assertion"))
    twin.config["btp-trust:strict"] = "true"
    report = twin.up(here.program("a", "s44"))
    assert report.writes == [ROTATE]
    assert "warning: RotationTrigger: Destination 's44' is not found." in report.messages
    assert "It is rolled back all the same." in report.messages


def test_a_service_that_does_not_tell_is_no_reason_to_refuse_a_preview(here: Landscape) -> None:
    """It warns once; the deployment looks before it swaps."""
    twin = here.twin
    twin.line.always(answered(403), "GET instanceDestinations", TARGET)
    twin.preview(here.program("b", "sf", "s4", "assertion"))
    assert "warning: RotationTrigger: the destinations to be tried could not be looked for. " in twin.last.messages
    with pytest.raises(Exception, match="403"):
        twin.up(here.program("b", "sf", "s4", "assertion"))
    assert twin.last.writes == []


def test_offline_nothing_is_looked_at(here: Landscape) -> None:
    """Nor refused."""
    here.twin.config["btp-trust:offline"] = "true"
    here.twin.preview(here.program("a", "s44"))
    assert here.twin.last.requests == []


def test_a_destination_that_goes_before_the_swap_refuses_it(here: Landscape) -> None:
    """The deployment looks again, as the user."""
    twin = here.twin
    gone = meanwhile(after=lambda: here.emulator.delete_destination(here.guid, "s4"))
    twin.line.once("GET instanceDestinations", gone, after=1)
    with pytest.raises(Refused) as refusal:
        twin.up(here.program("b", "sf", "s4"))
    assert_three_parts(str(refusal.value), "'b' was not made to sign", "'s4' is not found")
    assert twin.last.writes == []


# --- who signed ---------------------------------------------------------------------------------------------------


def late(here: Landscape, seconds: float) -> None:
    """Let the service sign with the certificate from before for a while after the swap."""
    for name in ("s4", "sf", "assertion"):
        here.emulator.fault(
            Kind.STALE_AFTER_WRITE, subaccount=here.guid, method="GET", path=f"{FIND}{name}", seconds=seconds
        )


@pytest.mark.parametrize("seconds", [None, 40.0], ids=["at once", "late"])
def test_targets_alone_do_not_show_who_signed(here: Landscape, seconds: float | None) -> None:
    """The preview says what is missing; a minute later they are asked once more, and then all is quiet."""
    twin, wanted = here.twin, here.program("b", "s4", "sf")
    if seconds:
        late(here, seconds)
    report = twin.up(wanted)
    assert "none of verify_destinations shows which certificate signs" in twin.previewed.messages
    assert {found["verdict"] for found in here.evidence().values()} == {"inconclusive"}
    assert "warning: RotationTrigger: s4: inconclusive: nothing shows which certificate signed; the target" in (
        report.messages
    )
    assert "A destination with SAMLAssertion in verify_destinations shows it." in report.messages
    assert twin.outputs("rotation")["unverified"] == ["s4", "sf"]
    twin.up(wanted)
    assert twin.outputs("rotation")["unverified"] == ["s4", "sf"]
    twin.emulator.advance(60)
    report = twin.up(wanted)
    assert "The next deployment tries again." not in report.messages
    assert {found["verdict"] for found in here.evidence().values()} == {"inconclusive"}
    twin.assert_settled(wanted)


def test_a_target_that_refuses_once_the_swap_is_passed_on_leads_back(here: Landscape) -> None:
    """It accepted the old certificate, and was not taken for content."""
    twin, wanted = here.twin, here.program("b", "s4")
    before = twin.slots
    here.lie("s4", before[1])
    late(here, 40.0)
    twin.up(wanted)
    assert twin.slots == before[::-1]
    twin.emulator.advance(61)
    report = twin.up(wanted)
    assert "a target's refusal swaps back" in twin.previewed.messages
    assert report.writes == [ROTATE]
    assert (twin.slots, twin.outputs("rotation")["failed_generation"]) == (before, "b")


def test_a_destination_that_shows_who_signs_closes_what_the_targets_left_open(here: Landscape) -> None:
    """It is tried with them, though it was not there before."""
    twin = here.twin
    twin.up(here.program("b", "s4"))
    twin.up(here.program("b", "s4", "sf", "assertion"))
    assert {name: each["verdict"] for name, each in here.evidence().items()} == {"s4": "proved", "assertion": "proved"}
    twin.assert_settled(here.program("b", "s4", "sf", "assertion"))


def test_a_target_is_asked_again_once_it_is_shown_who_signs(here: Landscape) -> None:
    """What it accepted before that proves nothing."""
    twin = here.twin
    twin.line.once(ASSERTION, answered(503), after=2)
    report = twin.up(here.program("b", "s4", "assertion"))
    assert {found["verdict"] for found in here.evidence().values()} == {"proved"}
    assert tries(report)[-4:] == [ASSERTION, TARGET, ASSERTION, TARGET]


def test_what_has_signed_for_long_is_tried_once(here: Landscape) -> None:
    """Asked for: nothing shows who signs, and no later deployment would know more."""
    twin, wanted = here.twin, here.program("a", "s4", verify_now="2")
    twin.up(wanted)
    assert here.evidence()["s4"]["verdict"] == "inconclusive"
    twin.assert_settled(wanted)


def test_a_run_killed_after_its_swap_begins_the_minute_with_the_next(here: Landscape) -> None:
    """Nobody noted down when that was."""
    twin, wanted = here.twin, here.program("b", "s4")
    twin.emulator.rotate(twin.guid)
    twin.emulator.advance(600)
    twin.up(wanted)
    assert twin.outputs("rotation")["unverified"] == ["s4"]
    twin.emulator.advance(61)
    twin.up(wanted)
    twin.assert_settled(wanted)


def test_a_cached_assertion_shows_nothing_of_now() -> None:
    """It was signed by the right key once, before the way there and back."""
    with Emulator(key_size=1024, switches=Switches(token_cache=TokenCache.UNTIL_EXPIRY)) as caching:
        here = Landscape(Twin(caching, caching.create_subaccount(generate=True).guid), targets=("s4",))
        wanted = here.program("a", "s4", "assertion", verify_now="2")
        caching.advance(100 - 3600)
        here.twin.up(wanted)
        assert {name: each["verdict"] for name, each in here.evidence().items()} == {
            "s4": "inconclusive",
            "assertion": "weak",
        }
        here.twin.assert_settled(wanted)
