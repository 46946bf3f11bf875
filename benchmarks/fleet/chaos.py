"""Rotate many stacks while requests fail, and workers and the driver are killed; then compare all books."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from btp_trust_emulator import FaultKind
from btp_trust_fleet.ledger.ledger_file import read_records
from btp_trust_fleet.ledger.records import StackEnded
from dask_nodes import DaskNodes
from fleet.books import problems
from fleet.faults import plan_faults
from fleet.stacks import SUCCESSOR, Stacks

WORKERS: Final = 4
KILLS: Final = {0.2: "worker", 0.4: "worker", 0.6: "driver"}
"""{part of the subaccounts that are swapped: who is killed then}"""
MOST_RUNS: Final = 12
"""After so many commands, a fleet that is still unfinished counts as one that never ends."""
LOOK_SECONDS: Final = 0.1


class ChaosResults(Struct, frozen=True):
    """What has happened, and what the books say."""

    cores: int
    subaccounts: int
    seed: int
    seconds: float
    runs: int
    """Commands `btp-trust fleet rotate`, until all stacks were done."""
    workers_killed: int
    drivers_killed: int
    queued: dict[str, int]
    """{kind: faults of it, each for a subaccount}"""
    met: dict[str, int]
    """{kind: subaccounts that met it}"""
    ends: dict[str, int]
    """{state: how many runs of a stack ended so, by the ledger}"""
    problems: list[str]
    """Where the books differ; the benchmark fails if there are any."""


@dataclass
class Chaos:
    """A rotation that is disturbed."""

    stacks: Stacks
    workers: list[subprocess.Popen[str]]
    report: Callable[[str], None]
    due: list[tuple[float, str]] = field(default_factory=lambda: sorted(KILLS.items()))
    killed: Counter[str] = field(default_factory=Counter)

    def run(self, address: str) -> int:
        """Run the command again and again until all stacks are done; return how often."""
        for run in range(1, MOST_RUNS + 1):
            driver = self.stacks.start("rotate", "--scheduler", address, "--parallel", str(WORKERS))
            status, printed = self._watch(driver)
            self.report(f"run {run}: {_outcome(status)}, {self.stacks.service.swaps()} subaccounts swapped")
            if status == 0:
                return run
        self.report(printed)
        return MOST_RUNS

    def _watch(self, driver: subprocess.Popen[str]) -> tuple[int, str]:
        """Wait for the end of a command, and kill who is due."""
        while True:
            try:
                printed, _ = driver.communicate(timeout=LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                self._kill_due(driver)
            else:
                return driver.returncode, printed

    def _kill_due(self, driver: subprocess.Popen[str]) -> None:
        part = self.stacks.service.swaps() / len(self.stacks.names)
        if self.due and part >= self.due[0][0]:
            _, who = self.due.pop(0)
            victim = driver if who == "driver" else self.workers[self.killed[who]]
            self.report(f"kill -9 of {who} {victim.pid}, {part:.0%} of the subaccounts are swapped")
            victim.kill()
            self.killed[who] += 1


def run(stacks: Stacks, kinds: Iterable[FaultKind], seed: int, report: Callable[[str], None]) -> ChaosResults:
    """Rotate all stacks under faults, and compare the books."""
    # A failure ends a wave only once all of its stacks have run: the others go on, as on a day with many faults.
    stacks.declare(SUCCESSOR, stop_after=len(stacks.names))
    stacks.restore()
    queued = _queue_faults(stacks, kinds, seed)
    nodes = DaskNodes(stacks.project.folder, stacks.environment)
    began = time.perf_counter()
    with nodes.scheduler() as address, nodes.workers(address, WORKERS) as workers:
        chaos = Chaos(stacks, workers, report)
        runs = chaos.run(address)
    return ChaosResults(
        cores=os.cpu_count() or 0,
        subaccounts=len(stacks.names),
        seed=seed,
        seconds=round(time.perf_counter() - began, 1),
        runs=runs,
        workers_killed=chaos.killed["worker"],
        drivers_killed=chaos.killed["driver"],
        queued=queued,
        met=_met(stacks),
        ends=_ends(stacks),
        problems=[*problems(stacks), *(f"{who}: still to be killed" for _, who in chaos.due)],
    )


def _queue_faults(stacks: Stacks, kinds: Iterable[FaultKind], seed: int) -> dict[str, int]:
    """Queue the faults; return {kind: how many}."""
    faults = plan_faults([each.guid for each in stacks.service.subaccounts], kinds, seed)
    for fault in faults:
        stacks.service.emulator.fault(**dataclasses.asdict(fault))
    return dict(Counter(fault.kind.value for fault in faults))


def _met(stacks: Stacks) -> dict[str, int]:
    """Count the subaccounts that met each kind of faults, by the journal."""
    pairs = {(kind.value, entry.subaccount) for entry in stacks.service.emulator.journal() for kind in entry.faults}
    return dict(sorted(Counter(kind for kind, _ in pairs).items()))


def _ends(stacks: Stacks) -> dict[str, int]:
    records, _ = read_records(stacks.ledger)
    return dict(Counter(record.state.value for record in records if isinstance(record, StackEnded)).most_common())


def _outcome(status: int) -> str:
    return {0: "all stacks are done", -9: "killed"}.get(status, f"ended with {status}")
