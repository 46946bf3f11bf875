"""The cells of the matrix: every moment of an operation, times every way to be interrupted there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from support import fake_engine
from support.crash_matrix.operations import Operation
from support.intercepting_proxy import Moment, Side


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
    moment: Moment
    interruption: Interruption

    def __str__(self) -> str:
        """Name it in one line."""
        where = f"{self.moment.number}. {self.request}, {self.moment.side.value}"
        return f"{self.operation}; {where}; {self.interruption.value}"


def moments(requests: Sequence[str]) -> Iterator[Moment]:
    """Give every moment at which a run of these requests can be interrupted.

    Directly after an answer is directly before the next request: that moment exists once, and belongs to the latter.
    """
    for number in range(1, len(requests) + 1):
        yield Moment(number, Side.BEFORE)
        yield Moment(number, Side.DONE)
    yield Moment(len(requests), Side.ANSWERED)


def same_moment(moment: Moment, requests: Sequence[str]) -> Moment:
    """Return the moment that is played for a boundary."""
    if moment.side is Side.ANSWERED and moment.number < len(requests):
        return Moment(moment.number + 1, Side.BEFORE)
    return moment


def cells(operation: Operation, requests: Sequence[str]) -> list[Cell]:
    """Enumerate the cells of an operation whose undisturbed run sends these requests.

    A read that is not answered is repeated, and leaves nothing behind: connections close at writes only. A plugin that
    goes on gets an answer that is out of date by then; without a write among the requests it has nothing to do.
    """
    writes = not all(map(fake_engine.is_read, requests))
    found = []
    for moment in moments(requests):
        request = requests[moment.number - 1]
        for interruption in Interruption:
            is_played = {
                Interruption.CLOSED: not fake_engine.is_read(request) and moment.side is not Side.ANSWERED,
                Interruption.PULUMI_KILLED: writes and moment.side is Side.DONE,
            }
            if is_played.get(interruption, True):
                found.append(Cell(operation, request, moment, interruption))
    return found
