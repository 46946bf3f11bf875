"""The parts of the page about many stacks: written by a run, compared with the numbers by the tests. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from btp_trust_emulator import FaultKind
from btp_trust_emulator.faults.fault import FAULT_SPECS
from fleet.chaos import WORKERS, ChaosResults
from fleet.page import table
from fleet.waves import WavesRow
from support.paths import ROOT

WAVES_RESULTS = ROOT / "benchmarks/results/fleet-waves.json"
CHAOS_RESULTS = ROOT / "benchmarks/results/fleet-faults.json"
_GOOD = (
    "each was swapped exactly once, none is lost, and the ledger and `btp-trust fleet status` say what the emulator's "
    "journal says"
)
WAVES_MARK, CHAOS_MARK = "fleet waves", "fleet faults"


class WavesResults(Struct, frozen=True):
    """A run of part b: the machine's cores, what the emulator can serve, and the rows."""

    cores: int
    capacity: dict[str, int]
    rows: list[WavesRow]


def waves_sections(results: WavesResults) -> dict[str, str]:
    """Return the part of the page by its mark."""
    rows = (
        (
            row.driver.title,
            f"{row.driver.workers}",
            f"{row.seconds:.0f}",
            f"{row.per_minute:.1f}",
            f"{row.cpu_seconds / row.stacks:.1f}",
            f"{row.others_busy:.1f}",
        )
        for row in results.rows
    )
    header = (
        "Stacks run",
        "At a time",
        "Seconds",
        "Stacks a minute",
        "Processor seconds for each",
        "Processors used by others",
    )
    return {WAVES_MARK: f"{_waves_conditions(results)}\n\n{table(header, rows)}"}


def chaos_sections(results: ChaosResults) -> dict[str, str]:
    """Return the part of the page by its mark."""
    rows = (
        (f"`{kind.value}`", FAULT_SPECS[kind].client_sees, f"{results.queued[kind.value]}", _met(results, kind))
        for kind in FaultKind
        if kind.value in results.queued
    )
    header = ("Kind", "What the client sees", "Faults", "Disturbed a request")
    lines = "\n".join(f"- {line}" for line in chaos_lines(results))
    return {CHAOS_MARK: f"{lines}\n\n{table(header, rows)}"}


def chaos_lines(results: ChaosResults) -> Iterator[str]:
    """Say in sentences what has happened."""
    yield (
        f"{results.subaccounts:,} subaccounts on {results.cores} cores, {sum(results.queued.values())} faults of "
        f"{len(results.queued)} kinds (seed {results.seed}), of which {sum(results.met.values())} disturbed a request."
    )
    driver = "once" if results.drivers_killed == 1 else f"{results.drivers_killed} times"
    yield f"Killed with `kill -9`: {results.workers_killed} of {WORKERS} workers, and the driver {driver}."
    yield f"`btp-trust fleet rotate` ran {results.runs} times in {results.seconds:,.0f} s, the killed run included."
    yield f"Ends of stacks by the ledger: {', '.join(f'{number} {state}' for state, number in results.ends.items())}."
    yield f"Result: {'; '.join(results.problems) or _GOOD}."


def _waves_conditions(results: WavesResults) -> str:
    busy = max(row.service_busy for row in results.rows)
    tokens, slots = results.capacity["tokens_per_second"], results.capacity["slots_per_second"]
    return (
        f"{results.rows[0].stacks:,} stacks on {results.cores} cores, with other work on the machine as the last "
        f"column says. The emulator serves {tokens:,} tokens or {slots:,} slots a second; it was busy for at most "
        f"{busy:.0%} of the time. Each stack was rotated exactly once by each row."
    )


def _met(results: ChaosResults, kind: FaultKind) -> str:
    return f"{results.met.get(kind.value, 0)}"
