"""The tables of the page: written by a run, and read back by the tests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import marking
import twin
from crossing import Moment, Side

from matrix.cells import Interruption, cells, same_moment
from matrix.operations import Operation, Provider
from matrix.play import Outcome, Verdict
from project import ROOT

PAGE = ROOT / "docs/explanation/reliability.md"
MARK = "matrix"
NOTHING = "no cell"
DOUBLE, LOST = "swaps that nobody declared", "certificates lost unannounced"
TITLES = {Provider.OURS: "btp-trust", Provider.NAIVE: "the naive provider"}
WRITES = "| Operation | Request | Interruption | Not yet with the service | Carried out, not yet answered | Answered |"
READS = "| Operation | Reads and tokens | Cells | Verdicts |"
WORDS = {
    Interruption.ALL_KILLED: "all is killed",
    Interruption.PLUGIN_KILLED: "the plugin is killed",
    Interruption.PULUMI_KILLED: "Pulumi alone is killed",
    Interruption.CLOSED: "the connection closes",
}

Key = tuple[Moment, Interruption]


@dataclass(frozen=True)
class Played:
    """An operation, the requests of its undisturbed run, and what came of its cells."""

    provider: Provider
    operation: Operation
    requests: tuple[str, ...]
    outcomes: Mapping[Key, Outcome]


@dataclass(frozen=True)
class Row:
    """One write and one interruption: the cells of the three boundaries; None where there is none."""

    operation: str
    request: str
    interruption: str
    cells: tuple[Key | None, ...]


def verdict(outcome: Outcome) -> str:
    """Say in a word how a cell ended."""
    if outcome.verdict is not Verdict.FAILS:
        return str(outcome.verdict.value)
    if outcome.counts.double_swaps:
        return "**swaps twice**"
    return "**loses a certificate**" if outcome.counts.lost else "**does not converge**"


def write_rows(operation: Operation, requests: Sequence[str]) -> Iterator[Row]:
    """Give the rows of an operation's writes."""
    known = {(cell.moment, cell.interruption) for cell in cells(operation, requests)}
    for number, request in enumerate(requests, 1):
        if twin.is_read(request):
            continue
        for interruption, words in WORDS.items():
            sides = (same_moment(Moment(number, side), requests) for side in Side)
            found = tuple((moment, interruption) for moment in sides)
            yield Row(str(operation), request, words, tuple(key if key in known else None for key in found))


def other_cells(operation: Operation, requests: Sequence[str]) -> list[Key]:
    """Return the cells that no row of a write shows."""
    shown = {key for row in write_rows(operation, requests) for key in row.cells}
    return [key for cell in cells(operation, requests) if (key := (cell.moment, cell.interruption)) not in shown]


def render(played: Sequence[Played]) -> str:
    """Write the tables."""
    parts = []
    for provider, title in TITLES.items():
        ours = [each for each in played if each.provider is provider]
        parts.append("\n".join([f"### {title}", "", *_writes(ours), "", *_reads(ours)]))
    return "\n\n".join([*parts, "\n".join(["### Totals", "", *totals(played)])])


def totals(played: Sequence[Played]) -> list[str]:
    """Count over all cells of each provider."""
    rows: dict[str, list[int]] = {"cells": [], **{each.value: [] for each in Verdict}, DOUBLE: [], LOST: []}
    for provider in TITLES:
        found = [outcome for each in played if each.provider is provider for outcome in each.outcomes.values()]
        rows["cells"].append(len(found))
        for each in Verdict:
            rows[each.value].append(sum(outcome.verdict is each for outcome in found))
        rows[DOUBLE].append(sum(outcome.counts.double_swaps for outcome in found))
        rows[LOST].append(sum(len(outcome.counts.lost) for outcome in found))
    lines = (f"| {name} | {' | '.join(map(str, numbers))} |" for name, numbers in rows.items())
    return [f"| | {' | '.join(TITLES.values())} |", "|---|---|---|", *lines]


def _writes(played: Sequence[Played]) -> Iterator[str]:
    yield from (WRITES, "|---|---|---|---|---|---|")
    for each in played:
        for row in write_rows(each.operation, each.requests):
            words = [NOTHING if key is None else verdict(each.outcomes[key]) for key in row.cells]
            yield f"| {row.operation} | `{row.request}` | {row.interruption} | {' | '.join(words)} |"


def _reads(played: Sequence[Played]) -> Iterator[str]:
    yield from (READS, "|---|---|---|---|")
    for each in played:
        keys = other_cells(each.operation, each.requests)
        reads = sum(map(twin.is_read, each.requests))
        found = [verdict(each.outcomes[key]) for key in keys]
        summed = ", ".join(f"{word}: {found.count(word)}" for word in sorted(set(found)))
        yield f"| {each.operation} | {reads} | {len(keys)} | {summed} |"


def put(page: str, tables: str) -> str:
    """Replace what stands between the page's marks."""
    return marking.put(page, MARK, tables)


def written(page: str, provider: Provider, heading: str) -> list[list[str]]:
    """Read the rows of a provider's table back from the page."""
    part = re.split(r"^### ", f"\n{marking.part(page, MARK)}\n\n", flags=re.MULTILINE)[list(TITLES).index(provider) + 1]
    rows = part.partition(f"{heading}\n")[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


def claimed(page: str, provider: Provider, operation: Operation, requests: Sequence[str], key: Key) -> str:
    """Return the verdict that the page has for a cell of a write."""
    words = {(row[0], row[1], row[2]): row[3:] for row in written(page, provider, WRITES)}
    for row in write_rows(operation, requests):
        if key in row.cells:
            return words[row.operation, row.request, row.interruption][row.cells.index(key)]
    raise KeyError(key)
