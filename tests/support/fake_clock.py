"""A clock that only pauses advance, without real waiting; a test sets the duration of requests."""

from __future__ import annotations

from dataclasses import dataclass, field

from btp_trust.service.transport.retry import RetryPolicy, Timeouts


@dataclass
class FakeClock:
    """The clock of a process."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        self.pauses.append(seconds)
        self.now += seconds

    def retry_policy(self, **limits: float) -> RetryPolicy:
        """Return a retry policy with this clock, by default with the usual limits."""
        return RetryPolicy(Timeouts(**limits), self.sleep, lambda: self.now)
