"""Play the matrix and write its tables into the page: `make matrix`; the part that ONLY names, if it is given."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import chain, zip_longest
from pathlib import Path

from support.crash_matrix.cells import cells
from support.crash_matrix.operations import OPERATIONS, Operation, ProviderKind
from support.crash_matrix.report import PAGE, OperationResult, totals, update
from support.crash_matrix.runner import CellRunner, Outcome, Verdict
from support.crash_matrix.workspace import prepare_and_record_requests

WORKERS = int(os.environ.get("WORKERS", "3"))


DeclaredProgram = list[tuple[ProviderKind, Operation]]


def select_operations(pattern: str) -> DeclaredProgram:
    """Return the operations whose names, such as `naive: RotationTrigger: update, rotates`, match; all if it is ""."""
    every = [(provider, operation) for provider, group in OPERATIONS.items() for operation in group]
    return [each for each in every if re.search(pattern, f"{each[0].value}: {each[1]}")]


def run(wanted: DeclaredProgram, pool: ThreadPoolExecutor, folder: Path) -> list[OperationResult]:
    """Prepare each operation, then play all cells."""
    places = [folder / str(number) for number in range(len(wanted))]
    bases = list(pool.map(prepare_and_record_requests, *zip(*wanted, strict=True), places))
    players = [CellRunner(base, place / "cells") for base, place in zip(bases, places, strict=True)]
    print_progress(f"{len(bases)} operations are prepared.")
    columns = [[(player, cell) for cell in cells(player.base.operation, player.base.requests)] for player in players]
    in_turns = filter(None, chain.from_iterable(zip_longest(*columns)))
    todo = {pool.submit(player.run_cell, cell): player for player, cell in in_turns}
    done: dict[int, list[Outcome]] = {id(player): [] for player in players}
    for number, future in enumerate(as_completed(todo), 1):
        outcome, player = future.result(), todo[future]
        done[id(player)].append(outcome)
        print_progress(
            f"{number} of {len(todo)}: {player.base.provider.value}: {outcome.cell}: {outcome.verdict.value}"
        )
        if outcome.verdict is Verdict.FAILS and player.base.provider is ProviderKind.OURS:
            print_progress("\n".join(outcome.problems))
    return [operation_result(player, done[id(player)]) for player in players]


def operation_result(player: CellRunner, outcomes: list[Outcome]) -> OperationResult:
    """Gather what came of an operation's cells."""
    by_key = {(outcome.cell.boundary, outcome.cell.interruption): outcome for outcome in outcomes}
    base = player.base
    return OperationResult(base.provider, base.operation, base.requests, by_key)


def find_problems(found: list[OperationResult]) -> Iterator[str]:
    """Give what must not be: a cell of ours that fails, or a naive provider that nothing catches."""
    for each in found:
        for outcome in each.outcomes.values():
            if each.provider is ProviderKind.OURS and outcome.verdict is Verdict.FAILS:
                yield f"{outcome.cell}: {'; '.join(outcome.problems)}"
    naive = [each for each in found if each.provider is ProviderKind.NAIVE]
    counted = [outcome.counts for each in naive for outcome in each.outcomes.values()]
    is_caught = any(counts.double_swaps for counts in counted) and any(counts.lost for counts in counted)
    if len(naive) == len(OPERATIONS[ProviderKind.NAIVE]) and not is_caught:
        yield "The matrix does not catch the naive provider."


def print_progress(line: str) -> None:
    """Tell how far it has come."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run, write the page, tell the counts. Returns the exit status."""
    begin, wanted = time.monotonic(), select_operations(os.environ.get("ONLY", ""))
    if not wanted:
        print_progress("No operation is named so.")
        return 1
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        try:
            found = run(wanted, pool, Path(folder))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    PAGE.write_text(update(PAGE.read_text(), found))
    wrong = list(find_problems(found))
    resumed = sum(outcome.was_resumed for each in found for outcome in each.outcomes.values())
    for line in ["", *totals(PAGE.read_text()), "", *wrong]:
        print_progress(line)
    print_progress(
        f"{resumed} cells were resumed, the others had left the same behind; {time.monotonic() - begin:.0f} s."
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
