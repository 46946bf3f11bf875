"""Sentences that say from when to when targets refused users, by the service's clock. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from btp_trust.formatting import format_rfc3339


class SigningStart(Struct, frozen=True):
    """When the refused certificate began to sign."""

    moment: datetime | None
    """UTC; None if this stack did not see that."""
    is_exact: bool = True
    """False for a signer that was found: that one had begun before it was read."""

    def __str__(self) -> str:
        """Format the moment for a sentence."""
        if self.moment is None:
            return "an unknown moment"
        return format_rfc3339(self.moment) + ("" if self.is_exact else " at the latest")


def refused_since(names: Sequence[str], start: SigningStart) -> str:
    """Say since when targets refuse users, while nothing has ended that."""
    return f"Users of {', '.join(names)} are refused since {start}, and still."


def refused_until(names: Sequence[str], start: SigningStart, end: datetime) -> str:
    """Say from when to when targets refused users: until a rollback was confirmed."""
    seconds = None if start.moment is None else max(0, round((end - start.moment).total_seconds()))
    length = "" if seconds is None else f", for {'' if start.is_exact else 'at least '}{_format_duration(seconds)}"
    return (
        f"Users of {', '.join(names)} were refused from {start} to {format_rfc3339(end)}, when the rollback was "
        f"confirmed{length} (service's clock, UTC)."
    )


def _format_duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
