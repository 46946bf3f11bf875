"""The rows of the measurement: what one command of one way took. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

from fleet.processes import Usage


class Case(Struct, frozen=True, order=True):
    """What is measured: a command of one way, for so many subaccounts, with a latency."""

    way: str
    command: str
    subaccounts: int
    latency_ms: int


class Row(Struct, frozen=True):
    """What a case took."""

    case: Case
    seconds: float
    least_requests: int = 0
    """Requests about the subaccount with the fewest."""
    most_requests: int = 0
    service_busy: float = 0.0
    """The part of the time for which the emulator's process used a processor."""
    engine: Usage = Usage()
    plugin: Usage = Usage()
    program: Usage = Usage()

    @property
    def line(self) -> str:
        """The row as a line."""
        case = self.case
        processes = ", ".join(
            f"{name} {usage.peak_mib:.0f} MiB {usage.cpu_seconds:.1f} s"
            for name, usage in (("plugin", self.plugin), ("program", self.program), ("engine", self.engine))
        )
        return (
            f"{case.way:20} {case.command:10} {case.subaccounts:5} {case.latency_ms:4} ms {self.seconds:8.2f} s; "
            f"requests {self.least_requests} to {self.most_requests}; emulator busy {self.service_busy:.0%}; "
            f"{processes}"
        )


def find(rows: Iterable[Row], way: str, command: str, subaccounts: int, *, latency_ms: int) -> Row | None:
    """Return the row of a case, if it was measured."""
    case = Case(way, command, subaccounts, latency_ms)
    return next((row for row in rows if row.case == case), None)


def by_size(rows: Iterable[Row], way: str, command: str, *, latency_ms: int) -> list[Row]:
    """Return the rows of a command, by the number of subaccounts."""
    wanted = (way, command, latency_ms)
    found = (row for row in rows if (row.case.way, row.case.command, row.case.latency_ms) == wanted)
    return sorted(found, key=lambda row: row.case.subaccounts)


def median(rounds: Sequence[Row]) -> Row:
    """Return the row in the middle, by its seconds; of an even number, the quicker one."""
    return sorted(rounds, key=lambda row: row.seconds)[(len(rounds) - 1) // 2]


def expected_seconds(smaller: Sequence[Row], size: int) -> float:
    """Return how long a number of subaccounts will take: at least in proportion, or by the last growth."""
    if not smaller:
        return 0.0
    last = smaller[-1]
    factor = size / last.case.subaccounts
    return float(last.seconds * factor ** max(1.0, _growth(smaller[-2], last) if len(smaller) > 1 else 1.0))


def _growth(first: Row, last: Row) -> float:
    """Return the exponent of the growth: 1 if the time grows in proportion."""
    return math.log(last.seconds / first.seconds) / math.log(last.case.subaccounts / first.case.subaccounts)
