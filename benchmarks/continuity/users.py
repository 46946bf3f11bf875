"""Users who call the targets in turn, at a steady rate, while a scenario runs."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from continuity.measure import UserCall

INTERVAL_SECONDS = 0.08
"""Seconds between two calls."""
MAX_CALLS = 3000
"""Maximum number of calls."""


class TooManyCalls(Exception):
    """The maximum number of calls was reached before the end of the scenario."""


class Clock:
    """A clock of the seconds since its creation."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self) -> float:
        """Return the seconds."""
        return time.monotonic() - self._began


@contextmanager
def calling(
    targets: Sequence[str],
    rejection: Callable[[str], str | None],
    clock: Clock,
    interval: float = INTERVAL_SECONDS,
) -> Iterator[list[UserCall]]:
    """Call the targets while the block runs.

    Args:
        targets: Whom they call, one after the other.
        rejection: Calls a target; gives why the call was rejected, None if it was not.
        clock: Tells when an answer was there.
        interval: Seconds between two calls.

    Yields:
        The calls so far.

    Raises:
        TooManyCalls: There were more calls than a run may make, so the end of it was not measured.
    """
    made: list[UserCall] = []
    over = threading.Event()

    def call() -> None:
        for target in itertools.islice(itertools.cycle(targets), MAX_CALLS):
            due = clock() + interval
            why = rejection(target)
            made.append(UserCall(target, clock(), why))
            if over.wait(max(0.0, due - clock())):
                return

    thread = threading.Thread(target=call, name="users")
    thread.start()
    try:
        yield made
    finally:
        over.set()
        thread.join()
    if len(made) >= MAX_CALLS:
        raise TooManyCalls(f"There were {MAX_CALLS} calls before all was done.")
