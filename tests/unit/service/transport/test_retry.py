"""RetryPolicy: how long is waited and how often is asked, and that both have an end."""

from __future__ import annotations

import re
import threading

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from btp_trust.errors import ConfigurationError, NotAuthorized, ServiceUnavailable, TrustError
from btp_trust.service.transport.retry import (
    MAX_ATTEMPTS,
    RetryPolicy,
    Timeouts,
    is_unavailable,
    parse_timeouts,
    was_not_sent,
)
from support.fake_clock import FakeClock
from support.fake_engine import assert_three_part_message

BOUNDS = {
    "connectTimeout": (1.0, 60.0),
    "readTimeout": (1.0, 300.0),
    "resolveTimeout": (1.0, 600.0),
    "operationTimeout": (10.0, 1800.0),
}
each_limit = pytest.mark.parametrize("name", BOUNDS)


def limit(name: str, text: str) -> float:
    """The limit that a text in the configuration gives."""
    field = re.sub("T", "_t", name)
    seconds: float = getattr(parse_timeouts({f"btp-trust:{name}": text}.get), field)
    return seconds


def unavailable(*, not_sent: bool = False, retry_after: float | None = None) -> ServiceUnavailable:
    """A failure of the moment."""
    return ServiceUnavailable("down", "why", "wait", not_sent=not_sent, retry_after=retry_after)


class Failing:
    """An attempt that fails always alike, takes its time, and counts."""

    def __init__(self, clock: FakeClock, error: Exception, takes: float = 0.0) -> None:
        self.clock = clock
        self.error = error
        self.takes = takes
        self.count = 0

    def __call__(self) -> None:
        """Fail."""
        self.count += 1
        self.clock.now += self.takes
        raise self.error


def test_fresh_deadline_restores_outer_one() -> None:
    """A fresh deadline has time and requests of its own; the outer one continues with what it had."""
    clock = FakeClock()
    retry_policy = clock.retry_policy(operation_timeout=100.0)
    with retry_policy.deadline():
        retry_policy.count_request()
        assert retry_policy.pause(90)
        with retry_policy.fresh_deadline():
            assert (retry_policy.remaining, retry_policy.requests_sent) == (100.0, 0)
            retry_policy.count_request()
            retry_policy.count_request()
            assert retry_policy.pause(60)
        assert (retry_policy.remaining, retry_policy.requests_sent) == (0.0, 1)
    with retry_policy.fresh_deadline():
        assert retry_policy.remaining == 100.0
    assert retry_policy.remaining == 100.0


# --- limits ------------------------------------------------------------------------------------------------------


def test_default_timeouts() -> None:
    """Without configuration, the timeouts are the documented ones."""
    assert parse_timeouts(lambda _: None) == Timeouts(5.0, 30.0, 30.0, 180.0)
    assert len(fields(Timeouts)) == len(BOUNDS)


@each_limit
def test_timeout_within_bounds(name: str) -> None:
    """A timeout may be set to either bound, and to a fraction between them."""
    low, high = BOUNDS[name]
    assert [limit(name, text) for text in (f"{low}", f"{high}", "10.5")] == [low, high, 10.5]


@each_limit
@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "-inf", "-5", "0", "0.9", "1e9", "30s"])
def test_malformed_timeout_is_refused(name: str, text: str) -> None:
    """The error of a malformed timeout names the key, the bounds, and how to remove it."""
    low, high = BOUNDS[name]
    with pytest.raises(ConfigurationError) as caught:
        limit(name, text)
    assert_three_part_message(str(caught.value), f"btp-trust:{name}", f"{low:g}", f"{high:g}")
    assert caught.value.remedy.endswith(f"pulumi config rm btp-trust:{name}")


@each_limit
def test_timeout_outside_bounds_is_refused(name: str) -> None:
    """A timeout just outside its bounds is refused."""
    low, high = BOUNDS[name]
    for text in (f"{low - 0.001}", f"{high + 0.001}"):
        with pytest.raises(ConfigurationError):
            limit(name, text)


# --- one request -------------------------------------------------------------------------------------------------


def test_request_timeout() -> None:
    """A request has the configured timeouts to connect and to read."""
    assert FakeClock().retry_policy().timeout == httpx.Timeout(30.0, connect=5.0)


def test_request_timeout_ends_with_operation() -> None:
    """The rest of the operation bounds a request, down to a millisecond: httpx would take zero for no timeout."""
    clock = FakeClock()
    retry_policy = clock.retry_policy()
    with retry_policy.deadline():
        clock.now += 177.0
        assert retry_policy.timeout == httpx.Timeout(3.0)
        clock.now += 100.0
        assert retry_policy.remaining == 0.0
        assert retry_policy.timeout == httpx.Timeout(0.001)


# --- the operation -----------------------------------------------------------------------------------------------


def test_nested_deadline_keeps_outer_one() -> None:
    """An operation inside another one keeps its deadline."""
    clock = FakeClock()
    retry_policy = clock.retry_policy()
    with retry_policy.deadline():
        clock.now += 100.0
        with retry_policy.deadline():
            assert retry_policy.remaining == 80.0
        assert retry_policy.remaining == 80.0
    assert retry_policy.remaining == 180.0


def test_failed_operation_ends() -> None:
    """A failed operation ends, so that the next one has all its time."""
    clock = FakeClock()
    retry_policy = clock.retry_policy()

    def fail() -> None:
        with retry_policy.deadline():
            clock.now += 100.0
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with retry_policy.deadline():
        assert retry_policy.remaining == 180.0


def test_thread_has_own_deadline() -> None:
    """Each thread has a deadline of its own."""
    clock = FakeClock()
    retry_policy = clock.retry_policy()
    found: list[float] = []

    def look() -> None:
        with retry_policy.deadline():
            found.append(retry_policy.remaining)

    with retry_policy.deadline():
        clock.now += 100.0
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert found == [180.0]


def test_pause_beyond_deadline_is_skipped() -> None:
    """A pause beyond the deadline is skipped."""
    clock = FakeClock()
    retry_policy = clock.retry_policy()
    with retry_policy.deadline():
        assert retry_policy.pause(179.0)
        assert not retry_policy.pause(1.1)
        assert retry_policy.pause(1.0)
    assert clock.pauses == [179.0, 1.0]


# --- repeating ---------------------------------------------------------------------------------------------------


def test_success_ends_retries() -> None:
    """The first success ends the retries, and its result is returned."""
    clock = FakeClock()
    faults = iter([unavailable(), unavailable()])

    def attempt() -> str:
        for error in faults:
            raise error
        return "done"

    assert clock.retry_policy().run_with_retries(attempt, is_unavailable) == "done"
    assert len(clock.pauses) == 2


def test_backoff_grows() -> None:
    """Pauses double from half a second, each with up to half a second of jitter."""
    clock = FakeClock()
    with pytest.raises(ServiceUnavailable):
        clock.retry_policy().run_with_retries(Failing(clock, unavailable()), is_unavailable)
    for pauses, base in zip(clock.pauses, (0.5, 1.0, 2.0), strict=True):
        assert base <= pauses <= base + 0.5


@pytest.mark.parametrize("error", [NotAuthorized("a", "b", "c"), ValueError("a bug")], ids=repr)
def test_other_errors_are_raised_at_once(error: Exception) -> None:
    """An error of another kind is raised after one attempt."""
    clock = FakeClock()
    failing = Failing(clock, error)
    with pytest.raises(type(error)) as caught:
        clock.retry_policy().run_with_retries(failing, is_unavailable)
    assert caught.value is error
    assert failing.count == 1
    assert clock.pauses == []


@given(asked=st.floats(9.0, 50.0))
def test_retry_after_is_minimum(asked: float) -> None:
    """Retry-After is the minimum of each pause."""
    clock = FakeClock()
    with pytest.raises(ServiceUnavailable):
        clock.retry_policy().run_with_retries(Failing(clock, unavailable(retry_after=asked)), is_unavailable)
    assert clock.pauses == [asked] * (MAX_ATTEMPTS - 1)


def test_retry_after_beyond_deadline_ends_retries() -> None:
    """A Retry-After beyond the deadline ends the retries at once."""
    clock = FakeClock()
    failing = Failing(clock, unavailable(retry_after=181.0))
    retry_policy = clock.retry_policy()
    with pytest.raises(ServiceUnavailable) as caught, retry_policy.deadline():
        retry_policy.run_with_retries(failing, is_unavailable)
    assert caught.value is failing.error
    assert failing.count == 1
    assert clock.pauses == []


def test_nested_retries_add_up() -> None:
    """An attempt that was given up inside is final outside: attempts add up instead of multiplying."""
    clock = FakeClock()
    retry_policy = clock.retry_policy()
    failing = Failing(clock, unavailable(not_sent=True))
    with pytest.raises(ServiceUnavailable):
        retry_policy.run_with_retries(lambda: retry_policy.run_with_retries(failing, is_unavailable), was_not_sent)
    assert failing.count == MAX_ATTEMPTS


def nested(retry_policy: RetryPolicy, attempt: Failing, depth: int) -> None:
    """Repeat an attempt within so many other repetitions."""
    if depth == 0:
        attempt()
    retry_policy.run_with_retries(lambda: nested(retry_policy, attempt, depth - 1), is_unavailable)


@given(
    takes=st.floats(0.0, 400.0),
    asked=st.none() | st.floats(0.0, 10**9),
    ends=st.floats(10.0, 1800.0),
    depth=st.integers(1, 4),
    begun=st.floats(0.0, 2000.0),
)
def test_attempts_and_time_are_bounded(
    takes: float, asked: float | None, ends: float, depth: int, begun: float
) -> None:
    """In every case the attempts are bounded, and pauses end with the operation."""
    clock = FakeClock()
    retry_policy = clock.retry_policy(operation_timeout=ends)
    failing = Failing(clock, unavailable(retry_after=asked), takes)
    with retry_policy.deadline():
        clock.now += begun
        with pytest.raises(TrustError):
            nested(retry_policy, failing, depth)
    assert 1 <= failing.count <= MAX_ATTEMPTS
    assert clock.now <= max(ends, begun) + takes + 0.001
    assert sum(clock.pauses) <= ends + 0.001


def test_retryable_errors() -> None:
    """A read may be repeated after a ServiceUnavailable, a write only if it was not sent."""
    table = {unavailable(): (True, False), unavailable(not_sent=True): (True, True), KeyError(): (False, False)}
    assert {error: (is_unavailable(error), was_not_sent(error)) for error in table} == table
