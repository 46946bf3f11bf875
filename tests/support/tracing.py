"""Pauses of coverage's tracer, which doubles the time of all Python that runs under it, of libraries too."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from unittest.mock import patch


class Untraced:
    """Pauses the tracer in this thread: what runs in the block is measured where a test calls the same code itself."""

    def __enter__(self) -> None:
        """Pause."""
        self._tracer = sys.gettrace()
        sys.settrace(None)

    def __exit__(self, *_: object) -> None:
        """Continue. The tracer has seen a call of `__enter__`, so it has to see a return, of this function."""
        sys.settrace(self._tracer)
        sys._getframe().f_trace = self._tracer  # type: ignore[assignment] # the stub's two types of tracers differ


@contextlib.contextmanager
def untraced_children() -> Iterator[None]:
    """Pause the tracer in threads and processes that start in the block."""
    tracer = threading.gettrace()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS_")}
    threading.settrace(None)
    try:
        with patch.dict(os.environ, kept, clear=True):
            yield
    finally:
        threading.settrace(tracer)
