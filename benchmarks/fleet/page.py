"""The tables of the page: written by a run, compared with the numbers by the tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from fleet.goals import Goal, evaluate
from fleet.plot import draw
from fleet.processes import Usage
from fleet.rows import Row, by_size, find
from fleet.ways import OURS, PULUMI, WAYS
from support.page_sections import replace_section
from support.paths import ROOT

PAGE = ROOT / "docs/explanation/performance.md"
PICTURE = ROOT / "docs/fleet.svg"
RESULTS = ROOT / "benchmarks/results/fleet.json"
LEFT_OUT = "…"
"""In the place of a number that the run has left out."""
GOALS_MARK, TIMES_MARK, SIZES_MARK = "fleet goals", "fleet times", "fleet sizes"


class Results(Struct, frozen=True):
    """A run: the machine's cores, the limit of a row in seconds, what the emulator can serve, and the rows.

    Args:
        failures: {name of a way: the smallest number of subaccounts that it failed to deploy}.
    """

    cores: int
    limit_seconds: float
    capacity: dict[str, int]
    rows: list[Row]
    failures: dict[str, int] = {}


def goals_table(results: Results) -> str:
    """Write the goals and what was measured."""
    rows = ((goal.text, f"{goal.limit:g}{goal.unit}", _measured(goal), goal.verdict) for goal in evaluate(results.rows))
    return table(("Goal", "At most", "Measured", "Result"), rows)


def times_table(results: Results) -> str:
    """Write the seconds of all ways: one row for each command and number, one number for each latency."""
    measured = [row.case for row in results.rows if row.case.command in PULUMI]
    ways = [way for way in WAYS.values() if any(case.way == way.name for case in measured)]
    latencies = sorted({case.latency_ms for case in measured})
    rows = (
        (f"`{command}`", f"{size:,}", *(_seconds(results.rows, way.name, command, size, latencies) for way in ways))
        for command in PULUMI
        for size in sorted({case.subaccounts for case in measured})
    )
    return table(("Command", "Subaccounts", *(way.title for way in ways)), rows)


def conditions(results: Results) -> str:
    """Say which latencies the numbers of a cell belong to, and what the machine and the emulator can do."""
    latencies = " / ".join(str(each) for each in sorted({row.case.latency_ms for row in results.rows}))
    tokens, slots = results.capacity["tokens_per_second"], results.capacity["slots_per_second"]
    return (
        f"Seconds at {latencies} ms of latency, on {results.cores} cores. {LEFT_OUT} marks a row that would take "
        f"longer than {results.limit_seconds:g} s{_failures(results)}. "
        f"The emulator serves {tokens:,} tokens or {slots:,} slots a second."
    )


def _failures(results: Results) -> str:
    """Say which ways ended with an error instead."""
    return "".join(
        f"; *{WAYS[way].title}* failed to deploy {size:,} subaccounts" for way, size in results.failures.items()
    )


def sizes_table(results: Results) -> str:
    """Write the requests of this provider, and the memory and the time of the processor of each process."""
    latency = min(row.case.latency_ms for row in results.rows)
    rows = (
        (f"`{command}`", f"{row.case.subaccounts:,}", f"{row.most_requests}", *map(_usage, _processes(row)))
        for command in PULUMI
        for row in by_size(results.rows, OURS, command, latency_ms=latency)
    )
    return table(("btp-trust", "Subaccounts", "Requests about each", "Plugin", "Program", "Engine"), rows)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table."""
    return "\n".join([_line(header), f"|{'---|' * len(header)}", *map(_line, rows)])


def sections(results: Results) -> dict[str, str]:
    """Return the parts of the page by their marks."""
    return {
        GOALS_MARK: goals_table(results),
        TIMES_MARK: f"{conditions(results)}\n\n{times_table(results)}",
        SIZES_MARK: sizes_table(results),
    }


def write(results: Results) -> None:
    """Put the tables into the page, and draw the picture."""
    page = PAGE.read_text()
    for mark, text in sections(results).items():
        page = replace_section(page, mark, text)
    PAGE.write_text(page)
    PICTURE.write_text(draw(results.rows))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _measured(goal: Goal) -> str:
    return "" if goal.measured is None else f"{goal.measured:g}{goal.unit}"


def _seconds(rows: Sequence[Row], way: str, command: str, size: int, latencies: Sequence[int]) -> str:
    if command not in WAYS[way].commands:
        return ""
    found = [find(rows, way, command, size, latency_ms=latency) for latency in latencies]
    return " / ".join(LEFT_OUT if row is None else f"{row.seconds:.1f}" for row in found)


def _processes(row: Row) -> tuple[Usage, Usage, Usage]:
    return row.plugin, row.program, row.engine


def _usage(usage: Usage) -> str:
    return f"{usage.peak_mib:.0f} MiB, {usage.cpu_seconds:.1f} s" if usage.peak_mib else ""
