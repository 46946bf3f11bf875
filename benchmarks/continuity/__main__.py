"""Play the three scenarios, write the numbers, the table and the picture: `make bench-continuity`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import httpx

from btp_trust_emulator import Emulator
from continuity.deployments import PulumiDeployments
from continuity.landscape import Landscape
from continuity.measure import OURS, Played, as_json, faults
from continuity.page import PAGE, PICTURE, RESULTS, table, write_table
from continuity.picture import draw
from continuity.scenarios import Stage, renew_in_place, rotation, swap_without_publishing
from continuity.users import Clock, TooManyCalls, calling

KEY_SIZE = 2048
PAUSE_SECONDS = 1.5
"""What people take before they do something; in truth, it is hours."""
MORE_TIME = "Let the machine do less beside it, or give it more time: make bench-continuity BENCH_SECONDS=300"


def play(scenario: Callable[[Stage], None], landscape: Landscape) -> Played:
    """Play a scenario while users call."""
    before, clock, deeds = landscape.signer(), Clock(), list[tuple[float, str]]()
    with calling(list(landscape.owners), landscape.refusal, clock) as calls:
        scenario(Stage(landscape, lambda: time.sleep(PAUSE_SECONDS), lambda deed: deeds.append((clock(), deed))))
    return Played(tuple(calls), tuple(deeds), landscape.signer() != before)


def run(folder: Path) -> dict[str, Played]:
    """Play all scenarios, each on a landscape of its own."""
    found = {}
    with Emulator(socket=True, key_size=KEY_SIZE) as emulator, httpx.Client(trust_env=False) as http:
        ours = Landscape(emulator, http)
        deployments = PulumiDeployments(folder, ours)
        found[OURS] = play(partial(rotation, deployments=deployments), ours)
        found["renew-in-place"] = play(renew_in_place, Landscape(emulator, http))
        found["swap-without-publishing"] = play(swap_without_publishing, Landscape(emulator, http))
    return found


def refusals(found: dict[str, Played]) -> set[str]:
    """Return what refused calls were answered, each answer once, cut."""
    return {
        f"{name}: {call.refusal[:200]}"
        for name, each in found.items()
        for call in each.calls
        if call.refusal is not None
    }


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """End what takes longer, from within.

    Raises:
        TimeoutError: It took longer.
    """

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"It was not done after {seconds} s.")

    signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def main(words: Sequence[str]) -> int:
    """Run, write, tell. Returns the exit status: 0 if ours refused nothing and the others something."""
    parser = argparse.ArgumentParser("continuity", description=__doc__)
    parser.add_argument("--seconds", type=int, default=90, help="end without a result after so long (%(default)s)")
    options = parser.parse_args(words)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="btp-trust-continuity-") as folder, at_most(options.seconds):
            found = run(Path(folder))
    except (TimeoutError, TooManyCalls) as error:
        print("Nothing was measured.", error, MORE_TIME, sep="\n")
        return 1
    numbers, wrong = as_json(found), faults(found)
    print(table(numbers), *sorted(refusals(found)), *wrong, f"{time.monotonic() - began:.0f} s.", sep="\n")
    if not wrong:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(f"{json.dumps(numbers, indent=2)}\n")
        PICTURE.write_text(draw(found))
        write_table(PAGE, numbers)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
