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
from support.crash_matrix.operations import OPERATIONS, Operation, Provider
from support.crash_matrix.report import PAGE, Played, totals, update
from support.crash_matrix.runner import Outcome, Player, Verdict
from support.crash_matrix.workspace import recorded

WORKERS = int(os.environ.get("WORKERS", "3"))


Wanted = list[tuple[Provider, Operation]]


def chosen(pattern: str) -> Wanted:
    """Return the operations whose names, such as `naive: RotationTrigger: update, rotates`, match; all if it is ""."""
    every = [(provider, operation) for provider, group in OPERATIONS.items() for operation in group]
    return [each for each in every if re.search(pattern, f"{each[0].value}: {each[1]}")]


def run(wanted: Wanted, pool: ThreadPoolExecutor, folder: Path) -> list[Played]:
    """Prepare each operation, then play all cells."""
    places = [folder / str(number) for number in range(len(wanted))]
    bases = list(pool.map(recorded, *zip(*wanted, strict=True), places))
    players = [Player(base, place / "cells") for base, place in zip(bases, places, strict=True)]
    say(f"{len(bases)} operations are prepared.")
    columns = [[(player, cell) for cell in cells(player.base.operation, player.base.requests)] for player in players]
    in_turns = filter(None, chain.from_iterable(zip_longest(*columns)))
    todo = {pool.submit(player.play, cell): player for player, cell in in_turns}
    done: dict[int, list[Outcome]] = {id(player): [] for player in players}
    for number, future in enumerate(as_completed(todo), 1):
        outcome, player = future.result(), todo[future]
        done[id(player)].append(outcome)
        say(f"{number} of {len(todo)}: {player.base.provider.value}: {outcome.cell}: {outcome.verdict.value}")
        if outcome.verdict is Verdict.FAILS and player.base.provider is Provider.OURS:
            say("\n".join(outcome.complaints))
    return [played(player, done[id(player)]) for player in players]


def played(player: Player, outcomes: list[Outcome]) -> Played:
    """Gather what came of an operation's cells."""
    by_key = {(outcome.cell.moment, outcome.cell.interruption): outcome for outcome in outcomes}
    base = player.base
    return Played(base.provider, base.operation, base.requests, by_key)


def faults(found: list[Played]) -> Iterator[str]:
    """Give what must not be: a cell of ours that fails, or a naive provider that nothing catches."""
    for each in found:
        for outcome in each.outcomes.values():
            if each.provider is Provider.OURS and outcome.verdict is Verdict.FAILS:
                yield f"{outcome.cell}: {'; '.join(outcome.complaints)}"
    naive = [each for each in found if each.provider is Provider.NAIVE]
    counted = [outcome.counts for each in naive for outcome in each.outcomes.values()]
    is_caught = any(counts.double_swaps for counts in counted) and any(counts.lost for counts in counted)
    if len(naive) == len(OPERATIONS[Provider.NAIVE]) and not is_caught:
        yield "The matrix does not catch the naive provider."


def say(line: str) -> None:
    """Tell how far it has come."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run, write the page, tell the counts. Returns the exit status."""
    begin, wanted = time.monotonic(), chosen(os.environ.get("ONLY", ""))
    if not wanted:
        say("No operation is named so.")
        return 1
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        try:
            found = run(wanted, pool, Path(folder))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    PAGE.write_text(update(PAGE.read_text(), found))
    wrong = list(faults(found))
    resumed = sum(outcome.was_resumed for each in found for outcome in each.outcomes.values())
    for line in ["", *totals(PAGE.read_text()), "", *wrong]:
        say(line)
    say(f"{resumed} cells were resumed, the others had left the same behind; {time.monotonic() - begin:.0f} s.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
