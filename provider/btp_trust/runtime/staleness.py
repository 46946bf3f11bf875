"""Stale reads: for 60 seconds after a write of this stack, a reading that contradicts it is doubted.

The service leaves the age of its responses open. The state records the last write: slots that look as they did before
it are stale, or somebody undid it at once. Either way the readings are accepted a minute later.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from btp_trust.errors import StaleRead
from btp_trust.formatting import format_rfc3339, parse_rfc3339
from btp_trust.snapshot import Snapshot

STALENESS: Final = timedelta(seconds=60)
"""How long after a write of its own a resource doubts slots that contradict it."""


def stale_read_error(contradiction: str, alternative: str, since: str, snapshot: Snapshot) -> StaleRead | None:
    """Return the error of a reading that contradicts a recent write.

    Args:
        contradiction: How it does, one sentence.
        alternative: What else may have happened.
        since: When the write was recorded.
        snapshot: The reading.

    Returns:
        None if the write is old enough for the reading to be accepted.
    """
    accepted_from = parse_rfc3339(since) + STALENESS
    # Both moments are by the service's clock, so this machine's may be wrong.
    if snapshot.now >= accepted_from:
        return None
    return StaleRead(
        contradiction,
        f"Either the reading is stale, or {alternative}; it is too early to say which. Slots: {snapshot.slots}.",
        f"Run the same command again after {format_rfc3339(accepted_from)}.",
    )
