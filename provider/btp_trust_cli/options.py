"""Values of options, from their texts. Pure, and light: `--help` loads this module."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
_DAY: Final = "%Y-%m-%d"
_DAYS: Final = re.compile(r"(\d{1,4})d?", re.ASCII)


def parse_days(text: str) -> timedelta:
    """Parse a number of days.

    Raises:
        ValueError: `text` is something else.
    """
    if (match := _DAYS.fullmatch(text.strip())) is None:
        raise ValueError("Give whole days, for example 14d.")
    return timedelta(days=int(match[1]))


def parse_moment(text: str) -> datetime:
    """Parse a day, which stands for its beginning in UTC, or a moment in RFC 3339.

    Raises:
        ValueError: `text` is something else.
    """
    for form in (_DAY, _MOMENT):
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError("Give a day or a moment in UTC, for example 2028-11-20 or 2028-11-20T08:00:00Z.")
