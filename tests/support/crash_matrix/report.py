"""The tables of the page: written by a run, and read back by the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from support import fake_engine, page_sections
from support.crash_matrix.cells import Interruption, cells, played_boundary
from support.crash_matrix.operations import OPERATIONS, Operation, ProviderKind
from support.crash_matrix.runner import Outcome, Verdict
from support.intercepting_proxy import Boundary, BoundarySide
from support.paths import ROOT

PAGE = ROOT / "docs/explanation/reliability.md"
MARK = "matrix"
NOTHING = "no cell"
DOUBLE, LOST = "swaps that nobody declared", "certificates lost unannounced"
TITLES = {ProviderKind.OURS: "btp-trust", ProviderKind.NAIVE: "the naive provider"}
WRITES = "| Operation | Request | Interruption | Not yet with the service | Carried out, not yet answered | Answered |"
READS = "| Operation | Reads and tokens | Cells | Verdicts |"
SUM_COLUMNS = ["cells", *(each.value for each in Verdict), DOUBLE, LOST]
SUM_HEADING = f"| All cells of | {' | '.join(SUM_COLUMNS)} |"
WORDS = {
    Interruption.ALL_KILLED: "all is killed",
    Interruption.PLUGIN_KILLED: "the plugin is killed",
    Interruption.PULUMI_KILLED: "Pulumi alone is killed",
    Interruption.CLOSED: "the connection closes",
}

Key = tuple[Boundary, Interruption]


@dataclass(frozen=True)
class OperationResult:
    """An operation, the requests of its undisturbed run, and what came of its cells."""

    provider: ProviderKind
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
    known = {(cell.boundary, cell.interruption) for cell in cells(operation, requests)}
    for number, request in enumerate(requests, 1):
        if fake_engine.is_read(request):
            continue
        for interruption, words in WORDS.items():
            sides = (played_boundary(Boundary(number, side), requests) for side in BoundarySide)
            found = tuple((boundary, interruption) for boundary in sides)
            yield Row(str(operation), request, words, tuple(key if key in known else None for key in found))


def other_cells(operation: Operation, requests: Sequence[str]) -> list[Key]:
    """Return the cells that no row of a write shows."""
    shown = {key for row in write_rows(operation, requests) for key in row.cells}
    return [key for cell in cells(operation, requests) if (key := (cell.boundary, cell.interruption)) not in shown]


def update(page: str, played: Sequence[OperationResult]) -> str:
    """Write the rows of these operations into the page; what it says of others stays."""
    parts = [_part(page, provider, played) for provider in TITLES]
    body = "\n\n".join(parts)
    return page_sections.replace_section(page, MARK, "\n\n".join([body, "\n".join(["### Totals", "", *_totals(body)])]))


def totals(page: str) -> list[str]:
    """Return the table that adds up over all operations of each provider."""
    return _totals(page_sections.section(page, MARK))


def _part(page: str, provider: ProviderKind, played: Sequence[OperationResult]) -> str:
    ours = {str(each.operation): each for each in played if each.provider is provider}
    lines = [f"### {TITLES[provider]}"]
    for heading, rows in ((WRITES, _writes), (READS, _reads), (SUM_HEADING, _sums)):
        kept = documented_rows(page, provider, heading)
        lines += ["", heading, "|---" * (heading.count("|") - 1) + "|"]
        for name in map(str, OPERATIONS[provider]):
            lines += rows(ours[name]) if name in ours else [_line(*row) for row in kept if row[0] == name]
    return "\n".join(lines)


def _line(*words: object) -> str:
    return f"| {' | '.join(map(str, words))} |"


def _totals(body: str) -> list[str]:
    columns = []
    for provider in TITLES:
        rows = _rows(body, provider, SUM_HEADING)
        columns.append([sum(int(row[number]) for row in rows) for number in range(1, len(SUM_COLUMNS) + 1)])
    lines = [_line(name, *numbers) for name, *numbers in zip(SUM_COLUMNS, *columns, strict=True)]
    return [f"| | {' | '.join(TITLES.values())} |", "|---|---|---|", *lines]


def _sums(played: OperationResult) -> Iterator[str]:
    found = list(played.outcomes.values())
    verdicts = [sum(outcome.verdict is each for outcome in found) for each in Verdict]
    wrong = sum(each.counts.double_swaps for each in found), sum(len(each.counts.lost) for each in found)
    yield _line(played.operation, len(found), *verdicts, *wrong)


def _writes(played: OperationResult) -> Iterator[str]:
    for row in write_rows(played.operation, played.requests):
        words = [NOTHING if key is None else verdict(played.outcomes[key]) for key in row.cells]
        yield _line(row.operation, f"`{row.request}`", row.interruption, *words)


def _reads(played: OperationResult) -> Iterator[str]:
    keys = other_cells(played.operation, played.requests)
    found = [verdict(played.outcomes[key]) for key in keys]
    summed = ", ".join(f"{word}: {found.count(word)}" for word in sorted(set(found)))
    yield _line(played.operation, sum(map(fake_engine.is_read, played.requests)), len(keys), summed)


def documented_rows(page: str, provider: ProviderKind, heading: str) -> list[list[str]]:
    """Read the rows of a provider's table back from the page."""
    return _rows(page_sections.section(page, MARK), provider, heading)


def _rows(body: str, provider: ProviderKind, heading: str) -> list[list[str]]:
    section = body.partition(f"### {TITLES[provider]}\n")[2].partition("\n### ")[0]
    rows = f"{section}\n\n".partition(f"{heading}\n")[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def documented_verdict(
    page: str, provider: ProviderKind, operation: Operation, requests: Sequence[str], key: Key
) -> str:
    """Return the verdict that the page has for a cell of a write; a request that is sent twice has rows in that order.

    Raises:
        KeyError: The cell is not in the row of a write.
    """
    lines = [row for row in documented_rows(page, provider, WRITES) if row[0] == str(operation)]
    for row, line in zip(write_rows(operation, requests), lines, strict=True):
        if key in row.cells:
            return line[3:][row.cells.index(key)]
    raise KeyError(key)
