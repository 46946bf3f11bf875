"""RotationTrigger: compare and swap, so that the declared generation signs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from msgspec.structs import replace as replace_args

from btp_trust.certificate import Certificate
from btp_trust.errors import SlotsChanged, WrongSubaccount
from btp_trust.formatting import brief, describe, rfc3339
from btp_trust.property_bag import PropertyBag, certificate_outputs, checked, from_bag, same_arguments, to_bag
from btp_trust.rotation.decision import Action, Decision, Reason
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.planning import (
    affected,
    candidate_inputs,
    declared_by,
    leaving_candidate,
    listed,
    planned,
    planned_unseen,
)
from btp_trust.rotation.policies import decide
from btp_trust.rotation.rollback import before_our_swap, refuse_untrusted
from btp_trust.rotation.schema import Candidate, SwapSlots, TriggerArgs, TriggerChecked, TriggerState
from btp_trust.rotation.verification import preflight
from btp_trust.rotation.verification.runner import Step, asks, confirm
from btp_trust.runtime.duplicate_connections import refuse_second
from btp_trust.runtime.reading import Seen, Unseen, look, not_checked, reach, unseen_changes
from btp_trust.runtime.session import Session
from btp_trust.runtime.slot_writes import swap
from btp_trust.snapshot import Snapshot, signs
from btp_trust.trusted_by.parsing import TrustedBy

_KIND = "RotationTrigger"
_NO_OUTPUTS: Final = (
    "step",
    "swaps",
    "targets",
    "way_back",
    "drift",
    "affects",
    "candidate",
    "candidate_retained",
    "generations",
)
"""What check writes for the preview and for the check after it."""


def check(
    session: Session,
    args: TriggerArgs,
    candidate: Candidate | None,
    trusted_by: TrustedBy,
    old: TriggerChecked | None,
) -> TriggerChecked:
    """Plan: who shall sign, and the step or the drift if it does not."""
    args = checked(TriggerArgs, args, trusted_by=trusted_by.told)
    recorded = old.subaccount_id if old else None
    seen = look(session, args, recorded)
    if isinstance(seen, Unseen):
        refuse_second(session, _KIND, args.subaccount_id or recorded, args.connection)
        return planned_unseen(args, candidate, old, seen)
    refuse_second(session, _KIND, seen.snapshot.subaccount_id, args.connection)
    _refuse_foreign(candidate, seen.snapshot)
    seen.account.command.declares(args.generation)
    seen.account.command.valid_until = trusted_by.valid_until
    leaving = leaving_candidate(candidate, old, is_in_program=session.passive_was_checked(seen.snapshot.subaccount_id))
    declaration = replace(
        declared_by(args, candidate, old, seen.account),
        expiry=trusted_by.expiry,
        valid_until=trusted_by.valid_until,
        candidate_removed=leaving is not None,
    )
    decision = decide(declaration, seen.snapshot)
    if decision.refusal is not None:
        raise decision.refusal
    if leaving is not None:
        _announce_retirement(session, leaving, declaration, seen.snapshot)
    if decision.action is Action.SWAP and seen.snapshot.passive is not None:
        _take_down_swap(session, seen, seen.snapshot.passive, is_way_back=decision.reason is not Reason.ROTATE)
    plan = planned(args, declaration, decision, seen, old)
    affects = _compare_destinations(session, plan, old, seen.snapshot)
    plan = checked(TriggerChecked, plan, **candidate_inputs(candidate, old), affects=affects)
    seen.account.command.announce = lambda: _announce(session, decision, plan, seen.snapshot)
    return plan


def changes(session: Session, state: TriggerState, new: TriggerChecked) -> bool:
    """Whether an update is due: a step, a changed argument, or outputs that are behind what signs."""
    seen = look(session, new)
    changed = not same_arguments(new, state, TriggerArgs, "verify_now") or preflight.may_be_withdrawn(state, new)
    if isinstance(seen, Unseen):
        return unseen_changes(session, seen, state, changed=changed)
    announce = seen.account.command.announce
    if announce is not None:
        preflight.refuse_failed(state, new, seen.snapshot)
    is_planned = announce is not None  # a refresh compares with the inputs of the last deployment, and does nothing
    is_due = is_planned and new.swaps is not None and not signs(seen.snapshot.active, new.wanted)
    if (stale := before_our_swap(seen.snapshot, state)) is not None:
        if is_due or changed or seen.account.command.minting is not None:
            raise stale
        seen.account.command.stale = stale
        not_checked(session, Unseen(stale), state)
        return False
    if announce is not None:
        announce()
    if new.swaps is not None and new.generation != state.generation:
        _refuse_unrecorded_signer(new.swaps, state)
        refuse_untrusted(new, state, seen.snapshot, seen.account.command.valid_until)
    is_open = preflight.is_due(session, state, new, seen.snapshot, seen.account.command.minting)
    is_over = state.failed_generation is not None and signs(seen.snapshot.active, new.wanted)
    return is_due or is_open or is_over or changed or not signs(seen.snapshot.active, state.fingerprint)


def create(session: Session, new: TriggerChecked) -> tuple[str, PropertyBag]:
    """Record what signs; never swap. Try the destinations, if that is asked for."""
    account = reach(session, new)
    snapshot = account.snapshot()
    _must_sign(new, snapshot)
    outputs = _outputs(new, snapshot, None)
    before = replace_args(from_bag(outputs, TriggerState), verify_now=None)
    outcome = confirm(session, account, Step(before, new, snapshot, swapped=False))
    return f"{snapshot.subaccount_id}/rotation", _without_none({**outputs, **outcome.outputs})


def update(session: Session, state: TriggerState, new: TriggerChecked) -> PropertyBag:
    """Swap if that was planned, else bring the outputs up to date; prove what signs, if that is due."""
    account = reach(session, new)
    if new.swaps is not None:
        preflight.prepare(session, account, new)
        with session.patience.afresh():  # whatever looking took: a lost answer needs its time
            snapshot = swap(account, new.swaps.slots, new.wanted)
        if new.swaps.active not in (snapshot.slots.active, snapshot.slots.passive):
            _announce_loss(session, new.swaps, snapshot)
    else:
        snapshot = account.snapshot()
        if new.drift is None:
            _must_sign(new, snapshot)
    outcome = confirm(session, account, Step(state, new, snapshot, swapped=new.swaps is not None))
    outputs = {**_outputs(new, outcome.snapshot, state), **_put_back(new, outcome.snapshot, state)}
    return _without_none({**outputs, **outcome.outputs})


def read(session: Session, bag: PropertyBag) -> PropertyBag:
    """Follow what signs."""
    state = from_bag(bag, TriggerState)
    seen = look(session, state)
    if isinstance(seen, Unseen):
        not_checked(session, seen, state)
        return bag
    if (stale := before_our_swap(seen.snapshot, state)) is not None:
        not_checked(session, Unseen(stale), state)
        return bag
    if seen.snapshot.active is None:
        return {**bag, "role": "gone"}
    return {**bag, **certificate_outputs(seen.snapshot.active, seen.snapshot), **_history(seen.snapshot, state)}


def _take_down_swap(session: Session, seen: Seen, to: Certificate, *, is_way_back: bool) -> None:
    """Let the other resources of the command know; say who will lack what signs again."""
    for name in seen.account.command.swaps(to, is_way_back=is_way_back):
        session.say(
            f"warning: RotationTrigger: {name} will not have {brief(to.fingerprint)} at once; the "
            "`pulumi up` after this one registers it"
        )


def _announce(session: Session, decision: Decision, plan: TriggerChecked, snapshot: Snapshot) -> None:
    if decision.action is Action.SWAP:
        targets = [f"  {target}: {answer}" for target, answer in decision.targets.items()]
        session.say("\n".join([f"RotationTrigger: {decision.message}", *targets]))
        if decision.doubts:
            session.say(f"warning: RotationTrigger: {decision.doubts}")
        preflight.announce(session, plan, snapshot)
    if decision.action in (Action.REPORT, Action.WARN):
        session.warn(f"RotationTrigger: {decision.message}.", decision.evidence, decision.ways_out)


def _compare_destinations(
    session: Session, plan: TriggerChecked, old: TriggerChecked | None, snapshot: Snapshot
) -> list[str] | None:
    """Compare the plan with the destinations that there are: those that it names, and those that the step affects."""
    lists, looks = plan.swaps is not None and plan.list_affected, preflight.looks(plan, old, snapshot)
    if not (lists or looks):
        return None
    missing = "that the step affects could not be listed" if lists else "to be tried could not be looked for"
    found = listed(session, plan.connection, f"the destinations {missing}")
    if found is None:
        return None
    if looks:
        preflight.foresee(session, plan, found, asked=asks(plan, old))
    return affected(found) if lists else None


def _announce_retirement(session: Session, candidate: str, declaration: Declaration, snapshot: Snapshot) -> None:
    """Say what a preview of deletions cannot show: what the passive slot holds now."""
    if snapshot.passive is None:
        return
    held = describe(snapshot.passive, declaration.name_of(snapshot.passive))
    session.say(
        f"RotationTrigger: candidate {candidate!r} was taken away; if its PassiveTrustCertificate is removed without "
        f"retain_on_delete, passive {held} is deleted and there is no way back to it"
    )


def _announce_loss(session: Session, swaps: SwapSlots, snapshot: Snapshot) -> None:
    """Say that somebody replaced what signed before: the swap is done, and its way back is gone."""
    session.say(
        f"warning: RotationTrigger: {swaps.active}, which signed until now, is in no slot any more; somebody else "
        f"replaced it meanwhile, and there is no way back to it. The slots of subaccount {snapshot.subaccount_id}: "
        f"{snapshot.slots}."
    )


def _refuse_foreign(candidate: Candidate | None, snapshot: Snapshot) -> None:
    if candidate is not None and candidate.subaccount_id not in (None, snapshot.subaccount_id):
        raise WrongSubaccount(
            f"The candidate belongs to subaccount {candidate.subaccount_id}.",
            f"The RotationTrigger belongs to {snapshot.subaccount_id}, and a certificate signs for its own one only.",
            "Give both the same connection=.",
        )


def _refuse_unrecorded_signer(swaps: SwapSlots, state: TriggerState) -> None:
    """A new declaration was approved against the recorded signer: another one must be taken note of first.

    This holds between the preview and the changes of one `pulumi up` too, which are planned separately.
    """
    if swaps.active not in _known_signers(state):
        raise SlotsChanged(
            f"{swaps.active} signs, not {state.fingerprint}, which signed at the last deployment.",
            "Somebody else changed the signer since, so the swap would not be the one that this change was reviewed "
            "as.",
            f'Take note of what signs first: `pulumi refresh`, or deploy with generation="{state.generation}"; then '
            "run `pulumi preview` and read the new plan.",
        )


def _known_signers(state: TriggerState) -> tuple[str, ...]:
    """What may sign by the state: of a roll back that is not confirmed, what it led to, or what it led away from."""
    return (state.fingerprint,) if state.rollback_unconfirmed is None else (state.fingerprint, state.declared)


def _must_sign(new: TriggerChecked, snapshot: Snapshot) -> None:
    if not signs(snapshot.active, new.wanted):
        raise SlotsChanged(
            f"Generation {new.generation!r} signed when this command was planned, and does not any more.",
            f"Planned for: {new.wanted}. Found: {snapshot.slots}.",
            "Run `pulumi preview` and read the new plan.",
        )


def _outputs(new: TriggerChecked, snapshot: Snapshot, state: TriggerState | None) -> PropertyBag:
    if snapshot.active is None:
        raise SlotsChanged(
            f"Subaccount {snapshot.subaccount_id} has no active certificate any more.",
            "It had one when this command was planned.",
            "Run `pulumi preview` and read the new plan.",
        )
    outputs = {
        **to_bag(new, *_NO_OUTPUTS),
        **certificate_outputs(snapshot.active, snapshot),
        "subaccount_id": snapshot.subaccount_id,
        "observed_at": rfc3339(snapshot.now),
    }
    return outputs if state is None else {**outputs, **_history(snapshot, state)}


def _without_none(outputs: PropertyBag) -> PropertyBag:
    return {name: value for name, value in outputs.items() if value is not None}


def _history(snapshot: Snapshot, state: TriggerState) -> PropertyBag:
    """What signed before, since when it does not, when what signs was restored: kept until another one signs."""
    if not signs(snapshot.active, state.fingerprint):
        return {"previous_fingerprint": state.fingerprint, "rotated_at": rfc3339(snapshot.now)}
    kept = {"previous_fingerprint": state.previous_fingerprint, "rotated_at": state.rotated_at}
    return _without_none({**kept, "restored_at": state.swapped_back_at or state.restored_at})


def _put_back(new: TriggerChecked, snapshot: Snapshot, state: TriggerState) -> PropertyBag:
    """Record when a swap led to what the state says signs: it shows nothing of the drift that the swap has undone."""
    is_back = signs(snapshot.active, new.wanted) and signs(snapshot.active, state.fingerprint)
    return {"restored_at": rfc3339(snapshot.now)} if new.swaps is not None and is_back else {}
