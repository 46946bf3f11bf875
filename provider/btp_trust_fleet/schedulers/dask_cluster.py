"""Stacks on the workers of a Dask cluster."""

from __future__ import annotations

from btp_trust_fleet.stack_run.task import StackOutcome, StackTask


class DaskScheduler:
    """Runs each stack as a task of its own, at most once.

    Args:
        address: `tls://HOST:PORT`, or `tcp://127.0.0.1:PORT`.
    """

    def __init__(self, address: str) -> None:
        self._address = address

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
