"""The way back of a RotationTrigger: the certificate to which no target may stand in the way.

It is the output `previous_fingerprint`, and check is told the old inputs only. So check keeps what it saw signing as
an input, and diff, which is told the outputs, has the last word on a new declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from btp_trust.errors import ReadsDisagree
from btp_trust.formatting import moment_of
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.schema import TriggerChecked, TriggerState
from btp_trust.rotation.target_gate import untrusted
from btp_trust.runtime.staleness import _unless_believed
from btp_trust.snapshot import Slots, Snapshot, signs


def before_our_swap(snapshot: Snapshot, state: TriggerState) -> ReadsDisagree | None:
    """Return the error of slots that look as before the trigger's last swap: another one would undo it."""
    if (swapped_at := _swapped_at(snapshot, state)) is None:
        return None
    what = f"The slots look as they did before the swap of {swapped_at}."
    return _unless_believed(what, "somebody swapped back at once", swapped_at, snapshot)


def _swapped_at(snapshot: Snapshot, state: TriggerState) -> str | None:
    """Tell when the last swap was before which the slots looked like this, if there was one."""
    before = Slots(state.previous_fingerprint, state.fingerprint)
    swaps = [state.rotated_at] if snapshot.slots == before else []
    if signs(snapshot.passive, state.fingerprint):
        swaps += [state.swapped_back_at, state.restored_at]
    return max(filter(None, swaps), key=moment_of, default=None)


def way_back(old: TriggerChecked | None) -> str | None:
    """Tell what signed before the state that the last command left, as far as its inputs tell."""
    if old is None:
        return None
    return old.swaps.active if old.swaps is not None else old.way_back


def signed_before(wanted: str, snapshot: Snapshot, old: TriggerChecked | None) -> str | None:
    """Tell what was last known to sign, other than what shall: a swap to it will be a way back."""
    if snapshot.active is not None and not signs(snapshot.active, wanted):
        return snapshot.active.fingerprint
    if old is not None and old.wanted not in ("", wanted):
        return old.wanted
    return way_back(old)


def _recorded_way_back(state: TriggerState) -> str | None:
    """What signed before, by the outputs: after a roll back that is not confirmed, what it was to lead to."""
    leads_there = state.rollback_unconfirmed is not None and state.fingerprint != state.declared
    return state.fingerprint if leads_there else state.previous_fingerprint


def refuse_untrusted(
    new: TriggerChecked,
    state: TriggerState,
    snapshot: Snapshot,
    valid_until: Mapping[str, Mapping[str, datetime]],
) -> None:
    """Ask the targets once more: what the inputs took for a way back is one only if the outputs say so."""
    declaration = Declaration(
        generation=new.generation,
        declared=state.generation,
        recorded=new.generations,
        trusted_by=new.trusted_by,
        valid_until=valid_until,
        way_back=_recorded_way_back(state) or "",
    )
    decision = untrusted(declaration, snapshot)
    if decision is not None and decision.refusal is not None:
        raise decision.refusal
