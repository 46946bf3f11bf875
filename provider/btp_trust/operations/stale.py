"""Readings that may be stale: slots as they were before a swap that this trigger has just made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from btp_trust.errors import ReadsDisagree
from btp_trust.inputs import TriggerState
from btp_trust.model import Slots, Snapshot, rfc3339, signs

STALE: Final = timedelta(seconds=60)
"""How long after its own swap a trigger takes slots that show the state before it for a stale reading."""


def refuse_stale_reading(snapshot: Snapshot, state: TriggerState) -> None:
    """Believe slots that look as before a swap just made only after a while: a second swap would undo it.

    Raises:
        ReadsDisagree: They look so, and it is too early.
    """
    swapped_at = _swapped_at(snapshot, state)
    if swapped_at is not None and snapshot.now < (believed := datetime.fromisoformat(swapped_at) + STALE):
        raise ReadsDisagree(
            f"The slots look as they did before the swap of {swapped_at}.",
            f"Either the reading is stale, or somebody swapped back at once; they cannot be told apart yet. "
            f"Slots: {snapshot.slots}.",
            f"Run the same command again after {rfc3339(believed)}.",
        )


def _swapped_at(snapshot: Snapshot, state: TriggerState) -> str | None:
    """Tell when the swap was before which the slots looked like this, if there was one."""
    if state.swapped_back_at is not None:
        return state.swapped_back_at if signs(snapshot.passive, state.fingerprint) else None
    before = Slots(state.previous_fingerprint, state.fingerprint)
    return state.rotated_at if snapshot.slots == before else None
