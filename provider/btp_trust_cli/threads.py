"""Pools of threads that end with an interruption."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def thread_pool(at_once: int) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of threads; an interruption ends the block at once, and cancels the calls that wait."""
    pool = ThreadPoolExecutor(at_once)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
