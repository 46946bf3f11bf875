"""Slot writes that are sent: once, or again if the request was certainly lost on the way."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from btp_trust.errors import (
    CredentialsRejected,
    EngineExited,
    NotAuthorized,
    ServiceUnavailable,
    TrustError,
    UnexpectedResponse,
)
from btp_trust.runtime import process_session
from btp_trust.service.transport.retry import MAX_ATTEMPTS, MAX_REQUESTS
from support.fake_engine import (
    TransportFault,
    answer_with,
    assert_three_part_message,
    is_read,
    pass_through,
    raise_before_sending,
    request_label,
)
from support.slot_writes import NEVER_ARRIVED, Counted, WriteScenario, every_write


@every_write
@pytest.mark.parametrize("fault", NEVER_ARRIVED)
def test_unsent_write_is_compared_and_resent(scenario: WriteScenario, fault: TransportFault) -> None:
    """An unsent write is sent again right after both slots were read."""
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
def test_unsent_write_is_given_up(scenario: WriteScenario, fault: TransportFault) -> None:
    """A write that stays unsent is given up after some attempts, and the next `up` does it."""
    tries = Counted(scenario, fault)
    scenario.engine.transport.inject_always(tries, scenario.request)
    with pytest.raises(ServiceUnavailable) as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value))
    assert len(tries.journal) == MAX_ATTEMPTS
    assert len(scenario.engine.pauses) == MAX_ATTEMPTS - 1
    assert scenario.engine.last_report.writes == []
    assert scenario.engine.slots == scenario.before
    scenario.assert_converges()


@every_write
def test_engine_exit_stops_write(scenario: WriteScenario) -> None:
    """A write is refused once the engine has exited, and the next `up` does it."""
    scenario.engine.engine_exited = True
    with pytest.raises(EngineExited) as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value), *[each for each in scenario.before if each])
    assert scenario.engine.last_report.writes == []
    scenario.engine.engine_exited = False
    scenario.assert_converges()


@every_write
def test_engine_exit_stops_resending(scenario: WriteScenario) -> None:
    """An unsent write stays unsent if the engine exits in the pause before the next attempt."""

    def fault(request: httpx.Request, _: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        scenario.engine.engine_exited = True
        raise httpx.ConnectError("refused", request=request)

    scenario.engine.transport.inject_once(scenario.request, fault)
    with pytest.raises(EngineExited):
        scenario.run()
    assert scenario.engine.last_report.writes == []
    scenario.engine.engine_exited = False
    scenario.assert_converges()


@every_write
def test_forbidden_write_ends_at_once(scenario: WriteScenario) -> None:
    """A 403 ends a write at once, as repeating and waiting are useless."""
    tries = Counted(scenario, answer_with(403))
    scenario.engine.transport.inject_always(tries, scenario.request)
    with pytest.raises(NotAuthorized) as stopped:
        scenario.run()
    assert_three_part_message(str(stopped.value))
    assert len(tries.journal) == 1
    assert scenario.engine.pauses == []
    assert scenario.engine.slots == scenario.before
    scenario.assert_converges()


@every_write
def test_unreadable_slots_stop_resending(scenario: WriteScenario) -> None:
    """A write is given up if the slots are unreadable between two attempts; attempts to read add up."""
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
    scenario.assert_converges()


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
def test_missing_token_leaves_write_unsent(
    scenario: WriteScenario, fault: TransportFault, kind: type[TrustError], asked: int
) -> None:
    """A write that gets no fresh token after a 401 counts as unsent."""
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
    scenario.assert_converges()


@every_write
def test_unauthorized_write_gets_fresh_token(scenario: WriteScenario) -> None:
    """After a 401 the write follows once more, with a fresh token."""
    scenario.engine.transport.inject_once(scenario.request, answer_with(401))
    assert scenario.run() == [scenario.request]
    assert scenario.engine.last_report.requests.count("POST token") == 2
    scenario.engine.assert_stable(scenario.wanted)


@every_write
def test_second_unauthorized_response_ends_write(scenario: WriteScenario) -> None:
    """A second 401 ends the write, which counts as unapplied."""
    scenario.engine.transport.inject_always(answer_with(401), scenario.request)
    with pytest.raises(CredentialsRejected):
        scenario.run()
    assert scenario.engine.slots == scenario.before
    scenario.assert_converges()


def count_requests(scenario: WriteScenario, fault: TransportFault) -> list[int]:
    """Let every request meet a fault; count at each request how many its operation has sent."""
    counts: list[int] = []

    def counted(request: httpx.Request, send: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        counts.append(process_session.current().retry_policy.requests_sent)
        return fault(request, send)

    scenario.engine.transport.inject_always(counted)
    return counts


@every_write
def test_undisturbed_operation_sends_few_requests(scenario: WriteScenario) -> None:
    """An undisturbed operation sends far fewer requests than its bound."""
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
def test_requests_of_operation_are_bounded(scenario: WriteScenario) -> None:
    """An operation ends after a bounded number of requests, in spite of long timeouts."""
    scenario.engine.config |= {"btp-trust:resolveTimeout": "600", "btp-trust:operationTimeout": "1800"}
    counts = count_requests(scenario, Flaky())
    with pytest.raises(TrustError):
        scenario.run()
    assert max(counts) == MAX_REQUESTS
    assert scenario.engine.slots == scenario.before
    scenario.assert_converges()
