"""Stacks on the workers of a Dask cluster. Loaded only on request: Dask takes half a second."""

from __future__ import annotations

import uuid
from concurrent.futures import CancelledError
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Final

import msgspec
from distributed import Client, Future

from btp_trust.errors import ConfigurationError
from btp_trust.parsing import structs
from btp_trust_fleet.schedulers.dask_security import security_of
from btp_trust_fleet.schedulers.dask_worker import forbid_second_runs, interrupt_driver, run_encoded, unassigned_tasks
from btp_trust_fleet.schedulers.outcomes import end_without_result
from btp_trust_fleet.stack_run.task import StackOutcome, StackState, StackTask

_CONNECT_SECONDS: Final = 30
_UNKNOWN_OUTCOME: Final = (
    "What it has done is unknown; run again, the stack becomes what its program says.",
    "If that happens to each stack: install the same btp-trust[fleet-dask] on the workers as on this machine.",
)


class DaskScheduler:
    """Runs each stack as a task of its own, at most once.

    Args:
        address: `tls://HOST:PORT`, or `tcp://127.0.0.1:PORT`.

    Raises:
        ConfigurationError: The connection would be unprotected, or fails.
    """

    def __init__(self, address: str) -> None:
        self._driver = uuid.uuid4().hex
        self._client = _connect(address, self._driver)
        self._tasks: dict[str, tuple[StackTask, datetime]] = {}
        self._futures: dict[str, Future[bytes]] = {}
        self._done: SimpleQueue[Future[bytes]] = SimpleQueue()
        self._interrupted = False

    def submit(self, task: StackTask) -> None:
        """See `Scheduler`."""
        key = f"{task.stack}-{uuid.uuid4().hex}"
        self._tasks[key] = (task, datetime.now(UTC))
        future = self._client.submit(
            run_encoded, msgspec.json.encode(task), self._driver, key=key, retries=0, pure=False
        )
        # Kept until its outcome is fetched: Dask drops a task once its future is gone.
        self._futures[key] = future
        future.add_done_callback(self._done.put)

    def next_outcome(self, timeout: float) -> StackOutcome | None:
        """See `Scheduler`. Each result is released at once: one that is kept runs again if its worker goes."""
        try:
            future = self._done.get(timeout=timeout)
        except Empty:
            return None
        key = str(future.key)
        task, submitted_at = self._tasks.pop(key)
        outcome = self._fetch(future, task, submitted_at)
        self._futures.pop(key).release()
        return outcome

    def interrupt(self) -> None:
        """See `Scheduler`."""
        self._interrupted = True
        self._client.run(interrupt_driver, self._driver, on_error="ignore")
        waiting = self._client.run_on_scheduler(unassigned_tasks, list(self._futures))
        self._client.cancel([self._futures[key] for key in waiting])

    def close(self) -> None:
        """See `Scheduler`. Scheduler and workers go on: others may use them."""
        self._client.close()

    def _fetch(self, future: Future[bytes], task: StackTask, submitted_at: datetime) -> StackOutcome:
        try:
            return structs.decode(future.result(), StackOutcome)
        except (Exception, CancelledError) as error:  # noqa: BLE001 - `run_encoded` raises nothing: Dask did
            state, lines = self._lost(error)
        return end_without_result(task, state, lines, submitted_at)

    def _lost(self, error: BaseException) -> tuple[StackState, tuple[str, ...]]:
        if self._interrupted and isinstance(error, CancelledError):
            return StackState.INTERRUPTED, ("Interrupted before a worker took it.",)
        return StackState.LOST, (f"The worker or the scheduler is gone ({type(error).__name__}).", *_UNKNOWN_OUTCOME)


def _connect(address: str, driver: str) -> Client:
    try:
        client = Client(
            address, security=security_of(address), set_as_default=False, timeout=_CONNECT_SECONDS, name=driver
        )
        client.run_on_scheduler(forbid_second_runs)
    except (OSError, ImportError) as error:
        raise ConfigurationError(
            f"The Dask scheduler {address} cannot be used.",
            f"The connection failed with {type(error).__name__}.",
            "Start it there: dask scheduler, of an environment with btp-trust[fleet-dask]; for tls:// compare the "
            "certificates of both sides.",
        ) from None
    return client
