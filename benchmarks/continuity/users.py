"""Users who call the targets in turn, at a steady rate, while something else goes on."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from continuity.measure import Call

EVERY = 0.08
"""Seconds from one call to the next."""
MOST = 3000
"""Calls after which users go home, whatever goes on."""


class TooManyCalls(Exception):
    """Users went home before all was done."""


class Clock:
    """The seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self) -> float:
        """Read it."""
        return time.monotonic() - self._began


@contextmanager
def calling(targets: Sequence[str], refusal: Callable[[str], str | None], clock: Clock) -> Iterator[list[Call]]:
    """Let users call while the block runs.

    Args:
        targets: Whom they call, one after the other.
        refusal: Calls a target; gives why the call was refused, None if it was not.
        clock: Tells when an answer was there.

    Yields:
        The calls so far.

    Raises:
        TooManyCalls: There were more calls than a run may make, so the end of it was not measured.
    """
    made: list[Call] = []
    over = threading.Event()

    def call() -> None:
        for target in itertools.islice(itertools.cycle(targets), MOST):
            due = clock() + EVERY
            why = refusal(target)
            made.append(Call(target, clock(), why))
            if over.wait(max(0.0, due - clock())):
                return

    thread = threading.Thread(target=call, name="users")
    thread.start()
    try:
        yield made
    finally:
        over.set()
        thread.join()
    if len(made) >= MOST:
        raise TooManyCalls(f"There were {MOST} calls before all was done.")
