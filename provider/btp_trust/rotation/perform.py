"""Create and update a RotationTrigger: swap or record, switch the systems over, verify the destinations.

Both of the latter may end a step in a rollback, which swaps the slots and sets back the systems. A command without
changes does without this module.
"""

from __future__ import annotations

from msgspec.structs import replace

from btp_trust.certificate import Certificate
from btp_trust.formatting import label_fingerprint
from btp_trust.property_bag import PropertyBag, from_bag
from btp_trust.rotation import announcements
from btp_trust.rotation.difference import due_swap, refuse_unless_signing, systems_still_behind
from btp_trust.rotation.history import event_outputs
from btp_trust.rotation.outputs import history_outputs, restored_at, signer_outputs, without_none
from btp_trust.rotation.planned_swap import PlannedSwap
from btp_trust.rotation.rollback import recorded_declaration
from btp_trust.rotation.schema import RotationInputs, RotationState
from btp_trust.rotation.switchover import messages
from btp_trust.rotation.switchover.failure import SwitchFailure
from btp_trust.rotation.switchover.perform import Switchover, prepare_switchover
from btp_trust.rotation.switchover.plan import due_switchover
from btp_trust.rotation.switchover.schema import OnSwitchFailure
from btp_trust.rotation.target_history import rejection_outputs
from btp_trust.rotation.time_policies import refuse_untimely
from btp_trust.rotation.verification import preflight
from btp_trust.rotation.verification.automatic_rollback import roll_back
from btp_trust.rotation.verification.runner import VerificationOutcome, evidence_outputs, verify_rotation
from btp_trust.rotation.verification.step import RotationStep
from btp_trust.runtime.reading import open_for_write
from btp_trust.runtime.session import Session
from btp_trust.runtime.slot_writes import swap
from btp_trust.runtime.slots import Subaccount
from btp_trust.snapshot import Slots, Snapshot


def create(session: Session, new: RotationInputs) -> tuple[str, PropertyBag]:
    """Record the signer; never swap. Verify the destinations, if `verify_now` asks for that."""
    account = open_for_write(session, new)
    snapshot = account.snapshot()
    refuse_unless_signing(new, snapshot)
    outputs = signer_outputs(new, snapshot, session.expiry_limits)
    # A text that the state has already would be an old request.
    before = replace(from_bag(outputs, RotationState), verify_now=None)
    step = RotationStep(before, new, snapshot, swapped=False)
    outcome = verify_rotation(session, account, step, Switchover(session.retry_policy))
    outputs = without_none({**outputs, **outcome.outputs})
    return f"{snapshot.subaccount_id}/rotation", _with_records(outputs, step, outcome.snapshot)


def update(session: Session, bag: PropertyBag, new: RotationInputs) -> PropertyBag:
    """Swap if that was planned, else bring the outputs up to date; switch systems over and verify, if that is due."""
    state = from_bag(bag, RotationState)
    account = open_for_write(session, new)
    due = due_swap(new, account.command_plan)
    if due is not None:
        snapshot, switchover = swap_slots(session, account, state, new, due)
    else:
        snapshot, switchover = record_signer(session, account, state, new)
    step = RotationStep(state, new, snapshot, swapped=due is not None)
    outcome = complete_step(session, account, step, switchover)
    outputs = without_none(
        {
            **signer_outputs(new, outcome.snapshot, session.expiry_limits),
            **history_outputs(outcome.snapshot, state),
            **restored_at(new, outcome.snapshot, state, swapped=due is not None),
            **outcome.outputs,  # last: a rollback overwrites or removes what the swap left
        }
    )
    return _with_records(outputs, step, outcome.snapshot)


def _with_records(outputs: PropertyBag, step: RotationStep, after: Snapshot) -> PropertyBag:
    """Add the outputs that grow from one deployment to the next: rejections, and the history of the signer."""
    new = from_bag(outputs, RotationState)
    return {**outputs, **rejection_outputs(new, step.state, after), **event_outputs(step, new)}


def record_signer(
    session: Session, account: Subaccount, state: RotationState, new: RotationInputs
) -> tuple[Snapshot, Switchover]:
    """Check that the signer is the declared one, and prepare the systems that trust the other certificate."""
    # The reading of this command is enough for a mere record; what is written follows from a new one.
    is_record = due_switchover(new, account.command_plan) is None
    snapshot = account.snapshot() if is_record else account.read()
    if new.drift is None:  # with a drift, the plan is to leave another signer
        refuse_unless_signing(new, snapshot)
    switchover = prepare_switchover(session, new, account.command_plan, snapshot, has_swap=False)
    if is_record:
        switchover.still_behind = systems_still_behind(state, new, account.command_plan.trusting_systems)
    return snapshot, switchover


def swap_slots(
    session: Session, account: Subaccount, state: RotationState, new: RotationInputs, planned: PlannedSwap
) -> tuple[Snapshot, Switchover]:
    """Swap, if both slots are as planned, the verification is possible, the systems are ready and the time is right."""
    preflight.preflight(session, account, new)
    if planned.is_rotation:  # a rollback and a restoration lead to a certificate that has signed
        session.rolled_back.refuse_rotation(account.subaccount_id, new.generation)
    if new.limits_time:
        # Read again: the resources before this one may have taken hours, and the reading has the service's time.
        refuse_untimely(recorded_declaration(new, state, account.command_plan.valid_until), account.read())
    # Last before the swap: from then on until its one request has been answered, each system refuses calls.
    switchover = prepare_switchover(session, new, account.command_plan, account.snapshot(), has_swap=True)
    switchover.swap_sent_at = session.host.monotonic()
    with session.retry_policy.fresh_deadline():  # a lost response needs its time, however long the preflight took
        snapshot = swap(account, Slots(planned.only_if_active, new.declared_fingerprint), new.declared_fingerprint)
    if planned.only_if_active not in (snapshot.slots.active, snapshot.slots.passive):
        announcements.warn_signer_lost(session, planned.only_if_active, snapshot)
    return snapshot, switchover


def complete_step(
    session: Session, account: Subaccount, step: RotationStep, switchover: Switchover
) -> VerificationOutcome:
    """Switch the systems over, and verify the destinations that are due.

    Raises:
        RollbackFailed: A system was left behind without a swap of this command, or a rollback was due and not applied.
    """
    switchover.send(session.host.monotonic)
    if switchover.failures and step.new.on_switch_failure is OnSwitchFailure.ROLLBACK:
        if not step.swapped:
            raise messages.incomplete_error(step.new.generation, switchover.failures)
        # A rollback is final, as it is for the verification: the certificate that it left may be rejected everywhere.
        is_final = step.is_rollback or step.previous_is_revoked
        if step.slots.passive is not None and not is_final:
            return _roll_back(session, account, step, step.slots.passive, switchover)
    if switchover.failures:
        # Printed as it is: a strict error here would lose the record of the swap.
        session.print_once(f"warning: {messages.left_behind(switchover.failures, step.new.generation)}")
    for name in switchover.switched:
        signer = label_fingerprint(step.new.declared_fingerprint, step.new.generation)
        session.print_once(messages.switched(name, signer, switchover.gap))
    outcome = verify_rotation(session, account, step, switchover)
    return replace(outcome, outputs={**switchover.outputs(), **outcome.outputs})


def _roll_back(
    session: Session, account: Subaccount, step: RotationStep, earlier: Certificate, switchover: Switchover
) -> VerificationOutcome:
    cause = SwitchFailure(step.new.generation, step.generation_of(earlier), step.slots.now, dict(switchover.failures))
    with session.retry_policy.fresh_deadline():
        left = roll_back(session, account, step, earlier, cause, switchover=switchover)
    # What was verified before is as true as it was: no probe has asked for the certificate that is rolled back.
    kept = {name: found for name, found in step.state.verified.items() if name in step.new.verify_destinations}
    return VerificationOutcome(left.slots, {**evidence_outputs(kept), **left.outputs})
