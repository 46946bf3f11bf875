"""Stacks in threads: each has one outcome."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

from btp_trust_fleet.schedulers.local import LocalScheduler
from btp_trust_fleet.schedulers.scheduler import Scheduler
from btp_trust_fleet.stack_run.control import RunControl
from btp_trust_fleet.stack_run.task import StackOutcome, StackState, StackTask
from support.fake_pulumi_runs import FakePulumiRuns
from support.fleet_previews import printed
from support.stack_runs import stack_task


def _outcome(task: StackTask, state: StackState) -> StackOutcome:
    now = datetime.now(UTC)
    return StackOutcome(stack=task.stack, state=state, started_at=now, ended_at=now)


def test_each_task_has_one_outcome(pulumi: FakePulumiRuns) -> None:
    """Runs of the real function, two at a time."""
    pulumi.answer("preview", printed())
    scheduler: Scheduler = LocalScheduler(2)
    names = [f"stack-{number}" for number in range(4)]
    for name in names:
        scheduler.submit(stack_task(pulumi.folder, stack=name))
    outcomes = [scheduler.next_outcome(30) for _ in names]
    assert sorted(outcome.stack for outcome in outcomes if outcome) == names
    assert {outcome.state for outcome in outcomes if outcome} == {StackState.UNCHANGED}
    assert scheduler.next_outcome(0) is None
    scheduler.close()


def test_no_more_than_allowed_at_once(tmp_path: Path) -> None:
    """`parallel` bounds the running stacks; an interruption ends the running ones and those that wait."""
    running, most = threading.Semaphore(2), []

    def run(task: StackTask, control: RunControl) -> StackOutcome:
        most.append(running.acquire(blocking=False))
        control.wait(30)
        running.release()
        return _outcome(task, StackState.INTERRUPTED)

    scheduler = LocalScheduler(2, run)
    for number in range(5):
        scheduler.submit(stack_task(tmp_path, stack=str(number)))
    assert scheduler.next_outcome(0.1) is None
    scheduler.interrupt()
    assert [outcome.state for _ in range(5) if (outcome := scheduler.next_outcome(5))] == [StackState.INTERRUPTED] * 5
    assert most == [True] * 5
    scheduler.close()


def test_bug_becomes_an_outcome(tmp_path: Path) -> None:
    """An error that nobody expects is named by its class: its text may hold anything."""

    def run(_task: StackTask, _control: RunControl) -> StackOutcome:
        raise RuntimeError("S3CRET")

    scheduler = LocalScheduler(1, run)
    scheduler.submit(stack_task(tmp_path))
    outcome = scheduler.next_outcome(5)
    scheduler.close()
    assert outcome is not None
    assert (outcome.state, outcome.lines[0]) == (StackState.FAILED, "RuntimeError in btp-trust.")
