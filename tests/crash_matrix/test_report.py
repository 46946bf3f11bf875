"""The tables of the page match the operations of the matrix."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from btp_trust_emulator import Emulator
from support.crash_matrix.cells import Cell, cells
from support.crash_matrix.counts import Counts
from support.crash_matrix.operations import (
    GENERATE,
    OPERATIONS,
    ROTATE,
    ROTATE_AND_ROLL_BACK,
    SWITCH_REFUSED,
    Operation,
    ProviderKind,
)
from support.crash_matrix.report import (
    DOUBLE,
    LOST,
    NOTHING,
    PAGE,
    READS,
    SUM_HEADING,
    WRITES,
    OperationResult,
    documented_rows,
    documented_verdict,
    other_cells,
    totals,
    update,
    verdict,
    write_rows,
)
from support.crash_matrix.runner import Outcome, Verdict
from support.crash_matrix.uninterrupted_run import expected_requests
from support.fake_engine import is_read

ALL = [
    pytest.param(provider, operation, id=f"{provider.value}, {operation}")
    for provider, group in OPERATIONS.items()
    for operation in group
]
VERDICTS = {Verdict.CONVERGES.value, Verdict.REMEDY_APPLIED.value, Verdict.REPEATS.value, NOTHING}
EMPTY = "before\n<!-- matrix: begins -->\n\nearlier\n\n<!-- matrix: ends -->\nafter\n"


@pytest.fixture(scope="module")
def page() -> str:
    """The committed page."""
    return PAGE.read_text()


def outcome(cell: Cell) -> Outcome:
    """Return an invented outcome, which depends on the kind of the cell."""
    right = Counts(1, 0, 0, repeated=False, lost=frozenset())
    ends = (
        (Verdict.CONVERGES, right),
        (Verdict.REMEDY_APPLIED, right),
        (Verdict.REPEATS, replace(right, swaps=4, repeated=True)),
        (Verdict.FAILS, replace(right, swaps=2, double_swaps=1)),
        (Verdict.FAILS, replace(right, generated=2, lost=frozenset({"lost"}))),
        (Verdict.FAILS, right),
    )
    kinds = (cell.boundary.number, cell.boundary.side.value, cell.interruption.value)
    return Outcome(cell, *ends[sum(map(ord, "".join(map(str, kinds)))) % len(ends)])


def invented_result(provider: ProviderKind, operation: Operation, requests: tuple[str, ...]) -> OperationResult:
    """Return an invented result of an operation."""
    outcomes = {(cell.boundary, cell.interruption): outcome(cell) for cell in cells(operation, requests)}
    return OperationResult(provider, operation, requests, outcomes)


def test_tables_can_be_read_back() -> None:
    """Written verdicts can be read back, cell by cell, and the page around the tables stays."""
    requests = ("POST token", "GET certificate", "POST rotateCertificate", "GET certificate")
    played = [
        invented_result(ProviderKind.OURS, ROTATE, requests),
        invented_result(ProviderKind.OURS, GENERATE, ("POST token", "POST certificate/passive")),
        invented_result(
            ProviderKind.OURS,
            ROTATE_AND_ROLL_BACK,
            ("POST rotateCertificate", "GET destinations/s4", "POST rotateCertificate"),
        ),
        invented_result(ProviderKind.NAIVE, ROTATE, ("POST token", "POST rotateCertificate")),
    ]

    page = update(EMPTY, played)

    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
    assert "earlier" not in page
    for result in played:
        shown = [key for row in write_rows(result.operation, result.requests) for key in row.cells if key is not None]
        for key in shown:
            documented = documented_verdict(page, result.provider, result.operation, result.requests, key)
            assert documented == verdict(result.outcomes[key])
        assert {*shown, *other_cells(result.operation, result.requests)} == set(result.outcomes)
    with pytest.raises(KeyError):
        documented_verdict(page, ProviderKind.OURS, ROTATE, requests, other_cells(ROTATE, requests)[0])


def test_a_part_leaves_other_rows() -> None:
    """A run of some operations keeps the rows of the others in place, and the totals count both."""
    requests = ("POST token", "POST rotateCertificate")
    generate, rotate = (invented_result(ProviderKind.OURS, operation, requests) for operation in (GENERATE, ROTATE))
    naive = invented_result(ProviderKind.NAIVE, ROTATE, requests)
    failing = OperationResult(
        rotate.provider, rotate.operation, requests, dict.fromkeys(rotate.outcomes, _failed(rotate))
    )

    whole = update(EMPTY, [naive, rotate, generate])

    assert update(update(EMPTY, [failing, naive]), [generate, rotate]) == whole
    assert update(whole, []) == whole
    assert update(whole, [failing]) != whole
    assert [row[0] for row in documented_rows(whole, ProviderKind.OURS, SUM_HEADING)] == [str(GENERATE), str(ROTATE)]


def _failed(played: OperationResult) -> Outcome:
    """Return one of an operation's outcomes, changed to the worst one."""
    worst = Counts(9, 9, 9, repeated=False, lost=frozenset({"lost"}))
    return replace(next(iter(played.outcomes.values())), verdict=Verdict.FAILS, counts=worst)


def test_totals_count_every_cell_once() -> None:
    """Verdicts add up to the number of cells, faults to their sums."""
    played = [invented_result(ProviderKind.OURS, ROTATE, ("POST token", "POST rotateCertificate"))]
    outcomes = list(played[0].outcomes.values())

    table = "\n".join(totals(update(EMPTY, played)))
    rows = dict(re.findall(r"^\| (\w[^|]*) \| (\d+) \|", table, re.MULTILINE))

    assert int(rows["cells"]) == len(outcomes) == sum(int(rows[verdict.value]) for verdict in Verdict)
    assert int(rows[DOUBLE]) == sum(outcome.counts.double_swaps for outcome in outcomes)
    assert int(rows[LOST]) == sum(len(outcome.counts.lost) for outcome in outcomes)


@pytest.mark.parametrize(("provider", "operation"), ALL)
def test_the_page_has_the_rows(provider: ProviderKind, operation: Operation, emulator: Emulator, page: str) -> None:
    """The page has a row for each write and interruption of an operation, and the number of its other cells."""
    requests = expected_requests(provider, operation, emulator)

    rows = [row for row in documented_rows(page, provider, WRITES) if row[0] == str(operation)]
    assert [row[:3] for row in rows] == [
        [row.operation, f"`{row.request}`", row.interruption] for row in write_rows(operation, requests)
    ]
    for row, planned in zip(rows, write_rows(operation, requests), strict=True):
        assert [cell == NOTHING for cell in row[3:]] == [key is None for key in planned.cells]
    (reads,) = (row for row in documented_rows(page, provider, READS) if row[0] == str(operation))
    assert reads[1:3] == [str(sum(map(is_read, requests))), str(len(other_cells(operation, requests)))]
    (sums,) = (row for row in documented_rows(page, provider, SUM_HEADING) if row[0] == str(operation))
    assert int(sums[1]) == len(cells(operation, requests)) == sum(map(int, sums[2 : 2 + len(Verdict)]))


@pytest.mark.parametrize("provider", ProviderKind)
def test_the_page_has_no_other_rows(provider: ProviderKind, page: str) -> None:
    """Every row of the page belongs to an operation of the matrix."""
    names = [str(operation) for operation in OPERATIONS[provider]]

    assert list(dict.fromkeys(row[0] for row in documented_rows(page, provider, WRITES))) == [
        name for name in names if name in {row[0] for row in documented_rows(page, provider, WRITES)}
    ]
    assert [row[0] for row in documented_rows(page, provider, READS)] == names
    assert [row[0] for row in documented_rows(page, provider, SUM_HEADING)] == names


def test_our_cells_succeed_on_the_page(page: str) -> None:
    """Every cell of ours converges or has a remedy that works; only the naive provider swaps twice and loses.

    The verification of a rejected rotation may repeat once; all other operations converge at the first attempt.
    """
    for row in documented_rows(page, ProviderKind.OURS, WRITES):
        assert set(row[3:]) <= VERDICTS
    for operation, number, *verdicts in documented_rows(page, ProviderKind.OURS, SUM_HEADING):
        converges, remedied, repeats, *faults = map(int, verdicts)
        assert (converges + remedied + repeats, set(faults)) == (int(number), {0})
        assert repeats == 0 or operation in map(str, (ROTATE_AND_ROLL_BACK, SWITCH_REFUSED))
    counted = {name: (int(ours), int(naive)) for name, ours, naive in _totals(page)}
    assert (counted[DOUBLE][0], counted[LOST][0]) == (0, 0)
    assert counted[DOUBLE][1] > 0
    assert counted[LOST][1] > 0


def test_the_page_adds_up(page: str, emulator: Emulator) -> None:
    """The number of cells on the page is that of the operations."""
    counted = {name: (int(ours), int(naive)) for name, ours, naive in _totals(page)}

    for provider, number in zip(ProviderKind, counted["cells"], strict=True):
        enumerated = sum(
            len(cells(operation, expected_requests(provider, operation, emulator)))
            for operation in OPERATIONS[provider]
        )
        assert number == enumerated


def _totals(page: str) -> list[tuple[str, str, str]]:
    return re.findall(r"^\| (\w[^|]*) \| (\d+) \| (\d+) \|$", page.partition("### Totals")[2], re.MULTILINE)
