"""Interruptions by a person: the first one starts no more stacks, the second one interrupts those that run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """How often a person asked to stop."""

    def __init__(self) -> None:
        self._requested = 0
        self._event = threading.Event()

    @property
    def is_stopping(self) -> bool:
        """Return True after the first request: no stack starts any more."""
        return self._requested > 0

    @property
    def is_interrupting(self) -> bool:
        """Return True after the second request: running stacks are interrupted."""
        return self._requested > 1

    def request(self, times: int = 1) -> None:
        """Ask to stop."""
        self._requested += times
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Wait; the first request ends that."""
        self._event.wait(seconds)


@contextmanager
def stop_on_signals(stop: Stop) -> Iterator[None]:
    """Turn ctrl-C into requests; SIGTERM, by which a pipeline ends a job, counts as two of them.

    Python lets only the main thread do that: a driver in another one is stopped by `Stop.request`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, _frame: FrameType | None) -> None:
        stop.request(2 if number == signal.SIGTERM else 1)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
