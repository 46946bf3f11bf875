"""The cells of the matrix: every moment of an operation, times every way to be interrupted there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from support import fake_engine
from support.crash_matrix.operations import Operation
from support.intercepting_proxy import Boundary, BoundarySide


class Interruption(Enum):
    """What happens at a moment."""

    ALL_KILLED = "Pulumi and all that it started is killed"
    PLUGIN_KILLED = "the plugin is killed"
    PULUMI_KILLED = "Pulumi alone is killed, and the plugin goes on afterwards"
    CLOSED = "the connection closes"


@dataclass(frozen=True)
class Cell:
    """One interruption, at one moment of one operation."""

    operation: Operation
    request: str
    boundary: Boundary
    interruption: Interruption

    def __str__(self) -> str:
        """Name it in one line."""
        where = f"{self.boundary.number}. {self.request}, {self.boundary.side.value}"
        return f"{self.operation}; {where}; {self.interruption.value}"


def all_boundaries(requests: Sequence[str]) -> Iterator[Boundary]:
    """Give every moment at which a run of these requests can be interrupted.

    Directly after an answer is directly before the next request: that moment exists once, and belongs to the latter.
    """
    for number in range(1, len(requests) + 1):
        yield Boundary(number, BoundarySide.BEFORE)
        yield Boundary(number, BoundarySide.DONE)
    yield Boundary(len(requests), BoundarySide.ANSWERED)


def played_boundary(boundary: Boundary, requests: Sequence[str]) -> Boundary:
    """Return the moment that is played for a boundary."""
    if boundary.side is BoundarySide.ANSWERED and boundary.number < len(requests):
        return Boundary(boundary.number + 1, BoundarySide.BEFORE)
    return boundary


def cells(operation: Operation, requests: Sequence[str]) -> list[Cell]:
    """Enumerate the cells of an operation whose undisturbed run sends these requests.

    A read that is not answered is repeated, and leaves nothing behind: connections close at writes only. A plugin that
    goes on gets an answer that is out of date by then; without a write among the requests it has nothing to do.
    """
    writes = not all(map(fake_engine.is_read, requests))
    found = []
    for boundary in all_boundaries(requests):
        request = requests[boundary.number - 1]
        for interruption in Interruption:
            is_played = {
                Interruption.CLOSED: not fake_engine.is_read(request) and boundary.side is not BoundarySide.ANSWERED,
                Interruption.PULUMI_KILLED: writes and boundary.side is BoundarySide.DONE,
            }
            if is_played.get(interruption, True):
                found.append(Cell(operation, request, boundary, interruption))
    return found
