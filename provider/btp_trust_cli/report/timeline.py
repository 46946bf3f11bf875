"""The time line of a report: moments become percentages of its width. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

PAST: Final = timedelta(days=3 * 365)
"""How much of the past is shown at most: one validity, and the rotation before."""
FUTURE: Final = timedelta(days=4 * 365)
_MARGIN: Final = timedelta(days=45)
_LONG: Final = timedelta(days=4 * 365)
"""From so much time on, a line for each year is enough."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid."""

    x: float
    label: str
    """The year, or the quarter within it."""
    is_year: bool


@dataclass(frozen=True, slots=True)
class TimeLine:
    """A span of time, as wide as the page."""

    start: datetime
    end: datetime

    @classmethod
    def around(cls, now: datetime, moments: Iterable[datetime]) -> TimeLine:
        """Return a time line with all moments, as far as they are near enough."""
        near = [moment for moment in moments if now - PAST <= moment <= now + FUTURE]
        return cls(min([now, *near]) - _MARGIN, max([now, *near]) + _MARGIN)

    def x(self, moment: datetime) -> float:
        """Return the place of a moment in percent; what is outside lies on the edge."""
        share = (moment - self.start) / (self.end - self.start)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def width(self, start: datetime, end: datetime) -> float:
        """Return the width of a span in percent."""
        return round(self.x(end) - self.x(start), 2)

    def shows(self, moment: datetime) -> bool:
        """Return True if a moment is inside."""
        return self.start <= moment <= self.end

    @property
    def ticks(self) -> list[Tick]:
        """The lines of the grid: years, and quarters where there is room."""
        months = (1,) if self.end - self.start > _LONG else (1, 4, 7, 10)
        return [
            Tick(self.x(first), str(first.year) if first.month == 1 else f"{first:%b}", first.month == 1)
            for first in self._firsts(months)
            if self.shows(first)
        ]

    def _firsts(self, months: Iterable[int]) -> Iterator[datetime]:
        for year in range(self.start.year, self.end.year + 1):
            for month in months:
                yield datetime(year, month, 1, tzinfo=UTC)
