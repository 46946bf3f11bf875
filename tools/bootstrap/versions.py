"""Compare the versions that commands print. Pure."""

from __future__ import annotations

import re

Version = tuple[int, ...]

NUMBERS = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


def parse_version(text: str) -> Version | None:
    """Return the first version in a text, such as `v3.250.0` or `go1.26`, or None."""
    found = NUMBERS.search(text)
    return tuple(int(part or 0) for part in found.groups()) if found else None


def is_at_least(text: str, minimum: str) -> bool:
    """Return True if a text has a version, and its first one is the minimum or newer."""
    version, wanted = parse_version(text), parse_version(minimum)
    return version is not None and wanted is not None and version >= wanted
