"""Stacks in threads of this process, each with a child."""

from __future__ import annotations

from btp_trust_fleet.stack_run.task import StackOutcome, StackTask


class LocalScheduler:
    """Runs a number of stacks at a time.

    Args:
        parallel: How many stacks run at a time.
    """

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel

    def submit(self, task: StackTask) -> None:
        """See `Scheduler`."""
        raise NotImplementedError(task)

    def next_outcome(self, timeout: float) -> StackOutcome | None:
        """See `Scheduler`."""
        raise NotImplementedError(timeout)

    def interrupt(self) -> None:
        """See `Scheduler`."""
        raise NotImplementedError

    def close(self) -> None:
        """See `Scheduler`."""
        raise NotImplementedError
