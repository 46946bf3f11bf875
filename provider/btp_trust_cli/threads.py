"""Pools of threads for which an interruption does without waiting."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def thread_pool(at_once: int) -> Iterator[ThreadPoolExecutor]:
    """Give a pool of threads; an interruption leaves the block at once, and what has still to begin never does."""
    pool = ThreadPoolExecutor(at_once)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
