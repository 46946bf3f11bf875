"""The deployments of a stack, from `pulumi stack history --json`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from btp_trust.secret_guard.detection import find_secret

WORDS: Final = ("stack", "history", "--json", "--page-size", "100", "--page", "1")
"""What Pulumi's command line is asked: the latest hundred deployments, the newest first."""
SKEW: Final = timedelta(minutes=1)
"""How far the clock of the service and that of the machine may differ."""
_MAX_TEXT: Final = 200
_HIDDEN: Final = "(hidden: it may be a secret)"


class ListedUpdate(msgspec.Struct):
    """An entry as Pulumi prints it; configuration and variables are left aside."""

    kind: str
    startTime: datetime  # noqa: N815 - Pulumi's name
    endTime: datetime | None = None  # noqa: N815 - same
    result: str = ""
    message: str = ""
    version: int = 0
    environment: dict[str, str] = {}
    resourceChanges: dict[str, int] | None = None  # noqa: N815 - same


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment, a refresh or a destruction."""

    kind: str
    started_at: datetime
    ended_at: datetime
    result: str
    changes: Mapping[str, int]
    """{operation: resources}, those that stayed the same left out."""
    number: int | None
    """Pulumi's number, which self-managed backends lack."""
    commit: str | None
    """Of the repository of the program."""
    author: str | None
    message: str
    """In one line: that of `--message`, or of the commit."""

    def was_at(self, moment: datetime) -> bool:
        """Return True if something at that moment, by the service's clock, may belong to it."""
        return self.started_at - SKEW <= moment <= self.ended_at + SKEW


def parse_deployments(updates: Iterable[ListedUpdate]) -> tuple[Deployment, ...]:
    """Return the deployments that changed a resource, or failed; the newest first."""
    parsed = map(_deployment, updates)
    return tuple(found for found in parsed if found.changes or found.result != "succeeded")


def _deployment(update: ListedUpdate) -> Deployment:
    started = update.startTime.astimezone(UTC)
    variables = update.environment
    return Deployment(
        update.kind,
        started,
        (update.endTime or update.startTime).astimezone(UTC),
        update.result,
        {name: number for name, number in (update.resourceChanges or {}).items() if name != "same" and number},
        update.version or None,
        _public(variables.get("git.head", "")) or None,
        _public(variables.get("git.author", "")) or None,
        _public(update.message),
    )


def _public(text: str) -> str:
    """Return the first line of a text that a person wrote, unless it may be a secret."""
    # The whole text is examined: a secret may begin in one line and end in another.
    line = text.strip().partition("\n")[0].strip()[:_MAX_TEXT]
    return line if find_secret(text) is None else _HIDDEN
