"""A clock that only the pauses move: nobody really waits, and a test says how long a request takes."""

from __future__ import annotations

from dataclasses import dataclass, field

from btp_trust.service.transport.retry import Limits, Patience


@dataclass
class Clock:
    """What a process waits by."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let that time go by."""
        self.slept.append(seconds)
        self.now += seconds

    def patience(self, **limits: float) -> Patience:
        """Patience by this clock, with the usual limits unless others are given."""
        return Patience(Limits(**limits), self.sleep, lambda: self.now)
