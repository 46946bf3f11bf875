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
    ReadsDisagree,
    Refused,
    ServiceUnavailable,
    TrustError,
    WayBackFailed,
)
from btp_trust.rotation.verification import prober
from btp_trust.runtime import session
from btp_trust_emulator import Emulator, Switches, TokenCache
from btp_trust_emulator.faults.fault import Kind
from support.fake_engine import (
    HOUR,
    CheckFailedError,
    KilledError,
    Program,
    Send,
    Twin,
    answered,
    assert_three_parts,
    committed_but_answered,
    committed_then,
    lost_before,
    meanwhile,
)
from support.verification import PASSWORD, USER, Landscape, failing, giving, trying

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
def here(emulator: Emulator) -> Landscape:
    """A prepared stack with targets that trust both certificates."""
    return Landscape(Twin(emulator, emulator.create_subaccount(generate=True).guid))


def finds(report: Any) -> list[str]:
    """The requests about destinations."""
    return [request for request in report.requests if "estinations" in request]


# --- proved ------------------------------------------------------------------------------------------------------


def test_a_rotation_is_proved_to_each_destination(here: Landscape) -> None:
    """Who signed is certain of the assertion, that it is accepted of a target's new token; and all is quiet then."""
    twin, wanted = here.twin, here.program("b", "s4", "assertion")
    before = twin.slots
    report = twin.up(wanted)
    assert report.writes == [ROTATE]
    evidence = here.evidence()
    assert list(evidence) == ["s4", "assertion"]
    for found in evidence.values():
        assert (found["verdict"], found["fingerprint"]) == ("proved", before[1])
        assert found["at"].endswith("Z")
    assert {"unverified", "failed_generation", "failure"} & twin.outputs("rotation").keys() == set()
    assert "s4: proved: the target accepted the assertion" in report.messages
    assert "after the swap s4, assertion will be tried as the user; a target's refusal swaps back" in (
        twin.previewed.messages
    )
    twin.assert_settled(wanted)


def test_a_preview_tries_nothing_and_a_rotation_looks_before_and_tries_after(here: Landscape) -> None:
    """A preview lists; looking fetches no token; and the assertion comes before any target."""
    report = here.twin.up(here.program("b", "s4", "assertion"))
    s4, assertion = TARGET, "GET destinations/assertion"
    assert finds(here.twin.previewed) == LISTS
    after = report.requests[report.requests.index(ROTATE) :]
    assert finds(report) == [*LISTS, s4, assertion, s4, assertion, assertion, s4]
    assert finds(here.twin.last) == finds(report)
    assert after == [ROTATE, s4, assertion, assertion, s4]


def test_a_changed_list_or_policy_neither_rotates_nor_tries(here: Landscape) -> None:
    """An update that asks no target; a new list is compared."""
    here.twin.deploy(here.program("b", "s4", "assertion"))
    kept = here.evidence()
    for wanted, listed in (
        (here.program("b", "s4", "sf"), LISTS),
        (here.program("b", "sf", on_verification_failure="report"), LISTS),
        (here.program("b", "sf"), []),
    ):
        report = here.twin.up(wanted)
        assert (report.operations["rotation"], report.writes, finds(report)) == ("update", [], listed)
        here.twin.assert_settled(wanted)
    assert kept.keys() == {"s4", "assertion"}
    assert here.evidence() == {}


def test_asking_now_tries_the_list_on_an_unchanged_generation(here: Landscape) -> None:
    """Once for each text; a refusal is said and recorded, and nothing is swapped."""
    twin = here.twin
    twin.deploy(here.program("b", "s4", "assertion"))
    slots = twin.slots
    here.lie("s4", slots[0])
    asking = here.program("b", "s4", "assertion", verify_now="1")
    assert finds(twin.preview(asking)) == LISTS
    report = twin.up(asking)
    assert report.writes == []
    assert "warning: RotationTrigger: s4: refused: " in report.messages
    assert "It is not swapped back." in report.messages
    assert here.evidence()["s4"]["verdict"] == "refused"
    assert twin.slots == slots
    twin.assert_settled(asking)
    assert finds(twin.up(here.program("b", "s4", "assertion"))) == []
    assert finds(twin.up(here.program("b", "s4", "assertion", verify_now="2"))) != []


def test_asking_at_the_first_deployment_tries_the_list_too(emulator: Emulator) -> None:
    """What is asked for with the resource is not forgotten; without it there is nothing yet, and that is known."""
    here = Landscape(Twin(emulator, emulator.create_subaccount(generate=True).guid), is_known=False)
    twin = Twin(emulator, here.guid, config=dict(here.twin.config))
    prepared = here.twin.outputs("rotation")["verified"]
    here.lie("s4", twin.slots[0])
    report = twin.up(here.program("a", "s4", "assertion", prepared="b", verify_now="1"))
    assert report.writes == []
    assert "s4: refused: " in report.messages
    found = twin.outputs("rotation")["verified"]
    assert {name: each["verdict"] for name, each in found.items()} == {"s4": "refused", "assertion": "proved"}
    assert prepared == {}
    twin.assert_settled(here.program("a", "s4", "assertion", prepared="b", verify_now="1"))


def test_a_roll_back_is_proved_too(here: Landscape) -> None:
    """With the same list."""
    here.twin.deploy(here.program("b", "s4", "assertion"), here.program("a", "s4", "assertion"))
    assert {found["verdict"] for found in here.evidence().values()} == {"proved"}
    assert {found["fingerprint"] for found in here.evidence().values()} == {here.twin.slots[0]}


# --- refused: the way back ---------------------------------------------------------------------------------------


def refused(here: Landscape, **trigger: Any) -> Any:
    """Rotate to a certificate that s4 says it trusts, and refuses."""
    here.lie("s4", here.twin.slots[1])
    return here.twin.up(here.program("b", "s4", "sf", "assertion", **trigger))


def test_a_refusal_swaps_back_and_is_remembered(here: Landscape) -> None:
    """The earlier certificate signs again and works; the evidence is kept; the update itself succeeds."""
    twin = here.twin
    before = twin.slots
    report = refused(here)
    assert report.writes == [ROTATE, ROTATE]
    assert twin.slots == before
    outputs, evidence = twin.outputs("rotation"), here.evidence()
    assert outputs["fingerprint"] == before[0]
    assert outputs["failed_generation"] == "b"
    assert "previous_fingerprint" not in outputs
    assert evidence["s4"]["verdict"] == "refused"
    assert "Response was" in evidence["s4"]["detail"]
    assert {name: found["fingerprint"] for name, found in evidence.items()} == dict.fromkeys(evidence, before[1])
    assert {name: found["way_back"].partition(":")[0] for name, found in evidence.items()} == dict.fromkeys(
        ("s4", "sf", "assertion"), "proved"
    )
    assert_three_parts(outputs["failure"], *before, "s4", 'generation="a"', "'b'")
    assert twin.outputs("signing")["fingerprint"] == before[0]


def test_a_refused_generation_is_refused_until_another_is_declared(here: Landscape) -> None:
    """In every preview, also where drift is undone; whatever else changes; a refresh goes on working."""
    twin = here.twin
    refused(here)
    twin.emulator.advance(HOUR)
    for more in ({}, {"on_drift": "restore"}, {"verify_now": "1"}, {"verify_destinations": ["sf"]}):
        wanted = here.program("b", "s4", **more)
        message = twin.refuses(wanted, "s4: refused: ", *twin.slots)
        assert "somebody else" not in twin.last.messages
        assert twin.outputs("rotation")["swapped_back_at"] in message
        with pytest.raises(Refused):
            twin.up(wanted, skip_preview=True)
        assert twin.last.writes == []
    assert twin.refresh().writes == []
    twin.deploy(here.program("a", "s4"))
    assert {"failed_generation", "failure", "verified"} & twin.outputs("rotation").keys() == {"verified"}


def test_a_refused_generation_may_be_declared_again_once_the_code_has_changed(here: Landscape) -> None:
    """The target was repaired in between; now it is proved."""
    twin = here.twin
    refused(here)
    before = twin.slots
    twin.emulator.advance(HOUR)
    twin.deploy(here.program("a", "s4", "assertion"))
    here.lie("s4")
    twin.deploy(here.program("b", "s4", "assertion"))
    assert twin.slots == before[::-1]


def test_a_refused_generation_that_somebody_made_sign_is_refused_no_more(here: Landscape) -> None:
    """Also where a refresh has recorded that it signs: what was said of the swap back is not true any more."""
    twin, wanted = here.twin, here.program("b", "s4", "sf", "assertion")
    refused(here)
    before = twin.slots
    twin.emulator.rotate(twin.guid)
    twin.emulator.advance(HOUR)
    twin.refresh()
    here.lie("s4")
    twin.deploy(wanted)
    assert twin.slots == before[::-1]
    assert {"failed_generation", "failure", "swapped_back_at"} & twin.outputs("rotation").keys() == set()


def test_a_refused_generation_waits_for_all_targets_again(here: Landscape) -> None:
    """What was swapped back is no way back: the gate holds for it."""
    twin = here.twin
    refused(here)
    twin.emulator.advance(HOUR)
    twin.deploy(here.program("a", "s4"))
    twin.refuses(here.program("b", "s4", trusted_by={"s4": twin.slots[0]}), "s4")


def test_a_refusal_is_only_reported_where_the_program_says_so(here: Landscape) -> None:
    """Said and recorded; the next deployment is quiet."""
    before = here.twin.slots
    report = refused(here, on_verification_failure="report")
    assert report.writes == [ROTATE]
    assert here.twin.slots == before[::-1]
    assert "warning: RotationTrigger: s4: refused: " in report.messages
    assert "nothing is swapped back" in here.twin.previewed.messages
    assert here.evidence()["s4"]["verdict"] == "refused"
    assert "failed_generation" not in here.twin.outputs("rotation")
    here.twin.assert_settled(here.program("b", "s4", "sf", "assertion", on_verification_failure="report"))


def test_a_roll_back_that_is_refused_is_not_undone(here: Landscape) -> None:
    """Somebody had a reason to leave the newer one."""
    twin = here.twin
    twin.deploy(here.program("b", "s4", "assertion"))
    here.lie("s4", twin.slots[1])
    report = twin.up(here.program("a", "s4"))
    assert report.writes == [ROTATE]
    assert "s4: refused: " in report.messages
    assert "nothing is swapped back" in twin.previewed.messages


def test_a_target_that_refuses_the_earlier_one_as_well_is_told(here: Landscape) -> None:
    """Then the certificate may not be the cause."""
    here.lie("s4", *here.twin.slots)
    report = here.twin.up(here.program("b", "s4"))
    assert report.writes == [ROTATE, ROTATE]
    assert "s4 refused the earlier certificate as well" in here.twin.outputs("rotation")["failure"]


@pytest.mark.parametrize("refreshed", [False, True])
def test_a_revert_after_a_way_back_is_quiet_though_the_earlier_one_is_refused_too(
    here: Landscape, *, refreshed: bool
) -> None:
    """Nothing leads away from what was gone back to: that is said once, as after any roll back, and blocks nobody."""
    twin, before, wanted = here.twin, here.twin.slots, here.program("a", "s4")
    here.lie("s4", *before)
    twin.up(here.program("b", "s4"))
    twin.emulator.advance(HOUR)
    if refreshed:
        twin.refresh()
    report = twin.up(wanted)
    assert "nothing is swapped back" in twin.previewed.messages
    assert "warning: RotationTrigger: s4: refused: " in report.messages
    assert (report.writes, twin.slots) == ([], before)
    twin.assert_settled(wanted)


def test_a_refusal_counts_when_it_is_repeated(here: Landscape) -> None:
    """A target that has to read its new certificate first gets a few seconds."""
    here.twin.line.once(TARGET, failing("status code 401"), after=2)
    here.twin.line.once(TARGET, failing("status code 401"))
    report = here.twin.up(here.program("b", "s4", "assertion"))
    assert report.writes == [ROTATE]
    assert here.evidence()["s4"]["verdict"] == "proved"
    assert here.twin.slept == [1.0, 2.0]


def test_nothing_private_is_in_state_or_messages(here: Landscape) -> None:
    """Neither after a proof nor after a refusal that repeats the assertion and names the user."""
    twin = here.twin
    said = refused(here).messages + twin.previewed.messages
    twin.emulator.advance(HOUR)
    twin.deploy(here.program("a", "s4"))
    token = here.emulator.user_token(here.guid, USER)
    text = f"Response was: user {USER} (JANE.ROE), assertion=PD94bWwgdmVyc2lvbj0iMS4w&password={PASSWORD} {token}"
    twin.line.always(failing(text), TARGET)
    said += twin.up(here.program("b", "s4")).messages
    kept = json.dumps([[stored.inputs, stored.outputs] for stored in twin.state.values()]) + said
    assert twin.outputs("rotation")["failed_generation"] == "b"
    for private in (*here.private(), "JANE.ROE", token.split(".")[1]):
        assert private not in kept


def test_a_failed_way_back_is_loud_and_the_next_run_goes_back(here: Landscape) -> None:
    """With the exact state and the remedy; nothing of it is recorded, so the next run meets the truth."""
    twin = here.twin
    before = twin.slots
    here.lie("s4", before[1])
    twin.line.once(ROTATE, lost_before(httpx.ReadTimeout("lost")), after=1)
    with pytest.raises(WayBackFailed) as stuck:
        twin.up(here.program("b", "s4"))
    assert_three_parts(str(stuck.value), "s4: refused: ", *before, "pulumi up")
    assert twin.slots == before[::-1]
    assert twin.state["rotation"].inputs["generation"] == "a"
    twin.up(here.program("b", "s4"))
    assert twin.slots == before
    assert twin.outputs("rotation")["failed_generation"] == "b"


def lost_way_back(here: Landscape, *, done: bool, **trigger: Any) -> str:
    """Rotate to what a target refuses; the answer of the swap back is lost, and nothing can be read afterwards."""
    twin = here.twin
    here.lie("s4", twin.slots[1])

    def fault(request: httpx.Request, send: Send) -> httpx.Response:
        twin.line.always(answered(403), "GET certificate", "GET certificate/passive")
        return (committed_then if done else lost_before)(httpx.ReadTimeout("lost"))(request, send)

    twin.line.once(ROTATE, fault, after=1)
    with contextlib.suppress(TrustError):  # what depends on it cannot read the slots either
        twin.up(here.program("b", "s4", **trigger))
    twin.line.repair()
    outputs = twin.outputs("rotation")
    assert outputs["failed_generation"] == outputs["generation"] == "b"
    return str(outputs["rollback_unconfirmed"])


@pytest.mark.parametrize("refreshed", [False, True])
def test_a_way_back_that_was_done_unseen_is_remembered(here: Landscape, *, refreshed: bool) -> None:
    """The next command reads that it was done, and tries nothing: no user is refused a second time."""
    twin, before = here.twin, here.twin.slots
    told = lost_way_back(here, done=True)
    assert_three_parts(told, "'b'", "s4: refused: ", *before, "pulumi up")
    assert twin.slots == before
    twin.emulator.advance(61)
    if refreshed:
        twin.refresh()
    for _ in range(2):
        message = twin.refuses(here.program("b", "s4"), "was swapped back", before[0])
        assert "nobody knows" not in message
    assert twin.last.writes == []
    twin.deploy(here.program("a", "s4"))
    assert twin.slots == before
    assert {"failed_generation", "rollback_unconfirmed"} & twin.outputs("rotation").keys() == set()


@pytest.mark.parametrize("refreshed", [False, True])
def test_a_way_back_that_was_not_done_is_gone_by_the_next_command(here: Landscape, *, refreshed: bool) -> None:
    """It says so in its preview, swaps once, and the refusal is kept."""
    twin, before = here.twin, here.twin.slots
    lost_way_back(here, done=False)
    assert twin.slots == before[::-1]
    twin.emulator.advance(61)
    if refreshed:
        twin.refresh()
    report = twin.up(here.program("b", "s4"))
    assert "a target's refusal swaps back" in twin.previewed.messages
    assert report.writes == [ROTATE]
    assert twin.slots == before
    outputs = twin.outputs("rotation")
    assert (outputs["failed_generation"], outputs.get("rollback_unconfirmed")) == ("b", None)
    twin.refuses(here.program("b", "s4"), "was swapped back")


@pytest.mark.parametrize("trusted_by", [None, {"s4": "e" * 64}])
@pytest.mark.parametrize("refreshed", [False, True])
def test_a_way_back_that_was_not_done_is_done_by_a_revert(here: Landscape, trusted_by: Any, *, refreshed: bool) -> None:
    """Whatever signs by then was in the plan that was reviewed, and no target stands in the way."""
    twin, before = here.twin, here.twin.slots
    if trusted_by is not None:
        trusted_by = {"s4": before[1]}
        twin.deploy(here.program("a", "s4", trusted_by=trusted_by))
    lost_way_back(here, done=False, trusted_by=trusted_by)
    twin.emulator.advance(61)
    if refreshed:
        twin.refresh()
    wanted = here.program("a", "s4", "assertion", trusted_by=trusted_by)
    assert twin.up(wanted).writes == [ROTATE]
    assert twin.slots == before
    twin.assert_settled(wanted)


def test_a_way_back_that_was_not_done_may_not_be_needed(here: Landscape) -> None:
    """The target has been repaired since: what signs is proved, and the refusal is over."""
    twin = here.twin
    lost_way_back(here, done=False)
    twin.emulator.advance(HOUR)
    here.lie("s4")
    assert twin.up(here.program("b", "s4", "assertion")).writes == []
    assert {"failed_generation", "rollback_unconfirmed"} & twin.outputs("rotation").keys() == set()
    twin.assert_settled(here.program("b", "s4", "assertion"))


def test_slots_are_not_believed_at_once_after_a_way_back_that_nobody_saw(here: Landscape) -> None:
    """They may be shown as before it; a minute later they are the truth."""
    twin = here.twin
    twin.config["btp-trust:operationTimeout"] = "20"
    lost_way_back(here, done=False)
    assert "look as they did before the swap" in twin.refuses(here.program("b", "s4"))
    assert "look as they did before the swap" in twin.refuses(here.program("a", "s4"))


def test_a_way_back_is_watched_for_as_long_as_readings_may_be_behind(here: Landscape) -> None:
    """Its answer is lost, and the slots are shown as before it for longer than a swap is watched otherwise."""
    twin, before = here.twin, here.twin.slots
    here.lie("s4", before[1])

    def fault(request: httpx.Request, send: Send) -> httpx.Response:
        here.emulator.fault(Kind.STALE_AFTER_WRITE, subaccount=here.guid, seconds=50)
        return committed_then(httpx.ReadTimeout("lost"))(request, send)

    twin.line.once(ROTATE, fault, after=1)
    report = twin.up(here.program("b", "s4"))
    here.emulator.clear_faults()
    assert report.writes == [ROTATE, ROTATE]
    assert twin.slots == before
    assert twin.outputs("rotation")["failed_generation"] == "b"
    assert "rollback_unconfirmed" not in twin.outputs("rotation")


def test_a_hook_that_retries_does_not_repeat_a_failed_way_back(here: Landscape) -> None:
    """The answer is lost and it seems not to be done: each retry ends with the same error; the next run goes back."""
    twin, before = here.twin, here.twin.slots
    here.lie("s4", before[1])
    twin.retries = 2
    twin.line.once(ROTATE, lost_before(httpx.ReadTimeout("lost")), after=1)
    sent = len(twin.line.sent)
    with pytest.raises(WayBackFailed):
        twin.up(here.program("b", "s4"), skip_preview=True)
    assert twin.line.sent[sent:].count(ROTATE) == 2
    assert len({id(call.error) for call in twin.calls[-3:]}) == 1
    twin.up(here.program("b", "s4"))
    assert twin.slots == before


@pytest.mark.parametrize("fault", [answered(403), lost_before(httpx.ConnectError("no"))], ids=["403", "no line"])
def test_a_hook_that_retries_swaps_no_second_time_on_readings_that_are_behind(here: Landscape, fault: Any) -> None:
    """The swap is done, its way back for certain not, and the slots are shown as before both."""
    twin, before = here.twin, here.twin.slots
    here.lie("s4", before[1])
    twin.config["btp-trust:operationTimeout"] = "20"
    twin.retries = 2
    for path in (ACTIVE, PASSIVE):
        here.emulator.fault(Kind.STALE_AFTER_WRITE, subaccount=here.guid, method="GET", path=path, seconds=50.0)
    twin.line.once(ROTATE, meanwhile(after=lambda: twin.line.always(fault, ROTATE)))
    sent = len(twin.line.sent)
    try:
        with pytest.raises(ReadsDisagree) as behind:
            twin.up(here.program("b", "s4"), skip_preview=True)
    finally:
        here.emulator.clear_faults()
    assert twin.line.sent[sent:].count(ROTATE) == 1
    assert_three_parts(str(behind.value), before[1], "was done by this command already")
    twin.line.repair()
    twin.emulator.advance(61)
    twin.up(here.program("b", "s4"))
    assert (twin.slots, twin.outputs("rotation")["failed_generation"]) == (before, "b")


def test_a_way_back_that_another_unknown_write_forbids_is_not_taken_for_sent(here: Landscape) -> None:
    """Another resource of the command has written meanwhile, and nobody knows what became of it."""
    twin, before = here.twin, here.twin.slots
    here.lie("s4", before[1])
    other = OutcomeUnknown("The deletion of the passive certificate was sent once.", "Why.", "What to do.")

    def elsewhere() -> None:
        session.current().subaccount("default", here.guid).writes.ended_with(other)

    twin.line.once(ROTATE, meanwhile(after=lambda: twin.line.always(meanwhile(before=elsewhere), TARGET)))
    with pytest.raises(WayBackFailed, match="The deletion of the passive certificate was sent once"):
        twin.up(here.program("b", "s4"))
    assert twin.last.writes == [ROTATE]
    assert "rollback_unconfirmed" not in twin.outputs("rotation")
    twin.line.repair()
    twin.up(here.program("b", "s4"))
    assert twin.slots == before


def test_a_check_that_takes_all_its_time_leaves_some_for_the_way_back(here: Landscape) -> None:
    """It has time and requests of its own; a refusal counts, though it could not be repeated often enough."""
    twin = here.twin
    before = twin.slots
    here.lie("s4", before[1])

    def slow(request: httpx.Request, _: Send) -> httpx.Response:
        twin.waited += 100
        raise httpx.ReadTimeout("slow", request=request)

    twin.line.always(trying(slow), "GET destinations/sf")
    report = twin.up(here.program("b", "sf", "s4"))
    assert report.writes == [ROTATE, ROTATE]
    assert twin.slots == before
    assert here.evidence()["sf"]["verdict"] == "inconclusive"


def test_a_swap_has_time_for_its_lost_answer_however_long_looking_took(here: Landscape) -> None:
    """What was done is found out, and recorded."""
    twin = here.twin

    def slow(request: httpx.Request, send: Send) -> httpx.Response:
        twin.waited += 175
        return send(request)

    twin.line.once(TARGET, slow)
    twin.line.once(ROTATE, committed_then(httpx.ReadTimeout("lost")))
    report = twin.up(here.program("b", "s4", "assertion"))
    assert report.writes == [ROTATE]
    assert here.evidence()["s4"]["verdict"] == "proved"


def test_a_redirect_that_leads_nowhere_is_settled_like_any_other_answer(here: Landscape) -> None:
    """What httpx cannot read of it must not lose that the service has swapped."""
    twin = here.twin
    twin.line.once(ROTATE, committed_but_answered(302, headers={"Location": "mailto:a"}))
    report = twin.up(here.program("b", "s4", "assertion"))
    assert report.writes == [ROTATE]
    assert here.evidence()["s4"]["verdict"] == "proved"


def test_a_fault_of_the_check_after_the_way_back_loses_no_memory(here: Landscape) -> None:
    """Not even where a destination is only looked at."""
    twin = here.twin
    before = twin.slots
    here.lie("s4", before[1])

    def broken(_: httpx.Request, __: Send) -> httpx.Response:
        raise RuntimeError

    twin.line.once(TARGET, broken, after=5)
    assert twin.up(here.program("b", "s4")).writes == [ROTATE, ROTATE]
    assert twin.outputs("rotation")["failed_generation"] == "b"
    assert here.evidence()["s4"]["way_back"].startswith("inconclusive: the check itself failed")


def test_what_was_refused_is_no_way_back_though_it_signed_once(here: Landscape) -> None:
    """It signed before, went back, and was refused when it came again: from then on the gate holds for it."""
    twin = here.twin
    before = twin.slots
    both = {"s4": [*before]}
    twin.deploy(
        here.program("b", "s4", "assertion", trusted_by=both), here.program("a", "s4", "assertion", trusted_by=both)
    )
    here.lie("s4", before[1])
    twin.up(here.program("b", "s4", "assertion", trusted_by=both))
    assert twin.outputs("rotation")["failed_generation"] == "b"
    twin.deploy(here.program("a", "s4", "assertion", trusted_by={"s4": [before[0]]}))
    with pytest.raises((CheckFailedError, Refused), match="not trusted by s4"):
        twin.up(here.program("b", "s4", "assertion", trusted_by={"s4": [before[0]]}))
    assert twin.slots == before


def test_an_open_check_goes_with_the_certificate_under_any_name(here: Landscape) -> None:
    """Another name for what signs closes nothing."""
    twin = here.twin
    before = twin.slots
    twin.line.once(ROTATE, meanwhile(after=lambda: twin.line.always(answered(503), TARGET)))
    twin.up(here.program("b", "s4"))
    twin.line.repair()
    here.lie("s4", before[1])
    report = twin.up(here.program("b2", "s4", known_generations={"b2": before[1]}))
    assert report.writes == [ROTATE]
    assert twin.slots == before


def test_who_was_no_part_of_the_step_cannot_lead_back(here: Landscape) -> None:
    """Asked for beside a check that is open, another target's refusal is only reported."""
    twin = here.twin
    before = twin.slots
    twin.line.once(ROTATE, meanwhile(after=lambda: twin.line.always(answered(503), TARGET)))
    twin.up(here.program("b", "s4"))
    here.lie("sf", before[1])
    report = twin.up(here.program("b", "s4", "sf", verify_now="now"))
    assert report.writes == []
    assert "sf: refused: " in report.messages
    assert twin.outputs("rotation")["unverified"] == ["s4"]


def test_a_way_back_that_somebody_goes_first_is_not_gone_twice(here: Landscape) -> None:
    """A colleague swapped back by hand; the reading is believed when it stays."""
    twin = here.twin
    before = twin.slots
    here.lie("s4", before[1])
    colleague = meanwhile(after=lambda: twin.emulator.rotate(twin.guid))
    twin.line.once(TARGET, colleague, after=4)
    report = twin.up(here.program("b", "s4"))
    assert report.writes == [ROTATE]
    assert twin.slots == before
    assert twin.outputs("rotation")["failed_generation"] == "b"


def test_a_stale_reading_does_not_stop_the_way_back(here: Landscape) -> None:
    """Slots as before the swap are not believed at once."""
    twin = here.twin
    before = twin.slots
    here.lie("s4", before[1])
    old, new = here.emulator.certificates(here.guid)
    twin.line.once("GET certificate", answered(200, json={"certificate": old}), after=4)
    twin.line.once("GET certificate/passive", answered(200, json={"certificate": new}), after=4)
    report = twin.up(here.program("b", "s4"))
    assert report.writes == [ROTATE, ROTATE]
    assert twin.slots == before


@pytest.mark.parametrize("paths", [(ACTIVE, PASSIVE), (ACTIVE,), (PASSIVE,)], ids=["both", "the active", "the passive"])
def test_slots_that_are_shown_late_do_not_stop_the_way_back(here: Landscape, paths: tuple[str, ...]) -> None:
    """For as long as a reading may be behind, slots as before the swap are no proof that somebody has gone back."""
    twin = here.twin
    before = twin.slots
    here.lie("s4", before[1])
    for path in paths:
        here.emulator.fault(Kind.STALE_AFTER_WRITE, subaccount=here.guid, path=path, seconds=59.0)
    try:
        report = twin.up(here.program("b", "s4"))
    finally:
        here.emulator.clear_faults()
    assert report.writes == [ROTATE, ROTATE]
    assert twin.slots == before
    assert twin.outputs("rotation")["failed_generation"] == "b"


def test_a_way_back_without_time_to_doubt_is_not_taken_for_gone(here: Landscape) -> None:
    """The slots look as before the swap, and nobody can wait until that is believed: users may be refused."""
    twin = here.twin
    twin.config["btp-trust:operationTimeout"] = "20"
    here.lie("s4", twin.slots[1])
    for path in (ACTIVE, PASSIVE):
        here.emulator.fault(Kind.STALE_AFTER_WRITE, subaccount=here.guid, path=path, seconds=59.0)
    try:
        with pytest.raises(WayBackFailed) as stuck:
            twin.up(here.program("b", "s4"))
    finally:
        here.emulator.clear_faults()
    assert_three_parts(str(stuck.value), "The slots look as if the swap was done already.")


def test_the_passive_slot_must_still_hold_what_signed_before(here: Landscape) -> None:
    """A colleague generated over it: there is no way back, and that is an error of its own."""
    twin = here.twin
    here.lie("s4", twin.slots[1])
    twin.line.once(TARGET, meanwhile(after=lambda: twin.emulator.generate_passive(twin.guid)), after=4)
    with pytest.raises(WayBackFailed) as stuck:
        twin.up(here.program("b", "s4"))
    assert twin.last.writes == [ROTATE]
    assert_three_parts(str(stuck.value), *twin.slots)
    for _ in range(2):
        with pytest.raises(WayBackFailed, match="there is no way back") as lost:
            twin.up(here.program("b", "s4"))
        assert twin.last.writes == []
        assert_three_parts(str(lost.value), twin.slots[0])
    here.lie("s4")
    twin.deploy(here.program("b", "s4", "assertion"))


def test_slots_as_before_the_way_back_are_not_believed_at_once(here: Landscape) -> None:
    """A stale reading would swap once more, or forget the failure."""
    twin = here.twin
    refused(here)
    twin.emulator.rotate(twin.guid)
    twin.refuses(here.program("a", "s4"), twin.outputs("rotation")["swapped_back_at"])
    twin.refuses(here.program("b", "s4"), twin.outputs("rotation")["swapped_back_at"])
    twin.emulator.advance(61)
    report = twin.up(here.program("b", "s4"))
    assert report.writes == []
    assert "It is not swapped back." in report.messages
    assert "failed_generation" not in twin.outputs("rotation")


# --- left open ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answered(503), id="the service is down"),
        pytest.param(trying(lost_before(httpx.ReadTimeout("slow"))), id="no answer in time"),
        pytest.param(trying(answered(404, json={"ErrorMessage": "gone"})), id="it was deleted meanwhile"),
        pytest.param(trying(answered(503), answered(403)), id="now this, now that"),
        pytest.param(giving(value=""), id="neither a token nor an error"),
        pytest.param(failing("connect timed out"), id="the target does not answer"),
        pytest.param(failing("Response was: 503 Service Unavailable"), id="the target is down"),
        pytest.param(failing("something new"), id="a text that nobody knows"),
        pytest.param(answered(401), id="the user's token is refused"),
        pytest.param(answered(404, json={"ErrorMessage": "not found"}), id="the destination is gone"),
        pytest.param(
            answered(200, json={"destinationConfiguration": {"Name": "s4", "Authentication": "SAMLAssertion"}}),
            id="nothing",
        ),
    ],
)
def test_what_tells_nothing_is_said_and_tried_again(here: Landscape, fault: Any) -> None:
    """It neither goes back nor is forgotten; once it is proved all is quiet."""
    twin, wanted = here.twin, here.program("b", "s4", "sf", "assertion")
    before = twin.slots
    twin.line.once(ROTATE, meanwhile(after=lambda: twin.line.always(fault, TARGET)))
    report = twin.up(wanted)
    assert twin.slots == before[::-1]
    assert "warning: RotationTrigger: s4: inconclusive: " in report.messages
    assert here.evidence()["sf"]["verdict"] == "proved"
    assert twin.outputs("rotation")["unverified"] == ["s4"]
    again = twin.preview(wanted)
    assert (again.operations["rotation"], finds(again)) == ("update", [])
    assert ") was left open (s4: inconclusive: " in again.messages
    twin.line.repair()
    assertion = "GET destinations/assertion"
    report = twin.up(wanted)
    assert finds(report) == [TARGET, "GET destinations/sf", assertion, assertion, TARGET]
    assert here.evidence()["s4"]["verdict"] == "proved"
    twin.assert_settled(wanted)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        pytest.param({"error": "status code 401"}, "status code 401", id="an error"),
        pytest.param({"value": "PGE+"}, "the assertion proves nothing: it is no", id="no assertion"),
    ],
)
def test_an_assertion_that_cannot_be_had_is_no_refusal(here: Landscape, token: dict[str, str], why: str) -> None:
    """No target is behind it."""
    before = here.twin.slots
    here.twin.line.always(giving(**token), "GET destinations/assertion")
    here.twin.up(here.program("b", "assertion"))
    assert here.twin.slots == before[::-1]
    assert here.evidence()["assertion"]["verdict"] == "inconclusive"
    assert why in here.evidence()["assertion"]["detail"]


def test_a_fault_of_the_check_itself_is_inconclusive_and_the_swap_is_recorded(
    here: Landscape, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is thrown: it tells nothing about the target, and the next deployment tries again."""
    with monkeypatch.context() as broken:
        broken.setattr(prober, "signer", lambda *_: 1 / 0)
        report = here.twin.up(here.program("b", "assertion"))
    assert "the check itself failed (ZeroDivisionError)" in report.messages
    assert here.evidence()["assertion"]["verdict"] == "inconclusive"
    assert here.twin.outputs("rotation")["fingerprint"] == here.twin.slots[0]
    here.twin.deploy(here.program("b", "assertion"))
    assert here.evidence()["assertion"]["verdict"] == "proved"


def test_a_refusal_that_comes_and_goes_ends_as_it_was_last(here: Landscape) -> None:
    """The tries are bounded: six of them, half a minute."""
    here.twin.line.always(trying(failing("connect timed out"), failing("HTTP 401")), TARGET)
    here.twin.up(here.program("b", "s4", on_verification_failure="report"))
    assert here.evidence()["s4"]["verdict"] == "refused"
    assert here.twin.slept == [1.0, 2.0, 4.0, 8.0, 15.0]


def test_a_check_left_open_may_still_lead_back(here: Landscape) -> None:
    """It was part of the step that was approved, and the preview says so; then it is no way back any more."""
    twin, wanted = here.twin, here.program("b", "s4")
    before = twin.slots
    here.lie("s4", before[1])
    twin.line.once(ROTATE, meanwhile(after=lambda: twin.line.always(answered(503), TARGET)))
    twin.up(wanted)
    twin.line.repair()
    twin.emulator.advance(HOUR)
    assert twin.up(wanted).writes == [ROTATE]
    assert "the deployment tries again, a target's refusal swaps back" in twin.previewed.messages
    assert twin.slots == before
    outputs = twin.outputs("rotation")
    assert outputs["failed_generation"] == "b"
    assert outputs["rotated_at"] == outputs["swapped_back_at"]
    assert "previous_fingerprint" not in outputs


def test_a_check_left_open_promises_no_way_back_that_the_command_generates_over(here: Landscape) -> None:
    """The next generation is prepared while it is open: the preview says that a refusal cannot lead back then."""
    twin, (before, _) = here.twin, here.twin.slots
    twin.line.once(ROTATE, meanwhile(after=lambda: twin.line.always(answered(503), TARGET)))
    twin.up(here.program("b", "s4"))
    twin.line.repair()
    twin.emulator.advance(HOUR)
    here.lie("s4", twin.slots[0])
    with pytest.raises(WayBackFailed, match="there is no way back"):
        twin.up(here.program("b", "s4", prepared="c"))
    assert f"a target's refusal cannot swap back: 'c' is generated over {str(before)[:8]} (a) before" in (
        twin.previewed.messages
    )
    assert "refusal swaps back" not in twin.previewed.messages
    here.lie("s4")
    twin.deploy(here.program("b", "s4", "assertion", prepared="c"))


def test_a_check_left_open_ends_with_its_generation_or_its_name(here: Landscape) -> None:
    """Nobody asks for it any more."""
    twin = here.twin
    twin.line.once(ROTATE, meanwhile(after=lambda: twin.line.always(answered(503), TARGET)))
    twin.up(here.program("b", "s4"))
    twin.deploy(here.program("b", "sf"))
    assert "unverified" not in twin.outputs("rotation")


def test_a_check_left_open_waits_while_another_certificate_signs(here: Landscape) -> None:
    """A drift is reported, and nothing is tried; once it is undone, the check goes on, and may lead back."""
    twin, wanted = here.twin, here.program("b", "s4")
    before = twin.slots
    twin.line.once(ROTATE, meanwhile(after=lambda: twin.line.always(answered(503), TARGET)))
    twin.up(wanted)
    twin.emulator.rotate(twin.guid)
    twin.emulator.advance(HOUR)
    assert finds(twin.up(wanted)) == []
    assert twin.outputs("rotation")["unverified"] == ["s4"]
    twin.line.repair()
    here.lie("s4", before[1])
    twin.emulator.rotate(twin.guid)
    twin.emulator.advance(HOUR)
    report = twin.up(wanted)
    assert "a target's refusal swaps back" in twin.previewed.messages
    assert report.writes == [ROTATE]
    assert (twin.slots, twin.outputs("rotation")["failed_generation"]) == (before, "b")


def test_a_service_that_still_signs_with_the_old_key_is_waited_for(here: Landscape) -> None:
    """The swap takes a while to reach all of it; no target is asked about the old key."""
    twin = here.twin

    def late(request: httpx.Request, send: Send) -> httpx.Response:
        twin.emulator.rotate(twin.guid)
        try:
            return send(request)
        finally:
            twin.emulator.rotate(twin.guid)

    for _ in range(2):
        twin.line.once("GET destinations/assertion", late, after=2)
    report = twin.up(here.program("b", "assertion", "s4"))
    assert {found["verdict"] for found in here.evidence().values()} == {"proved"}
    assert finds(report)[-1] == TARGET
    twin.deploy(here.program("a", "s4", "assertion"))
    twin.line.always(late, "GET destinations/assertion")
    report = twin.up(here.program("b", "assertion", "s4"))
    evidence = here.evidence()
    assert "still signs with" in evidence["assertion"]["detail"]
    assert evidence["s4"]["detail"] == f"not tried: {str(twin.slots[0])[:8]} does not sign yet"
    assert twin.outputs("rotation")["unverified"] == ["assertion", "s4"]
    assert TARGET not in report.requests[report.requests.index(ROTATE) :][3:]


def test_a_cached_token_proves_nothing_and_is_no_reason_to_ask_for_ever() -> None:
    """It hides that the target refuses; it is said, and the deployment is quiet afterwards."""
    with Emulator(key_size=1024, switches=Switches(token_cache=TokenCache.UNTIL_EXPIRY)) as caching:
        here = Landscape(Twin(caching, caching.create_subaccount(generate=True).guid))
        here.lie("s4", here.twin.slots[1])
        caching.advance(60 - HOUR)
        wanted = here.program("b", "s4", "sf")
        report = here.twin.up(wanted)
        assert {found["verdict"] for found in here.evidence().values()} == {"inconclusive"}
        assert "nothing shows which certificate signed; a cached token proves nothing" in report.messages
        caching.advance(61)
        here.twin.deploy(wanted)


def test_the_first_token_of_a_target_is_weak(emulator: Emulator) -> None:
    """Unless it says itself when it was issued; its lifetime is remembered, and the next rotation is proved."""
    here = Landscape(Twin(emulator, emulator.create_subaccount(generate=True).guid), is_known=False)
    here.twin.deploy(here.program("b", "s4", "assertion"))
    assert here.evidence()["s4"]["verdict"] == "weak"
    here.twin.deploy(here.program("a", "s4", "assertion"))
    assert here.evidence()["s4"]["verdict"] == "proved"


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
    here: Landscape, change: dict[str, str] | None, named: str
) -> None:
    """The preview says so, and nothing is written."""
    twin = here.twin
    (s4,) = [each.properties for each in here.emulator.destinations(here.guid) if each.name == "s4"]
    here.emulator.delete_destination(here.guid, "s4")
    if change is not None:
        here.emulator.create_destination(here.guid, {**s4, **change})
    twin.refuses(here.program("b", "sf", "s4"), "s4", named)
    with pytest.raises(CheckFailedError, match="s4"):
        twin.up(here.program("b", "sf", "s4"), skip_preview=True)
    assert twin.last.writes == []
    twin.deploy(here.program("b", "sf", "assertion"))


@pytest.mark.parametrize(
    ("user", "fault", "kind"),
    [
        pytest.param(None, None, NoUserToken, id="nobody is named"),
        pytest.param({"name": USER, "password": "wrong"}, None, NoUserToken, id="the logon is refused"),
        pytest.param({"token": "expired"}, None, TrustError, id="the token is refused"),
        pytest.param({"token": "any"}, answered(503), ServiceUnavailable, id="the service is down"),
    ],
)
def test_without_a_user_nothing_is_swapped(
    here: Landscape, user: dict[str, str] | None, fault: Any, kind: type[TrustError]
) -> None:
    """The preview warns where nobody is named; a roll back waits for nothing."""
    twin = here.twin
    good = twin.config.pop("btp-trust:user")
    if user is not None:
        twin.config["btp-trust:user"] = json.dumps(user)
    if fault is not None:
        twin.line.always(fault, TARGET)
    with pytest.raises(kind) as refusal:
        twin.up(here.program("b", "s4"))
    assert_three_parts(str(refusal.value), "'b' was not made to sign")
    assert twin.last.writes == []
    assert ("Without one the deployment refuses the swap" in twin.previewed.messages) == (user is None)
    twin.line.repair()
    twin.config["btp-trust:user"], bad = good, twin.config.pop("btp-trust:user", None)
    twin.deploy(here.program("b", "s4", "assertion"))
    twin.config = {**twin.config, "btp-trust:user": bad or "", "btp-trust:users": ""}
    if fault is not None:
        twin.line.always(fault, TARGET)
    report = twin.up(here.program("a", "s4"))
    assert report.writes == [ROTATE]
    assert "It is rolled back all the same." in report.messages
    assert here.evidence()["s4"]["verdict"] == "inconclusive"


def test_a_strict_preview_fails_where_nobody_is_named(here: Landscape) -> None:
    """As wherever else there would be a warning."""
    here.twin.config.pop("btp-trust:user")
    here.twin.config["btp-trust:strict"] = "true"
    here.twin.refuses(here.program("b", "s4"), "BTP_TRUST_USER_TOKEN")


def test_a_list_that_cannot_be_is_refused(here: Landscape) -> None:
    """By the name that is to blame."""
    for names in (["a/b"], [""], [".."], ["x" * 201], ["a\nb"], [f"d{number}" for number in range(13)]):
        here.twin.refuses(here.program("b", *names))
    assert here.twin.preview(here.program("b", "s4", "s4")).inputs["rotation"]["verify_destinations"] == ["s4"]


# --- interrupted -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lies", [False, True], ids=["it is accepted", "it is refused"])
def test_a_run_killed_before_its_check_is_checked_by_the_next(here: Landscape, *, lies: bool) -> None:
    """Before it is satisfied; and a refusal leads back."""
    twin = here.twin
    before = twin.slots
    if lies:
        here.lie("s4", before[1])
    twin.line.once(ROTATE, committed_then(KilledError()))
    with pytest.raises(KilledError):
        twin.up(here.program("b", "s4", "assertion"))
    assert twin.slots == before[::-1]
    report = twin.up(here.program("b", "s4", "assertion"))
    assert twin.slots == (before if lies else before[::-1])
    assert report.writes == ([ROTATE] if lies else [])
    assert finds(report) != []
    assert twin.outputs("rotation").get("failed_generation") == ("b" if lies else None)
    if not lies:
        twin.assert_settled(here.program("b", "s4", "assertion"))


def test_a_run_killed_during_its_check_is_checked_by_the_next(here: Landscape) -> None:
    """Nothing of the check was kept."""
    twin = here.twin
    here.lie("s4", twin.slots[1])
    before = twin.slots
    twin.line.once(TARGET, committed_then(KilledError()), after=2)
    with pytest.raises(KilledError):
        twin.up(here.program("b", "s4"))
    twin.up(here.program("b", "s4"))
    assert twin.slots == before


def test_a_refresh_after_a_kill_does_not_take_the_place_of_the_check(here: Landscape) -> None:
    """`up --refresh` records who signs before it deploys; the swap of the killed run is tried all the same."""
    twin, wanted = here.twin, here.program("b", "s4")
    before = twin.slots
    here.lie("s4", before[1])
    twin.line.once(ROTATE, committed_then(KilledError()))
    with pytest.raises(KilledError):
        twin.up(wanted)
    twin.refresh()
    report = twin.up(wanted)
    assert "s4 will be tried as the user; a target's refusal swaps back" in twin.previewed.messages
    assert report.writes == [ROTATE]
    assert (twin.slots, twin.outputs("rotation")["failed_generation"]) == (before, "b")


def test_a_colleagues_swap_that_is_accepted_may_be_swapped_back_and_the_preview_says_so(here: Landscape) -> None:
    """The signer never changes without somebody having read that it may; also where a refresh has recorded the swap."""
    twin = here.twin
    before = twin.slots
    for refresh in (False, True):
        twin.emulator.rotate(twin.guid)
        twin.emulator.advance(HOUR)
        here.lie("s4", before[1])
        if refresh:
            twin.refresh()
        report = twin.up(here.program("b", "s4"))
        assert "(b) signs, s4 will be tried as the user; a target's refusal swaps back" in twin.previewed.messages
        assert report.writes == [ROTATE]
        assert twin.slots == before
        twin.emulator.advance(HOUR)
        twin.deploy(here.program("a", "s4"))


@pytest.mark.parametrize("lies", [False, True], ids=["it is accepted", "it is refused"])
def test_a_run_killed_before_its_check_is_checked_after_a_refresh_too(here: Landscape, *, lies: bool) -> None:
    """The refresh notes down who signs, but nobody has proved it yet."""
    twin, wanted = here.twin, here.program("b", "s4", "assertion")
    before = twin.slots
    if lies:
        here.lie("s4", before[1])
    twin.line.once(TARGET, committed_then(KilledError()), after=1)
    with pytest.raises(KilledError):
        twin.up(wanted)
    twin.refresh()
    assert twin.outputs("rotation")["fingerprint"] == before[1]
    report = twin.up(wanted)
    assert finds(report) != []
    assert report.writes == ([ROTATE] if lies else [])
    assert twin.slots == (before if lies else before[::-1])
    assert here.evidence()["s4"]["fingerprint"] == before[1]
    assert twin.outputs("rotation").get("failed_generation") == ("b" if lies else None)
    if not lies:
        twin.assert_settled(wanted)


def test_another_name_for_what_signs_is_nothing_to_prove(here: Landscape) -> None:
    """Nobody is made to sign by it, so no target can lead back."""
    twin = here.twin
    twin.deploy(here.program("b", "s4", "assertion"))
    here.lie("s4", twin.slots[0])
    report = twin.up(here.program("c", "s4", "assertion", known_generations={"c": twin.slots[0]}))
    assert (report.writes, finds(report)) == ([], [])


def test_a_drift_that_somebody_undid_is_tried_and_only_reported(here: Landscape) -> None:
    """Nobody asked this deployment to change the signer."""
    twin = here.twin
    twin.deploy(here.program("b", "s4", "assertion"))
    twin.emulator.rotate(twin.guid)
    twin.deploy(here.program("b", "s4", "assertion"))
    twin.emulator.rotate(twin.guid)
    here.lie("s4", twin.slots[0])
    report = twin.up(here.program("b", "s4", "assertion"))
    assert (report.writes, here.evidence()["s4"]["verdict"]) == ([], "refused")


def test_putting_back_is_proved_and_may_lead_back(here: Landscape) -> None:
    """The generation that is declared is remembered as refused."""
    twin = here.twin
    twin.deploy(here.program("b", "s4", "assertion"))
    twin.emulator.rotate(twin.guid)
    before = twin.slots
    here.lie("s4", before[1])
    report = twin.up(here.program("b", "s4", on_drift="restore"))
    assert report.writes == [ROTATE, ROTATE]
    assert (twin.slots, twin.outputs("rotation")["failed_generation"]) == (before, "b")
    twin.emulator.advance(HOUR)
    twin.refuses(here.program("b", "s4", on_drift="restore"), "s4")
    twin.deploy(here.program("a", "s4", "assertion"))


# --- blast radius ------------------------------------------------------------------------------------------------


def behind(here: Landscape, seconds: float = 50.0) -> None:
    """From now on, show the slots as before each write for so long."""
    for path in (ACTIVE, PASSIVE):
        here.emulator.fault(Kind.STALE_AFTER_WRITE, subaccount=here.guid, method="GET", path=path, seconds=seconds)


def assert_put_back_once(here: Landscape, wanted: Program) -> None:
    """Assert that readings that are behind lead to no second swap, refreshed or not, and that all is quiet after."""
    twin, slots = here.twin, here.twin.slots
    for refreshed in (False, True):
        if refreshed:
            twin.refresh()
        with pytest.raises(ReadsDisagree, match="look as they did before the swap of"):
            twin.up(wanted, skip_preview=True)
        assert (twin.last.writes, twin.slots) == ([], slots)
    here.emulator.clear_faults()
    twin.emulator.advance(61)
    assert twin.up(wanted).writes == []
    twin.assert_settled(wanted)


@pytest.mark.parametrize("refreshed", [False, True])
def test_what_is_put_back_is_not_put_back_twice_on_readings_that_are_behind(
    here: Landscape, *, refreshed: bool
) -> None:
    """A second swap would make the certificate sign that was swapped out, and nobody would have approved that."""
    twin, wanted = here.twin, here.program("a", on_drift="restore")
    twin.deploy(wanted)
    twin.emulator.rotate(here.guid)
    twin.emulator.advance(HOUR)
    if refreshed:
        twin.refresh()
    behind(here)
    assert twin.up(wanted).writes == [ROTATE]
    assert_put_back_once(here, wanted)


def test_a_revert_after_a_way_back_that_was_not_done_swaps_once(here: Landscape) -> None:
    """The state says already that the earlier certificate signs, so it must remember the swap in another way."""
    twin, before, wanted = here.twin, here.twin.slots, here.program("a", "s4", on_drift="restore")
    lost_way_back(here, done=False)
    twin.emulator.advance(61)
    behind(here)
    assert twin.up(wanted).writes == [ROTATE]
    assert twin.slots == before
    assert_put_back_once(here, wanted)


def test_an_update_within_the_minute_does_not_forget_a_way_back(here: Landscape) -> None:
    """The revert is deployed at once; a reading of the time between the two swaps is still none."""
    twin, before, wanted = here.twin, here.twin.slots, here.program("a", "s4", "assertion", on_drift="restore")
    here.lie("s4", before[1])
    twin.up(here.program("b", "s4"))
    here.lie("s4")
    assert twin.up(wanted).operations["rotation"] == "update"
    old, new = here.emulator.certificates(here.guid)
    twin.line.always(answered(200, json={"certificate": new}), "GET certificate")
    twin.line.always(answered(200, json={"certificate": old}), "GET certificate/passive")
    with pytest.raises(ReadsDisagree, match="look as they did before the swap of"):
        twin.up(wanted, skip_preview=True)
    assert (twin.last.writes, twin.slots) == ([], before)


def test_targets_alone_are_asked_again_after_what_was_put_back(here: Landscape) -> None:
    """The minute counts from the last swap, whatever it led to."""
    twin, wanted = here.twin, here.program("a", "s4", on_drift="restore")
    twin.deploy(wanted)
    twin.emulator.rotate(here.guid)
    twin.emulator.advance(HOUR)
    for writes in ([ROTATE], []):
        report = twin.up(wanted)
        assert report.writes == writes
        assert "The next deployment tries again." in report.messages
        twin.emulator.advance(5)
    twin.emulator.advance(60)
    assert "The next deployment tries again." not in twin.up(wanted).messages
    twin.assert_settled(wanted)


def test_the_preview_of_a_step_lists_what_it_touches(here: Landscape) -> None:
    """One request for each level, while a step is planned; names only."""
    twin = here.twin
    here.emulator.create_destination(here.guid, {"Name": "plain", "Type": "HTTP", "Password": PASSWORD})
    here.emulator.create_destination(
        here.guid, {"Name": "at the instance", "Type": "HTTP", "Authentication": "SAMLAssertion"}, "instance"
    )
    wanted = here.program("b", list_affected=True)
    report = twin.up(wanted)
    plan = twin.previewed
    assert plan.inputs["rotation"]["affects"] == ["assertion", "at the instance", "s4", "sf"]
    assert "affects" in plan.changed["rotation"]
    assert finds(plan) == finds(report) == LISTS
    assert "affects" not in twin.outputs("rotation")
    assert finds(twin.preview(wanted)) == []
    twin.assert_settled(wanted)
    assert PASSWORD not in json.dumps([stored.inputs for stored in twin.state.values()])


def test_what_cannot_be_listed_stops_nothing(here: Landscape) -> None:
    """A warning; a strict run fails."""
    twin = here.twin
    twin.line.always(answered(403), "GET subaccountDestinations")
    wanted = here.program("b", list_affected=True)
    report = twin.preview(wanted)
    assert "affects" not in report.inputs["rotation"]
    assert "warning: RotationTrigger: the destinations that the step affects could not be listed." in report.messages
    twin.config["btp-trust:strict"] = "true"
    twin.refuses(wanted, "403")
    del twin.config["btp-trust:strict"]
    twin.deploy(wanted)


def test_nothing_is_listed_unasked(here: Landscape) -> None:
    """Those lists hold other people's passwords."""
    assert finds(here.twin.preview(here.program("b"))) == []
