"""Measure what many subaccounts cost, write numbers, tables and the picture: `make bench-fleet`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from fleet import many, service
from fleet.goals import evaluate
from fleet.measure import Measurement
from fleet.page import RESULTS, Results, write
from fleet.ways import WAYS

SIZES, LATENCIES = (1, 10, 100), (0, 100)
"""Without options: about ten minutes on two idle cores."""


def numbers(text: str) -> list[int]:
    """Parse numbers with commas between them."""
    return sorted({int(number) for number in text.split(",")})


def names(text: str) -> list[str]:
    """Parse names of ways with commas between them."""
    found = text.split(",")
    if unknown := set(found) - set(WAYS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: the ways are {', '.join(WAYS)}")
    return found


def parts(text: str) -> list[str]:
    """Parse the letters of parts with commas between them."""
    found = sorted(text.split(","))
    if unknown := set(found) - set(PARTS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: the parts are {', '.join(PARTS)}")
    return found


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser("fleet", description=__doc__)
    parser.add_argument("--sizes", type=numbers, default=list(SIZES), help="numbers of subaccounts")
    parser.add_argument("--latencies", type=numbers, default=list(LATENCIES), help="milliseconds")
    parser.add_argument("--ways", type=names, default=list(WAYS), help=f"of {','.join(WAYS)}")
    parser.add_argument("--rounds", type=int, default=1, help="the median of so many is taken (%(default)s)")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds above which a row is left out (%(default)s)")
    parser.add_argument("--parts", type=parts, default=["a"], help="a: one program; b: many stacks; c: under faults")
    many.add_options(parser)
    parser.add_argument(
        "--no-page", action="store_true", help="print only; leave results, page and picture as they are"
    )
    return parser.parse_args(words)


def run(options: argparse.Namespace) -> Results:
    """Run all commands."""
    ways = [WAYS[name] for name in options.ways]
    measurement = Measurement(options.sizes, options.latencies, ways, options.rounds, options.limit, report)
    with (
        tempfile.TemporaryDirectory(prefix="btp-trust-fleet-") as name,
        service.run(Path(name), max(options.sizes)) as fleet,
    ):
        capacity = service.capacity(fleet)
        report(f"the emulator serves {capacity}")
        rows = measurement.run(fleet, Path(name))
    return Results(os.cpu_count() or 0, options.limit, capacity, rows, measurement.failures)


def report(line: str) -> None:
    """Print a line at once: a run takes long."""
    print(line, flush=True)


def run_one_program(options: argparse.Namespace, report: Callable[[str], None]) -> int:
    """Run part a, write, tell. Returns 1 if a goal is missed."""
    results = run(options)
    goals = evaluate(results.rows)
    for goal in goals:
        report(goal.line)
    if not options.no_page:
        RESULTS.write_text(f"{json.dumps(msgspec.to_builtins(results), indent=2)}\n")
        write(results)
    return int(any(goal.is_missed for goal in goals))


PARTS = {"a": run_one_program, "b": many.run_waves, "c": many.run_chaos}
"""{letter: what runs a part, and returns its exit status}"""


def main(words: Sequence[str]) -> int:
    """Run the parts. Returns the exit status: 0 if all goals are met."""
    options = parse(words)
    return max(PARTS[part](options, report) for part in options.parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
