"""Windows in which a certificate may begin to sign: opened by a cron expression, in a time zone. Pure.

cronsim and the time zones are imported where they are needed: few programs have a window.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from typing import Final

import msgspec

from btp_trust.errors import Refused
from btp_trust.rotation.time_limits import NEVER, parse_duration

_FIELDS: Final = 5
_CHECKED_FROM, _CHECKED_UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)
"""The years in which a window has to open, and to close; two of them have a 29 February."""
_CHECKED_OPENINGS: Final = 50_000
"""A quarter of a second at most, for a window that is refused; of one that opens each minute, a month."""
_ZONES_OF_MACHINES: Final = ("localtime", "posixrules")
"""Names that mean another zone on each machine: the laptop and the pipeline would disagree."""


class Window(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A time that comes again.

    Unknown fields are refused: with `timezone` in place of `time_zone`, the window would be one of UTC, unseen.
    """

    cron: str
    """When it opens: minute, hour, day of the month, month, day of the week."""
    duration: str
    """For how long, of time that passes: clocks that are set meanwhile leave it alone."""
    time_zone: str = "UTC"
    """By IANA's name."""

    def __str__(self) -> str:
        """Write it as a part of a sentence."""
        return f"{self.cron!r} ({self.time_zone}) for {self.duration}"


def open_from(window: Window, moment: datetime) -> datetime:
    """Return from when on, at the earliest, the window is open; NEVER after the last opening that can be computed."""
    try:
        # The first opening after this is the one that still holds at `moment`, or else the next one.
        return max(moment, _first_opening(window, moment - parse_duration(window.duration)))
    except (OverflowError, StopIteration):
        return NEVER


def next_opening(window: Window, after: datetime) -> datetime:
    """Return the first opening after a moment; NEVER after the last one that can be computed."""
    try:
        return _first_opening(window, after)
    except (OverflowError, StopIteration):
        return NEVER


def _first_opening(window: Window, after: datetime) -> datetime:
    """Return the first opening after a moment; on the day without its hour, the window opens when the clock is set.

    Raises:
        ValueError: The cron expression is malformed.
        LookupError: The time zone is unknown.
        StopIteration: The window opens at no time.
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - see the module

    from cronsim import CronSim, CronSimError  # noqa: PLC0415

    if window.time_zone in _ZONES_OF_MACHINES:
        raise LookupError(window.time_zone)
    try:
        zone = ZoneInfo(window.time_zone)
    except (OSError, ValueError) as error:  # a folder, or a path to elsewhere
        raise LookupError(window.time_zone) from error
    if len(window.cron.split()) != _FIELDS:  # cronsim takes seconds as well
        raise ValueError("cron has five fields")
    try:
        openings = (opening.astimezone(UTC) for opening in CronSim(window.cron, after.astimezone(zone)))
        # In an hour that comes twice, cronsim begins with the first pass, which may be over.
        return next(opening for opening in openings if opening > after)
    except CronSimError as error:
        raise ValueError(str(error)) from None


def check_window(window: Window) -> None:
    """Refuse a malformed window.

    Raises:
        Refused: The cron expression, the duration or the time zone is malformed, or the window never opens, or closes.
    """
    try:
        parse_duration(window.duration)
        _first_opening(window, _CHECKED_FROM)
    except (ValueError, LookupError, StopIteration) as error:
        raise Refused(
            "`window` is unusable.",
            f"It has `cron`, `duration` and `time_zone`: {_problem(window, error)}.",
            'Write it like {"cron": "0 2 * * SUN", "duration": "4h", "time_zone": "Europe/Berlin"}.',
            prop="window",
        ) from None
    if _is_always_open(window):
        raise Refused(
            "`window` is always open.",
            f"{window}: each opening comes before the one before it has ended, so a rotation could begin at any time.",
            "Give a shorter `duration` or fewer openings in `cron`; remove `window` if any time is right.",
            prop="window",
        )


def _is_always_open(window: Window) -> bool:
    """Return True if no pause is found. In UTC: the hour by which clocks are set back would pass for a pause."""
    from cronsim import CronSim  # noqa: PLC0415 - see the module

    duration = parse_duration(window.duration)
    openings = takewhile(lambda opening: opening < _CHECKED_UNTIL, CronSim(window.cron, _CHECKED_FROM))
    spans = (after - before for before, after in islice(pairwise(openings), _CHECKED_OPENINGS))
    # Without a second opening in these years there is a pause.
    return next(spans, timedelta.max) <= duration and all(span <= duration for span in spans)


def _problem(window: Window, error: Exception) -> str:
    if isinstance(error, StopIteration):
        return "no day fits `cron`"
    if isinstance(error, LookupError):
        return f"{window.time_zone!r} is unknown as a time zone"
    return f"{window.cron!r} for {window.duration!r}: {error}"
