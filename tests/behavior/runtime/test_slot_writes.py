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
    EngineExited,
    NotAuthorized,
    OutcomeUnknown,
    ServiceUnavailable,
    SlotsChanged,
    TrustError,
    UnexpectedResponse,
    WriteNotApplied,
)
from btp_trust.runtime import session
from btp_trust.runtime.slot_writes import swap
from btp_trust.runtime.slots import Subaccount
from btp_trust.service.transport.retry import MAX_ATTEMPTS, MAX_REQUESTS
from btp_trust_emulator import Emulator
from support.fake_engine import (
    HOUR,
    CheckFailedError,
    Deployment,
    FakeEngine,
    Program,
    TransportFault,
    answer_with,
    assert_three_part_message,
    commit_then_answer,
    commit_then_raise,
    interleave,
    is_read,
    pass_through,
    program,
    raise_before_sending,
    request_label,
)

SETTLING = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 6.5]
"""The pauses before each reading after a lost answer: half a minute in all."""
ALONE = program()
PREPARED = program("b", "a")
FIRST = program(active={"generate": True})


class WriteScenario:
    """A write that is due: the stack, the program that asks for it, the request, what the slots are to be then."""

    def __init__(self, engine: FakeEngine, wanted: Program, request: str) -> None:
        self.engine = engine
        self.wanted = wanted
        self.request = request
        self.before = engine.slots

    def run(self) -> list[str]:
        """Run `up`; return the writes that reached the service."""
        self.engine.pauses.clear()
        return self.engine.up(self.wanted).writes

    def settle(self) -> None:
        """Assert that the next `up` converges, with a new POST only where the first never acted."""
        self.engine.transport.clear_faults()
        self.engine.emulator.advance(HOUR)
        self.engine.deploy(self.wanted)


def stack(emulator: Emulator, *programs: Program, generate: bool = True) -> FakeEngine:
    """Make a stack with these deployments behind it."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=generate).guid)
    emulator.advance(HOUR)
    for each in programs:
        engine.up(each)
        emulator.advance(HOUR)
    return engine


def a_swap(emulator: Emulator) -> WriteScenario:
    """The rotation."""
    return WriteScenario(stack(emulator, ALONE, PREPARED), program("b", "b"), "POST rotateCertificate")


def a_mint(emulator: Emulator) -> WriteScenario:
    """A preparation over an earlier one."""
    return WriteScenario(stack(emulator, ALONE, PREPARED), program("c", "a"), "POST certificate/passive")


def a_first_mint(emulator: Emulator) -> WriteScenario:
    """A preparation in the empty slot, on creation."""
    return WriteScenario(stack(emulator, ALONE), PREPARED, "POST certificate/passive")


def a_renewal(emulator: Emulator) -> WriteScenario:
    """A renewal in place."""
    engine = stack(emulator, ALONE)
    renew = program(active={"renew_fingerprint": engine.slots[0], "accept_outage": True})
    return WriteScenario(engine, renew, "POST certificate")


def a_first_generation(emulator: Emulator) -> WriteScenario:
    """The first active certificate."""
    return WriteScenario(stack(emulator, generate=False), FIRST, "POST certificate")


def a_deletion(emulator: Emulator) -> WriteScenario:
    """A removal that empties the passive slot."""
    return WriteScenario(stack(emulator, ALONE, PREPARED), program(None, "a"), "DELETE certificate/passive")


KINDS = [a_swap, a_mint, a_first_mint, a_renewal, a_first_generation, a_deletion]
every_write = pytest.mark.parametrize(
    "scenario", KINDS, indirect=True, ids=lambda kind: kind.__name__.replace("_", " ")
)
every_write_of_one_slot = pytest.mark.parametrize(
    "scenario", KINDS[1:], indirect=True, ids=lambda kind: kind.__name__.replace("_", " ")
)
"""All but the swap, whose answer tells both slots."""


@pytest.fixture
def scenario(request: pytest.FixtureRequest, emulator: Emulator) -> WriteScenario:
    """One of the writes, due."""
    made: WriteScenario = request.param(emulator)
    return made


LOST_AFTER = [
    pytest.param(commit_then_raise(httpx.ReadTimeout("lost")), id="a time-out"),
    pytest.param(commit_then_raise(httpx.ReadError("reset")), id="a reset"),
    pytest.param(commit_then_raise(httpx.RemoteProtocolError("cut")), id="an answer that breaks off"),
    pytest.param(commit_then_answer(500), id="a 500"),
    pytest.param(commit_then_answer(503), id="a 503"),
    pytest.param(commit_then_answer(200, html="<html>"), id="a page of a proxy"),
    pytest.param(commit_then_answer(418, json={}), id="a status that nobody documents"),
    pytest.param(
        commit_then_answer(502, headers={"X-Cf-Routererror": "endpoint_failure"}),
        id="a router that lost it",
    ),
    pytest.param(
        commit_then_answer(404, headers={"X-Cf-Routererror": "endpoint_failure"}, json={"ErrorMessage": "x"}),
        id="a router that hides it behind the documented 404",
    ),
]
LOST_BEFORE = [
    pytest.param(raise_before_sending(httpx.ReadTimeout("lost")), id="a time-out"),
    pytest.param(raise_before_sending(httpx.WriteError("lost")), id="a broken line"),
    pytest.param(answer_with(502, html="<html>"), id="a proxy's 502"),
    pytest.param(answer_with(200, html="<html>"), id="a proxy's 200"),
]
NEVER_ARRIVED = [
    pytest.param(raise_before_sending(httpx.ConnectError("refused")), id="connection refused"),
    pytest.param(raise_before_sending(httpx.ConnectTimeout("slow")), id="connect time-out"),
    pytest.param(raise_before_sending(httpx.PoolTimeout("busy")), id="pool time-out"),
    pytest.param(raise_before_sending(httpx.ProxyError("403 Forbidden")), id="a tunnel that the proxy refused"),
    pytest.param(answer_with(429, headers={"Retry-After": "7"}), id="too many requests"),
    pytest.param(answer_with(404, headers={"X-Cf-Routererror": "unknown_route"}), id="a router that knows no route"),
    pytest.param(answer_with(503, headers={"X-Cf-Routererror": "no_endpoints"}), id="a router without an instance"),
    pytest.param(
        answer_with(404, text="404 Not Found: Requested route ('service.example') does not exist.\n"),
        id="the router's text alone",
    ),
]


class Counted:
    """A fault that counts how often it was met, and what had reached the service by then."""

    def __init__(self, scenario: WriteScenario, fault: TransportFault) -> None:
        self.scenario = scenario
        self.fault = fault
        self.journal: list[int] = []

    def __call__(self, request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        """Count and let it happen."""
        self.journal.append(len(self.scenario.engine.emulator.journal()))
        return self.fault(request, send)


def stale(scenario: WriteScenario, readings: int, lost: Exception | None = None) -> TransportFault:
    """Let the service act, perhaps lose its answer, and let so many readings show the slots from before."""

    def fault(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        base = request.url.path.partition("/saml2Metadata")[0] + "/saml2Metadata/"
        for path in ("certificate", "certificate/passive"):
            url = request.url.copy_with(path=base + path)
            old = send(httpx.Request("GET", url, headers={"Authorization": request.headers["Authorization"]}))
            again = answer_with(old.status_code, content=old.read(), headers=old.headers)
            for _ in range(readings):
                scenario.engine.transport.inject_once(f"GET {path}", again)
        answer = send(request)
        if lost is not None:
            raise lost
        return answer

    return fault


@every_write
@pytest.mark.parametrize("fault", LOST_AFTER)
def test_a_write_whose_answer_was_lost_is_found_in_the_slots(scenario: WriteScenario, fault: TransportFault) -> None:
    """Done: one request, one reading suffices, the outputs are true."""
    scenario.engine.transport.inject_once(scenario.request, fault)
    assert scenario.run() == [scenario.request]
    assert scenario.engine.slots != scenario.before
    assert scenario.engine.pauses == SETTLING[:1]
    scenario.engine.assert_stable(scenario.wanted)


@every_write
@pytest.mark.parametrize("fault", LOST_BEFORE)
def test_a_write_that_may_have_arrived_and_did_not_is_not_done_and_never_repeated(
    scenario: WriteScenario, fault: TransportFault
) -> None:
    """Not done: the slots are read for a bounded time; the error says what is known; the next `up` does it."""
    tries = Counted(scenario, fault)
    scenario.engine.transport.inject_always(tries, scenario.request)
    with pytest.raises(WriteNotApplied) as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value), *[each for each in scenario.before if each])
    assert len(tries.journal) == 1
    assert scenario.engine.last_report.writes == []
    assert scenario.engine.pauses == SETTLING
    assert sum(SETTLING) == 30
    scenario.settle()


@every_write
@pytest.mark.parametrize("status", [400, 405, 409, 422])
def test_a_write_that_is_refused_is_looked_after_once(scenario: WriteScenario, status: int) -> None:
    """Not done, and nobody waits half a minute for it: the error has the status; the next `up` does it."""
    tries = Counted(scenario, answer_with(status, text="refused"))
    scenario.engine.transport.inject_once(scenario.request, tries)
    with pytest.raises(WriteNotApplied, match=f"was refused: .*/saml2Metadata.* Status {status}") as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value), *[each for each in scenario.before if each])
    assert scenario.engine.pauses == SETTLING[:1]
    assert scenario.engine.last_report.requests[-2:] == ["GET certificate", "GET certificate/passive"]
    assert scenario.engine.slots == scenario.before
    scenario.settle()


@every_write
@pytest.mark.parametrize("fault", NEVER_ARRIVED)
def test_a_write_that_never_arrived_is_sent_again_after_a_fresh_comparison(
    scenario: WriteScenario, fault: TransportFault
) -> None:
    """Both slots are read again directly before, and the service sees one write only."""
    tries = Counted(scenario, fault)
    scenario.engine.transport.inject_once(scenario.request, tries)
    assert scenario.run() == [scenario.request]
    (first,) = tries.journal
    since = [request_label(entry.method, entry.path) for entry in scenario.engine.emulator.journal()[first:]]
    assert since[:3] == ["GET certificate", "GET certificate/passive", scenario.request]
    assert len(scenario.engine.pauses) == 1
    scenario.engine.assert_stable(scenario.wanted)


@every_write
@pytest.mark.parametrize("fault", NEVER_ARRIVED)
def test_a_write_that_never_arrives_is_given_up_and_not_done(scenario: WriteScenario, fault: TransportFault) -> None:
    """After some tries, with nothing to settle; the next `up` does it."""
    tries = Counted(scenario, fault)
    scenario.engine.transport.inject_always(tries, scenario.request)
    with pytest.raises(ServiceUnavailable) as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value))
    assert len(tries.journal) == MAX_ATTEMPTS
    assert len(scenario.engine.pauses) == MAX_ATTEMPTS - 1
    assert scenario.engine.last_report.writes == []
    assert scenario.engine.slots == scenario.before
    scenario.settle()


@every_write
def test_an_orphan_sends_no_write(scenario: WriteScenario) -> None:
    """Whoever would note it down is gone, and a new run may be under way: the next `up` does it."""
    scenario.engine.engine_exited = True
    with pytest.raises(EngineExited) as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value), *[each for each in scenario.before if each])
    assert scenario.engine.last_report.writes == []
    scenario.engine.engine_exited = False
    scenario.settle()


@every_write
def test_an_orphan_does_not_send_a_write_again(scenario: WriteScenario) -> None:
    """The engine dies in the pause between two tries of a write that had not left."""

    def fault(request: httpx.Request, _: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        scenario.engine.engine_exited = True
        raise httpx.ConnectError("refused", request=request)

    scenario.engine.transport.inject_once(scenario.request, fault)
    with pytest.raises(EngineExited):
        scenario.run()
    assert scenario.engine.last_report.writes == []
    scenario.engine.engine_exited = False
    scenario.settle()


@every_write
def test_a_write_that_is_not_authorized_was_not_done(scenario: WriteScenario) -> None:
    """Said at once: neither repeating nor waiting helps; the next `up` does it."""
    tries = Counted(scenario, answer_with(403))
    scenario.engine.transport.inject_always(tries, scenario.request)
    with pytest.raises(NotAuthorized) as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value))
    assert len(tries.journal) == 1
    assert scenario.engine.pauses == []
    assert scenario.engine.slots == scenario.before
    scenario.settle()


@every_write
@pytest.mark.parametrize("fault", NEVER_ARRIVED)
def test_a_rival_between_the_tries_stops_a_write(scenario: WriteScenario, fault: TransportFault) -> None:
    """The slots are not those of the plan any more, so the write is not sent again."""

    def refused_and_rival(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        getattr(scenario.engine.emulator, RIVALS[scenario.request])(scenario.engine.guid)
        return fault(request, send)

    tries = Counted(scenario, refused_and_rival)
    scenario.engine.transport.inject_always(tries, scenario.request)
    with pytest.raises(SlotsChanged, match="was not done") as stopped:
        scenario.run()
    assert_three_part_message(
        str(stopped.value), *[each for each in (*scenario.before, *scenario.engine.slots) if each]
    )
    assert len(tries.journal) == 1


@every_write
def test_a_write_is_not_sent_again_on_slots_that_cannot_be_read(scenario: WriteScenario) -> None:
    """Who cannot compare does not write; the tries of the reading are not multiplied either."""
    reads = Counted(scenario, raise_before_sending(httpx.ConnectError("down")))

    def down(request: httpx.Request, _: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        scenario.engine.transport.inject_always(reads, "GET certificate", "GET certificate/passive")
        raise httpx.ConnectError("down", request=request)

    tries = Counted(scenario, down)
    scenario.engine.transport.inject_always(tries, scenario.request)
    with pytest.raises(ServiceUnavailable):
        scenario.run()
    assert len(tries.journal) == 1
    assert len(reads.journal) == MAX_ATTEMPTS
    assert scenario.engine.slots == scenario.before
    scenario.settle()


@pytest.mark.parametrize(
    ("fault", "kind", "asked"),
    [
        pytest.param(answer_with(503), ServiceUnavailable, MAX_ATTEMPTS, id="the token service is down"),
        pytest.param(
            answer_with(200, html="<h1>log in</h1>"), UnexpectedResponse, 1, id="a proxy answers in its place"
        ),
    ],
)
@every_write
def test_a_write_that_gets_no_fresh_token_was_not_done(
    scenario: WriteScenario, fault: TransportFault, kind: type[TrustError], asked: int
) -> None:
    """The 401 has done nothing; the token service is asked a few times in all, and the write is not called lost."""
    tokens = Counted(scenario, fault)

    def refused(request: httpx.Request, _: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        scenario.engine.transport.inject_always(tokens, "POST token")
        return httpx.Response(401, request=request)

    tries = Counted(scenario, refused)
    scenario.engine.transport.inject_always(tries, scenario.request)
    with pytest.raises(kind, match="oauth/token"):
        scenario.run()
    assert len(tries.journal) == 1
    assert len(tokens.journal) == asked
    assert scenario.engine.slots == scenario.before
    scenario.settle()


@every_write
def test_a_write_is_sent_once_more_with_a_fresh_token_only(scenario: WriteScenario) -> None:
    """A 401 has done nothing, so the write may follow; a second 401 is the end."""
    scenario.engine.transport.inject_once(scenario.request, answer_with(401))
    assert scenario.run() == [scenario.request]
    assert scenario.engine.last_report.requests.count("POST token") == 2
    scenario.engine.assert_stable(scenario.wanted)


@every_write
def test_a_write_that_is_refused_with_two_tokens_was_not_done(scenario: WriteScenario) -> None:
    """The service accepts no token of this key."""
    scenario.engine.transport.inject_always(answer_with(401), scenario.request)
    with pytest.raises(CredentialsRejected):
        scenario.run()
    assert scenario.engine.slots == scenario.before
    scenario.settle()


@every_write
def test_a_lost_answer_with_slots_that_cannot_be_read_is_unknown(scenario: WriteScenario) -> None:
    """Neither tells: the error says so, and the next `up` meets the truth and writes nothing more."""

    def commit_and_cut(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        scenario.engine.transport.inject_always(
            raise_before_sending(httpx.ConnectError("down")), "GET certificate", "GET certificate/passive"
        )
        raise httpx.ReadTimeout("lost")

    scenario.engine.transport.inject_once(scenario.request, commit_and_cut)
    with pytest.raises(OutcomeUnknown) as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value), "could not be read")
    scenario.engine.transport.clear_faults()
    scenario.engine.emulator.advance(HOUR)
    assert scenario.engine.up(scenario.wanted).writes == []
    scenario.engine.assert_stable(scenario.wanted)


@every_write
def test_slots_that_answer_late_are_read_again(scenario: WriteScenario) -> None:
    """A reading that fails is not the truth; it has tries of its own, and the next one comes later."""

    def slow_after(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        for _ in range(MAX_ATTEMPTS):
            scenario.engine.transport.inject_once("GET certificate", raise_before_sending(httpx.ReadTimeout("slow")))
        raise httpx.ReadTimeout("lost")

    scenario.engine.transport.inject_once(scenario.request, slow_after)
    assert scenario.run() == [scenario.request]
    assert (scenario.engine.pauses[0], scenario.engine.pauses[-1]) == (SETTLING[0], SETTLING[1])
    assert len(scenario.engine.pauses) == 2 + MAX_ATTEMPTS - 1
    scenario.engine.assert_stable(scenario.wanted)


@every_write
def test_slots_that_look_as_before_after_a_lost_answer_are_read_again(scenario: WriteScenario) -> None:
    """A stale reading is not the truth yet."""
    scenario.engine.transport.inject_once(scenario.request, stale(scenario, 2, httpx.ReadTimeout("lost")))
    assert scenario.run() == [scenario.request]
    assert scenario.engine.pauses == SETTLING[:3]
    scenario.engine.assert_stable(scenario.wanted)


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
def test_how_long_is_watched_can_be_set(scenario: WriteScenario, limits: dict[str, str], pauses: list[float]) -> None:
    """And never beyond the end of the operation."""
    scenario.engine.config |= {f"btp-trust:{name}": value for name, value in limits.items()}
    scenario.engine.transport.inject_once(scenario.request, raise_before_sending(httpx.ReadTimeout("lost")))
    with pytest.raises(WriteNotApplied, match=rf"after {sum(pauses):g} s"):
        scenario.run()
    assert scenario.engine.pauses == pauses
    scenario.settle()


def count_requests(scenario: WriteScenario, fault: TransportFault) -> list[int]:
    """Let every request meet a fault; count at each request how many its operation has sent."""
    counts: list[int] = []

    def counted(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        counts.append(session.current().retry_policy.requests_sent)
        return fault(request, send)

    scenario.engine.transport.inject_always(counted)
    return counts


@every_write
def test_an_undisturbed_operation_sends_few_requests(scenario: WriteScenario) -> None:
    """Fewer by far than the bound, of which its error says so."""
    counts = count_requests(scenario, pass_through)
    scenario.run()
    assert max(counts) <= 20


class Flaky:
    """Every read works at its last try only, every write is lost."""

    def __init__(self) -> None:
        self.tries = 0

    def __call__(self, request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        """Let another try pass."""
        if not is_read(request_label(request.method, request.url.path)):
            raise httpx.ReadTimeout("lost")
        self.tries += 1
        return send(request) if self.tries % MAX_ATTEMPTS == 0 else httpx.Response(429, request=request)


@every_write
def test_an_operation_ends_by_the_requests_that_it_sent(scenario: WriteScenario) -> None:
    """However the service disturbs it, and however long it may take: the number of requests has a bound."""
    scenario.engine.config |= {"btp-trust:settleTimeout": "600", "btp-trust:operationTimeout": "1800"}
    counts = count_requests(scenario, Flaky())
    with pytest.raises(TrustError):
        scenario.run()
    assert max(counts) == MAX_REQUESTS
    assert scenario.engine.slots == scenario.before
    scenario.settle()


@every_write
def test_a_write_that_takes_all_the_time_is_unknown(scenario: WriteScenario) -> None:
    """Nothing is left to read the slots in: the error says so, and the next `up` meets the truth."""

    def slow(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        scenario.engine.elapsed += 180.0
        raise httpx.ReadTimeout("lost")

    scenario.engine.transport.inject_once(scenario.request, slow)
    with pytest.raises(OutcomeUnknown, match="could not be read"):
        scenario.run()
    assert scenario.engine.pauses == []
    scenario.engine.emulator.advance(HOUR)
    assert scenario.engine.up(scenario.wanted).writes == []
    scenario.engine.assert_stable(scenario.wanted)


@every_write_of_one_slot
def test_a_stale_reading_after_a_write_takes_nothing_from_its_answer(scenario: WriteScenario) -> None:
    """The slots look as before; the answer is newer, and it is believed."""
    scenario.engine.transport.inject_once(scenario.request, stale(scenario, 1))
    assert scenario.run() == [scenario.request]
    assert scenario.engine.pauses == []
    scenario.engine.assert_stable(scenario.wanted)


@every_write_of_one_slot
def test_a_failed_reading_after_a_write_takes_nothing_from_its_answer(scenario: WriteScenario) -> None:
    """The write is done, whether the slots can be read or not."""

    def down_after(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        for _ in range(MAX_ATTEMPTS):
            scenario.engine.transport.inject_once("GET certificate", answer_with(503))
        return send(request)

    scenario.engine.transport.inject_once(scenario.request, down_after)
    assert scenario.run() == [scenario.request]
    scenario.engine.assert_stable(scenario.wanted)


@every_write_of_one_slot
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rival_beside_a_write_is_noticed(scenario: WriteScenario, when: str) -> None:
    """The answer tells one slot only; the reading after it shows what somebody did to the other one."""
    act = getattr(scenario.engine.emulator, RIVALS[scenario.request])
    guid = scenario.engine.guid
    if scenario.request == "DELETE certificate/passive" and when == "before":
        act = scenario.engine.emulator.generate_active
    scenario.engine.transport.inject_once(scenario.request, interleave(**{when: lambda: act(guid)}))
    with pytest.raises(SlotsChanged, match="somebody else acted") as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value), *[each for each in scenario.engine.slots if each])
    assert scenario.engine.last_report.writes.count(scenario.request) == 1


RIVALS = {
    "POST rotateCertificate": "generate_passive",
    "POST certificate/passive": "generate_active",
    "POST certificate": "generate_passive",
    "DELETE certificate/passive": "generate_passive",
}


@every_write
def test_somebody_elses_act_after_a_lost_answer_is_told_apart(scenario: WriteScenario) -> None:
    """Slots that this write does not explain: an error that names them; the next `up` converges or says how."""
    act = getattr(scenario.engine.emulator, RIVALS[scenario.request])
    guid = scenario.engine.guid

    def lost_and_rival(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        interleave(after=lambda: act(guid))(request, send)
        raise httpx.ReadTimeout("lost")

    scenario.engine.transport.inject_once(scenario.request, lost_and_rival)
    with pytest.raises(SlotsChanged, match="somebody else acted") as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value), *[each for each in scenario.engine.slots if each])
    scenario.engine.emulator.advance(HOUR)
    slots = scenario.engine.slots
    try:
        scenario.engine.up(scenario.wanted)
    except (CheckFailedError, TrustError) as refusal:
        assert_three_part_message(getattr(refusal, "reason", str(refusal)))
        assert scenario.engine.slots == slots
    else:
        scenario.engine.assert_stable(scenario.wanted)


def test_a_swap_whose_answer_was_lost_and_that_somebody_swapped_back_is_not_done(emulator: Emulator) -> None:
    """The slots look as before; the next `up` swaps, once, from what it reads."""
    scenario = a_swap(emulator)

    def swapped_back(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        send(request)
        emulator.rotate(scenario.engine.guid)
        raise httpx.ReadTimeout("lost")

    scenario.engine.transport.inject_once(scenario.request, swapped_back)
    with pytest.raises(WriteNotApplied):
        scenario.run()
    assert scenario.engine.slots == scenario.before
    scenario.settle()
    assert scenario.engine.slots == scenario.before[::-1]


@pytest.mark.parametrize("make", [a_swap, a_mint, a_renewal], ids=lambda make: make.__name__.replace("_", " "))
def test_an_answer_without_a_certificate_is_settled_by_reading(
    emulator: Emulator, make: Callable[..., WriteScenario]
) -> None:
    """JSON of the right form around something else is believed no more than a page."""
    scenario: WriteScenario = make(emulator)
    body = dict.fromkeys(("certificate", "activeCertificate", "passiveCertificate"), "garbage")
    scenario.engine.transport.inject_once(scenario.request, commit_then_answer(200, json=body))
    assert scenario.run() == [scenario.request]
    assert scenario.engine.pauses == SETTLING[:1]
    scenario.engine.assert_stable(scenario.wanted)


def test_a_swap_finds_the_passive_certificate_deleted_in_the_same_moment(emulator: Emulator) -> None:
    """The service's documented 404 is settled by reading, and said as somebody else's act."""
    scenario = a_swap(emulator)
    scenario.engine.transport.inject_once(
        scenario.request, interleave(before=lambda: emulator.delete_passive(scenario.engine.guid))
    )
    with pytest.raises(SlotsChanged, match="somebody else acted"):
        scenario.run()
    assert scenario.engine.slots == (scenario.before[0], None)


# --- after a write whose outcome is unknown ----------------------------------------------------------------------


def blind(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
    """Refuse what is read, and nothing else."""
    return httpx.Response(403, request=request) if request.method == "GET" else send(request)


def behind(scenario: WriteScenario) -> TransportFault:
    """Let the service act, lose its answer, and show the slots from before to all who read."""
    return stale(scenario, 99, httpx.ReadError("reset"))


def unreadable(scenario: WriteScenario) -> TransportFault:
    """Let the service act, lose its answer, and let nobody read any more for a while."""

    def fault(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        for path in ("certificate", "certificate/passive"):
            for _ in range(20):
                scenario.engine.transport.inject_once(f"GET {path}", blind)
        return commit_then_raise(httpx.ReadTimeout("lost"))(request, send)

    return fault


UNKNOWN_AFTER = [
    pytest.param(behind, WriteNotApplied, id="stale readings"),
    pytest.param(unreadable, OutcomeUnknown, id="no readings"),
    pytest.param(
        lambda _: raise_before_sending(httpx.ReadTimeout("lost")), WriteNotApplied, id="it seems not to be done"
    ),
    pytest.param(lambda _: answer_with(404, html="no route"), WriteNotApplied, id="a page that refuses"),
]


@every_write
@pytest.mark.parametrize(("fault", "error"), UNKNOWN_AFTER)
def test_a_write_whose_outcome_is_unknown_is_not_sent_again_by_a_hook_that_retries(
    scenario: WriteScenario, fault: Callable[[WriteScenario], TransportFault], error: type[TrustError]
) -> None:
    """In the same process each retry ends with the same error, whatever is read by then; the next `up` converges."""
    scenario.engine.retries = 2
    tries = Counted(scenario, fault(scenario))
    scenario.engine.transport.inject_once(scenario.request, tries)
    with pytest.raises(error) as stopped:
        scenario.run()
    ended_with = [call.error for call in scenario.engine.calls[-3:]]
    assert all(each is stopped.value for each in ended_with)
    assert len({call.method for call in scenario.engine.calls[-3:]}) == 1
    assert scenario.engine.transport.sent.count(scenario.request) - _sent_before(scenario) == 1
    scenario.settle()


def _sent_before(scenario: WriteScenario) -> int:
    """Count how often the write was sent in the deployments before."""
    earlier = scenario.engine.calls[: -scenario.engine.retries - 1]
    return sum(call.sent.count(scenario.request) for call in earlier)


def test_a_swap_that_a_rival_undid_is_not_sent_again_by_a_hook_that_retries(emulator: Emulator) -> None:
    """The slots are as before, and somebody wanted them so: that is no leave to swap once more."""
    scenario = a_swap(emulator)
    scenario.engine.retries = 1
    scenario.engine.transport.inject_once(
        scenario.request, interleave(before=lambda: emulator.rotate(scenario.engine.guid))
    )
    with pytest.raises(SlotsChanged, match="was done, and yet the slots are as before"):
        scenario.run()
    assert scenario.engine.last_report.writes == [scenario.request]
    assert scenario.engine.slots == scenario.before


@every_write
@pytest.mark.parametrize(
    ("fault", "times"), [(answer_with(403), 1), (raise_before_sending(httpx.ConnectError("no")), MAX_ATTEMPTS)]
)
def test_a_write_that_was_certainly_not_done_may_be_tried_again_by_a_hook(
    scenario: WriteScenario, fault: TransportFault, times: int
) -> None:
    """A refusal that the service documents, or no connection: a retry compares and sends it."""
    scenario.engine.retries = 1
    for _ in range(times):
        scenario.engine.transport.inject_once(scenario.request, fault)
    assert scenario.run() == [scenario.request]
    scenario.engine.retries = 0
    scenario.engine.assert_stable(scenario.wanted)


@pytest.mark.parametrize("name", ["default", "second"])
def test_no_other_resource_writes_after_an_unknown_outcome(emulator: Emulator, name: str) -> None:
    """The engine goes on with what does not depend on the failed one, under another connection's name too."""
    engine = stack(emulator, ALONE, program("b"))
    engine.config["btp-trust:connections"] = json.dumps({"second": emulator.service_key(engine.guid)})
    slots = engine.slots

    def both(deployment: Deployment) -> None:
        with contextlib.suppress(WriteNotApplied):
            deployment.passive(generation="c")
        renewed: dict[str, Any] = {"renew_fingerprint": slots[0], "accept_outage": True}
        deployment.active(connection=None if name == "default" else name, **renewed)

    engine.transport.inject_once("POST certificate/passive", raise_before_sending(httpx.ReadTimeout("lost")))
    with pytest.raises(WriteNotApplied, match="generation of a passive certificate was sent once"):
        engine.up(both)
    assert engine.last_report.writes == []
    assert engine.slots == slots


def test_a_resource_that_waited_for_its_turn_does_not_write_after_an_unknown_outcome(emulator: Emulator) -> None:
    """It was called before the outcome was unknown, and gets its turn after."""
    account = _account(stack(emulator, ALONE, PREPARED))
    waiting = threading.Thread(target=lambda: results.append(_tried(account)))
    results: list[BaseException | None] = []
    with account.write_lock.hold():
        waiting.start()
        account.write_lock.record_failure(WriteNotApplied("a", "b", "c"))
    waiting.join()
    assert isinstance(results[0], WriteNotApplied)


def _account(engine: FakeEngine) -> Subaccount:
    engine.preview(PREPARED)
    return session.current().subaccount("default", None)


def _tried(account: Subaccount) -> BaseException | None:
    try:
        swap(account, account.snapshot().slots, account.snapshot().slots.passive or "")
    except TrustError as error:
        return error
    return None
