"""Limits of the time at which a certificate may begin to sign: how long it has existed, and freezes. Pure.

Each limit is a function: from which moment on, at the earliest, it lets a swap pass.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from typing import Final

import msgspec

from btp_trust.errors import Refused
from btp_trust.formatting import parse_rfc3339

NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""Stands for a moment that does not come."""
_DURATION: Final = re.compile(r"([1-9][0-9]{0,4})([dhm])")
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}
_LONGEST: Final = timedelta(days=1000)


class Freeze(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename={"start": "from"}):
    """A time in which the signer stays."""

    start: str
    """A day, which begins at midnight; or a moment. UTC, as `to` is."""
    to: str
    """A day, which belongs to the freeze; or a moment, at which it is over."""
    why: str

    @property
    def begins(self) -> datetime:
        """The first moment of the freeze."""
        return _parse_moment(self.start, days_after=0)

    @property
    def ends(self) -> datetime:
        """The first moment after it."""
        return _parse_moment(self.to, days_after=1)


def _parse_moment(text: str, *, days_after: int) -> datetime:
    """Parse a moment, or a day to the midnight that begins it, or so many days later.

    Raises:
        ValueError: `text` is neither.
    """
    if "T" in text:
        return parse_rfc3339(text)
    day = date.fromisoformat(text)
    if day.isoformat() != text:  # Python reads weeks and ordinal days as well
        raise ValueError("a day in another form")
    if day.year == MAXYEAR:
        raise ValueError("the last year that there is")
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=days_after)


def parse_duration(text: str) -> timedelta:
    """Parse a number of days, hours or minutes, such as "14d", "36h" or "90m".

    Raises:
        ValueError: `text` is something else, or longer than a thousand days.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError("neither days, hours nor minutes")
    duration = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if duration > _LONGEST:
        raise ValueError("longer than a thousand days")
    return duration


def duration_argument(value: str | int, prop: str) -> str:
    """Write an argument that is a duration as a text; a number counts days.

    Raises:
        Refused: It is malformed.
    """
    text = f"{value}d" if isinstance(value, int) else value
    try:
        parse_duration(text)
    except ValueError as error:
        raise Refused(
            f"`{prop}` is {error}.",
            "A duration is a whole number from 1 on with its unit, and at most 1000 days.",
            f'Give it as {prop}=14 or "14d" for days, "36h" for hours, "90m" for minutes.',
            prop=prop,
        ) from None
    return text


def check_freezes(freezes: Sequence[Freeze]) -> None:
    """Refuse unusable freezes.

    Raises:
        Refused: A time is malformed, an end comes before its beginning, or the reason cannot be printed.
    """
    for number, freeze in enumerate(freezes, start=1):
        try:
            is_usable = freeze.begins < freeze.ends
        except ValueError:
            is_usable = False
        if not is_usable or not freeze.why.strip() or len(freeze.why) > 100 or not freeze.why.isprintable():  # noqa: PLR2004
            raise Refused(
                f"Entry {number} of `freeze` is unusable.",
                "It has a beginning (`from`), a later end (`to`), each a day (YYYY-MM-DD) or a moment in UTC "
                "(YYYY-MM-DDThh:mm:ssZ), and the reason (`why`) in 1 to 100 printable characters.",
                'Write it like {"from": "2028-12-15", "to": "2029-01-05", "why": "year-end closing"}.',
                prop="freeze",
            )


def soaked_from(soak: str, exists_since: datetime, moment: datetime) -> datetime:
    """Return from when on, at the earliest, a certificate has existed for long enough."""
    duration = parse_duration(soak)
    return max(moment, exists_since + min(duration, NEVER - exists_since))


def freeze_at(freezes: Sequence[Freeze], moment: datetime) -> Freeze | None:
    """Return the freeze that holds at this moment, or None."""
    return next((freeze for freeze in freezes if freeze.begins <= moment < freeze.ends), None)


def thawed_from(freezes: Sequence[Freeze], moment: datetime) -> datetime:
    """Return from when on, at the earliest, no freeze holds."""
    while (freeze := freeze_at(freezes, moment)) is not None:
        moment = freeze.ends
    return moment
