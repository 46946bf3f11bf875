"""A moment as XML Schema writes it (xs:dateTime), for the `validUntil` of metadata. Pure."""

from __future__ import annotations

import re
from datetime import MAXYEAR, UTC, datetime, timedelta, timezone
from typing import Final

_DATE_TIME: Final = re.compile(
    r"(-?\d{4,9})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d)?", re.ASCII
)
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(MAXYEAR, 1, 1, tzinfo=UTC)
"""Years beyond these are brought to them: one is long ago, the other never comes."""


def parse_xs_datetime(text: str) -> datetime:
    """Read an xs:dateTime; without a time zone it is UTC (SAML 2.0 core, 1.3.3).

    Raises:
        ValueError: It is none.
    """
    found = _DATE_TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError("it has a validUntil that is no date and time")
    year, month, day, hour, minute, second = (int(each) for each in found.groups()[:6])
    if not _EARLIEST.year <= year < _LATEST.year:
        return _EARLIEST if year < _EARLIEST.year else _LATEST
    try:
        whole = datetime(year, month, day, hour % 24, minute, second, tzinfo=_zone(found["zone"]))
    except ValueError:
        raise ValueError("it has a validUntil that is no date and time") from None
    return (whole + timedelta(days=hour // 24)).astimezone(UTC)  # 24:00:00 is the end of the day


def _zone(text: str | None) -> timezone:
    """Read the time zone of an xs:dateTime."""
    if text in (None, "Z"):
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:])
    return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1))
