"""The way back of a RotationTrigger: the certificate to which no target may stand in the way.

It is the output `previous_fingerprint`, and check is told the old inputs only. So check keeps what it saw signing as
an input, and diff, which is told the outputs, has the last word on a new declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from btp_trust.errors import StaleRead
from btp_trust.formatting import parse_rfc3339
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.schema import RotationInputs, RotationState
from btp_trust.rotation.target_gate import untrusted
from btp_trust.runtime.staleness import stale_read_error
from btp_trust.snapshot import Slots, Snapshot, has_fingerprint


def stale_read_after_swap(snapshot: Snapshot, state: RotationState) -> StaleRead | None:
    """Return the error of slots that look as before the trigger's last swap: another one would undo it."""
    if (swapped_at := _last_swap_at(snapshot, state)) is None:
        return None
    what = f"The slots look as they did before the swap of {swapped_at}."
    return stale_read_error(what, "somebody swapped back at once", swapped_at, snapshot)


def _last_swap_at(snapshot: Snapshot, state: RotationState) -> str | None:
    """Tell when the last swap was before which the slots looked like this, if there was one."""
    before = Slots(state.previous_fingerprint, state.fingerprint)
    slots_before = [state.rotated_at] if snapshot.slots == before else []
    if has_fingerprint(snapshot.passive, state.fingerprint):
        slots_before += [state.rolled_back_at, state.restored_at]
    return max(filter(None, slots_before), key=parse_rfc3339, default=None)


def rollback_to(old: RotationInputs | None) -> str | None:
    """Tell what signed before the state that the last command left, as far as its inputs tell."""
    if old is None:
        return None
    return old.slots_before.active if old.slots_before is not None else old.rollback_to


def last_signer(declared_fingerprint: str, snapshot: Snapshot, old: RotationInputs | None) -> str | None:
    """Tell what was last known to sign, other than what shall: a swap to it will be a way back."""
    if snapshot.active is not None and not has_fingerprint(snapshot.active, declared_fingerprint):
        return snapshot.active.fingerprint
    if old is not None and old.declared_fingerprint not in ("", declared_fingerprint):
        return old.declared_fingerprint
    return rollback_to(old)


def _recorded_rollback_target(state: RotationState) -> str | None:
    """What signed before, by the outputs: after a roll back that is not confirmed, what it was to lead to."""
    leads_there = state.rollback_unconfirmed is not None and state.fingerprint != state.declared_fingerprint
    return state.fingerprint if leads_there else state.previous_fingerprint


def refuse_untrusted(
    new: RotationInputs,
    state: RotationState,
    snapshot: Snapshot,
    valid_until: Mapping[str, Mapping[str, datetime]],
) -> None:
    """Ask the targets once more: what the inputs took for a way back is one only if the outputs say so."""
    declaration = Declaration(
        generation=new.generation,
        deployed_generation=state.generation,
        recorded_generations=new.generations,
        trusted_by=new.trusted_by,
        valid_until=valid_until,
        rollback_to=_recorded_rollback_target(state) or "",
    )
    decision = untrusted(declaration, snapshot)
    if decision is not None and decision.refusal is not None:
        raise decision.refusal
