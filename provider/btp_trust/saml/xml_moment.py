"""xs:dateTime of XML Schema, for the `validUntil` of metadata. Pure."""

from __future__ import annotations

import re
from datetime import MAXYEAR, UTC, datetime, timedelta, timezone
from typing import Final

_DATE_TIME: Final = re.compile(
    r"(-?\d{4,9})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d)?", re.ASCII
)
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(MAXYEAR, 1, 1, tzinfo=UTC)
"""Years beyond these are clamped to them: Python's end at 9999, and XML Schema's go on."""


def parse_xs_datetime(text: str) -> datetime:
    """Read an xs:dateTime; the default time zone is UTC (SAML 2.0 core, 1.3.3).

    Raises:
        ValueError: `text` is not an xs:dateTime.
    """
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(_NOT_A_DATE)
    year, month, day, hour, minute, second = (int(number) for number in match.groups()[:6])
    if not _EARLIEST.year <= year < _LATEST.year:
        return _EARLIEST if year < _EARLIEST.year else _LATEST
    try:
        moment = datetime(year, month, day, hour % 24, minute, second, tzinfo=_parse_zone(match["zone"]))
    except ValueError:
        raise ValueError(_NOT_A_DATE) from None
    return (moment + timedelta(days=hour // 24)).astimezone(UTC)  # 24:00:00 is the end of the day


_NOT_A_DATE: Final = "it has a validUntil that is not a date and time"


def _parse_zone(text: str | None) -> timezone:
    if text in (None, "Z"):
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:])
    return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1))
