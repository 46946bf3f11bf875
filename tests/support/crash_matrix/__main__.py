"""Run the crash matrix, or the part that ONLY selects, and write its tables into the page: `make matrix`."""

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


Selection = list[tuple[ProviderKind, Operation]]


def select_operations(pattern: str) -> Selection:
    """Return the operations whose names match, such as `naive: RotationTrigger: update, rotates`."""
    operations = [(provider, operation) for provider, group in OPERATIONS.items() for operation in group]
    return [
        (provider, operation)
        for provider, operation in operations
        if re.search(pattern, f"{provider.value}: {operation}")
    ]


def run(selection: Selection, pool: ThreadPoolExecutor, folder: Path) -> list[OperationResult]:
    """Prepare each operation, then run all cells."""
    folders = [folder / str(number) for number in range(len(selection))]
    stacks = list(pool.map(prepare_and_record_requests, *zip(*selection, strict=True), folders))
    runners = [CellRunner(prepared, place / "cells") for prepared, place in zip(stacks, folders, strict=True)]
    print_progress(f"{len(stacks)} operations are prepared.")
    outcomes: dict[int, list[Outcome]] = {id(runner): [] for runner in runners}
    for runner, outcome in run_cells(runners, pool):
        outcomes[id(runner)].append(outcome)
    return [operation_result(runner, outcomes[id(runner)]) for runner in runners]


def run_cells(runners: list[CellRunner], pool: ThreadPoolExecutor) -> Iterator[tuple[CellRunner, Outcome]]:
    """Run the cells of all operations in turns, and report each as it completes."""
    columns = [
        [(runner, cell) for cell in cells(runner.prepared.operation, runner.prepared.requests)] for runner in runners
    ]
    in_turns = filter(None, chain.from_iterable(zip_longest(*columns)))
    futures = {pool.submit(runner.run_cell, cell): runner for runner, cell in in_turns}
    for number, future in enumerate(as_completed(futures), 1):
        outcome, runner = future.result(), futures[future]
        provider = runner.prepared.provider
        print_progress(f"{number} of {len(futures)}: {provider.value}: {outcome.cell}: {outcome.verdict.value}")
        if outcome.verdict is Verdict.FAILS and provider is ProviderKind.OURS:
            print_progress("\n".join(outcome.problems))
        yield runner, outcome


def operation_result(runner: CellRunner, outcomes: list[Outcome]) -> OperationResult:
    """Return the result of an operation from the outcomes of its cells."""
    by_key = {(outcome.cell.boundary, outcome.cell.interruption): outcome for outcome in outcomes}
    prepared = runner.prepared
    return OperationResult(prepared.provider, prepared.operation, prepared.requests, by_key)


def find_problems(results: list[OperationResult]) -> Iterator[str]:
    """Yield the failed cells of our provider, and whether the matrix misses the faults of the naive one."""
    for result in results:
        for outcome in result.outcomes.values():
            if result.provider is ProviderKind.OURS and outcome.verdict is Verdict.FAILS:
                yield f"{outcome.cell}: {'; '.join(outcome.problems)}"
    naive = [result for result in results if result.provider is ProviderKind.NAIVE]
    counted = [outcome.counts for result in naive for outcome in result.outcomes.values()]
    is_caught = any(counts.double_swaps for counts in counted) and any(counts.lost for counts in counted)
    if len(naive) == len(OPERATIONS[ProviderKind.NAIVE]) and not is_caught:
        yield "The matrix misses the faults of the naive provider."


def print_progress(line: str) -> None:
    """Print a line with the time of day, at once."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run, write the page, print the counts; return the exit status."""
    begin, selection = time.monotonic(), select_operations(os.environ.get("ONLY", ""))
    if not selection:
        print_progress("ONLY matches no operation.")
        return 1
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        try:
            results = run(selection, pool, Path(folder))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    PAGE.write_text(update(PAGE.read_text(), results))
    problems = list(find_problems(results))
    resumed = sum(outcome.was_resumed for result in results for outcome in result.outcomes.values())
    for line in ["", *totals(PAGE.read_text()), "", *problems]:
        print_progress(line)
    print_progress(f"{resumed} cells were resumed, the others left equal residues; {time.monotonic() - begin:.0f} s.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
