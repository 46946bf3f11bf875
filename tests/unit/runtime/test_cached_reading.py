"""CachedReading: one reading for a command, its error alike, and a new one on demand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from btp_trust.errors import ServiceUnavailable, TrustError
from btp_trust.runtime.cached_reading import CachedReading
from support.fake_clock import FakeClock

MACHINE, SERVICE = (datetime(2030, month, 1, tzinfo=UTC) for month in (1, 2))


@dataclass
class Client:
    """A service that counts, or fails."""

    server_time: datetime | None = None
    results: list[int | TrustError] = field(default_factory=list)


class Number(CachedReading[Client, int]):
    """A number that is read."""

    def _fetch(self) -> int:
        result = self.client.results.pop(0)
        if isinstance(result, TrustError):
            raise result
        return result


def number(*results: int | TrustError) -> Number:
    """Make a number of a service with these results."""
    client = Client(results=list(results))
    return Number(client, FakeClock().retry_policy(), lambda: MACHINE, lambda: False, show_user=print)


def test_last_reads_once() -> None:
    """The first reading is shared; `read` and `forget` lead to a new one."""
    reading = number(1, 2, 3)
    assert [reading.last(), reading.last(), reading.read(), reading.last()] == [1, 1, 2, 2]
    reading.forget()
    assert reading.last() == 3


def test_failure_is_shared() -> None:
    """The error of a reading is raised again until the next `read`."""
    error = ServiceUnavailable("down", "why", "wait")
    reading = number(error, 2)
    for _ in range(2):
        with pytest.raises(ServiceUnavailable) as caught:
            reading.last()
        assert caught.value is error
    assert [reading.read(), reading.last()] == [2, 2]


def test_now_prefers_service_clock() -> None:
    """The time is the service's, or the machine's before the first dated response."""
    reading = number()
    assert reading.now == MACHINE
    reading.client.server_time = SERVICE
    assert reading.now == SERVICE
