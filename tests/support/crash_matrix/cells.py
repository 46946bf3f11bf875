"""The cells of the matrix: every boundary of an operation, times every interruption."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from support import fake_engine
from support.crash_matrix.operations import Operation
from support.intercepting_proxy import Boundary, BoundarySide


class Interruption(Enum):
    """What happens at a boundary."""

    ALL_KILLED = "Pulumi and all its processes are killed"
    PLUGIN_KILLED = "the plugin is killed"
    PULUMI_KILLED = "Pulumi alone is killed, and the plugin continues afterwards"
    CLOSED = "the connection closes"


@dataclass(frozen=True)
class Cell:
    """One interruption, at one boundary of one operation."""

    operation: Operation
    request: str
    boundary: Boundary
    interruption: Interruption

    def __str__(self) -> str:
        """Return operation, boundary and interruption in one line."""
        where = f"{self.boundary.number}. {self.request}, {self.boundary.side.value}"
        return f"{self.operation}; {where}; {self.interruption.value}"


def all_boundaries(requests: Sequence[str]) -> Iterator[Boundary]:
    """Yield every boundary at which a run of these requests can be interrupted.

    The boundary after an answer equals the one before the next request; it is listed once, as the latter.
    """
    for number in range(1, len(requests) + 1):
        yield Boundary(number, BoundarySide.BEFORE)
        yield Boundary(number, BoundarySide.DONE)
    yield Boundary(len(requests), BoundarySide.ANSWERED)


def played_boundary(boundary: Boundary, requests: Sequence[str]) -> Boundary:
    """Return the boundary that is played in place of an equal one."""
    if boundary.side is BoundarySide.ANSWERED and boundary.number < len(requests):
        return Boundary(boundary.number + 1, BoundarySide.BEFORE)
    return boundary


def cells(operation: Operation, requests: Sequence[str]) -> list[Cell]:
    """Enumerate the cells of an operation whose undisturbed run sends these requests.

    Connections close at writes only, for a read is simply repeated. A plugin continues after Pulumi only in operations
    with a write, for only a write can meet slots that have changed since.
    """
    writes = not all(map(fake_engine.is_read, requests))
    result = []
    for boundary in all_boundaries(requests):
        request = requests[boundary.number - 1]
        for interruption in Interruption:
            is_played = {
                Interruption.CLOSED: not fake_engine.is_read(request) and boundary.side is not BoundarySide.ANSWERED,
                Interruption.PULUMI_KILLED: writes and boundary.side is BoundarySide.DONE,
            }
            if is_played.get(interruption, True):
                result.append(Cell(operation, request, boundary, interruption))
    return result
