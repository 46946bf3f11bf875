"""How serious a result is, as monitoring plugins count it: the number is the exit code. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final


class Severity(IntEnum):
    """The four states of the Monitoring Plugins guidelines."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3
    """Finding out failed; wrong options and interruptions end like that as well."""


MOST_SERIOUS_FIRST: Final = (Severity.CRITICAL, Severity.UNKNOWN, Severity.WARNING, Severity.OK)
"""Unknown before warning: warnings last for weeks, and what is unreadable may be about to fail."""


def worst(severities: Iterable[Severity]) -> Severity:
    """Return the most serious one; of an empty list, UNKNOWN."""
    found = set(severities)
    return next((severity for severity in MOST_SERIOUS_FIRST if severity in found), Severity.UNKNOWN)


class Finished(Exception):
    """The end of a command, with its exit code."""

    def __init__(self, severity: Severity) -> None:
        super().__init__(severity)
        self.severity = severity
