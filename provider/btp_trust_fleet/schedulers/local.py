"""Stacks in threads of this process, each with a child."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from btp_trust_fleet.schedulers.outcomes import Run, run_guarded
from btp_trust_fleet.stack_run.control import RunControl
from btp_trust_fleet.stack_run.run import run_stack
from btp_trust_fleet.stack_run.task import StackOutcome, StackTask


class LocalScheduler:
    """Runs a number of stacks at a time.

    Args:
        parallel: How many stacks run at a time.
        run: Runs one of them.
    """

    def __init__(self, parallel: int, run: Run = run_stack) -> None:
        # The threads live until `close`: on Linux, the end of the thread that started it interrupts a command.
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="stack")
        self._run = run
        self._control = RunControl()
        self._outcomes: SimpleQueue[StackOutcome] = SimpleQueue()

    def submit(self, task: StackTask) -> None:
        """See `Scheduler`."""
        self._pool.submit(lambda: self._outcomes.put(run_guarded(self._run, task, self._control)))

    def next_outcome(self, timeout: float) -> StackOutcome | None:
        """See `Scheduler`."""
        try:
            return self._outcomes.get(timeout=timeout)
        except Empty:
            return None

    def interrupt(self) -> None:
        """See `Scheduler`. A task that waits ends as soon as a thread takes it."""
        self._control.interrupt()

    def close(self) -> None:
        """See `Scheduler`."""
        self._pool.shutdown()
