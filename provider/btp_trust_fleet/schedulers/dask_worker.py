"""What Dask's scheduler and workers run for the driver. Both import it by name: the package is installed there, too.

A task is JSON in and JSON out. The credentials are those of the worker: its environment, its files.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import msgspec

from btp_trust.parsing import structs
from btp_trust_fleet.schedulers.outcomes import run_guarded
from btp_trust_fleet.stack_run.control import RunControl
from btp_trust_fleet.stack_run.run import run_stack
from btp_trust_fleet.stack_run.task import StackTask

WORKER_TTL_SECONDS: Final = 60
"""Silence of a worker after which its task counts as lost."""
_UNASSIGNED: Final = frozenset({"waiting", "queued", "no-worker"})

_controls: dict[str, RunControl] = {}
_lock = threading.Lock()


def run_encoded(task: bytes, driver: str) -> bytes:
    """Run a stack on this worker.

    Args:
        task: The StackTask.
        driver: Identifies the driver, which may interrupt its own tasks.
    """
    outcome = run_guarded(run_stack, structs.decode(task, StackTask), _control(driver))
    return msgspec.json.encode(outcome)


def interrupt_driver(driver: str) -> None:
    """Interrupt the running tasks of a driver on this worker, and those that it gets later."""
    _control(driver).interrupt()


def _control(driver: str) -> RunControl:
    with _lock:
        return _controls.setdefault(driver, RunControl())


def forbid_second_runs(dask_scheduler: Any) -> None:
    """Let Dask's scheduler give up the task of a worker that is gone: whether to run it again, the driver decides."""
    dask_scheduler.allowed_failures = 0
    dask_scheduler.worker_ttl = min(dask_scheduler.worker_ttl or WORKER_TTL_SECONDS, WORKER_TTL_SECONDS)
    watching = dask_scheduler.periodic_callbacks.get("worker-ttl")
    if watching is not None:
        watching.callback_time = min(watching.callback_time, dask_scheduler.worker_ttl * 1000)
        # Its next time is set already, by default five minutes ahead.
        watching.stop()
        watching.start()


def unassigned_tasks(keys: list[str], dask_scheduler: Any) -> list[str]:
    """Return those of the tasks that wait for a worker."""
    tasks = dask_scheduler.tasks
    return [key for key in keys if key in tasks and tasks[key].state in _UNASSIGNED]
