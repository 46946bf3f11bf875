"""RotationTrigger: compare and swap, so that the declared generation signs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from msgspec.structs import replace as replace_args

from btp_trust.certificate import Certificate
from btp_trust.errors import SlotsChanged, WrongSubaccount
from btp_trust.formatting import describe_certificate, format_rfc3339, short_fingerprint
from btp_trust.property_bag import PropertyBag, certificate_outputs, from_bag, same_arguments, to_bag, with_changes
from btp_trust.rotation.decision import Action, Decision, Reason
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.planning import (
    affected_destinations,
    candidate_inputs,
    create_declaration,
    listed,
    plan_without_reading,
    planned_inputs,
    removed_candidate,
)
from btp_trust.rotation.policies import decide
from btp_trust.rotation.rollback import refuse_untrusted, stale_read_after_swap
from btp_trust.rotation.schema import Candidate, RotationArgs, RotationInputs, RotationState, SlotPair, args_from_bag
from btp_trust.rotation.verification import preflight
from btp_trust.rotation.verification.runner import verify_rotation
from btp_trust.rotation.verification.step import RotationStep, is_verification_requested, request_may_be_withdrawn
from btp_trust.runtime.comparison import Comparison
from btp_trust.runtime.duplicate_connections import refuse_second
from btp_trust.runtime.lifecycle import Lifecycle
from btp_trust.runtime.reading import (
    ReadingUnavailable,
    SlotsRead,
    diff_without_reading,
    open_for_write,
    read_slots,
    warn_unchecked,
)
from btp_trust.runtime.session import Session
from btp_trust.runtime.slot_writes import swap
from btp_trust.snapshot import Snapshot, has_fingerprint
from btp_trust.trusted_by.parsing import TrustedBy

_KIND = "RotationTrigger"
PREVIEW_ONLY: Final = (
    "step",
    "slots_before",
    "targets",
    "rollback_to",
    "drift",
    "affects",
    "candidate",
    "candidate_retained",
    "generations",
)
"""What check writes for the preview and for the check after it."""


def check(
    session: Session,
    args: RotationArgs,
    candidate: Candidate | None,
    trusted_by: TrustedBy,
    old: RotationInputs | None,
) -> RotationInputs:
    """Plan: who shall sign, and the step or the drift if it does not."""
    args = with_changes(RotationArgs, args, trusted_by=trusted_by.statements)
    recorded = old.subaccount_id if old else None
    seen = read_slots(session, args, recorded)
    if isinstance(seen, ReadingUnavailable):
        refuse_second(session, _KIND, args.subaccount_id or recorded, args.connection)
        return plan_without_reading(args, candidate, old, seen)
    refuse_second(session, _KIND, seen.snapshot.subaccount_id, args.connection)
    _refuse_foreign_candidate(candidate, seen.snapshot)
    seen.account.command_plan.record_declaration(args.generation)
    seen.account.command_plan.valid_until = trusted_by.valid_until
    leaving = removed_candidate(candidate, old, is_in_program=seen.account.command_plan.has_passive)
    declaration = replace(
        create_declaration(args, candidate, old, seen.account),
        expiry=trusted_by.expiry,
        valid_until=trusted_by.valid_until,
        candidate_removed=leaving is not None,
    )
    decision = decide(declaration, seen.snapshot)
    if decision.refusal is not None:
        raise decision.refusal
    if leaving is not None:
        _announce_removal(session, leaving, declaration, seen.snapshot)
    if decision.action is Action.SWAP and seen.snapshot.passive is not None:
        _record_swap(session, seen, seen.snapshot.passive, is_rollback=decision.reason is not Reason.ROTATE)
    plan = planned_inputs(args, declaration, decision, seen, old)
    affects = _compare_destinations(session, plan, old, seen.snapshot)
    plan = with_changes(RotationInputs, plan, **candidate_inputs(candidate, old), affects=affects)
    seen.account.command_plan.announce_rotation = lambda: _announce(session, decision, plan, seen.snapshot)
    return plan


def diff(session: Session, state: RotationState, new: RotationInputs) -> bool | Comparison:
    """Whether an update is due: a step, a changed argument, or outputs that are behind what signs."""
    seen = read_slots(session, new)
    arguments_changed = not same_arguments(new, state, RotationArgs, "verify_now") or request_may_be_withdrawn(
        state, new
    )
    if isinstance(seen, ReadingUnavailable):
        return diff_without_reading(session, seen, state, arguments_changed=arguments_changed)
    announce = seen.account.command_plan.announce_rotation
    if announce is not None:
        preflight.refuse_failed_generation(state, new, seen.snapshot)
    is_planned = announce is not None  # a refresh compares with the inputs of the last deployment, and does nothing
    is_due = (
        is_planned
        and new.slots_before is not None
        and not has_fingerprint(seen.snapshot.active, new.declared_fingerprint)
    )
    if (stale := stale_read_after_swap(seen.snapshot, state)) is not None:
        if is_due or arguments_changed or seen.account.command_plan.pending_generation is not None:
            raise stale
        seen.account.command_plan.stale_read = stale
        warn_unchecked(session, ReadingUnavailable(stale), state)
        return False
    if announce is not None:
        announce()
    if new.slots_before is not None and new.generation != state.generation:
        _refuse_unrecorded_signer(new.slots_before, state)
        refuse_untrusted(new, state, seen.snapshot, seen.account.command_plan.valid_until)
    step = RotationStep(state, new, seen.snapshot, swapped=False)
    preflight.announce_verification_of_signer(session, step, seen.account.command_plan.pending_generation)
    is_over = state.failed_generation is not None and has_fingerprint(seen.snapshot.active, new.declared_fingerprint)
    return (
        is_due
        or step.is_verification_due
        or is_over
        or arguments_changed
        or not has_fingerprint(seen.snapshot.active, state.fingerprint)
    )


def create(session: Session, new: RotationInputs) -> tuple[str, PropertyBag]:
    """Record what signs; never swap. Try the destinations, if that is asked for."""
    account = open_for_write(session, new)
    snapshot = account.snapshot()
    _refuse_unless_signing(new, snapshot)
    outputs = _outputs(new, snapshot, None)
    before = replace_args(from_bag(outputs, RotationState), verify_now=None)
    outcome = verify_rotation(session, account, RotationStep(before, new, snapshot, swapped=False))
    return f"{snapshot.subaccount_id}/rotation", _without_none({**outputs, **outcome.outputs})


def update(session: Session, bag: PropertyBag, new: RotationInputs) -> PropertyBag:
    """Swap if that was planned, else bring the outputs up to date; prove what signs, if that is due."""
    state = from_bag(bag, RotationState)
    account = open_for_write(session, new)
    if new.slots_before is not None:
        preflight.preflight(session, account, new)
        with session.retry_policy.fresh_deadline():  # whatever looking took: a lost answer needs its time
            snapshot = swap(account, new.slots_before.slots, new.declared_fingerprint)
        if new.slots_before.active not in (snapshot.slots.active, snapshot.slots.passive):
            _warn_signer_lost(session, new.slots_before, snapshot)
    else:
        snapshot = account.snapshot()
        if new.drift is None:
            _refuse_unless_signing(new, snapshot)
    outcome = verify_rotation(
        session, account, RotationStep(state, new, snapshot, swapped=new.slots_before is not None)
    )
    outputs = {**_outputs(new, outcome.snapshot, state), **_restored_at(new, outcome.snapshot, state)}
    return _without_none({**outputs, **outcome.outputs})


def read(session: Session, bag: PropertyBag) -> PropertyBag:
    """Follow what signs."""
    state = from_bag(bag, RotationState)
    seen = read_slots(session, state)
    if isinstance(seen, ReadingUnavailable):
        warn_unchecked(session, seen, state)
        return bag
    if (stale := stale_read_after_swap(seen.snapshot, state)) is not None:
        warn_unchecked(session, ReadingUnavailable(stale), state)
        return bag
    if seen.snapshot.active is None:
        return {**bag, "role": "gone"}
    return {**bag, **certificate_outputs(seen.snapshot.active, seen.snapshot), **_history_outputs(seen.snapshot, state)}


def _record_swap(session: Session, seen: SlotsRead, to: Certificate, *, is_rollback: bool) -> None:
    """Let the other resources of the command know; say who will lack what signs again."""
    for name in seen.account.command_plan.plan_swap(to, is_rollback=is_rollback):
        session.print_once(
            f"warning: RotationTrigger: {name} will not have {short_fingerprint(to.fingerprint)} at once; the "
            "`pulumi up` after this one registers it"
        )


def _announce(session: Session, decision: Decision, plan: RotationInputs, snapshot: Snapshot) -> None:
    if decision.action is Action.SWAP:
        targets = [f"  {target}: {answer}" for target, answer in decision.targets.items()]
        session.print_once("\n".join([f"RotationTrigger: {decision.message}", *targets]))
        if decision.trust_warning:
            session.print_once(f"warning: RotationTrigger: {decision.trust_warning}")
        preflight.announce_verification(session, plan, snapshot)
    if decision.action in (Action.REPORT, Action.WARN):
        session.warn(f"RotationTrigger: {decision.message}.", decision.evidence, decision.remedies)


def _compare_destinations(
    session: Session, plan: RotationInputs, old: RotationInputs | None, snapshot: Snapshot
) -> list[str] | None:
    """Compare the plan with the destinations that there are: those that it names, and those that the step affects."""
    lists, should_inspect = (
        plan.slots_before is not None and plan.list_affected,
        preflight.should_inspect(plan, old, snapshot),
    )
    if not (lists or should_inspect):
        return None
    missing = "that the step affects could not be listed" if lists else "to be tried could not be looked for"
    found = listed(session, plan.connection, f"the destinations {missing}")
    if found is None:
        return None
    if should_inspect:
        preflight.inspect_destinations(session, plan, found, requested=is_verification_requested(plan, old))
    return affected_destinations(found) if lists else None


def _announce_removal(session: Session, candidate: str, declaration: Declaration, snapshot: Snapshot) -> None:
    """Say what a preview of deletions cannot show: what the passive slot holds now."""
    if snapshot.passive is None:
        return
    held = describe_certificate(snapshot.passive, declaration.generation_of(snapshot.passive))
    session.print_once(
        f"RotationTrigger: candidate {candidate!r} was taken away; if its PassiveTrustCertificate is removed without "
        f"retain_on_delete, passive {held} is deleted and there is no way back to it"
    )


def _warn_signer_lost(session: Session, slots_before: SlotPair, snapshot: Snapshot) -> None:
    """Say that somebody replaced what signed before: the swap is done, and its way back is gone."""
    session.print_once(
        f"warning: RotationTrigger: {slots_before.active}, which signed until now, is in no slot any more; somebody else "
        f"replaced it meanwhile, and there is no way back to it. The slots of subaccount {snapshot.subaccount_id}: "
        f"{snapshot.slots}."
    )


def _refuse_foreign_candidate(candidate: Candidate | None, snapshot: Snapshot) -> None:
    if candidate is not None and candidate.subaccount_id not in (None, snapshot.subaccount_id):
        raise WrongSubaccount(
            f"The candidate belongs to subaccount {candidate.subaccount_id}.",
            f"The RotationTrigger belongs to {snapshot.subaccount_id}, and a certificate signs for its own one only.",
            "Give both the same connection=.",
        )


def _refuse_unrecorded_signer(slots_before: SlotPair, state: RotationState) -> None:
    """A new declaration was approved against the recorded signer: another one must be taken note of first.

    This holds between the preview and the changes of one `pulumi up` too, which are planned separately.
    """
    if slots_before.active not in _known_signers(state):
        raise SlotsChanged(
            f"{slots_before.active} signs, not {state.fingerprint}, which signed at the last deployment.",
            "Somebody else changed the signer since, so the swap would not be the one that this change was reviewed "
            "as.",
            f'Take note of what signs first: `pulumi refresh`, or deploy with generation="{state.generation}"; then '
            "run `pulumi preview` and read the new plan.",
        )


def _known_signers(state: RotationState) -> tuple[str, ...]:
    """What may sign by the state: of a roll back that is not confirmed, what it led to, or what it led away from."""
    return (
        (state.fingerprint,) if state.rollback_unconfirmed is None else (state.fingerprint, state.declared_fingerprint)
    )


def _refuse_unless_signing(new: RotationInputs, snapshot: Snapshot) -> None:
    if not has_fingerprint(snapshot.active, new.declared_fingerprint):
        raise SlotsChanged(
            f"Generation {new.generation!r} signed when this command was planned, and does not any more.",
            f"Planned for: {new.declared_fingerprint}. Found: {snapshot.slots}.",
            "Run `pulumi preview` and read the new plan.",
        )


def _outputs(new: RotationInputs, snapshot: Snapshot, state: RotationState | None) -> PropertyBag:
    if snapshot.active is None:
        raise SlotsChanged(
            f"Subaccount {snapshot.subaccount_id} has no active certificate any more.",
            "It had one when this command was planned.",
            "Run `pulumi preview` and read the new plan.",
        )
    outputs = {
        **to_bag(new, *PREVIEW_ONLY),
        **certificate_outputs(snapshot.active, snapshot),
        "subaccount_id": snapshot.subaccount_id,
        "observed_at": format_rfc3339(snapshot.now),
    }
    return outputs if state is None else {**outputs, **_history_outputs(snapshot, state)}


def _without_none(outputs: PropertyBag) -> PropertyBag:
    return {name: value for name, value in outputs.items() if value is not None}


def _history_outputs(snapshot: Snapshot, state: RotationState) -> PropertyBag:
    """What signed before, since when it does not, when what signs was restored: kept until another one signs."""
    if not has_fingerprint(snapshot.active, state.fingerprint):
        return {"previous_fingerprint": state.fingerprint, "rotated_at": format_rfc3339(snapshot.now)}
    kept = {"previous_fingerprint": state.previous_fingerprint, "rotated_at": state.rotated_at}
    return _without_none({**kept, "restored_at": state.rolled_back_at or state.restored_at})


def _restored_at(new: RotationInputs, snapshot: Snapshot, state: RotationState) -> PropertyBag:
    """Record when a swap led to what the state says signs: it shows nothing of the drift that the swap has undone."""
    is_back = has_fingerprint(snapshot.active, new.declared_fingerprint) and has_fingerprint(
        snapshot.active, state.fingerprint
    )
    return {"restored_at": format_rfc3339(snapshot.now)} if new.slots_before is not None and is_back else {}


LIFECYCLE: Final = Lifecycle(
    args=args_from_bag,
    inputs=RotationInputs,
    state=RotationState,
    check=lambda session, arguments, old: check(session, *arguments, old),
    diff=diff,
    create=create,
    update=update,
    read=read,
)
