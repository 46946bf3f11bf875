"""How far the waves of a command are. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from btp_trust_fleet.stack_run.task import StackOutcome, StackState
from btp_trust_fleet.table.fleet import FleetStack, Wave

_LATER: Final = frozenset({StackState.LOCKED, StackState.LOST, StackState.POSTPONED})
"""States after which a stack is still to run."""


@dataclass
class WaveCounts:
    """One wave of a command."""

    wave: Wave
    total: int
    """Stacks that the command is about."""
    done: int = 0
    """Those that are what their programs say, before this command too."""
    failed: int = 0
    running: dict[str, datetime] = field(default_factory=dict)
    """{name of the subaccount: when it started}"""

    @property
    def left(self) -> int:
        """How many are still to end."""
        return max(self.total - self.done - self.failed, 0)


class Counts:
    """All waves of a command.

    Args:
        waves: The waves, with what was done before.
        parallel: How many stacks run at a time.
    """

    def __init__(self, waves: Iterable[WaveCounts], parallel: int) -> None:
        self.waves = {each.wave.name: each for each in waves}
        self._parallel = parallel
        self._durations: list[timedelta] = []

    def start(self, wave: Wave, stack: FleetStack, now: datetime) -> None:
        """Count a stack that runs."""
        self.waves[wave.name].running[stack.name] = now

    def end(self, wave: Wave, stack: FleetStack, outcome: StackOutcome) -> None:
        """Count a stack that has run."""
        counts = self.waves[wave.name]
        counts.running.pop(stack.name, None)
        self._durations.append(outcome.ended_at - outcome.started_at)
        if outcome.state.is_green:
            counts.done += 1
        elif outcome.state not in _LATER:
            counts.failed += 1

    def time_left(self, wave: Wave) -> timedelta | None:
        """Estimate when the wave ends, by the stacks that have run; None before the first one."""
        counts = self.waves[wave.name]
        if not self._durations or not counts.left:
            return None
        mean = sum(self._durations, timedelta()) / len(self._durations)
        rounds = -(-counts.left // self._parallel)
        return timedelta(seconds=round((mean * rounds).total_seconds()))
