"""The goals for many subaccounts in one program, and whether a run has met them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from fleet.rows import Row, by_size, find
from fleet.ways import IN_SERIES, OURS, PULUMI

SIZE = 100
"""Subaccounts from which times and memory are judged."""
LATENCY_MS = 100
RATIOS = {"preview": 1.25, "up": 1.6, "refresh": 1.25}
"""How many times as long as at 0 ms a command may take at 100 ms."""
REQUESTS = {"preview": 3, "up": 6}
KIB_PER_SUBACCOUNT = 100
LINEAR = 1.25
"""How many times as long as in proportion to 100 the largest number may take."""
BUSY = 0.7
"""The part of the time for which the emulator may be busy, so that it is not what is measured."""


class Goal(Struct, frozen=True):
    """A goal: what it says, its limit, and the number that was measured; None if the run left it out."""

    text: str
    limit: float
    measured: float | None
    unit: str = ""

    @property
    def is_missed(self) -> bool:
        """Return True if the number is above the limit."""
        return self.measured is not None and self.measured > self.limit

    @property
    def verdict(self) -> str:
        """Say in a word whether the goal is met."""
        return "not measured" if self.measured is None else "missed" if self.is_missed else "met"

    @property
    def line(self) -> str:
        """The goal in a line."""
        measured = "" if self.measured is None else f"{self.measured:g}{self.unit}, "
        return f"{self.verdict}: {self.text}: {measured}at most {self.limit:g}{self.unit}"


def evaluate(rows: Sequence[Row]) -> list[Goal]:
    """Return all goals."""
    return [*_ratios(rows), _linear(rows), *_requests(rows), _memory(rows), _busy(rows)]


def _ratios(rows: Sequence[Row]) -> Iterator[Goal]:
    for command, limit in RATIOS.items():
        slow, quick = (find(rows, OURS, command, SIZE, latency_ms=latency) for latency in (LATENCY_MS, 0))
        measured = round(slow.seconds / quick.seconds, 2) if slow and quick else None
        yield Goal(f"`{command}` of {SIZE} subaccounts at {LATENCY_MS} ms against 0 ms", limit, measured, " times")


def _linear(rows: Sequence[Row]) -> Goal:
    """Compare the largest preview with that of 100, each without what one subaccount takes: the start of Pulumi."""
    sizes = by_size(rows, OURS, "preview", latency_ms=0)
    base = next((row for row in sizes[1:] if row.case.subaccounts == SIZE), None)
    measured = None if base is None or sizes[-1] is base else _per_subaccount(sizes[0], sizes[-1], base)
    return Goal(
        f"`preview` of the most subaccounts at 0 ms against the proportion to {SIZE}", LINEAR, measured, " times"
    )


def _per_subaccount(one: Row, last: Row, base: Row) -> float:
    """Divide the seconds that each further subaccount adds up to the last row by those that it adds up to the base."""
    each = [(row.seconds - one.seconds) / (row.case.subaccounts - one.case.subaccounts) for row in (last, base)]
    return round(each[0] / each[1], 2)


def _requests(rows: Sequence[Row]) -> Iterator[Goal]:
    for command, limit in REQUESTS.items():
        counts = [row.most_requests for row in rows if row.case.way == OURS and row.case.command == command]
        yield Goal(f"Requests about a subaccount in `{command}`", limit, max(counts, default=None))


def _memory(rows: Sequence[Row]) -> Goal:
    """Judge the growth between the two largest numbers of subaccounts, of the command that needs most."""
    growths = [
        _growth_kib(sizes[-2], sizes[-1])
        for command in PULUMI
        for latency in {row.case.latency_ms for row in rows}
        if len(sizes := by_size(rows, OURS, command, latency_ms=latency)) > 1 and sizes[-1].case.subaccounts >= SIZE
    ]
    text = "Memory of the plugin for each further subaccount, from the second largest number to the largest"
    return Goal(text, KIB_PER_SUBACCOUNT, max(growths, default=None), " KiB")


def _growth_kib(first: Row, last: Row) -> float:
    further = last.case.subaccounts - first.case.subaccounts
    return round(1024 * (last.plugin.peak_mib - first.plugin.peak_mib) / further, 1)


def _busy(rows: Sequence[Row]) -> Goal:
    busy = [row.service_busy for row in rows if row.case.way in {OURS, IN_SERIES} and row.case.subaccounts >= SIZE]
    measured = round(max(busy), 2) if busy else None
    return Goal("Part of the time for which the emulator was busy", BUSY, measured)
