"""The threads of Pulumi's plugin: more than four of them, where the thread pool can be found."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from btp_trust.runtime import plugin_threads


def test_waiting_calls_get_threads() -> None:
    """Calls that were queued before the limit was raised run at the same time as well."""
    at_once = 20
    together, queued = threading.Barrier(at_once), threading.Event()

    def configure() -> None:
        queued.wait(timeout=30)
        plugin_threads.allow_more()
        together.wait(timeout=30)

    with ThreadPoolExecutor(max_workers=1) as pool:
        calls: list[Future[Any]] = [pool.submit(configure)]
        calls += [pool.submit(together.wait, 30) for _ in range(at_once - 1)]
        queued.set()
        for call in calls:
            call.result()
        pool.submit(plugin_threads.allow_more).result()  # each provider class is configured


def test_other_threads_are_left_alone() -> None:
    """Outside of a thread pool, nothing is changed."""
    before = threading.active_count()
    plugin_threads.allow_more()
    assert threading.active_count() == before
