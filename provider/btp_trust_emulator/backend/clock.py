"""The only module that reads the time: a clock that runs like the real one, and can be set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from btp_trust_emulator.errors import Invalid

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class Clock:
    """The real time (UTC) plus an offset."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self.offset = offset

    def now(self) -> datetime:
        """Return the time of the clock."""
        return datetime.now(UTC) + self.offset

    def offset_for(self, now: datetime) -> timedelta:
        """Return the offset with which the clock shows `now`.

        Raises:
            Invalid: `now` lacks a time zone, or lies outside the years 1970 to 2199.
        """
        if now.tzinfo is None or not EARLIEST <= now < LATEST:
            raise Invalid(
                "The clock was not set.",
                f"{now.isoformat()} lacks a time zone, or is outside the years 1970 to 2199.",
                "Give a moment such as 2027-11-24T08:34:27Z.",
            )
        return now.astimezone(UTC) - datetime.now(UTC)

    def offset_after(self, seconds: float) -> timedelta:
        """Return the offset with which the clock shows `seconds` (negative: earlier) from its time.

        Raises:
            Invalid: the clock would leave the years 1970 to 2199.
        """
        try:
            return self.offset_for(self.now() + timedelta(seconds=seconds))
        except (OverflowError, ValueError) as exc:
            raise Invalid(
                "The clock was not moved.",
                f"{seconds} seconds are more than the clock can be moved by.",
                "Give fewer seconds.",
            ) from exc
