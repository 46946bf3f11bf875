"""The threads in which Pulumi's plugin answers the engine."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import Final

THREADS: Final = 64
"""The engine calls at most so many resources at a time on a machine of 16 cores (`--parallel`, 4 for each core)."""


def allow_more() -> None:
    """Let the plugin answer more calls at a time than the four of Pulumi's Python SDK.

    A call mostly waits for a service, and a refresh of a hundred subaccounts would wait for them four at a time.
    The SDK has no setting for it, so its thread pool is taken from the frames of the calling thread, which it runs.
    Where another SDK runs its threads in another way, the plugin keeps its four.
    """
    pool = _calling_pool()
    if pool is None or pool._max_workers >= THREADS:  # noqa: SLF001 - see above
        return
    pool._max_workers = THREADS  # noqa: SLF001 - see above
    # The pool starts a thread with a further call alone, so calls that wait in its queue get one each.
    for _ in range(min(pool._work_queue.qsize(), THREADS)):  # noqa: SLF001 - see above
        pool.submit(_do_nothing)


def _do_nothing() -> None:
    """Be a call, for the pool."""


def _calling_pool() -> ThreadPoolExecutor | None:
    frame = inspect.currentframe()
    while frame is not None:
        reference = frame.f_locals.get("executor_reference")
        if callable(reference) and isinstance(pool := reference(), ThreadPoolExecutor):
            return pool
        frame = frame.f_back
    return None
