"""Retry policy: timeouts, backoff, and the deadline of a whole operation.

Reads and token requests are safe to repeat. A write is repeated only if it certainly did not reach the service, and
only after `AtMostOnceWrite` has compared what it is about once more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import httpx
from msgspec import Struct
from msgspec.structs import fields
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from btp_trust.errors import ConfigurationError, ServiceUnavailable

_T = TypeVar("_T")
MAX_ATTEMPTS: Final = 4
"""How often one request may be sent that is safe to repeat."""
MAX_REQUESTS: Final = 100
"""How many requests one operation may send in all: with tokens, repetitions and readings after a lost response."""
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 8.0
"""Seconds between the readings after a write whose response was lost; each pause is twice the one before."""
_MAX_LONG_PAUSES: Final = 16
"""How many of the longest pauses there are at most, as each reading counts as requests too."""
_BACKOFF: Final = wait_exponential(multiplier=0.5, max=8.0) + wait_random(0.0, 0.5)
"""Seconds: SAP's advice for both services is to begin below a second and to grow."""


class Timeouts(Struct, frozen=True):
    """Seconds; each can be set in Pulumi's configuration."""

    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    resolve_timeout: float = 30.0
    """How long the slots are read again after a write whose response was lost."""
    operation_timeout: float = 180.0
    """The deadline of a whole operation, pauses included."""


_CONFIG_KEYS: Final = {
    "connect_timeout": ("btp-trust:connectTimeout", 1, 60),
    "read_timeout": ("btp-trust:readTimeout", 1, 300),
    "resolve_timeout": ("btp-trust:resolveTimeout", 1, 600),
    "operation_timeout": ("btp-trust:operationTimeout", 10, 1800),
}


def parse_timeouts(config: Callable[[str], str | None]) -> Timeouts:
    """Read the timeouts from Pulumi's configuration.

    Raises:
        ConfigurationError: One is malformed, or out of its bounds.
    """
    given = {}
    for field in fields(Timeouts):
        key, low, high = _CONFIG_KEYS[field.name]
        if (text := config(key)) is not None:
            given[field.name] = _number(text, key, low, high)
    return Timeouts(**given)


def _number(text: str, key: str, low: float, high: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    # In this form NaN is refused as well: each comparison with it is false.
    if not low <= number <= high:
        raise ConfigurationError(
            f"The config {key} cannot be used.",
            f"It takes a number of seconds from {low:g} to {high:g}.",
            f"Set it again, or remove it: pulumi config rm {key}",
        )
    return number


class RetryPolicy:
    """Waits and repeats within the timeouts; each thread has one operation at a time.

    Args:
        timeouts: The timeouts.
        sleep: Waits for seconds.
        monotonic: Seconds of a clock that only goes forward.
    """

    def __init__(self, timeouts: Timeouts, sleep: Callable[[float], None], monotonic: Callable[[], float]) -> None:
        self.timeouts = timeouts
        self._sleep = sleep
        self._monotonic = monotonic
        # Pulumi calls the provider from many threads, each with an operation of its own.
        self._thread = threading.local()

    @contextmanager
    def deadline(self) -> Iterator[None]:
        """Bound the block by the operation's timeout; inside another operation, by that one's."""
        outer = getattr(self._thread, "ends", None)
        if outer is None:
            self._thread.ends, self._thread.sent = self._monotonic() + self.timeouts.operation_timeout, 0
        try:
            yield
        finally:
            self._thread.ends = outer

    @contextmanager
    def fresh_deadline(self) -> Iterator[None]:
        """Give the block time and requests of its own, so that it has enough after an operation that used up both."""
        before = getattr(self._thread, "ends", None), self.requests_sent
        self._thread.ends, self._thread.sent = self._monotonic() + self.timeouts.operation_timeout, 0
        try:
            yield
        finally:
            self._thread.ends, self._thread.sent = before

    @contextmanager
    def outside_deadline(self) -> Iterator[None]:
        """Give the block time and requests of its own, and leave the operation those that it had."""
        left, is_bounded = self.remaining, getattr(self._thread, "ends", None) is not None
        try:
            with self.fresh_deadline():
                yield
        finally:
            if is_bounded:
                self._thread.ends = self._monotonic() + left

    @contextmanager
    def shortened_deadline(self, seconds: float) -> Iterator[None]:
        """Bound the block by a share of the time that remains; its requests count as the operation's."""
        outer = getattr(self._thread, "ends", None)
        self._thread.ends, self._thread.sent = self._monotonic() + min(seconds, self.remaining), self.requests_sent
        try:
            yield
        finally:
            self._thread.ends = outer

    @property
    def remaining(self) -> float:
        """Seconds until the operation must have ended; never negative."""
        ends = getattr(self._thread, "ends", None)
        return self.timeouts.operation_timeout if ends is None else max(0.0, ends - self._monotonic())

    @property
    def requests_sent(self) -> int:
        """How many requests this operation has sent."""
        return getattr(self._thread, "sent", 0)

    def count_request(self) -> bool:
        """Count one more request of this operation; return False if it has sent all that it may."""
        if getattr(self._thread, "ends", None) is None:
            return True
        self._thread.sent += 1
        return bool(self._thread.sent <= MAX_REQUESTS)

    @property
    def timeout(self) -> httpx.Timeout:
        """Timeouts of the next request: the configured ones, or the time that remains."""
        # httpx takes 0 for no timeout at all.
        left = max(self.remaining, 0.001)
        return httpx.Timeout(min(self.timeouts.read_timeout, left), connect=min(self.timeouts.connect_timeout, left))

    def pause(self, seconds: float) -> bool:
        """Wait, and return True, if that much time remains."""
        if seconds > self.remaining:
            return False
        if seconds > 0:
            self._sleep(seconds)
        return True

    def poll(self, seconds: float) -> Iterator[float]:
        """Pause repeatedly until that much time has passed or the operation ends, at least once; yield the sum."""
        # Long watches get longer pauses: every reading counts towards MAX_REQUESTS.
        longest = max(_LONGEST_PAUSE, seconds / _MAX_LONG_PAUSES)
        watched, pause = 0.0, _FIRST_PAUSE
        while pause > 0 and self.pause(pause):
            watched += pause
            yield watched
            # The last pause is cut, so that the last reading comes exactly at the end.
            pause = min(2 * pause, longest, seconds - watched)

    def run_with_retries(self, attempt: Callable[[], _T], when: Callable[[BaseException], bool]) -> _T:
        """Run an attempt, again after each failure of the given kind, within the attempts and the time that remain.

        A failure is final once a call inside has given up: attempts add up instead of multiplying.
        """
        retrying = Retrying(
            stop=self._must_stop,
            wait=self._pause_before_retry,
            retry=retry_if_exception(lambda error: when(error) and not _is_permanent(error)),
            sleep=self._sleep,
            reraise=True,
        )
        # Final for callers that retry as well, or four attempts would become sixteen.
        try:
            return retrying(attempt)
        except ServiceUnavailable as error:
            error.is_permanent = True
            raise

    def _must_stop(self, state: RetryCallState) -> bool:
        # Waiting beyond the deadline would replace the error at hand by a timeout, which says less.
        return stop_after_attempt(MAX_ATTEMPTS)(state) or state.upcoming_sleep > self.remaining

    def _pause_before_retry(self, state: RetryCallState) -> float:
        """Return the pause that the service asks for, else a longer one after each attempt."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, ServiceUnavailable) else None
        # Retry-After is a minimum: a service that asks for 0 s gets the backoff all the same.
        return max(asked or 0.0, _BACKOFF(state))


def _is_permanent(error: BaseException) -> bool:
    return isinstance(error, ServiceUnavailable) and error.is_permanent


def is_unavailable(error: BaseException) -> bool:
    """Whether repeating a read may help."""
    return isinstance(error, ServiceUnavailable)


def was_not_sent(error: BaseException) -> bool:
    """Whether a write certainly did not reach the service, or was refused before it took effect."""
    return isinstance(error, ServiceUnavailable) and error.not_sent
