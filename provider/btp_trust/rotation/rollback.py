"""Rollback targets of a RotationTrigger: the previous signer, to which no target is a barrier.

The output `previous_fingerprint` has it, and check gets the old inputs alone. So check keeps the signer that it saw as
an input, and diff, which gets the outputs, has the last word on a new declaration.
"""

from __future__ import annotations

from datetime import datetime

from btp_trust.errors import StaleRead
from btp_trust.formatting import parse_rfc3339
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.planned_swap import PlannedSwap
from btp_trust.rotation.schema import RotationInputs, RotationState
from btp_trust.rotation.target_gate import target_lacks_certificate
from btp_trust.rotation.time_policies import refuse_untimely
from btp_trust.runtime.staleness import stale_read_error
from btp_trust.snapshot import Slots, Snapshot, has_fingerprint


def stale_read_after_swap(snapshot: Snapshot, state: RotationState) -> StaleRead | None:
    """Return the error of slots that look as before the trigger's last swap: another swap would undo it."""
    if (swapped_at := _last_swap_at(snapshot, state)) is None:
        return None
    what = f"The slots look as they did before the swap of {swapped_at}."
    return stale_read_error(what, "somebody undid the swap at once", swapped_at, snapshot)


def _last_swap_at(snapshot: Snapshot, state: RotationState) -> str | None:
    """Return when the last swap was before which the slots looked like this, if there was one."""
    before = Slots(state.previous_fingerprint, state.fingerprint)
    moments = [state.rotated_at] if snapshot.slots == before else []
    if has_fingerprint(snapshot.passive, state.fingerprint):
        # A rollback and a restore keep `previous_fingerprint`: the passive slot alone shows that they are missing.
        moments += [state.rolled_back_at, state.restored_at]
    # The latest swap is doubted longest.
    return max(filter(None, moments), key=parse_rfc3339, default=None)


def previous_signer(old: RotationInputs | None) -> str | None:
    """Return the signer before the one that the last command left, as far as its inputs show it."""
    if old is None:
        return None
    if old.rollback_to is not None or old.swap is None:
        return old.rollback_to
    return old.swap.only_if_active


def last_signer(declared_fingerprint: str, snapshot: Snapshot, old: RotationInputs | None) -> str | None:
    """Return the last signer other than the declared one: a swap to it will be a rollback."""
    if snapshot.active is not None and not has_fingerprint(snapshot.active, declared_fingerprint):
        return snapshot.active.fingerprint
    if old is not None and old.declared_fingerprint not in ("", declared_fingerprint):
        return old.declared_fingerprint
    return previous_signer(old)


def rollback_input(
    declaration: Declaration,
    decision: Decision,
    snapshot: Snapshot,
    old: RotationInputs | None,
    *,
    declared_fingerprint: str,
    swap: PlannedSwap | None,
) -> str | None:
    """Return the last signer for the next check, where the last swap lacks it: it would be one more line.

    What a rollback passes reads it: registrations of other subaccounts, the target gate, and the limits of time. An
    accepted signer is kept without them too: they may be added later. One that is only reported is not.
    """
    last = last_signer(declared_fingerprint, snapshot, old)
    is_in_swap = last == (None if swap is None else swap.only_if_active)
    is_news = not is_in_swap and (
        bool(declaration.trusted_by) or declaration.limits_time or decision.action is Action.RECORD
    )
    # Once written it stays: a value that goes would show with a minus.
    is_written = old is not None and old.rollback_to is not None
    return last if is_news or is_written else None


def _recorded_rollback_target(state: RotationState) -> str | None:
    """Return the previous signer by the outputs: that of the rollback where its outcome is unknown."""
    is_outcome_unknown = state.rollback_outcome_unknown is not None and state.fingerprint != state.declared_fingerprint
    return state.fingerprint if is_outcome_unknown else state.previous_fingerprint


def recorded_declaration(
    new: RotationInputs, state: RotationState, valid_until: dict[str, dict[str, datetime]]
) -> Declaration:
    """Return the declaration as the outputs show it: which certificate signed before, and which were rejected."""
    return Declaration(
        **new.arguments,
        deployed_generation=state.generation,
        recorded_generations=new.generations,
        valid_until=valid_until,
        earlier_attestations=new.earlier_attestations,
        rejections=state.rejections.get(new.declared_fingerprint, {}),
        rollback_to=_recorded_rollback_target(state),
    )


def refuse_unless_rollback(declaration: Declaration, snapshot: Snapshot) -> None:
    """Ask again what a rollback passes: a rollback by the inputs is one only if the outputs say the same.

    Raises:
        Refused: A target lacks a certificate that did not sign before, or rejected it and was not attested since; or
            it may sign only later.
    """
    decision = target_lacks_certificate(declaration, snapshot)
    if decision is not None and decision.refusal is not None:
        raise decision.refusal
    refuse_untimely(declaration, snapshot)
