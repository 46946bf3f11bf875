"""Readings that are behind what this stack wrote: not believed for a minute, where something would follow from them.

The service does not say how old its answers are. What the state remembers of the last write tells: slots that look as
they did before it are stale, or somebody undid it at once. Either way a minute later they are the truth.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from btp_trust.errors import ReadsDisagree
from btp_trust.inputs import PassiveState, TriggerState
from btp_trust.model import Slots, Snapshot, moment_of, rfc3339, signs

STALE: Final = timedelta(seconds=60)
"""How long after a write of its own a resource takes slots that do not show it for a stale reading."""


def before_our_swap(snapshot: Snapshot, state: TriggerState) -> ReadsDisagree | None:
    """Return the error of slots that look as before the trigger's last swap: another one would undo it."""
    if (swapped_at := _swapped_at(snapshot, state)) is None:
        return None
    what = f"The slots look as they did before the swap of {swapped_at}."
    return _unless_believed(what, "somebody swapped back at once", swapped_at, snapshot)


def before_our_mint(snapshot: Snapshot, state: PassiveState) -> ReadsDisagree | None:
    """Return the error of slots that lack a certificate taken up just now: a mint would overwrite it unseen."""
    if state.observed_at is None or snapshot.find(state.fingerprint) is not None:
        return None
    what = (
        f"The certificate of generation {state.generation!r} ({state.fingerprint}), of {state.observed_at}, "
        "seems to be in no slot."
    )
    return _unless_believed(what, "somebody removed it at once", state.observed_at, snapshot)


def _swapped_at(snapshot: Snapshot, state: TriggerState) -> str | None:
    """Tell when the last swap was before which the slots looked like this, if there was one."""
    before = Slots(state.previous_fingerprint, state.fingerprint)
    swaps = [state.rotated_at] if snapshot.slots == before else []
    if signs(snapshot.passive, state.fingerprint):
        swaps += [state.swapped_back_at, state.restored_at]
    return max(filter(None, swaps), key=moment_of, default=None)


def _unless_believed(what: str, or_else: str, since: str, snapshot: Snapshot) -> ReadsDisagree | None:
    believed = moment_of(since) + STALE
    if snapshot.now >= believed:
        return None
    return ReadsDisagree(
        what,
        f"Either the reading is stale, or {or_else}; they cannot be told apart yet. Slots: {snapshot.slots}.",
        f"Run the same command again after {rfc3339(believed)}.",
    )
