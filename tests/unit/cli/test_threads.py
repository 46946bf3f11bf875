"""Pools of threads."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from btp_trust_cli.threads import thread_pool


def test_interruption_leaves_the_pool() -> None:
    """The block ends while a call is under way, and a call that waits for its turn is cancelled."""
    hold, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        hold.wait(60)

    calls: list[Future[None]] = []

    def interrupt() -> None:
        with thread_pool(1) as pool:
            calls.extend(pool.submit(wait) for _ in range(2))
            begun.wait(60)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert [call.cancelled() for call in calls] == [False, True]
    assert not calls[0].done()
    hold.set()
    calls[0].result(60)
