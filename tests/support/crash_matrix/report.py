"""The tables of the page: a run writes them, the tests read them back."""

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
DOUBLE, LOST = "undeclared swaps", "certificates lost unannounced"
TITLES = {ProviderKind.OURS: "btp-trust", ProviderKind.NAIVE: "the naive provider"}
WRITES = "| Operation | Request | Interruption | Before the service has it | Carried out, unanswered | Answered |"
READS = "| Operation | Reads and tokens | Cells | Verdicts |"
SUM_COLUMNS = ["cells", *(verdict.value for verdict in Verdict), DOUBLE, LOST]
SUM_HEADING = f"| All cells of | {' | '.join(SUM_COLUMNS)} |"
WORDS = {
    Interruption.ALL_KILLED: "everything is killed",
    Interruption.PLUGIN_KILLED: "the plugin is killed",
    Interruption.PULUMI_KILLED: "Pulumi alone is killed",
    Interruption.CLOSED: "the connection closes",
}

Key = tuple[Boundary, Interruption]


@dataclass(frozen=True)
class OperationResult:
    """An operation, the requests of its undisturbed run, and the outcomes of its cells."""

    provider: ProviderKind
    operation: Operation
    requests: tuple[str, ...]
    outcomes: Mapping[Key, Outcome]


@dataclass(frozen=True)
class Row:
    """One write and one interruption, with the cells of the three boundaries. None: there is no such cell."""

    operation: str
    request: str
    interruption: str
    cells: tuple[Key | None, ...]


def verdict(outcome: Outcome) -> str:
    """Return the verdict on a cell, as the tables show it."""
    if outcome.verdict is not Verdict.FAILS:
        return str(outcome.verdict.value)
    if outcome.counts.double_swaps:
        return "**swaps twice**"
    return "**loses a certificate**" if outcome.counts.lost else "**does not converge**"


def write_rows(operation: Operation, requests: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of an operation's writes."""
    known = {(cell.boundary, cell.interruption) for cell in cells(operation, requests)}
    for number, request in enumerate(requests, 1):
        if fake_engine.is_read(request):
            continue
        for interruption, words in WORDS.items():
            sides = (played_boundary(Boundary(number, side), requests) for side in BoundarySide)
            keys = tuple((boundary, interruption) for boundary in sides)
            yield Row(str(operation), request, words, tuple(key if key in known else None for key in keys))


def other_cells(operation: Operation, requests: Sequence[str]) -> list[Key]:
    """Return the cells outside the rows of writes."""
    shown = {key for row in write_rows(operation, requests) for key in row.cells}
    return [key for cell in cells(operation, requests) if (key := (cell.boundary, cell.interruption)) not in shown]


def update(page: str, played: Sequence[OperationResult]) -> str:
    """Replace the rows of these operations in the page; other rows stay."""
    parts = [_part(page, provider, played) for provider in TITLES]
    body = "\n\n".join(parts)
    return page_sections.replace_section(page, MARK, "\n\n".join([body, "\n".join(["### Totals", "", *_totals(body)])]))


def totals(page: str) -> list[str]:
    """Return the table of the sums over all operations of each provider."""
    return _totals(page_sections.section(page, MARK))


def _part(page: str, provider: ProviderKind, played: Sequence[OperationResult]) -> str:
    results = {str(result.operation): result for result in played if result.provider is provider}
    lines = [f"### {TITLES[provider]}"]
    for heading, rows in ((WRITES, _writes), (READS, _reads), (SUM_HEADING, _sums)):
        kept = documented_rows(page, provider, heading)
        lines += ["", heading, "|---" * (heading.count("|") - 1) + "|"]
        for name in map(str, OPERATIONS[provider]):
            lines += rows(results[name]) if name in results else [_line(*row) for row in kept if row[0] == name]
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
    outcomes = list(played.outcomes.values())
    verdicts = [sum(outcome.verdict is verdict for outcome in outcomes) for verdict in Verdict]
    counts = [outcome.counts for outcome in outcomes]
    faults = sum(each.double_swaps for each in counts), sum(len(each.lost) for each in counts)
    yield _line(played.operation, len(outcomes), *verdicts, *faults)


def _writes(played: OperationResult) -> Iterator[str]:
    for row in write_rows(played.operation, played.requests):
        words = [NOTHING if key is None else verdict(played.outcomes[key]) for key in row.cells]
        yield _line(row.operation, f"`{row.request}`", row.interruption, *words)


def _reads(played: OperationResult) -> Iterator[str]:
    keys = other_cells(played.operation, played.requests)
    verdicts = [verdict(played.outcomes[key]) for key in keys]
    summed = ", ".join(f"{word}: {verdicts.count(word)}" for word in sorted(set(verdicts)))
    yield _line(played.operation, sum(map(fake_engine.is_read, played.requests)), len(keys), summed)


def documented_rows(page: str, provider: ProviderKind, heading: str) -> list[list[str]]:
    """Return the rows of a provider's table in the page."""
    return _rows(page_sections.section(page, MARK), provider, heading)


def _rows(body: str, provider: ProviderKind, heading: str) -> list[list[str]]:
    section = body.partition(f"### {TITLES[provider]}\n")[2].partition("\n### ")[0]
    rows = f"{section}\n\n".partition(f"{heading}\n")[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def documented_verdict(
    page: str, provider: ProviderKind, operation: Operation, requests: Sequence[str], key: Key
) -> str:
    """Return the verdict in the page for a cell of a write. Repeated requests have their rows in the order of sending.

    Raises:
        KeyError: The rows of the writes lack the cell.
    """
    lines = [row for row in documented_rows(page, provider, WRITES) if row[0] == str(operation)]
    for row, line in zip(write_rows(operation, requests), lines, strict=True):
        if key in row.cells:
            return line[3:][row.cells.index(key)]
    raise KeyError(key)
