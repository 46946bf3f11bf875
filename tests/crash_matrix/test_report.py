"""The page says what the matrix has, no more and no less."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from btp_trust_emulator import Emulator
from support.crash_matrix.cells import Cell, cells
from support.crash_matrix.counts import Counts
from support.crash_matrix.dry_run import expected_requests
from support.crash_matrix.operations import GENERATE, OPERATIONS, ROTATE, ROTATE_AND_ROLL_BACK, Operation, ProviderKind
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
from support.fake_engine import is_read

ALL = [
    pytest.param(provider, operation, id=f"{provider.value}, {operation}")
    for provider, group in OPERATIONS.items()
    for operation in group
]
VERDICTS = {Verdict.CONVERGES.value, Verdict.WAY_OUT.value, Verdict.REPEATS.value, NOTHING}
EMPTY = "before\n<!-- matrix: begins -->\n\nearlier\n\n<!-- matrix: ends -->\nafter\n"


@pytest.fixture(scope="module")
def page() -> str:
    """The page as it is committed."""
    return PAGE.read_text()


def outcome(cell: Cell) -> Outcome:
    """Make up what came of a cell, another one for each kind of cell."""
    right = Counts(1, 0, 0, repeated=False, lost=frozenset())
    ends = (
        (Verdict.CONVERGES, right),
        (Verdict.WAY_OUT, right),
        (Verdict.REPEATS, replace(right, swaps=4, repeated=True)),
        (Verdict.FAILS, replace(right, swaps=2, double_swaps=1)),
        (Verdict.FAILS, replace(right, generated=2, lost=frozenset({"lost"}))),
        (Verdict.FAILS, right),
    )
    kinds = (cell.boundary.number, cell.boundary.side.value, cell.interruption.value)
    return Outcome(cell, *ends[sum(map(ord, "".join(map(str, kinds)))) % len(ends)])


def made_up(provider: ProviderKind, operation: Operation, requests: tuple[str, ...]) -> OperationResult:
    """Make up what came of an operation."""
    found = {(cell.boundary, cell.interruption): outcome(cell) for cell in cells(operation, requests)}
    return OperationResult(provider, operation, requests, found)


def test_tables_say_what_came_of_the_cells() -> None:
    """What is written can be read back, cell by cell; the page around it stays."""
    requests = ("POST token", "GET certificate", "POST rotateCertificate", "GET certificate")
    played = [
        made_up(ProviderKind.OURS, ROTATE, requests),
        made_up(ProviderKind.OURS, GENERATE, ("POST token", "POST certificate/passive")),
        made_up(
            ProviderKind.OURS,
            ROTATE_AND_ROLL_BACK,
            ("POST rotateCertificate", "GET destinations/s4", "POST rotateCertificate"),
        ),
        made_up(ProviderKind.NAIVE, ROTATE, ("POST token", "POST rotateCertificate")),
    ]

    page = update(EMPTY, played)

    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
    assert "earlier" not in page
    for each in played:
        shown = [key for row in write_rows(each.operation, each.requests) for key in row.cells if key is not None]
        for key in shown:
            words = documented_verdict(page, each.provider, each.operation, each.requests, key)
            assert words == verdict(each.outcomes[key])
        assert {*shown, *other_cells(each.operation, each.requests)} == set(each.outcomes)
    with pytest.raises(KeyError):
        documented_verdict(page, ProviderKind.OURS, ROTATE, requests, other_cells(ROTATE, requests)[0])


def test_a_part_of_the_matrix_leaves_the_rows_of_others() -> None:
    """Rows of an operation that was not played stay as they are, where they are; the totals count them."""
    requests = ("POST token", "POST rotateCertificate")
    mint, rotate = (made_up(ProviderKind.OURS, operation, requests) for operation in (GENERATE, ROTATE))
    naive = made_up(ProviderKind.NAIVE, ROTATE, requests)
    failing = OperationResult(
        rotate.provider, rotate.operation, requests, dict.fromkeys(rotate.outcomes, _failed(rotate))
    )

    whole = update(EMPTY, [naive, rotate, mint])

    assert update(update(EMPTY, [failing, naive]), [mint, rotate]) == whole
    assert update(whole, []) == whole
    assert update(whole, [failing]) != whole
    assert [row[0] for row in documented_rows(whole, ProviderKind.OURS, SUM_HEADING)] == [str(GENERATE), str(ROTATE)]


def _failed(played: OperationResult) -> Outcome:
    """Return one of an operation's outcomes, made the worst."""
    worst = Counts(9, 9, 9, repeated=False, lost=frozenset({"lost"}))
    return replace(next(iter(played.outcomes.values())), verdict=Verdict.FAILS, counts=worst)


def test_totals_count_every_cell_once() -> None:
    """Verdicts add up to the cells; what was done wrong is added up over them."""
    played = [made_up(ProviderKind.OURS, ROTATE, ("POST token", "POST rotateCertificate"))]
    outcomes = list(played[0].outcomes.values())

    told = "\n".join(totals(update(EMPTY, played)))
    rows = dict(re.findall(r"^\| (\w[^|]*) \| (\d+) \|", told, re.MULTILINE))

    assert int(rows["cells"]) == len(outcomes) == sum(int(rows[each.value]) for each in Verdict)
    assert int(rows[DOUBLE]) == sum(each.counts.double_swaps for each in outcomes)
    assert int(rows[LOST]) == sum(len(each.counts.lost) for each in outcomes)


@pytest.mark.parametrize(("provider", "operation"), ALL)
def test_the_page_has_the_rows_of_an_operation(
    provider: ProviderKind, operation: Operation, emulator: Emulator, page: str
) -> None:
    """Each of its writes with each interruption, and the number of all other cells: those that are played."""
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
    """Nothing is left of an operation that the matrix has no more."""
    names = [str(operation) for operation in OPERATIONS[provider]]

    assert list(dict.fromkeys(row[0] for row in documented_rows(page, provider, WRITES))) == [
        name for name in names if name in {row[0] for row in documented_rows(page, provider, WRITES)}
    ]
    assert [row[0] for row in documented_rows(page, provider, READS)] == names
    assert [row[0] for row in documented_rows(page, provider, SUM_HEADING)] == names


def test_the_page_claims_that_nothing_of_ours_fails(page: str) -> None:
    """Every cell converges or has a way out that works; nothing is swapped twice or lost, but by the naive provider.

    What a target refuses is tried once more where nobody noted that down, and nothing else is.
    """
    for row in documented_rows(page, ProviderKind.OURS, WRITES):
        assert set(row[3:]) <= VERDICTS
    for operation, number, *verdicts in documented_rows(page, ProviderKind.OURS, SUM_HEADING):
        converges, ways_out, repeats, *wrong = map(int, verdicts)
        assert (converges + ways_out + repeats, set(wrong)) == (int(number), {0})
        assert repeats == 0 or operation == str(ROTATE_AND_ROLL_BACK)
    counted = {name: (int(ours), int(naive)) for name, ours, naive in _totals(page)}
    assert (counted[DOUBLE][0], counted[LOST][0]) == (0, 0)
    assert counted[DOUBLE][1] > 0
    assert counted[LOST][1] > 0


def test_the_page_adds_up(page: str, emulator: Emulator) -> None:
    """The number of cells is that of the operations."""
    counted = {name: (int(ours), int(naive)) for name, ours, naive in _totals(page)}

    for provider, number in zip(ProviderKind, counted["cells"], strict=True):
        enumerated = sum(
            len(cells(operation, expected_requests(provider, operation, emulator)))
            for operation in OPERATIONS[provider]
        )
        assert number == enumerated


def _totals(page: str) -> list[tuple[str, str, str]]:
    return re.findall(r"^\| (\w[^|]*) \| (\d+) \| (\d+) \|$", page.partition("### Totals")[2], re.MULTILINE)
