"""Parts b and c of `make bench-fleet`: a stack for each subaccount, rotated in waves, and rotated under faults."""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from btp_trust_emulator import FaultKind
from fleet import chaos, service, stacks, waves
from fleet.many_page import CHAOS_RESULTS, WAVES_RESULTS, WavesResults, chaos_lines, chaos_sections, waves_sections
from fleet.page import PAGE
from fleet.stacks import Stacks
from support.page_sections import replace_section

Report = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of both parts."""
    parser.add_argument("--stacks", type=int, default=24, help="stacks of part b (%(default)s)")
    parser.add_argument("--drivers", type=_drivers, default=list(waves.DRIVERS), help=f"of {','.join(waves.DRIVERS)}")
    parser.add_argument("--subaccounts", type=int, default=40, help="subaccounts of part c (%(default)s)")
    parser.add_argument("--kinds", type=_kinds, default=list(FaultKind), help="kinds of faults of part c (all)")
    parser.add_argument("--seed", type=int, default=None, help="repeats the faults of a run of part c")


def run_waves(options: argparse.Namespace, report: Report) -> int:
    """Rotate the stacks by each driver."""
    with _create(options.stacks, report) as created:
        capacity = service.capacity(created.service)
        rows = waves.measure_all(created, [waves.DRIVERS[name] for name in options.drivers], report)
    results = WavesResults(os.cpu_count() or 0, capacity, rows)
    if not options.no_page:
        _write(WAVES_RESULTS, results, waves_sections(results))
    return 0


def run_chaos(options: argparse.Namespace, report: Report) -> int:
    """Rotate the stacks under faults. Returns 1 if the books differ."""
    seed = random.randrange(1_000_000) if options.seed is None else options.seed  # noqa: S311 - faults are no secret
    report(f"seed {seed}")
    with _create(options.subaccounts, report) as created:
        results = chaos.run(created, options.kinds, seed, report)
    for line in chaos_lines(results):
        report(line)
    if not options.no_page:
        _write(CHAOS_RESULTS, results, chaos_sections(results))
    return int(bool(results.problems))


@contextmanager
def _create(number: int, report: Report) -> Iterator[Stacks]:
    with (
        tempfile.TemporaryDirectory(prefix="btp-trust-fleet-") as name,
        service.run(Path(name), number) as started,
    ):
        created = stacks.create(started, Path(name) / "stacks")
        report(f"{number} stacks are prepared")
        yield created


def _write(file: Path, results: Any, sections: dict[str, str]) -> None:
    """Write the numbers, and their parts of the page."""
    file.write_text(f"{json.dumps(msgspec.to_builtins(results), indent=2)}\n")
    page = PAGE.read_text()
    for mark, text in sections.items():
        page = replace_section(page, mark, text)
    PAGE.write_text(page)


def _drivers(text: str) -> list[str]:
    return _known(text, list(waves.DRIVERS))


def _kinds(text: str) -> list[FaultKind]:
    return [FaultKind(name) for name in _known(text, [kind.value for kind in FaultKind])]


def _known(text: str, names: list[str]) -> list[str]:
    """Parse names with commas between them."""
    found = text.split(",")
    if unknown := set(found) - set(names):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose of {', '.join(names)}")
    return found
