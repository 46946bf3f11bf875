"""RetryPolicy: how long is waited and how often is asked, and that both have an end."""

from __future__ import annotations

import re
import threading
from dataclasses import fields

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    "settleTimeout": (1.0, 600.0),
    "operationTimeout": (10.0, 1800.0),
}
each_limit = pytest.mark.parametrize("name", BOUNDS)


def limit(name: str, text: str) -> float:
    """The limit that a text in the configuration gives."""
    found: float = getattr(parse_timeouts({f"btp-trust:{name}": text}.get), re.sub("T", "_t", name))
    return found


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


def test_what_begins_afresh_has_time_and_requests_of_its_own() -> None:
    """And what is around it goes on with what it had."""
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


def test_the_limits_are_the_documented_ones_unless_set() -> None:
    """Some seconds to connect, half a minute to answer and to settle, three minutes for all of an operation."""
    assert parse_timeouts(lambda _: None) == Timeouts(5.0, 30.0, 30.0, 180.0)
    assert len(fields(Timeouts)) == len(BOUNDS)


@each_limit
def test_a_limit_may_be_set_between_its_bounds(name: str) -> None:
    """Both bounds included, and fractions too."""
    low, high = BOUNDS[name]
    assert [limit(name, text) for text in (f"{low}", f"{high}", "10.5")] == [low, high, 10.5]


@each_limit
@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "-inf", "-5", "0", "0.9", "1e9", "30s"])
def test_a_limit_that_makes_no_sense_is_refused(name: str, text: str) -> None:
    """The error names the key, the bounds, and how to be rid of it; the value may be a slip of any kind."""
    low, high = BOUNDS[name]
    with pytest.raises(ConfigurationError) as caught:
        limit(name, text)
    assert_three_part_message(str(caught.value), f"btp-trust:{name}", f"{low:g}", f"{high:g}")
    assert caught.value.remedy.endswith(f"pulumi config rm btp-trust:{name}")


@each_limit
def test_a_limit_just_outside_is_refused(name: str) -> None:
    """The bounds are exact."""
    low, high = BOUNDS[name]
    for text in (f"{low - 0.001}", f"{high + 0.001}"):
        with pytest.raises(ConfigurationError):
            limit(name, text)


# --- one request -------------------------------------------------------------------------------------------------


def test_a_request_has_the_configured_time() -> None:
    """To connect and to answer."""
    assert FakeClock().retry_policy().timeout == httpx.Timeout(30.0, connect=5.0)


def test_a_request_has_no_more_time_than_its_operation() -> None:
    """What remains bounds both; and a time-out is never zero, which httpx would take for none."""
    clock = FakeClock()
    retry_policy = clock.retry_policy()
    with retry_policy.deadline():
        clock.now += 177.0
        assert retry_policy.timeout == httpx.Timeout(3.0)
        clock.now += 100.0
        assert retry_policy.remaining == 0.0
        assert retry_policy.timeout == httpx.Timeout(0.001)


# --- the operation -----------------------------------------------------------------------------------------------


def test_an_operation_inside_another_ends_with_it() -> None:
    """An inner one gets no time of its own, and its end does not end the outer one."""
    clock = FakeClock()
    retry_policy = clock.retry_policy()
    with retry_policy.deadline():
        clock.now += 100.0
        with retry_policy.deadline():
            assert retry_policy.remaining == 80.0
        assert retry_policy.remaining == 80.0
    assert retry_policy.remaining == 180.0


def test_an_operation_that_fails_has_ended_too() -> None:
    """The next one has all its time."""
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


def test_each_thread_has_its_own_operation() -> None:
    """The engine calls from four threads."""
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


def test_a_pause_longer_than_what_remains_is_not_made() -> None:
    """Waiting for nothing helps nobody."""
    clock = FakeClock()
    retry_policy = clock.retry_policy()
    with retry_policy.deadline():
        assert retry_policy.pause(179.0)
        assert not retry_policy.pause(1.1)
        assert retry_policy.pause(1.0)
    assert clock.pauses == [179.0, 1.0]


# --- repeating ---------------------------------------------------------------------------------------------------


def test_an_attempt_that_succeeds_is_the_last() -> None:
    """Its result is returned."""
    clock = FakeClock()
    faults = iter([unavailable(), unavailable()])

    def attempt() -> str:
        for error in faults:
            raise error
        return "done"

    assert clock.retry_policy().run_with_retries(attempt, is_unavailable) == "done"
    assert len(clock.pauses) == 2


def test_the_pauses_grow() -> None:
    """From half a second to a second, twice that, twice that again, each with up to half a second of chance."""
    clock = FakeClock()
    with pytest.raises(ServiceUnavailable):
        clock.retry_policy().run_with_retries(Failing(clock, unavailable()), is_unavailable)
    for pauses, base in zip(clock.pauses, (0.5, 1.0, 2.0), strict=True):
        assert base <= pauses <= base + 0.5


@pytest.mark.parametrize("error", [NotAuthorized("a", "b", "c"), ValueError("a bug")], ids=repr)
def test_another_error_is_not_repeated(error: Exception) -> None:
    """It comes through as it is."""
    clock = FakeClock()
    failing = Failing(clock, error)
    with pytest.raises(type(error)) as caught:
        clock.retry_policy().run_with_retries(failing, is_unavailable)
    assert caught.value is error
    assert failing.count == 1
    assert clock.pauses == []


@given(asked=st.floats(9.0, 50.0))
def test_the_service_is_left_alone_for_as_long_as_it_asks(asked: float) -> None:
    """Retry-After is a minimum."""
    clock = FakeClock()
    with pytest.raises(ServiceUnavailable):
        clock.retry_policy().run_with_retries(Failing(clock, unavailable(retry_after=asked)), is_unavailable)
    assert clock.pauses == [asked] * (MAX_ATTEMPTS - 1)


def test_a_service_that_asks_for_more_time_than_remains_is_given_up() -> None:
    """At once; its error is told."""
    clock = FakeClock()
    failing = Failing(clock, unavailable(retry_after=181.0))
    retry_policy = clock.retry_policy()
    with pytest.raises(ServiceUnavailable) as caught, retry_policy.deadline():
        retry_policy.run_with_retries(failing, is_unavailable)
    assert caught.value is failing.error
    assert failing.count == 1
    assert clock.pauses == []


def test_tries_inside_tries_add_up() -> None:
    """What was given up inside is not begun again outside, so the service meets no avalanche."""
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
def test_tries_and_time_are_bounded(takes: float, asked: float | None, ends: float, depth: int, begun: float) -> None:
    """Whatever the service does: no more than the tries, and no pause beyond the operation's end."""
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


def test_what_may_be_repeated_is_told_apart() -> None:
    """A read may after any failure of the moment, a write only if it never arrived."""
    table = {unavailable(): (True, False), unavailable(not_sent=True): (True, True), KeyError(): (False, False)}
    assert {error: (is_unavailable(error), was_not_sent(error)) for error in table} == table
