"""Run one stack to an outcome: attempts, the wait for its lock, and errors as a part of the result."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from btp_trust.errors import TrustError
from btp_trust_fleet.stack_run.attempt import Attempt, Result
from btp_trust_fleet.stack_run.control import RunControl
from btp_trust_fleet.stack_run.lines import readable
from btp_trust_fleet.stack_run.locks import Holder, Lock, process_is_alive, sees_all_processes, waiting_times
from btp_trust_fleet.stack_run.process import SIGNAL_TIMES, SignalTimes
from btp_trust_fleet.stack_run.task import StackOutcome, StackState, StackTask
from btp_trust_fleet.stack_run.workspace import open_workspace


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine knows of processes."""

    host: str = field(default_factory=socket.gethostname)
    is_alive: Callable[[Holder], bool] = process_is_alive
    sees_all_processes: bool = field(default_factory=sees_all_processes)

    def is_dead(self, lock: Lock) -> bool:
        """Return True if the lock is certainly left by a process of this machine that is gone."""
        return self.sees_all_processes and lock.is_dead(self.host, self.is_alive)


def run_stack(
    task: StackTask,
    control: RunControl | None = None,
    *,
    signal_times: SignalTimes = SIGNAL_TIMES,
    machine: Machine | None = None,
) -> StackOutcome:
    """Bring a stack to what its program says, as far as the verb and the approval allow; errors become outcomes.

    To run it again is safe: what is done already shows as no change.

    Args:
        task: The stack, and what is allowed.
        control: Interrupts the run.
        signal_times: Times between the signals to a command that has to end.
        machine: Knows which processes are gone; default this one.
    """
    started_at, control = datetime.now(UTC), control or RunControl()
    log = None
    try:
        workspace = open_workspace(task, os.environ, started_at)
        log = str(workspace.logs)
        attempt = Attempt(task, workspace, control, signal_times)
        try:
            result = _until_unlocked(attempt, machine or Machine())
        finally:
            workspace.plan.unlink(missing_ok=True)
    except (TrustError, OSError) as error:
        result = Result(StackState.FAILED, readable([str(error)]))
    return _outcome(task, result, started_at, log)


def _until_unlocked(attempt: Attempt, machine: Machine) -> Result:
    """Attempt again while another command holds the lock: the state that it leaves needs a new preview."""
    pauses = iter(waiting_times(attempt.task.lock_wait_seconds))
    result = _attempt(attempt)
    if result.lock is not None and machine.is_dead(result.lock):
        attempt.cancel()
        result = _attempt(attempt)
    while result.lock is not None and (pause := next(pauses, None)) is not None:
        if attempt.control.wait(pause):
            return replace(result, state=StackState.INTERRUPTED)
        result = _attempt(attempt)
    return result


def _attempt(attempt: Attempt) -> Result:
    if attempt.control.is_interrupted:
        return Result(StackState.INTERRUPTED, ("Interrupted before the first command.",))
    return attempt.run()


def _outcome(task: StackTask, result: Result, started_at: datetime, log: str | None) -> StackOutcome:
    return StackOutcome(
        stack=task.stack,
        state=result.state,
        change=result.change,
        lines=result.lines,
        plan_digest=result.digest,
        signer_before=result.before,
        signer_after=result.after,
        started_at=started_at,
        ended_at=datetime.now(UTC),
        log=log,
    )
