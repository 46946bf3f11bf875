"""RotationTrigger: compare and swap, so that the declared generation signs."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from btp_trust.errors import StaleRead
from btp_trust.property_bag import PropertyBag, from_bag
from btp_trust.rotation import announcements, signer_warnings
from btp_trust.rotation.candidate import Candidate
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.destinations import affected_destinations, destinations_to_compare
from btp_trust.rotation.difference import (
    RotationDifference,
    arguments_changed,
    due_swap,
    find_difference,
)
from btp_trust.rotation.notices import (
    creation_notices,
    record_notices,
    step_notices,
    swap_notices,
    switchover_notices,
)
from btp_trust.rotation.outputs import refreshed_outputs
from btp_trust.rotation.planning import (
    create_declaration,
    plan_inputs,
    plan_systems,
    plan_without_reading,
    refuse_foreign_candidate,
    removed_candidate,
)
from btp_trust.rotation.postponement import waiting_notices
from btp_trust.rotation.rollback import stale_read_after_swap
from btp_trust.rotation.schema import RotationArgs, RotationInputs, RotationState, args_from_bag
from btp_trust.rotation.shared_plan import decide_or_postpone, share_steps, share_swap
from btp_trust.rotation.switchover.plan import SwitchoverPlan, due_switchover
from btp_trust.rotation.verification import preflight
from btp_trust.rotation.verification.step import RotationStep, is_verification_requested
from btp_trust.runtime.command_plan import CommandPlan
from btp_trust.runtime.comparison import Comparison, Notice
from btp_trust.runtime.duplicate_connections import refuse_second
from btp_trust.runtime.lifecycle import Lifecycle
from btp_trust.runtime.reading import (
    ReadingUnavailable,
    diff_without_reading,
    read_slots,
    warn_unchecked,
)
from btp_trust.runtime.session import Session
from btp_trust.runtime.signer_warnings import with_expiry_by_state
from btp_trust.snapshot import Snapshot
from btp_trust.trusted_by.parsing import TrustedBy

_KIND = "RotationTrigger"


def check(
    session: Session,
    args: RotationArgs,
    candidate: Candidate | None,
    trusted_by: TrustedBy,
    old: RotationInputs | None,
) -> RotationInputs:
    """Plan: the declared signer, and the step or the drift if another certificate is active."""
    args = replace(args, trusted_by=trusted_by.statements)
    recorded = old.subaccount_id if old else None
    reading = read_slots(session, args, recorded)
    if isinstance(reading, ReadingUnavailable):
        refuse_second(session, _KIND, args.subaccount_id or recorded, args.connection)
        return plan_without_reading(args, candidate, old, reading)
    snapshot, command_plan = reading.snapshot, reading.account.command_plan
    refuse_second(session, _KIND, snapshot.subaccount_id, args.connection)
    refuse_foreign_candidate(candidate, snapshot)
    # Before the decision: the engine checks the resources of a command in any order, and each compares with the others.
    command_plan.record_declaration(args.generation)
    command_plan.valid_until = trusted_by.valid_until  # for diff: as an input it would change with each reading
    removed = removed_candidate(candidate, old, is_in_program=command_plan.has_passive)
    declaration = create_declaration(
        args, candidate, trusted_by, old, command_plan, candidate_removed=removed is not None
    )
    declaration, decision, waiting = decide_or_postpone(declaration, reading)
    notices = [
        *announcements.removal_notices(removed, declaration, snapshot),
        *announcements.overwrite_notices(command_plan.pending_generation, declaration, snapshot),
        *share_swap(decision, reading),
    ]
    # Destinations are listed after that: the plan of another resource may refuse the swap.
    switchover = plan_systems(session, declaration, decision, snapshot, old)
    plan, problems = _plan(session, declaration, decision, candidate, old, snapshot=snapshot, switchover=switchover)
    share_steps(command_plan, decision, plan, switchover)
    # The one place where check prints: it returns inputs alone, and a creation has no diff that could show these lines.
    created = creation_notices(session, declaration, decision, plan, snapshot)
    command_plan.creates_trigger = old is None
    expiry = signer_warnings.expiry_notices(session, plan, snapshot, command_plan) if old is None else ()
    behind = switchover_notices(session, switchover)
    session.print_notices([*notices, *created, *problems, *expiry, *(behind if old is None else ())])
    # Left to diff: the outputs may refuse the step, or explain why the slots are as they are.
    command_plan.signer_warning = signer_warnings.drift_warning(declaration, decision, snapshot)
    command_plan.rotation_notices = (
        *waiting_notices(waiting),
        *step_notices(session, declaration, decision, plan, snapshot),
        *map(Notice, switchover.lines),
        *behind,
    )
    return plan


def diff(session: Session, state: RotationState, new: RotationInputs) -> Comparison:
    """Find out whether an update is due: a step, a changed argument, or outputs that are behind the slots.

    `find_difference` compares; this function alone records what the other resources have to know.
    """
    reading = read_slots(session, new)
    if isinstance(reading, ReadingUnavailable):
        comparison = diff_without_reading(session, reading, state, arguments_changed=arguments_changed(state, new))
        return with_expiry_by_state(session, comparison, state)
    snapshot, command_plan = reading.snapshot, reading.account.command_plan
    planned = command_plan.rotation_notices  # None in a refresh, whose inputs are those of the last deployment
    if planned is not None:
        # First: check lacks the outputs, and takes a rollback for somebody else's swap.
        preflight.refuse_failed_generation(state, new, snapshot)
    due = due_swap(new, command_plan)
    difference = find_difference(
        state,
        new,
        snapshot,
        is_swap_planned=due is not None,
        is_switchover_planned=due_switchover(new, command_plan) is not None,
        trusting_systems=command_plan.trusting_systems,
    )
    if difference.stale_read is not None:
        # Before the notices: a drift in a stale reading may be over.
        return _accept_stale_read(session, command_plan, state, difference, difference.stale_read)
    step = RotationStep(state, new, snapshot, swapped=False)
    notices = preflight.signer_verification_notices(
        session, step, command_plan.pending_generation, is_swap_planned=due is not None
    )
    if planned is not None:  # a refresh has read, and warned
        notices = [
            *planned,
            *record_notices(step, difference),
            *swap_notices(step, due, command_plan),
            *notices,
            *signer_warnings.signer_notices(session, state, new, snapshot, command_plan),
        ]
    return Comparison(step.is_verification_due or difference.is_update_due, tuple(notices))


def create(session: Session, new: RotationInputs) -> tuple[str, PropertyBag]:
    """Record the signer; never swap. Verify the destinations, if `verify_now` asks for that."""
    from btp_trust.rotation import perform  # noqa: PLC0415 - most commands change nothing

    return perform.create(session, new)


def update(session: Session, bag: PropertyBag, new: RotationInputs) -> PropertyBag:
    """Swap if that was planned, else bring the outputs up to date; switch systems over and verify, if that is due."""
    from btp_trust.rotation import perform  # noqa: PLC0415 - see above

    return perform.update(session, bag, new)


def read(session: Session, bag: PropertyBag) -> PropertyBag:
    """Follow the active certificate."""
    state = from_bag(bag, RotationState)
    reading = read_slots(session, state)
    if isinstance(reading, ReadingUnavailable):
        warn_unchecked(session, reading, state)
        return bag
    if (stale := stale_read_after_swap(reading.snapshot, state)) is not None:
        warn_unchecked(session, ReadingUnavailable(stale), state)
        return bag
    active = reading.snapshot.active
    if active is None:
        # The resource stays: removed by a refresh, it would be created anew, and forget its generations.
        return {**bag, "role": "gone"}
    signer_warnings.warn_in_refresh(session, state, reading.snapshot, reading.account.command_plan)
    return refreshed_outputs(bag, state, active, reading.snapshot, session.expiry_limits)


def _plan(
    session: Session,
    declaration: Declaration,
    decision: Decision,
    candidate: Candidate | None,
    old: RotationInputs | None,
    *,
    snapshot: Snapshot,
    switchover: SwitchoverPlan,
) -> tuple[RotationInputs, list[Notice]]:
    """Write the decision as inputs, compared with the destinations of the subaccount where that is of use."""
    has_step = decision.action is Action.SWAP
    lists = has_step and declaration.list_affected
    inspects = preflight.should_inspect(declaration, old, snapshot, has_step=has_step)
    destinations, notices = destinations_to_compare(session, declaration, lists=lists, inspects=inspects)
    affects = affected_destinations(destinations) if lists and destinations is not None else None
    verification = preflight.planned_verification(declaration, snapshot)
    plan = plan_inputs(
        declaration,
        decision,
        candidate,
        old,
        snapshot,
        verification=verification,
        affects=affects,
        switchover=switchover.planned,
    )
    if inspects and destinations is not None:
        requested = is_verification_requested(plan, old)
        notices += preflight.inspect_destinations(session, plan, destinations, requested=requested, has_swap=has_step)
    return plan, notices


def _accept_stale_read(
    session: Session,
    command_plan: CommandPlan,
    state: RotationState,
    difference: RotationDifference,
    stale_read: StaleRead,
) -> Comparison:
    """Warn of slots that look as before the last swap, and record that.

    Raises:
        StaleRead: Something is due that would follow from them.
    """
    if difference.is_due or command_plan.pending_generation is not None:
        raise stale_read
    command_plan.stale_read = stale_read
    return diff_without_reading(session, ReadingUnavailable(stale_read), state, arguments_changed=False)


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
