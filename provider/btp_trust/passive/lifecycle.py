"""PassiveTrustCertificate: generate or adopt the certificate of one generation; delete only its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from btp_trust.certificate import Certificate
from btp_trust.errors import StaleRead, TrustError
from btp_trust.formatting import describe_certificate, format_rfc3339, propose_free_name
from btp_trust.passive import messages
from btp_trust.passive.plan import Adopt, Generate, PassiveStep, RecordedCertificates, decide, displaced_certificate
from btp_trust.passive.planning import next_step, plan_by_state, plan_inputs, recorded_certificates, request_of
from btp_trust.passive.schema import EMPTY, PREVIEW_ONLY, PassiveArgs, PassiveInputs, PassiveState
from btp_trust.property_bag import PropertyBag, certificate_outputs, from_bag, same_arguments, to_bag
from btp_trust.runtime.command_plan import CommandPlan, second_name_refusal
from btp_trust.runtime.comparison import Comparison, Notice
from btp_trust.runtime.duplicate_connections import refuse_second
from btp_trust.runtime.expiry import ExpiryContext
from btp_trust.runtime.lifecycle import Lifecycle, args_as
from btp_trust.runtime.reading import (
    ReadingUnavailable,
    SlotsRead,
    diff_without_reading,
    open_for_write,
    read_slots,
    warn_unchecked,
)
from btp_trust.runtime.session import Session
from btp_trust.runtime.signer_warnings import expiry_notices
from btp_trust.runtime.slots import Subaccount
from btp_trust.runtime.staleness import stale_read_error
from btp_trust.snapshot import Snapshot

_KIND: Final = "PassiveTrustCertificate"


def check(session: Session, args: PassiveArgs, old: PassiveInputs | None) -> PassiveInputs:
    """Plan: the step if a generation is new, and the certificate that the slot holds."""
    recorded = old.subaccount_id if old else None
    # Before the reading, which may fail: the deletion of a renamed resource asks for it.
    session.plans.of(args.subaccount_id or recorded or "").has_passive = True
    reading = read_slots(session, args, recorded)
    if isinstance(reading, ReadingUnavailable):
        refuse_second(session, _KIND, args.subaccount_id or recorded, args.connection)
        # A rename changes the URN, which only messages use.
        if old is None or not same_arguments(args, old, PassiveArgs, "resource_urn", "retain_on_delete"):
            reading.refuse_due_changes()
        return plan_by_state(args, old)
    snapshot, command_plan = reading.snapshot, reading.account.command_plan
    refuse_second(session, _KIND, snapshot.subaccount_id, args.connection)
    command_plan.has_passive = True  # again: the reading may have shown the GUID
    if old is not None:
        command_plan.names.extend((*old.earlier_generations, old.generation))
    planned = plan_inputs(args, old, snapshot, command_plan.names)
    if planned.step is not None:
        _record_step(command_plan, planned.inputs.generation, planned.step)
    command_plan.checked.add(_KIND)
    if planned.is_complete:  # a creation, which has no diff
        session.print_once(planned.inputs.step or "")
        session.print_notices(_expiry_notices(session, args, {}, reading))
    return planned.inputs


def diff(session: Session, state: PassiveState, new: PassiveInputs) -> Comparison:
    """Find out whether an update is due; refuse a request that only the recorded certificate shows to be wrong."""
    reading = read_slots(session, new)
    arguments_changed = not same_arguments(new, state, PassiveArgs, "retain_on_delete")
    if isinstance(reading, ReadingUnavailable):
        return diff_without_reading(session, reading, state, arguments_changed=arguments_changed)
    snapshot, command_plan = reading.snapshot, reading.account.command_plan
    stale = command_plan.stale_passive = stale_read_after_generation(snapshot, state)
    if new.generation != state.generation and stale is not None:
        raise stale
    step = next_step(state, new, snapshot)
    expiry = _expiry_notices(session, new, state.generations, reading) if _KIND in command_plan.checked else ()
    if step is not None:
        if isinstance(step, Adopt):  # check has planned the generation already, in case that this is none
            _record_step(command_plan, new.generation, step)
        return Comparison(is_update_due=True, notices=(_step_notice(state, new, step), *expiry))
    # For the deletion of an old resource, which compares its name with this one.
    _record_name(session, new, snapshot.subaccount_id, state.fingerprint)
    if stale is not None:
        doubted = diff_without_reading(session, ReadingUnavailable(stale), state, arguments_changed=arguments_changed)
        return Comparison(doubted.is_update_due, (*doubted.notices, *expiry))
    is_gone = snapshot.find(state.fingerprint) is None
    notices = (_certificate_gone_notice(session, state, snapshot),) if is_gone else ()
    return Comparison(arguments_changed, (*notices, *expiry))


def create(session: Session, new: PassiveInputs) -> tuple[str, PropertyBag]:
    """Get the certificate of the first generation."""
    outputs = _obtain_certificate(session, new, RecordedCertificates())
    return f"{outputs['subaccount_id']}/passive", outputs


def update(session: Session, bag: PropertyBag, new: PassiveInputs) -> PropertyBag:
    """Get the certificate of a new generation, or record changed arguments."""
    state = from_bag(bag, PassiveState)
    if new.generation != state.generation:
        return _obtain_certificate(session, new, recorded_certificates(state))
    kept = {name: value for name, value in bag.items() if name not in PassiveArgs.__struct_fields__}
    return {**kept, **to_bag(new, *PREVIEW_ONLY), "subaccount_id": state.subaccount_id}


def read(session: Session, bag: PropertyBag) -> PropertyBag:
    """Find the certificate in either slot; if it is gone, the resource stays, with a warning.

    The outputs are those of the certificate alone, which is the resource's own through every swap: a refresh and a
    preview agree.
    """
    state = from_bag(bag, PassiveState)
    session.plans.of(state.subaccount_id or "").recorded_names.update(state.generations)
    reading = read_slots(session, state)
    if isinstance(reading, ReadingUnavailable):
        warn_unchecked(session, reading, state)
        return bag
    if (stale := stale_read_after_generation(reading.snapshot, state)) is not None:
        warn_unchecked(session, ReadingUnavailable(stale), state)
    elif reading.snapshot.find(state.fingerprint) is None:
        session.print_notices([_certificate_gone_notice(session, state, reading.snapshot)])
    session.print_notices(_expiry_notices(session, state, state.generations, reading, may_fail=False))
    return bag


def delete(session: Session, state: PassiveState) -> None:
    """Empty the passive slot if it holds this certificate or the one that it displaced; else leave it.

    Raises:
        Refused: The resource that has taken over gives this certificate another name, unasked.
    """
    # After a rename or a replacement Pulumi deletes the old resource last: its certificate is in use.
    if session.plans.of(state.subaccount_id or "").has_passive:
        _refuse_second_name(session, state)
        session.print_once("the slots stay as they are; another PassiveTrustCertificate of this program has taken over")
        return
    try:
        account = open_for_write(session, state)
        with account.write_lock.hold():
            line = _empty_slot(account, state)
    except TrustError as error:
        # Only a service that is out of reach may belong to a subaccount that is gone.
        if not error.is_tolerated_without_changes and not session.offline:
            raise
        raise messages.deletion_failed(state.generation, state.resource_urn, error) from None
    if line is not None:
        session.print_once(line)


def stale_read_after_generation(snapshot: Snapshot, state: PassiveState) -> StaleRead | None:
    """Return the error of slots that lack a certificate of this minute: generating would overwrite it unseen."""
    if state.observed_at is None or snapshot.find(state.fingerprint) is not None:
        return None
    what = (
        f"The certificate of generation {state.generation!r} ({state.fingerprint}), of {state.observed_at}, "
        "seems to be in no slot."
    )
    return stale_read_error(what, "somebody removed it at once", state.observed_at, snapshot)


def _empty_slot(account: Subaccount, state: PassiveState) -> str | None:
    """Delete the passive certificate if it belongs to the resource; return what to report."""
    from btp_trust.runtime.slot_writes import delete_passive  # noqa: PLC0415 - most commands change nothing

    snapshot = account.read()
    if snapshot.passive is None:
        return None
    name = _describe(snapshot.passive, state)
    is_own = snapshot.passive.fingerprint == state.fingerprint
    # After a swap its own certificate signs, and the one that it displaced is to be retired.
    if not is_own and displaced_certificate(state.fingerprint, snapshot) is None:
        return f"passive {name} stays; this resource neither generated nor displaced it"
    delete_passive(account, snapshot)
    signer = "" if snapshot.active is None else f"; {_describe(snapshot.active, state)} stays the signer"
    return f"deleted passive {name}{signer}"


def _describe(certificate: Certificate, state: PassiveState) -> str:
    """Describe a certificate with the name that this resource gave it, if it is one of its own."""
    return describe_certificate(certificate, _names(state).get(certificate.fingerprint))


def _names(state: PassiveState) -> dict[str, str]:
    return {fingerprint: name for name, fingerprint in state.generations.items()}


def _step_notice(state: PassiveState, new: PassiveInputs, step: PassiveStep) -> Notice:
    return Notice(step.sentence(new.generation, _names(state)))


def _obtain_certificate(session: Session, new: PassiveInputs, own: RecordedCertificates) -> PropertyBag:
    """Do the planned step, if the passive slot is still the one of the plan."""
    from btp_trust.runtime.slot_writes import generate_passive  # noqa: PLC0415 - see above

    account = open_for_write(session, new)
    with account.write_lock.hold():
        # Read again: minutes may have passed since the plan.
        snapshot = account.read()
        if (snapshot.slots.passive or EMPTY) != new.only_if_passive:
            raise messages.slot_changed(new.only_if_passive, snapshot)
        step = decide(request_of(new), own, snapshot)
        if isinstance(step, Adopt):
            _record_name(session, new, snapshot.subaccount_id, step.certificate.fingerprint)
            return _outputs(new, own, step.certificate, snapshot)
        # This command must have planned that, and named the certificate that is overwritten.
        if account.command_plan.pending_generation != new.generation:
            raise messages.slot_changed(new.only_if_passive, snapshot)
        after = generate_passive(account, snapshot)
        return _outputs(new, own, _generated_certificate(after), after)


def _generated_certificate(snapshot: Snapshot) -> Certificate:
    if snapshot.passive is None:  # pragma: no cover - generate_passive() returns a snapshot with a passive certificate
        raise AssertionError(snapshot)
    return snapshot.passive


def _outputs(
    new: PassiveInputs, own: RecordedCertificates, certificate: Certificate, snapshot: Snapshot
) -> PropertyBag:
    return {
        **to_bag(new, *PREVIEW_ONLY),
        **certificate_outputs(certificate),
        "subaccount_id": snapshot.subaccount_id,
        "generations": {**own.generations, new.generation: certificate.fingerprint},
        "observed_at": format_rfc3339(snapshot.now),
    }


def _record_step(command_plan: CommandPlan, generation: str, step: PassiveStep) -> None:
    """Let the other resources of the command know."""
    if isinstance(step, Generate):
        command_plan.plan_generation(generation)
    else:
        command_plan.adoptions[generation] = step.certificate.fingerprint


def _record_name(session: Session, new: PassiveInputs, subaccount_id: str, fingerprint: str) -> None:
    if new.adopt != fingerprint:
        session.plans.of(subaccount_id).declared_names[fingerprint] = new.generation


def _refuse_second_name(session: Session, state: PassiveState) -> None:
    """A resource that was renamed or replaced recorded the name: only here it stands beside the new one."""
    name = session.plans.of(state.subaccount_id or "").declared_names.get(state.fingerprint)
    if name is not None and name != state.generation:
        free = propose_free_name(name, [name, *state.generations])
        raise second_name_refusal(name, state.fingerprint, state.generation, f'generation="{free}"')


def _expiry_notices(
    session: Session, args: PassiveArgs, names: Mapping[str, str], reading: SlotsRead, *, may_fail: bool = True
) -> tuple[Notice, ...]:
    """Return the warning of a signer that expires, unless the program's RotationTrigger gives it."""
    if args.warned_by is not None:
        return ()
    pending = reading.account.command_plan.pending_generation
    context = ExpiryContext(names=names, pending_generation=pending, is_prepared_enough=True)
    return expiry_notices(session, reading.snapshot, context, may_fail=may_fail)


def _certificate_gone_notice(session: Session, state: PassiveState, snapshot: Snapshot) -> Notice:
    return session.warning(
        f"The service shows the certificate of generation {state.generation!r} ({state.fingerprint}) in no slot.",
        snapshot.slots_sentence,
        "If the next command says so again, somebody else removed it: give `generation` a new name, which generates "
        "another one.",
    )


LIFECYCLE: Final = Lifecycle(
    args=args_as(PassiveArgs),
    inputs=PassiveInputs,
    state=PassiveState,
    check=check,
    diff=diff,
    create=create,
    update=update,
    read=read,
    delete=delete,
)
