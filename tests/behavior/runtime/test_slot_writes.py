"""The writes on a bad line: sent once, told apart what became of them, and a next `up` that converges.

Only what never arrived, or was refused with 429, is sent again, and only on the very same slots.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from btp_trust.errors import (
    CredentialsRejected,
    NotAuthorized,
    NotDone,
    OutcomeUnknown,
    PulumiGone,
    ServiceUnavailable,
    SlotsChanged,
    TrustError,
    UnexpectedResponse,
)
from btp_trust.runtime import session
from btp_trust.runtime.slot_writes import swap
from btp_trust.runtime.slots import Subaccount
from btp_trust.service.transport.retry import MAX_REQUESTS, TRIES
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    CheckFailedError,
    Deployment,
    Fault,
    Program,
    Twin,
    answered,
    assert_three_parts,
    committed_but_answered,
    committed_then,
    faultless,
    is_read,
    lost_before,
    meanwhile,
    operation,
    program,
)

SETTLING = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 6.5]
"""The pauses before each reading after a lost answer: half a minute in all."""
ALONE = program()
PREPARED = program("b", "a")
FIRST = program(active={"generate": True})


class Play:
    """A write that is due: the stack, the program that asks for it, the request, what the slots are to be then."""

    def __init__(self, twin: Twin, wanted: Program, request: str) -> None:
        self.twin = twin
        self.wanted = wanted
        self.request = request
        self.before = twin.slots

    def run(self) -> list[str]:
        """Run `up`; return the writes that reached the service."""
        self.twin.slept.clear()
        return self.twin.up(self.wanted).writes

    def settle(self) -> None:
        """Assert that the next `up` converges, with a new POST only where the first never acted."""
        self.twin.line.repair()
        self.twin.emulator.advance(HOUR)
        self.twin.deploy(self.wanted)


def stack(emulator: Emulator, *programs: Program, generate: bool = True) -> Twin:
    """Make a stack with these deployments behind it."""
    twin = Twin(emulator, emulator.create_subaccount(generate=generate).guid)
    emulator.advance(HOUR)
    for each in programs:
        twin.up(each)
        emulator.advance(HOUR)
    return twin


def a_swap(emulator: Emulator) -> Play:
    """The rotation."""
    return Play(stack(emulator, ALONE, PREPARED), program("b", "b"), "POST rotateCertificate")


def a_mint(emulator: Emulator) -> Play:
    """A preparation over an earlier one."""
    return Play(stack(emulator, ALONE, PREPARED), program("c", "a"), "POST certificate/passive")


def a_first_mint(emulator: Emulator) -> Play:
    """A preparation in the empty slot, on creation."""
    return Play(stack(emulator, ALONE), PREPARED, "POST certificate/passive")


def a_renewal(emulator: Emulator) -> Play:
    """A renewal in place."""
    twin = stack(emulator, ALONE)
    renew = program(active={"renew_fingerprint": twin.slots[0], "accept_outage": True})
    return Play(twin, renew, "POST certificate")


def a_first_generation(emulator: Emulator) -> Play:
    """The first active certificate."""
    return Play(stack(emulator, generate=False), FIRST, "POST certificate")


def a_deletion(emulator: Emulator) -> Play:
    """A removal that empties the passive slot."""
    return Play(stack(emulator, ALONE, PREPARED), program(None, "a"), "DELETE certificate/passive")


KINDS = [a_swap, a_mint, a_first_mint, a_renewal, a_first_generation, a_deletion]
every_write = pytest.mark.parametrize("play", KINDS, indirect=True, ids=lambda kind: kind.__name__.replace("_", " "))
every_write_of_one_slot = pytest.mark.parametrize(
    "play", KINDS[1:], indirect=True, ids=lambda kind: kind.__name__.replace("_", " ")
)
"""All but the swap, whose answer tells both slots."""


@pytest.fixture
def play(request: pytest.FixtureRequest, emulator: Emulator) -> Play:
    """One of the writes, due."""
    made: Play = request.param(emulator)
    return made


LOST_AFTER = [
    pytest.param(committed_then(httpx.ReadTimeout("lost")), id="a time-out"),
    pytest.param(committed_then(httpx.ReadError("reset")), id="a reset"),
    pytest.param(committed_then(httpx.RemoteProtocolError("cut")), id="an answer that breaks off"),
    pytest.param(committed_but_answered(500), id="a 500"),
    pytest.param(committed_but_answered(503), id="a 503"),
    pytest.param(committed_but_answered(200, html="<html>"), id="a page of a proxy"),
    pytest.param(committed_but_answered(418, json={}), id="a status that nobody documents"),
    pytest.param(
        committed_but_answered(502, headers={"X-Cf-Routererror": "endpoint_failure"}),
        id="a router that lost it",
    ),
    pytest.param(
        committed_but_answered(404, headers={"X-Cf-Routererror": "endpoint_failure"}, json={"ErrorMessage": "x"}),
        id="a router that hides it behind the documented 404",
    ),
]
LOST_BEFORE = [
    pytest.param(lost_before(httpx.ReadTimeout("lost")), id="a time-out"),
    pytest.param(lost_before(httpx.WriteError("lost")), id="a broken line"),
    pytest.param(answered(502, html="<html>"), id="a proxy's 502"),
    pytest.param(answered(200, html="<html>"), id="a proxy's 200"),
]
NEVER_ARRIVED = [
    pytest.param(lost_before(httpx.ConnectError("refused")), id="connection refused"),
    pytest.param(lost_before(httpx.ConnectTimeout("slow")), id="connect time-out"),
    pytest.param(lost_before(httpx.PoolTimeout("busy")), id="pool time-out"),
    pytest.param(lost_before(httpx.ProxyError("403 Forbidden")), id="a tunnel that the proxy refused"),
    pytest.param(answered(429, headers={"Retry-After": "7"}), id="too many requests"),
    pytest.param(answered(404, headers={"X-Cf-Routererror": "unknown_route"}), id="a router that knows no route"),
    pytest.param(answered(503, headers={"X-Cf-Routererror": "no_endpoints"}), id="a router without an instance"),
    pytest.param(
        answered(404, text="404 Not Found: Requested route ('service.example') does not exist.\n"),
        id="the router's text alone",
    ),
]


class Counted:
    """A fault that counts how often it was met, and what had reached the service by then."""

    def __init__(self, play: Play, fault: Fault) -> None:
        self.play = play
        self.fault = fault
        self.journal: list[int] = []

    def __call__(self, request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        """Count and let it happen."""
        self.journal.append(len(self.play.twin.emulator.journal()))
        return self.fault(request, send)


def stale(play: Play, readings: int, lost: Exception | None = None) -> Fault:
    """Let the service act, perhaps lose its answer, and let so many readings show the slots from before."""

    def fault(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        base = request.url.path.partition("/saml2Metadata")[0] + "/saml2Metadata/"
        for path in ("certificate", "certificate/passive"):
            url = request.url.copy_with(path=base + path)
            old = send(httpx.Request("GET", url, headers={"Authorization": request.headers["Authorization"]}))
            again = answered(old.status_code, content=old.read(), headers=old.headers)
            for _ in range(readings):
                play.twin.line.once(f"GET {path}", again)
        answer = send(request)
        if lost is not None:
            raise lost
        return answer

    return fault


@every_write
@pytest.mark.parametrize("fault", LOST_AFTER)
def test_a_write_whose_answer_was_lost_is_found_in_the_slots(play: Play, fault: Fault) -> None:
    """Done: one request, one reading suffices, the outputs are true."""
    play.twin.line.once(play.request, fault)
    assert play.run() == [play.request]
    assert play.twin.slots != play.before
    assert play.twin.slept == SETTLING[:1]
    play.twin.assert_settled(play.wanted)


@every_write
@pytest.mark.parametrize("fault", LOST_BEFORE)
def test_a_write_that_may_have_arrived_and_did_not_is_not_done_and_never_repeated(play: Play, fault: Fault) -> None:
    """Not done: the slots are read for a bounded time; the error says what is known; the next `up` does it."""
    tries = Counted(play, fault)
    play.twin.line.always(tries, play.request)
    with pytest.raises(NotDone) as stopped:
        play.run()
    assert_three_parts(str(stopped.value), *[each for each in play.before if each])
    assert len(tries.journal) == 1
    assert play.twin.last.writes == []
    assert play.twin.slept == SETTLING
    assert sum(SETTLING) == 30
    play.settle()


@every_write
@pytest.mark.parametrize("status", [400, 405, 409, 422])
def test_a_write_that_is_refused_is_looked_after_once(play: Play, status: int) -> None:
    """Not done, and nobody waits half a minute for it: the error has the status; the next `up` does it."""
    tries = Counted(play, answered(status, text="refused"))
    play.twin.line.once(play.request, tries)
    with pytest.raises(NotDone, match=f"was refused: .*/saml2Metadata.* Status {status}") as stopped:
        play.run()
    assert_three_parts(str(stopped.value), *[each for each in play.before if each])
    assert play.twin.slept == SETTLING[:1]
    assert play.twin.last.requests[-2:] == ["GET certificate", "GET certificate/passive"]
    assert play.twin.slots == play.before
    play.settle()


@every_write
@pytest.mark.parametrize("fault", NEVER_ARRIVED)
def test_a_write_that_never_arrived_is_sent_again_after_a_fresh_comparison(play: Play, fault: Fault) -> None:
    """Both slots are read again directly before, and the service sees one write only."""
    tries = Counted(play, fault)
    play.twin.line.once(play.request, tries)
    assert play.run() == [play.request]
    (first,) = tries.journal
    since = [operation(entry.method, entry.path) for entry in play.twin.emulator.journal()[first:]]
    assert since[:3] == ["GET certificate", "GET certificate/passive", play.request]
    assert len(play.twin.slept) == 1
    play.twin.assert_settled(play.wanted)


@every_write
@pytest.mark.parametrize("fault", NEVER_ARRIVED)
def test_a_write_that_never_arrives_is_given_up_and_not_done(play: Play, fault: Fault) -> None:
    """After some tries, with nothing to settle; the next `up` does it."""
    tries = Counted(play, fault)
    play.twin.line.always(tries, play.request)
    with pytest.raises(ServiceUnavailable) as stopped:
        play.run()
    assert_three_parts(str(stopped.value))
    assert len(tries.journal) == TRIES
    assert len(play.twin.slept) == TRIES - 1
    assert play.twin.last.writes == []
    assert play.twin.slots == play.before
    play.settle()


@every_write
def test_an_orphan_sends_no_write(play: Play) -> None:
    """Whoever would note it down is gone, and a new run may be under way: the next `up` does it."""
    play.twin.orphaned = True
    with pytest.raises(PulumiGone) as stopped:
        play.run()
    assert_three_parts(str(stopped.value), *[each for each in play.before if each])
    assert play.twin.last.writes == []
    play.twin.orphaned = False
    play.settle()


@every_write
def test_an_orphan_does_not_send_a_write_again(play: Play) -> None:
    """The engine dies in the pause between two tries of a write that had not left."""

    def fault(request: httpx.Request, _: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        play.twin.orphaned = True
        raise httpx.ConnectError("refused", request=request)

    play.twin.line.once(play.request, fault)
    with pytest.raises(PulumiGone):
        play.run()
    assert play.twin.last.writes == []
    play.twin.orphaned = False
    play.settle()


@every_write
def test_a_write_that_is_not_authorized_was_not_done(play: Play) -> None:
    """Said at once: neither repeating nor waiting helps; the next `up` does it."""
    tries = Counted(play, answered(403))
    play.twin.line.always(tries, play.request)
    with pytest.raises(NotAuthorized) as stopped:
        play.run()
    assert_three_parts(str(stopped.value))
    assert len(tries.journal) == 1
    assert play.twin.slept == []
    assert play.twin.slots == play.before
    play.settle()


@every_write
@pytest.mark.parametrize("fault", NEVER_ARRIVED)
def test_a_rival_between_the_tries_stops_a_write(play: Play, fault: Fault) -> None:
    """The slots are not those of the plan any more, so the write is not sent again."""

    def refused_and_rival(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        getattr(play.twin.emulator, RIVALS[play.request])(play.twin.guid)
        return fault(request, send)

    tries = Counted(play, refused_and_rival)
    play.twin.line.always(tries, play.request)
    with pytest.raises(SlotsChanged, match="was not done") as stopped:
        play.run()
    assert_three_parts(str(stopped.value), *[each for each in (*play.before, *play.twin.slots) if each])
    assert len(tries.journal) == 1


@every_write
def test_a_write_is_not_sent_again_on_slots_that_cannot_be_read(play: Play) -> None:
    """Who cannot compare does not write; the tries of the reading are not multiplied either."""
    reads = Counted(play, lost_before(httpx.ConnectError("down")))

    def down(request: httpx.Request, _: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        play.twin.line.always(reads, "GET certificate", "GET certificate/passive")
        raise httpx.ConnectError("down", request=request)

    tries = Counted(play, down)
    play.twin.line.always(tries, play.request)
    with pytest.raises(ServiceUnavailable):
        play.run()
    assert len(tries.journal) == 1
    assert len(reads.journal) == TRIES
    assert play.twin.slots == play.before
    play.settle()


@pytest.mark.parametrize(
    ("fault", "kind", "asked"),
    [
        pytest.param(answered(503), ServiceUnavailable, TRIES, id="the token service is down"),
        pytest.param(answered(200, html="<h1>log in</h1>"), UnexpectedResponse, 1, id="a proxy answers in its place"),
    ],
)
@every_write
def test_a_write_that_gets_no_fresh_token_was_not_done(
    play: Play, fault: Fault, kind: type[TrustError], asked: int
) -> None:
    """The 401 has done nothing; the token service is asked a few times in all, and the write is not called lost."""
    tokens = Counted(play, fault)

    def refused(request: httpx.Request, _: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        play.twin.line.always(tokens, "POST token")
        return httpx.Response(401, request=request)

    tries = Counted(play, refused)
    play.twin.line.always(tries, play.request)
    with pytest.raises(kind, match="oauth/token"):
        play.run()
    assert len(tries.journal) == 1
    assert len(tokens.journal) == asked
    assert play.twin.slots == play.before
    play.settle()


@every_write
def test_a_write_is_sent_once_more_with_a_fresh_token_only(play: Play) -> None:
    """A 401 has done nothing, so the write may follow; a second 401 is the end."""
    play.twin.line.once(play.request, answered(401))
    assert play.run() == [play.request]
    assert play.twin.last.requests.count("POST token") == 2
    play.twin.assert_settled(play.wanted)


@every_write
def test_a_write_that_is_refused_with_two_tokens_was_not_done(play: Play) -> None:
    """The service accepts no token of this key."""
    play.twin.line.always(answered(401), play.request)
    with pytest.raises(CredentialsRejected):
        play.run()
    assert play.twin.slots == play.before
    play.settle()


@every_write
def test_a_lost_answer_with_slots_that_cannot_be_read_is_unknown(play: Play) -> None:
    """Neither tells: the error says so, and the next `up` meets the truth and writes nothing more."""

    def commit_and_cut(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        play.twin.line.always(lost_before(httpx.ConnectError("down")), "GET certificate", "GET certificate/passive")
        raise httpx.ReadTimeout("lost")

    play.twin.line.once(play.request, commit_and_cut)
    with pytest.raises(OutcomeUnknown) as stopped:
        play.run()
    assert_three_parts(str(stopped.value), "could not be read")
    play.twin.line.repair()
    play.twin.emulator.advance(HOUR)
    assert play.twin.up(play.wanted).writes == []
    play.twin.assert_settled(play.wanted)


@every_write
def test_slots_that_answer_late_are_read_again(play: Play) -> None:
    """A reading that fails is not the truth; it has tries of its own, and the next one comes later."""

    def slow_after(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        for _ in range(TRIES):
            play.twin.line.once("GET certificate", lost_before(httpx.ReadTimeout("slow")))
        raise httpx.ReadTimeout("lost")

    play.twin.line.once(play.request, slow_after)
    assert play.run() == [play.request]
    assert (play.twin.slept[0], play.twin.slept[-1]) == (SETTLING[0], SETTLING[1])
    assert len(play.twin.slept) == 2 + TRIES - 1
    play.twin.assert_settled(play.wanted)


@every_write
def test_slots_that_look_as_before_after_a_lost_answer_are_read_again(play: Play) -> None:
    """A stale reading is not the truth yet."""
    play.twin.line.once(play.request, stale(play, 2, httpx.ReadTimeout("lost")))
    assert play.run() == [play.request]
    assert play.twin.slept == SETTLING[:3]
    play.twin.assert_settled(play.wanted)


@every_write
@pytest.mark.parametrize(
    ("limits", "pauses"),
    [
        pytest.param({"settleTimeout": "1"}, [0.5, 0.5], id="a second to settle"),
        pytest.param({"settleTimeout": "60"}, [*SETTLING[:5], *[8.0] * 5, 4.5], id="a minute to settle"),
        pytest.param(
            {"settleTimeout": "600", "operationTimeout": "1800"},
            [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, *[37.5] * 14, 11.5],
            id="ten minutes to settle",
        ),
        pytest.param({"settleTimeout": "600", "operationTimeout": "10"}, SETTLING[:4], id="ten seconds in all"),
    ],
)
def test_how_long_is_watched_can_be_set(play: Play, limits: dict[str, str], pauses: list[float]) -> None:
    """And never beyond the end of the operation."""
    play.twin.config |= {f"btp-trust:{name}": value for name, value in limits.items()}
    play.twin.line.once(play.request, lost_before(httpx.ReadTimeout("lost")))
    with pytest.raises(NotDone, match=rf"after {sum(pauses):g} s"):
        play.run()
    assert play.twin.slept == pauses
    play.settle()


def count_requests(play: Play, fault: Fault) -> list[int]:
    """Let every request meet a fault; count at each request how many its operation has sent."""
    counts: list[int] = []

    def counted(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        counts.append(session.current().patience.sent)
        return fault(request, send)

    play.twin.line.always(counted)
    return counts


@every_write
def test_an_undisturbed_operation_sends_few_requests(play: Play) -> None:
    """Fewer by far than the bound, of which its error says so."""
    counts = count_requests(play, faultless)
    play.run()
    assert max(counts) <= 20


class Flaky:
    """Every read works at its last try only, every write is lost."""

    def __init__(self) -> None:
        self.tries = 0

    def __call__(self, request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        """Let another try pass."""
        if not is_read(operation(request.method, request.url.path)):
            raise httpx.ReadTimeout("lost")
        self.tries += 1
        return send(request) if self.tries % TRIES == 0 else httpx.Response(429, request=request)


@every_write
def test_an_operation_ends_by_the_requests_that_it_sent(play: Play) -> None:
    """However the service disturbs it, and however long it may take: the number of requests has a bound."""
    play.twin.config |= {"btp-trust:settleTimeout": "600", "btp-trust:operationTimeout": "1800"}
    counts = count_requests(play, Flaky())
    with pytest.raises(TrustError):
        play.run()
    assert max(counts) == MAX_REQUESTS
    assert play.twin.slots == play.before
    play.settle()


@every_write
def test_a_write_that_takes_all_the_time_is_unknown(play: Play) -> None:
    """Nothing is left to read the slots in: the error says so, and the next `up` meets the truth."""

    def slow(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        play.twin.waited += 180.0
        raise httpx.ReadTimeout("lost")

    play.twin.line.once(play.request, slow)
    with pytest.raises(OutcomeUnknown, match="could not be read"):
        play.run()
    assert play.twin.slept == []
    play.twin.emulator.advance(HOUR)
    assert play.twin.up(play.wanted).writes == []
    play.twin.assert_settled(play.wanted)


@every_write_of_one_slot
def test_a_stale_reading_after_a_write_takes_nothing_from_its_answer(play: Play) -> None:
    """The slots look as before; the answer is newer, and it is believed."""
    play.twin.line.once(play.request, stale(play, 1))
    assert play.run() == [play.request]
    assert play.twin.slept == []
    play.twin.assert_settled(play.wanted)


@every_write_of_one_slot
def test_a_failed_reading_after_a_write_takes_nothing_from_its_answer(play: Play) -> None:
    """The write is done, whether the slots can be read or not."""

    def down_after(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        for _ in range(TRIES):
            play.twin.line.once("GET certificate", answered(503))
        return send(request)

    play.twin.line.once(play.request, down_after)
    assert play.run() == [play.request]
    play.twin.assert_settled(play.wanted)


@every_write_of_one_slot
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rival_beside_a_write_is_noticed(play: Play, when: str) -> None:
    """The answer tells one slot only; the reading after it shows what somebody did to the other one."""
    act = getattr(play.twin.emulator, RIVALS[play.request])
    guid = play.twin.guid
    if play.request == "DELETE certificate/passive" and when == "before":
        act = play.twin.emulator.generate_active
    play.twin.line.once(play.request, meanwhile(**{when: lambda: act(guid)}))
    with pytest.raises(SlotsChanged, match="somebody else acted") as stopped:
        play.run()
    assert_three_parts(str(stopped.value), *[each for each in play.twin.slots if each])
    assert play.twin.last.writes.count(play.request) == 1


RIVALS = {
    "POST rotateCertificate": "generate_passive",
    "POST certificate/passive": "generate_active",
    "POST certificate": "generate_passive",
    "DELETE certificate/passive": "generate_passive",
}


@every_write
def test_somebody_elses_act_after_a_lost_answer_is_told_apart(play: Play) -> None:
    """Slots that this write does not explain: an error that names them; the next `up` converges or says how."""
    act = getattr(play.twin.emulator, RIVALS[play.request])
    guid = play.twin.guid

    def lost_and_rival(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        meanwhile(after=lambda: act(guid))(request, send)
        raise httpx.ReadTimeout("lost")

    play.twin.line.once(play.request, lost_and_rival)
    with pytest.raises(SlotsChanged, match="somebody else acted") as stopped:
        play.run()
    assert_three_parts(str(stopped.value), *[each for each in play.twin.slots if each])
    play.twin.emulator.advance(HOUR)
    slots = play.twin.slots
    try:
        play.twin.up(play.wanted)
    except (CheckFailedError, TrustError) as refusal:
        assert_three_parts(getattr(refusal, "reason", str(refusal)))
        assert play.twin.slots == slots
    else:
        play.twin.assert_settled(play.wanted)


def test_a_swap_whose_answer_was_lost_and_that_somebody_swapped_back_is_not_done(emulator: Emulator) -> None:
    """The slots look as before; the next `up` swaps, once, from what it reads."""
    play = a_swap(emulator)

    def swapped_back(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        emulator.rotate(play.twin.guid)
        raise httpx.ReadTimeout("lost")

    play.twin.line.once(play.request, swapped_back)
    with pytest.raises(NotDone):
        play.run()
    assert play.twin.slots == play.before
    play.settle()
    assert play.twin.slots == play.before[::-1]


@pytest.mark.parametrize("make", [a_swap, a_mint, a_renewal], ids=lambda make: make.__name__.replace("_", " "))
def test_an_answer_without_a_certificate_is_settled_by_reading(emulator: Emulator, make: Callable[..., Play]) -> None:
    """JSON of the right form around something else is believed no more than a page."""
    play: Play = make(emulator)
    body = dict.fromkeys(("certificate", "activeCertificate", "passiveCertificate"), "garbage")
    play.twin.line.once(play.request, committed_but_answered(200, json=body))
    assert play.run() == [play.request]
    assert play.twin.slept == SETTLING[:1]
    play.twin.assert_settled(play.wanted)


def test_a_swap_finds_the_passive_certificate_deleted_in_the_same_moment(emulator: Emulator) -> None:
    """The service's documented 404 is settled by reading, and said as somebody else's act."""
    play = a_swap(emulator)
    play.twin.line.once(play.request, meanwhile(before=lambda: emulator.delete_passive(play.twin.guid)))
    with pytest.raises(SlotsChanged, match="somebody else acted"):
        play.run()
    assert play.twin.slots == (play.before[0], None)


# --- after a write whose outcome is unknown ----------------------------------------------------------------------


def blind(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
    """Refuse what is read, and nothing else."""
    return httpx.Response(403, request=request) if request.method == "GET" else send(request)


def behind(play: Play) -> Fault:
    """Let the service act, lose its answer, and show the slots from before to all who read."""
    return stale(play, 99, httpx.ReadError("reset"))


def unreadable(play: Play) -> Fault:
    """Let the service act, lose its answer, and let nobody read any more for a while."""

    def fault(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        for path in ("certificate", "certificate/passive"):
            for _ in range(20):
                play.twin.line.once(f"GET {path}", blind)
        return committed_then(httpx.ReadTimeout("lost"))(request, send)

    return fault


UNKNOWN_AFTER = [
    pytest.param(behind, NotDone, id="stale readings"),
    pytest.param(unreadable, OutcomeUnknown, id="no readings"),
    pytest.param(lambda _: lost_before(httpx.ReadTimeout("lost")), NotDone, id="it seems not to be done"),
    pytest.param(lambda _: answered(404, html="no route"), NotDone, id="a page that refuses"),
]


@every_write
@pytest.mark.parametrize(("fault", "error"), UNKNOWN_AFTER)
def test_a_write_whose_outcome_is_unknown_is_not_sent_again_by_a_hook_that_retries(
    play: Play, fault: Callable[[Play], Fault], error: type[TrustError]
) -> None:
    """In the same process each retry ends with the same error, whatever is read by then; the next `up` converges."""
    play.twin.retries = 2
    tries = Counted(play, fault(play))
    play.twin.line.once(play.request, tries)
    with pytest.raises(error) as stopped:
        play.run()
    ended_with = [call.error for call in play.twin.calls[-3:]]
    assert all(each is stopped.value for each in ended_with)
    assert len({call.method for call in play.twin.calls[-3:]}) == 1
    assert play.twin.line.sent.count(play.request) - _sent_before(play) == 1
    play.settle()


def _sent_before(play: Play) -> int:
    """Count how often the write was sent in the deployments before."""
    earlier = play.twin.calls[: -play.twin.retries - 1]
    return sum(call.sent.count(play.request) for call in earlier)


def test_a_swap_that_a_rival_undid_is_not_sent_again_by_a_hook_that_retries(emulator: Emulator) -> None:
    """The slots are as before, and somebody wanted them so: that is no leave to swap once more."""
    play = a_swap(emulator)
    play.twin.retries = 1
    play.twin.line.once(play.request, meanwhile(before=lambda: emulator.rotate(play.twin.guid)))
    with pytest.raises(SlotsChanged, match="was done, and yet the slots are as before"):
        play.run()
    assert play.twin.last.writes == [play.request]
    assert play.twin.slots == play.before


@every_write
@pytest.mark.parametrize(("fault", "times"), [(answered(403), 1), (lost_before(httpx.ConnectError("no")), TRIES)])
def test_a_write_that_was_certainly_not_done_may_be_tried_again_by_a_hook(play: Play, fault: Fault, times: int) -> None:
    """A refusal that the service documents, or no connection: a retry compares and sends it."""
    play.twin.retries = 1
    for _ in range(times):
        play.twin.line.once(play.request, fault)
    assert play.run() == [play.request]
    play.twin.retries = 0
    play.twin.assert_settled(play.wanted)


@pytest.mark.parametrize("name", ["default", "second"])
def test_no_other_resource_writes_after_an_unknown_outcome(emulator: Emulator, name: str) -> None:
    """The engine goes on with what does not depend on the failed one, under another connection's name too."""
    twin = stack(emulator, ALONE, program("b"))
    twin.config["btp-trust:connections"] = json.dumps({"second": emulator.service_key(twin.guid)})
    slots = twin.slots

    def both(deployment: Deployment) -> None:
        with contextlib.suppress(NotDone):
            deployment.passive(generation="c")
        renewed: dict[str, Any] = {"renew_fingerprint": slots[0], "accept_outage": True}
        deployment.active(connection=None if name == "default" else name, **renewed)

    twin.line.once("POST certificate/passive", lost_before(httpx.ReadTimeout("lost")))
    with pytest.raises(NotDone, match="generation of a passive certificate was sent once"):
        twin.up(both)
    assert twin.last.writes == []
    assert twin.slots == slots


def test_a_resource_that_waited_for_its_turn_does_not_write_after_an_unknown_outcome(emulator: Emulator) -> None:
    """It was called before the outcome was unknown, and gets its turn after."""
    account = _account(stack(emulator, ALONE, PREPARED))
    waiting = threading.Thread(target=lambda: results.append(_tried(account)))
    results: list[BaseException | None] = []
    with account.writes.turn():
        waiting.start()
        account.writes.ended_with(NotDone("a", "b", "c"))
    waiting.join()
    assert isinstance(results[0], NotDone)


def _account(twin: Twin) -> Subaccount:
    twin.preview(PREPARED)
    return session.current().subaccount("default", None)


def _tried(account: Subaccount) -> BaseException | None:
    try:
        swap(account, account.snapshot().slots, account.snapshot().slots.passive or "")
    except TrustError as error:
        return error
    return None
