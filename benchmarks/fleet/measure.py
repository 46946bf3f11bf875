"""Measure each command of each way, for each number of subaccounts and each latency."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fleet.processes import CommandFailed, FinishedCommand, Usage
from fleet.rows import Case, Row, by_size, expected_seconds, median
from fleet.service import Service
from fleet.ways import OURS, Stage, Way

DEPLOYMENT = "deployment"
"""The command of rows about the deployment before a measurement, by an engine that saves its state once."""


class WrongOutcome(RuntimeError):
    """A command did something else than what is measured."""


@dataclass
class Measurement:
    """What is measured, and the rows so far.

    Args:
        rounds: How often each command runs; the median is taken.
        limit_seconds: A row that is expected to take longer is left out, and so are those of more subaccounts.
    """

    sizes: Sequence[int]
    latencies: Sequence[int]
    ways: Sequence[Way]
    rounds: int = 1
    limit_seconds: float = 60.0
    report: Callable[[str], None] = print
    rows: list[Row] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    """{name of another way: the smallest number of subaccounts that it failed to deploy}."""

    def run(self, service: Service, folder: Path) -> list[Row]:
        """Measure all ways, smaller numbers first; return the rows."""
        for size in sorted(self.sizes):
            for way in self.ways:
                for row in self._measure_way(service, way, size, folder / f"{way.name}-{size}"):
                    self.rows.append(row)
                    self.report(row.line)
        return self.rows

    def _measure_way(self, service: Service, way: Way, size: int, folder: Path) -> Iterator[Row]:
        cases = [
            case
            for latency in self.latencies
            for command in way.commands
            if self._is_short(case := Case(way.name, command, size, latency))
        ]
        deployment = Case(way.name, DEPLOYMENT, size, 0)
        if not cases or (way.uses_pulumi and not self._is_short(deployment)):
            return
        folder.mkdir()
        stage = self._stage(service, way, size, folder)
        if stage is None:
            return
        if stage.deployment is not None:
            yield _row(deployment, stage.deployment)
        for case in cases:
            yield median([measure(service, way, stage, case) for _ in range(self.rounds)])

    def _stage(self, service: Service, way: Way, size: int, folder: Path) -> Stage | None:
        """Deploy; return None if another way than ours failed to, which is a result as well."""
        try:
            return way.stage(service, size, folder)
        except CommandFailed as failure:
            if way.name == OURS:
                raise
            self.failures[way.name] = size
            self.report(f"{way.name} failed to deploy {size} subaccounts: {failure}")
            return None

    def _is_short(self, case: Case) -> bool:
        """Tell whether a row is expected to be within the limit."""
        smaller = by_size(self.rows, case.way, case.command, latency_ms=case.latency_ms)
        wanted = [size for size in self.sizes if size < case.subaccounts]
        if len(smaller) < len(wanted):
            return False
        return expected_seconds(smaller, case.subaccounts) <= self.limit_seconds


def measure(service: Service, way: Way, stage: Stage, case: Case) -> Row:
    """Run a command from the state of the deployment.

    Raises:
        CommandFailed: It ended with an error.
        WrongOutcome: It left another number of subaccounts with a new signer.
    """
    stage.restore()
    service.restore()
    used = time.process_time()
    with service.latency(case.latency_ms):
        finished = stage.run(case.command)
    busy = (time.process_time() - used) / finished.seconds
    swaps, expected = service.swaps(), case.subaccounts if case.command == "up" and way.sends_requests else 0
    if swaps != expected:
        raise WrongOutcome(f"{case}: {swaps} swaps instead of {expected}:\n{finished.output[-4000:]}")
    requests = service.requests()
    return _row(case, finished, [requests.get(each.guid, 0) for each in service.subaccounts[: case.subaccounts]], busy)


def _row(case: Case, finished: FinishedCommand, counts: Sequence[int] = (0,), busy: float = 0.0) -> Row:
    usage = {role: finished.usage.get(role, Usage()) for role in ("engine", "plugin", "program")}
    return Row(case, round(finished.seconds, 2), min(counts), max(counts), round(busy, 3), **usage)
