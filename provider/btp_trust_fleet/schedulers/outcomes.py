"""Outcomes of runs that have ended in another way than by `run_stack`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from btp_trust_fleet.stack_run.control import RunControl
from btp_trust_fleet.stack_run.task import StackOutcome, StackState, StackTask

Run = Callable[[StackTask, RunControl], StackOutcome]
"""`run_stack`, or what takes its place."""


def run_guarded(run: Run, task: StackTask, control: RunControl) -> StackOutcome:
    """Run a stack; a bug becomes an outcome, so that each task has one."""
    started_at = datetime.now(UTC)
    try:
        return run(task, control)
    except Exception as error:  # noqa: BLE001 - the text of an unknown error may hold anything, so its class is named
        lines = (f"{type(error).__name__} in btp-trust.", "Report this as a bug, with the log of the stack.")
        return end_without_result(task, StackState.FAILED, lines, started_at)


def end_without_result(
    task: StackTask, state: StackState, lines: tuple[str, ...], started_at: datetime
) -> StackOutcome:
    """Return the outcome of a run without a result."""
    return StackOutcome(stack=task.stack, state=state, lines=lines, started_at=started_at, ended_at=datetime.now(UTC))
