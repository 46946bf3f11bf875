"""The means to interrupt a run from another thread."""

from __future__ import annotations

import threading


class RunControl:
    """Interrupts the runs that share it."""

    def __init__(self) -> None:
        self._interrupted = threading.Event()

    @property
    def is_interrupted(self) -> bool:
        """Return True after `interrupt`."""
        return self._interrupted.is_set()

    def interrupt(self) -> None:
        """Ask the running commands to end cleanly."""
        self._interrupted.set()

    def wait(self, seconds: float) -> bool:
        """Wait; return True as soon as `interrupt` was called."""
        return self._interrupted.wait(seconds)
