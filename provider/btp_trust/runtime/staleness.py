"""Readings that are behind what this stack wrote: not believed for a minute, where something would follow from them.

The service does not say how old its answers are. What the state remembers of the last write tells: slots that look as
they did before it are stale, or somebody undid it at once. Either way a minute later they are the truth.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from btp_trust.errors import StaleRead
from btp_trust.formatting import format_rfc3339, parse_rfc3339
from btp_trust.snapshot import Snapshot

STALENESS: Final = timedelta(seconds=60)
"""How long after a write of its own a resource takes slots that do not show it for a stale reading."""


def _stale_read(what: str, alternative: str, since: str, snapshot: Snapshot) -> StaleRead | None:
    believed = parse_rfc3339(since) + STALENESS
    if snapshot.now >= believed:
        return None
    return StaleRead(
        what,
        f"Either the reading is stale, or {alternative}; they cannot be told apart yet. Slots: {snapshot.slots}.",
        f"Run the same command again after {format_rfc3339(believed)}.",
    )
