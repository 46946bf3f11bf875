"""The interface of schedulers."""

from __future__ import annotations

from typing import Protocol

from btp_trust_fleet.stack_run.task import StackOutcome, StackTask


class Scheduler(Protocol):
    """Runs stacks side by side. Used by one thread: that of the driver."""

    def submit(self, task: StackTask) -> None:
        """Start a stack, or let it wait for a free worker."""

    def next_outcome(self, timeout: float) -> StackOutcome | None:
        """Return the next outcome in the order in which runs end, each exactly once; None after `timeout` seconds."""

    def interrupt(self) -> None:
        """Ask running commands to end cleanly, and drop waiting tasks: each of both ends as INTERRUPTED."""

    def close(self) -> None:
        """Give back what the scheduler holds; call `interrupt` and collect the outcomes first."""
