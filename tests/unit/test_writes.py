"""The writes on a bad line: one request ever, told apart what became of it, and a next `up` that converges."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from twin import (
    HOUR,
    CheckFailedError,
    Fault,
    Program,
    Twin,
    answered,
    assert_three_parts,
    committed_but_answered,
    committed_then,
    lost_before,
    meanwhile,
    program,
)

from btp_trust.errors import (
    CredentialsRejected,
    NotAuthorized,
    OutcomeUnknown,
    ServiceUnavailable,
    SlotsChanged,
    TrustError,
)
from btp_trust.operations.writes import SETTLE_PAUSES
from btp_trust_emulator import Emulator

ALONE = program()
PREPARED = program("b", "a")
FIRST = program(active={"generate": True})


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator for all tests of this file."""
    with Emulator(key_size=1024) as running:
        yield running


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
]
LOST_BEFORE = [
    pytest.param(lost_before(httpx.ReadTimeout("lost")), id="a time-out"),
    pytest.param(lost_before(httpx.WriteError("lost")), id="a broken line"),
    pytest.param(answered(502, html="<html>"), id="a proxy's 502"),
    pytest.param(answered(200, html="<html>"), id="a proxy's 200"),
]
NEVER_SENT = [
    pytest.param(lost_before(httpx.ConnectError("refused")), ServiceUnavailable, id="connection refused"),
    pytest.param(lost_before(httpx.ConnectTimeout("slow")), ServiceUnavailable, id="connect time-out"),
    pytest.param(answered(429, headers={"Retry-After": "7"}), ServiceUnavailable, id="too many requests"),
    pytest.param(answered(403), NotAuthorized, id="not authorized"),
]


@every_write
@pytest.mark.parametrize("fault", LOST_AFTER)
def test_a_write_whose_answer_was_lost_is_found_in_the_slots(play: Play, fault: Fault) -> None:
    """Done: one request, one reading suffices, the outputs are true."""
    play.twin.line.once(play.request, fault)
    assert play.run() == [play.request]
    assert play.twin.slots != play.before
    assert play.twin.slept == list(SETTLE_PAUSES[:1])
    play.twin.assert_settled(play.wanted)


@every_write
@pytest.mark.parametrize("fault", LOST_BEFORE)
def test_a_write_that_may_have_arrived_and_did_not_is_unknown_and_never_repeated(play: Play, fault: Fault) -> None:
    """Unknown: the slots are read for a bounded time; the error says what is known; the next `up` does it."""
    play.twin.line.once(play.request, fault)
    with pytest.raises(OutcomeUnknown) as stopped:
        play.run()
    assert_three_parts(str(stopped.value), *[each for each in play.before if each])
    assert play.twin.last.writes == []
    assert play.twin.slept == list(SETTLE_PAUSES)
    assert sum(SETTLE_PAUSES) <= 60
    play.settle()


@every_write
@pytest.mark.parametrize(("fault", "error"), NEVER_SENT)
def test_a_write_that_never_left_was_not_done(play: Play, fault: Fault, error: type[TrustError]) -> None:
    """Not done: said at once, nothing to wait for; the next `up` does it."""
    play.twin.line.once(play.request, fault)
    with pytest.raises(error) as stopped:
        play.run()
    assert_three_parts(str(stopped.value))
    assert play.twin.last.writes == []
    assert play.twin.slept == []
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
    """A stale reading is not the truth yet."""
    stale = httpx.ReadTimeout("stale")

    def slow_after(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        for _ in range(3):
            play.twin.line.once("GET certificate", lost_before(stale))
        raise httpx.ReadTimeout("lost")

    play.twin.line.once(play.request, slow_after)
    assert play.run() == [play.request]
    assert play.twin.slept == list(SETTLE_PAUSES[:4])
    play.twin.assert_settled(play.wanted)


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


def test_a_swap_whose_answer_was_lost_and_that_somebody_swapped_back_is_unknown(emulator: Emulator) -> None:
    """The slots look as before; the next `up` swaps, once, from what it reads."""
    play = a_swap(emulator)

    def swapped_back(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        emulator.rotate(play.twin.guid)
        raise httpx.ReadTimeout("lost")

    play.twin.line.once(play.request, swapped_back)
    with pytest.raises(OutcomeUnknown):
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
    assert play.twin.slept == list(SETTLE_PAUSES[:1])
    play.twin.assert_settled(play.wanted)


def test_a_swap_finds_the_passive_certificate_deleted_in_the_same_moment(emulator: Emulator) -> None:
    """The service's documented 404 is settled by reading, and said as somebody else's act."""
    play = a_swap(emulator)
    play.twin.line.once(play.request, meanwhile(before=lambda: emulator.delete_passive(play.twin.guid)))
    with pytest.raises(SlotsChanged, match="somebody else acted"):
        play.run()
    assert play.twin.slots == (play.before[0], None)
