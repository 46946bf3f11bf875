"""A long search with the stateful test, with other examples each time: `make soak`.

It runs rounds of examples until the time is over, and prints their statistics; or the falsifying example, shrunk,
with the seed that reproduces it. Exit status: 0 no fault found, 1 a fault found, 2 wrong arguments.
"""

from __future__ import annotations

import random
import sys
import time
import traceback
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import run_state_machine_as_test

from btp_trust_emulator import Emulator
from support.stateful.rules import rotation_machine
from support.stateful.statistics import Statistics

EXAMPLES_PER_ROUND = 40
"""Examples on one emulator, between two checks of the time."""
STEPS = 25
SHRINKING_SECONDS = 60
"""Limit for shrinking a falsifying example."""


def run_round(number: int, statistics: Statistics) -> None:
    """Run the examples of the seed `number`.

    Raises:
        Exception: The error of a falsifying example.
    """
    with Emulator(key_size=1024) as emulator:
        run_state_machine_as_test(
            seed(number)(rotation_machine(emulator, statistics)),
            settings=settings(
                max_examples=EXAMPLES_PER_ROUND,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                report_multiple_bugs=False,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )


def search(seconds: float, first: int, clock: Callable[[], float] = time.monotonic) -> int:
    """Search for this many seconds; print the statistics or the falsifying example; return the exit status."""
    statistics, ends, number = Statistics(), clock() + seconds, first
    while clock() < ends:
        try:
            run_round(number, statistics)
        except Exception:  # noqa: BLE001 - any error is a finding
            traceback.print_exc()
            sys.stdout.write(f"\nFound with seed {number}: make soak SOAK_SEED={number} searches from there.\n")
            return 1
        number += 1
    sys.stdout.write("\n".join([f"Seeds {first} to {number - 1} found nothing.", *statistics.lines(), ""]))
    return 0


def main(arguments: Sequence[str]) -> int:
    """Run `python -m support.stateful.soak SECONDS [SEED]`."""
    try:
        seconds = float(arguments[0])
        first = int(arguments[1]) if arguments[1:] else random.SystemRandom().randrange(10**9)
    except (IndexError, ValueError):
        sys.stderr.write("usage: python -m support.stateful.soak SECONDS [SEED]\n")
        return 2
    engine.MAX_SHRINKING_SECONDS = SHRINKING_SECONDS
    return search(seconds, first)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
