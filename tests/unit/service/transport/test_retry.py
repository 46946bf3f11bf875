"""Patience: how long is waited and how often is asked, and that both have an end."""

from __future__ import annotations

import re
import threading
from dataclasses import fields

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import ConfigurationError, NotAuthorized, ServiceUnavailable, TrustError
from btp_trust.service.transport.retry import TRIES, Limits, Patience, is_unavailable, limits_from, never_arrived
from support.fake_clock import Clock
from support.fake_engine import assert_three_parts

BOUNDS = {
    "connectTimeout": (1.0, 60.0),
    "readTimeout": (1.0, 300.0),
    "settleTimeout": (1.0, 600.0),
    "operationTimeout": (10.0, 1800.0),
}
each_limit = pytest.mark.parametrize("name", BOUNDS)


def limit(name: str, text: str) -> float:
    """The limit that a text in the configuration gives."""
    found: float = getattr(limits_from({f"btp-trust:{name}": text}.get), re.sub("T", "_t", name))
    return found


def unavailable(*, never_sent: bool = False, retry_after: float | None = None) -> ServiceUnavailable:
    """A failure of the moment."""
    return ServiceUnavailable("down", "why", "wait", never_sent=never_sent, retry_after=retry_after)


class Failing:
    """An attempt that fails always alike, takes its time, and counts."""

    def __init__(self, clock: Clock, error: Exception, takes: float = 0.0) -> None:
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
    clock = Clock()
    patience = clock.patience(operation_timeout=100.0)
    with patience.operation():
        patience.spend()
        assert patience.pause(90)
        with patience.afresh():
            assert (patience.remaining, patience.sent) == (100.0, 0)
            patience.spend()
            patience.spend()
            assert patience.pause(60)
        assert (patience.remaining, patience.sent) == (0.0, 1)
    with patience.afresh():
        assert patience.remaining == 100.0
    assert patience.remaining == 100.0


# --- limits ------------------------------------------------------------------------------------------------------


def test_the_limits_are_the_documented_ones_unless_set() -> None:
    """Some seconds to connect, half a minute to answer and to settle, three minutes for all of an operation."""
    assert limits_from(lambda _: None) == Limits(5.0, 30.0, 30.0, 180.0)
    assert len(fields(Limits)) == len(BOUNDS)


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
    assert_three_parts(str(caught.value), f"btp-trust:{name}", f"{low:g}", f"{high:g}")
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
    assert Clock().patience().timeout == httpx.Timeout(30.0, connect=5.0)


def test_a_request_has_no_more_time_than_its_operation() -> None:
    """What remains bounds both; and a time-out is never zero, which httpx would take for none."""
    clock = Clock()
    patience = clock.patience()
    with patience.operation():
        clock.now += 177.0
        assert patience.timeout == httpx.Timeout(3.0)
        clock.now += 100.0
        assert patience.remaining == 0.0
        assert patience.timeout == httpx.Timeout(0.001)


# --- the operation -----------------------------------------------------------------------------------------------


def test_an_operation_inside_another_ends_with_it() -> None:
    """An inner one gets no time of its own, and its end does not end the outer one."""
    clock = Clock()
    patience = clock.patience()
    with patience.operation():
        clock.now += 100.0
        with patience.operation():
            assert patience.remaining == 80.0
        assert patience.remaining == 80.0
    assert patience.remaining == 180.0


def test_an_operation_that_fails_has_ended_too() -> None:
    """The next one has all its time."""
    clock = Clock()
    patience = clock.patience()

    def fail() -> None:
        with patience.operation():
            clock.now += 100.0
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with patience.operation():
        assert patience.remaining == 180.0


def test_each_thread_has_its_own_operation() -> None:
    """The engine calls from four threads."""
    clock = Clock()
    patience = clock.patience()
    found: list[float] = []

    def look() -> None:
        with patience.operation():
            found.append(patience.remaining)

    with patience.operation():
        clock.now += 100.0
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert found == [180.0]


def test_a_pause_longer_than_what_remains_is_not_made() -> None:
    """Waiting for nothing helps nobody."""
    clock = Clock()
    patience = clock.patience()
    with patience.operation():
        assert patience.pause(179.0)
        assert not patience.pause(1.1)
        assert patience.pause(1.0)
    assert clock.slept == [179.0, 1.0]


# --- repeating ---------------------------------------------------------------------------------------------------


def test_an_attempt_that_succeeds_is_the_last() -> None:
    """Its result is returned."""
    clock = Clock()
    faults = iter([unavailable(), unavailable()])

    def attempt() -> str:
        for error in faults:
            raise error
        return "done"

    assert clock.patience().repeat(attempt, is_unavailable) == "done"
    assert len(clock.slept) == 2


def test_the_pauses_grow() -> None:
    """From half a second to a second, twice that, twice that again, each with up to half a second of chance."""
    clock = Clock()
    with pytest.raises(ServiceUnavailable):
        clock.patience().repeat(Failing(clock, unavailable()), is_unavailable)
    for slept, base in zip(clock.slept, (0.5, 1.0, 2.0), strict=True):
        assert base <= slept <= base + 0.5


@pytest.mark.parametrize("error", [NotAuthorized("a", "b", "c"), ValueError("a bug")], ids=repr)
def test_another_error_is_not_repeated(error: Exception) -> None:
    """It comes through as it is."""
    clock = Clock()
    failing = Failing(clock, error)
    with pytest.raises(type(error)) as caught:
        clock.patience().repeat(failing, is_unavailable)
    assert caught.value is error
    assert failing.count == 1
    assert clock.slept == []


@given(asked=st.floats(9.0, 50.0))
def test_the_service_is_left_alone_for_as_long_as_it_asks(asked: float) -> None:
    """Retry-After is a minimum."""
    clock = Clock()
    with pytest.raises(ServiceUnavailable):
        clock.patience().repeat(Failing(clock, unavailable(retry_after=asked)), is_unavailable)
    assert clock.slept == [asked] * (TRIES - 1)


def test_a_service_that_asks_for_more_time_than_remains_is_given_up() -> None:
    """At once; its error is told."""
    clock = Clock()
    failing = Failing(clock, unavailable(retry_after=181.0))
    patience = clock.patience()
    with pytest.raises(ServiceUnavailable) as caught, patience.operation():
        patience.repeat(failing, is_unavailable)
    assert caught.value is failing.error
    assert failing.count == 1
    assert clock.slept == []


def test_tries_inside_tries_add_up() -> None:
    """What was given up inside is not begun again outside, so the service meets no avalanche."""
    clock = Clock()
    patience = clock.patience()
    failing = Failing(clock, unavailable(never_sent=True))
    with pytest.raises(ServiceUnavailable):
        patience.repeat(lambda: patience.repeat(failing, is_unavailable), never_arrived)
    assert failing.count == TRIES


def nested(patience: Patience, attempt: Failing, depth: int) -> None:
    """Repeat an attempt within so many other repetitions."""
    if depth == 0:
        attempt()
    patience.repeat(lambda: nested(patience, attempt, depth - 1), is_unavailable)


@given(
    takes=st.floats(0.0, 400.0),
    asked=st.none() | st.floats(0.0, 10**9),
    ends=st.floats(10.0, 1800.0),
    depth=st.integers(1, 4),
    begun=st.floats(0.0, 2000.0),
)
def test_tries_and_time_are_bounded(takes: float, asked: float | None, ends: float, depth: int, begun: float) -> None:
    """Whatever the service does: no more than the tries, and no pause beyond the operation's end."""
    clock = Clock()
    patience = clock.patience(operation_timeout=ends)
    failing = Failing(clock, unavailable(retry_after=asked), takes)
    with patience.operation():
        clock.now += begun
        with pytest.raises(TrustError):
            nested(patience, failing, depth)
    assert 1 <= failing.count <= TRIES
    assert clock.now <= max(ends, begun) + takes + 0.001
    assert sum(clock.slept) <= ends + 0.001


def test_what_may_be_repeated_is_told_apart() -> None:
    """A read may after any failure of the moment, a write only if it never arrived."""
    table = {unavailable(): (True, False), unavailable(never_sent=True): (True, True), KeyError(): (False, False)}
    assert {error: (is_unavailable(error), never_arrived(error)) for error in table} == table
