"""A clock that only the pauses move: nobody really waits, and a test says how long a request takes."""

from __future__ import annotations

from dataclasses import dataclass, field

from btp_trust.service.transport.retry import RetryPolicy, Timeouts


@dataclass
class FakeClock:
    """What a process waits by."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let that time go by."""
        self.pauses.append(seconds)
        self.now += seconds

    def retry_policy(self, **limits: float) -> RetryPolicy:
        """RetryPolicy by this clock, with the usual limits unless others are given."""
        return RetryPolicy(Timeouts(**limits), self.sleep, lambda: self.now)
