"""What Dask's scheduler and workers run for the driver, in this process."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from btp_trust_fleet.schedulers.dask_worker import forbid_second_runs, interrupt_driver, run_encoded, unassigned_tasks
from btp_trust_fleet.stack_run.task import StackOutcome, StackState
from support.stack_runs import stack_task


def test_task_is_json_in_and_out(tmp_path: Path) -> None:
    """A driver interrupts its own tasks, and leaves those of others alone."""
    interrupt_driver("mine")
    states = {}
    for driver in ("mine", "theirs"):
        folder = tmp_path if driver == "mine" else tmp_path / "missing"
        outcome = msgspec.json.decode(run_encoded(msgspec.json.encode(stack_task(folder)), driver), type=StackOutcome)
        states[driver] = outcome.state
    assert states == {"mine": StackState.INTERRUPTED, "theirs": StackState.FAILED}


@pytest.mark.parametrize(("found", "left"), [(None, 60), (300.0, 60), (20.0, 20.0)])
def test_scheduler_gives_up_lost_tasks(found: float | None, left: float) -> None:
    """A dead worker is noticed within a minute, and its task runs nowhere else."""
    calls: list[str] = []
    watching = SimpleNamespace(
        callback_time=300_000, stop=lambda: calls.append("stop"), start=lambda: calls.append("start")
    )
    for callbacks in ({"worker-ttl": watching}, {}):
        scheduler = SimpleNamespace(allowed_failures=3, worker_ttl=found, periodic_callbacks=callbacks)
        forbid_second_runs(scheduler)
        assert (scheduler.allowed_failures, scheduler.worker_ttl) == (0, left)
    assert (watching.callback_time, calls) == (left * 1000, ["stop", "start"])


def test_tasks_without_worker_are_found() -> None:
    """Those that a worker has, or that are done, are left out."""
    tasks = {
        state: SimpleNamespace(state=state) for state in ("waiting", "queued", "no-worker", "processing", "memory")
    }
    keys = [*tasks, "gone"]
    assert unassigned_tasks(keys, SimpleNamespace(tasks=tasks)) == ["waiting", "queued", "no-worker"]
