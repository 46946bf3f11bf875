"""Run all scenarios, and write the numbers, the table and the picture: `make bench-continuity`."""

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
from continuity import one_certificate
from continuity.deployments import PulumiDeployments
from continuity.measure import PROVIDER_SCENARIO, ScenarioResult, find_problems, to_json
from continuity.page import MARK, ONE_MARK, ONE_PICTURE, ONE_RESULTS, PAGE, PICTURE, RESULTS, TITLES, table, write_table
from continuity.picture import draw
from continuity.scenarios import ScenarioContext, renew_in_place, rotation, swap_without_publishing
from continuity.subaccount import BenchmarkSubaccount
from continuity.users import INTERVAL_SECONDS, Clock, TooManyCalls, calling

KEY_SIZE = 2048
PAUSE_SECONDS = 1.5
"""Seconds before each act of a person; in practice, hours."""
OFTEN_SECONDS = 0.02
"""Between two calls to a target that holds one certificate: its gap may be short."""
MORE_TIME_HINT = "Let the machine do less beside it, or give it more time: make bench-continuity BENCH_SECONDS=600"


def run_scenario(
    scenario: Callable[[ScenarioContext], None],
    subaccount: BenchmarkSubaccount,
    interval: float = INTERVAL_SECONDS,
) -> ScenarioResult:
    """Run a scenario while users call."""
    before, clock, events = subaccount.signer(), Clock(), list[tuple[float, str]]()
    with calling(list(subaccount.owners), subaccount.rejection, clock, interval) as calls:
        scenario(
            ScenarioContext(subaccount, lambda: time.sleep(PAUSE_SECONDS), lambda deed: events.append((clock(), deed)))
        )
    return ScenarioResult(tuple(calls), tuple(events), subaccount.signer() != before)


def run(folder: Path) -> tuple[dict[str, ScenarioResult], one_certificate.Results]:
    """Run all scenarios, each on a landscape of its own: three targets that hold two certificates, one with one."""
    found = {}
    with Emulator(socket=True, key_size=KEY_SIZE) as emulator, httpx.Client(trust_env=False) as http:
        ours = BenchmarkSubaccount(emulator, http)
        deployments = PulumiDeployments(folder, ours)
        found[PROVIDER_SCENARIO] = run_scenario(partial(rotation, deployments=deployments), ours)
        found["renew-in-place"] = run_scenario(renew_in_place, BenchmarkSubaccount(emulator, http))
        found["swap-without-publishing"] = run_scenario(swap_without_publishing, BenchmarkSubaccount(emulator, http))
        run_often = partial(run_scenario, interval=OFTEN_SECONDS)
        return found, one_certificate.run_all(folder / "one", emulator, http, run_often)


def rejections(found: dict[str, ScenarioResult]) -> set[str]:
    """Return the distinct answers of rejected calls, shortened."""
    return {
        f"{name}: {call.rejection[:200]}"
        for name, each in found.items()
        for call in each.calls
        if call.rejection is not None
    }


@contextmanager
def limit_seconds(seconds: int) -> Iterator[None]:
    """Stop the block after this time.

    Raises:
        TimeoutError: It took longer.
    """

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"The benchmark exceeded {seconds} s.")

    signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def main(words: Sequence[str]) -> int:
    """Run, write and print; return 0 if calls are only rejected in the scenarios of others, else 1."""
    parser = argparse.ArgumentParser("continuity", description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, help="end without a result after so long (%(default)s)")
    options = parser.parse_args(words)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="btp-trust-continuity-") as folder, limit_seconds(options.seconds):
            found, single = run(Path(folder))
    except (TimeoutError, TooManyCalls) as error:
        print("Nothing was measured.", error, MORE_TIME_HINT, sep="\n")
        return 1
    numbers, gaps = to_json(found), one_certificate.to_gaps(single)
    wrong = [*find_problems(found), *one_certificate.find_problems(single)]
    print(table(numbers), one_certificate.table(gaps), *sorted(rejections(found)), *wrong, sep="\n")
    print(f"{time.monotonic() - began:.0f} s.")
    if not wrong:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(f"{json.dumps(numbers, indent=2)}\n")
        PICTURE.write_text(draw({TITLES[name]: each for name, each in found.items()}))
        write_table(PAGE, MARK, table(numbers))
        ONE_RESULTS.write_text(one_certificate.to_text(gaps))
        ONE_PICTURE.write_text(draw(one_certificate.for_picture(single)))
        write_table(PAGE, ONE_MARK, one_certificate.table(gaps))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
