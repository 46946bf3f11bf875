"""PassiveTrustCertificate: mint, adopt or take up the certificate of one generation; delete only what is its own."""

from __future__ import annotations

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused, SlotsChanged, StaleRead, TrustError
from btp_trust.formatting import describe_certificate, format_rfc3339, propose_free_name
from btp_trust.passive.plan import (
    Adopt,
    Generate,
    RecordedCertificates,
    Request,
    Step,
    decide,
    displaced_certificate,
    plan_without_outputs,
    refuse_during_replacement,
)
from btp_trust.passive.schema import PassiveArgs, PassiveInputs, PassiveState
from btp_trust.property_bag import (
    PropertyBag,
    SignerSummary,
    certificate_outputs,
    from_bag,
    same_arguments,
    to_bag,
    with_changes,
)
from btp_trust.runtime.command_plan import second_name_refusal
from btp_trust.runtime.duplicate_connections import refuse_second
from btp_trust.runtime.reading import (
    ReadingUnavailable,
    diff_without_reading,
    open_for_write,
    read_slots,
    warn_unchecked,
)
from btp_trust.runtime.session import Session
from btp_trust.runtime.slot_writes import delete_passive, generate_passive
from btp_trust.runtime.slots import Subaccount
from btp_trust.runtime.staleness import _stale_read
from btp_trust.snapshot import Snapshot


def stale_read_after_generation(snapshot: Snapshot, state: PassiveState) -> StaleRead | None:
    """Return the error of slots that lack a certificate taken up just now: a mint would overwrite it unseen."""
    if state.observed_at is None or snapshot.find(state.fingerprint) is not None:
        return None
    what = (
        f"The certificate of generation {state.generation!r} ({state.fingerprint}), of {state.observed_at}, "
        "seems to be in no slot."
    )
    return _stale_read(what, "somebody removed it at once", state.observed_at, snapshot)


_KIND = "PassiveTrustCertificate"


def check(session: Session, args: PassiveArgs, old: PassiveInputs | None) -> PassiveInputs:
    """Plan: the step if a generation is new, and what the slot holds."""
    recorded = old.subaccount_id if old else None
    session.declare_passive(args.subaccount_id or recorded or "")
    seen = read_slots(session, args, recorded)
    if isinstance(seen, ReadingUnavailable):
        refuse_second(session, _KIND, args.subaccount_id or recorded, args.connection)
        return _plan_without_reading(args, old, seen)
    snapshot = seen.snapshot
    refuse_second(session, _KIND, snapshot.subaccount_id, args.connection)
    session.declare_passive(snapshot.subaccount_id)
    if old is not None:
        seen.account.command_plan.names.extend((*old.earlier_generations, old.generation))
    is_due = old is None or old.generation != args.generation
    held = snapshot.passive if is_due else snapshot.older_passive
    plan = with_changes(
        PassiveInputs,
        args,
        subaccount_id=snapshot.subaccount_id,
        passive_slot=None if held is None else SignerSummary.of(held),
        earlier_generations=_earlier_generations(args, old),
    )
    if not is_due:
        return plan
    return _plan_step(session, plan, old, seen.account, snapshot)


def diff(session: Session, state: PassiveState, new: PassiveInputs) -> bool:
    """Whether an update is due; refuses what only the recorded certificate shows to be wrong."""
    seen = read_slots(session, new)
    arguments_changed = not same_arguments(new, state, PassiveArgs)
    if isinstance(seen, ReadingUnavailable):
        return diff_without_reading(session, seen, state, arguments_changed=arguments_changed)
    if new.generation != state.generation:
        if (stale := stale_read_after_generation(seen.snapshot, state)) is not None:
            raise stale
        step = decide(_request(new), _recorded_certificates(state), seen.snapshot)
        if isinstance(step, Adopt):
            seen.account.command_plan.adoptions[new.generation] = step.certificate.fingerprint
        session.print_once(f"PassiveTrustCertificate: {step.sentence(new.generation)}")
        return True
    if new.adopt not in (None, state.adopt, state.fingerprint):
        raise _name_already_bound(state, new.adopt)
    _record_name(session, new, seen.snapshot.subaccount_id, state.fingerprint)
    if seen.snapshot.find(state.fingerprint) is None:
        _warn_certificate_gone(session, state, seen.snapshot)
    return arguments_changed


def create(session: Session, new: PassiveInputs) -> tuple[str, PropertyBag]:
    """Get the certificate of the first generation."""
    outputs = _obtain_certificate(session, new, RecordedCertificates())
    return f"{outputs['subaccount_id']}/passive", outputs


def update(session: Session, state: PassiveState, bag: PropertyBag, new: PassiveInputs) -> PropertyBag:
    """Get the certificate of a new generation, or take down changed arguments."""
    if new.generation != state.generation:
        return _obtain_certificate(session, new, _recorded_certificates(state))
    seen = read_slots(session, new)
    kept = {name: value for name, value in bag.items() if name not in PassiveArgs.__struct_fields__}
    outputs = {**kept, **_arguments(new), "subaccount_id": state.subaccount_id}
    return (
        outputs if isinstance(seen, ReadingUnavailable) else {**outputs, "role": seen.snapshot.role(state.fingerprint)}
    )


def read(session: Session, bag: PropertyBag) -> PropertyBag:
    """Find the certificate in either slot; in neither, the resource stays."""
    state = from_bag(bag, PassiveState)
    seen = read_slots(session, state)
    if isinstance(seen, ReadingUnavailable):
        warn_unchecked(session, seen, state)
        return bag
    role = seen.snapshot.role(state.fingerprint)
    if role == "gone":
        _warn_certificate_gone(session, state, seen.snapshot)
    return {**bag, "role": role}


def delete(session: Session, state: PassiveState) -> None:
    """Empty the passive slot if it holds this certificate or the one that it displaced; else leave it.

    Raises:
        Refused: The resource that has taken over gives this certificate another name, unasked.
    """
    if session.has_passive(state.subaccount_id or ""):
        _refuse_second_name(session, state)
        session.print_once(
            f"PassiveTrustCertificate: the slots of subaccount {state.subaccount_id} stay as they are; "
            "another PassiveTrustCertificate of this program has taken over"
        )
        return
    try:
        account = open_for_write(session, state)
        with account.write_lock.hold():
            _delete(session, account, state)
    except TrustError as error:
        if not error.is_tolerated_without_changes and not session.offline:
            raise
        raise _cannot_delete(state, error) from None


def _delete(session: Session, account: Subaccount, state: PassiveState) -> None:
    snapshot = account.read()
    held = snapshot.passive
    if held is None:
        return
    if held.fingerprint == state.fingerprint or displaced_certificate(state.fingerprint, snapshot) is not None:
        delete_passive(account, snapshot)
        session.print_once(f"PassiveTrustCertificate: deleted passive {describe_certificate(held)}")
        return
    session.print_once(
        f"PassiveTrustCertificate: passive {describe_certificate(held)} stays; this resource neither made nor displaced it"
    )


def _plan_step(
    session: Session, plan: PassiveInputs, old: PassiveInputs | None, account: Subaccount, snapshot: Snapshot
) -> PassiveInputs:
    if plan.generation in plan.earlier_generations:
        sentence = f"take up the certificate of {plan.generation!r} again; nothing is generated"
        return with_changes(PassiveInputs, plan, step=sentence)
    if old is None:
        step = decide(_request(plan), RecordedCertificates(), snapshot)
        _refuse_replaced(_request(plan), step, account)
        sentence = step.sentence(plan.generation)
        session.print_once(f"PassiveTrustCertificate: {sentence}")
    else:
        _refuse_reused_adopt(plan, old)
        step, sentence = plan_without_outputs(_request(plan), snapshot)
    if isinstance(step, Adopt):
        account.command_plan.adoptions[plan.generation] = step.certificate.fingerprint
    if isinstance(step, Generate):
        account.command_plan.plan_generation(plan.generation)
        replaces = step.replaces.fingerprint if step.replaces else None
        return with_changes(PassiveInputs, plan, step=sentence, replaces=replaces)
    return with_changes(PassiveInputs, plan, step=sentence)


def _obtain_certificate(session: Session, new: PassiveInputs, own: RecordedCertificates) -> PropertyBag:
    """Do the step that was planned, if the passive slot is still the one of the plan."""
    account = open_for_write(session, new)
    with account.write_lock.hold():
        snapshot = account.read()
        planned = None if new.passive_slot is None else new.passive_slot.fingerprint
        if snapshot.slots.passive != planned:
            raise _slot_changed(planned, snapshot)
        step = decide(_request(new), own, snapshot)
        if isinstance(step, Adopt):
            _record_name(session, new, snapshot.subaccount_id, step.certificate.fingerprint)
            return _outputs(new, own, step.certificate, snapshot)
        if snapshot.slots.passive != new.replaces:
            raise _slot_changed(new.replaces, snapshot)
        minted = generate_passive(account, snapshot)
        return _outputs(new, own, _generated_certificate(minted), minted)


def _generated_certificate(snapshot: Snapshot) -> Certificate:
    if snapshot.passive is None:  # pragma: no cover - mint() returns a snapshot with a passive certificate
        raise AssertionError(snapshot)
    return snapshot.passive


def _plan_without_reading(
    args: PassiveArgs, old: PassiveInputs | None, unavailable: ReadingUnavailable
) -> PassiveInputs:
    if old is None or not same_arguments(args, old, PassiveArgs, "resource_urn"):
        unavailable.refuse_due_changes()
    earlier = _earlier_generations(args, old)
    if old is None or old.generation != args.generation:
        step = f"get a certificate for {args.generation!r}; planned without looking at the slots"
        return with_changes(PassiveInputs, args, earlier_generations=earlier, step=step)
    return with_changes(
        PassiveInputs,
        args,
        subaccount_id=old.subaccount_id,
        earlier_generations=earlier,
        passive_slot=old.passive_slot,
    )


def _earlier_generations(args: PassiveArgs, old: PassiveInputs | None) -> list[str]:
    """Names that this resource bound before, the declared one left out."""
    if old is None:
        return []
    used = [*old.earlier_generations, *([] if old.generation in old.earlier_generations else [old.generation])]
    return used if old.generation != args.generation else old.earlier_generations


def _request(args: PassiveArgs) -> Request:
    return Request(args.generation, args.adopt, args.replace)


def _recorded_certificates(state: PassiveState) -> RecordedCertificates:
    return RecordedCertificates(state.fingerprint, state.generations)


def _arguments(new: PassiveInputs) -> PropertyBag:
    return to_bag(new, "step", "replaces", "passive_slot", "earlier_generations")


def _outputs(
    new: PassiveInputs, own: RecordedCertificates, certificate: Certificate, snapshot: Snapshot
) -> PropertyBag:
    return {
        **_arguments(new),
        **certificate_outputs(certificate, snapshot),
        "subaccount_id": snapshot.subaccount_id,
        "generations": {**own.generations, new.generation: certificate.fingerprint},
        "observed_at": format_rfc3339(snapshot.now),
    }


def _record_name(session: Session, new: PassiveInputs, subaccount_id: str, fingerprint: str) -> None:
    if new.adopt != fingerprint:
        session.declare_name(subaccount_id, fingerprint, new.generation)


def _refuse_second_name(session: Session, state: PassiveState) -> None:
    """What was renamed or replaced knew the name of its certificate: only here it is told beside the new one."""
    name = session.declared_name(state.subaccount_id or "", state.fingerprint)
    if name is not None and name != state.generation:
        free = propose_free_name(name, [name, *state.generations])
        raise second_name_refusal(name, state.fingerprint, state.generation, f'generation="{free}"')


def _refuse_replaced(request: Request, step: Step, account: Subaccount) -> None:
    """A replacement is checked without its state, after it was checked with it: the names are known by then."""
    names = account.command_plan.names
    if names and request.generation not in names and isinstance(step, Adopt) and request.adopt is None:
        raise refuse_during_replacement(request, step, names[-1])


def _refuse_reused_adopt(plan: PassiveInputs, old: PassiveInputs) -> None:
    if plan.adopt is not None and plan.adopt == old.adopt:
        raise Refused(
            f"adopt={plan.adopt!r} was for generation {old.generation!r}.",
            f"Left in the program it would bind {plan.generation!r} to the same certificate and generate nothing.",
            f"Remove adopt= to generate a certificate for {plan.generation!r}, or name another one.",
            prop="adopt",
        )


def _name_already_bound(state: PassiveState, adopt: str | None) -> Refused:
    free = propose_free_name(state.generation, state.generations)
    return Refused(
        f"Generation {state.generation!r} is certificate {state.fingerprint}; it cannot become {adopt}.",
        "A name is bound to one certificate for ever.",
        f'Give the adopted certificate a new name, such as generation="{free}".',
        prop="adopt",
    )


def _warn_certificate_gone(session: Session, state: PassiveState, snapshot: Snapshot) -> None:
    session.warn(
        f"The certificate of generation {state.generation!r} ({state.fingerprint}) is in no slot any more.",
        f"The slots of subaccount {snapshot.subaccount_id}: {snapshot.slots}.",
        "Nothing is generated until `generation` gets a new name.",
    )


def _slot_changed(planned: str | None, snapshot: Snapshot) -> SlotsChanged:
    return SlotsChanged(
        "The passive slot changed since this command was planned; nothing was done.",
        f"Planned for: passive {planned or 'empty'}. Found: {snapshot.slots}.",
        "Run `pulumi preview` and read the new plan; whoever changed the slot may have had a reason.",
    )


def _cannot_delete(state: PassiveState, error: TrustError) -> TrustError:
    urn = state.resource_urn or "<the URN that `pulumi stack --show-urns` prints>"
    return type(error)(
        f"The passive certificate of generation {state.generation!r} was not deleted. {error.what}",
        f"{error.why} Removing the resource empties the passive slot of subaccount {state.subaccount_id}, and that "
        "needs the service.",
        f"{error.remedy} If the certificate shall stay, put the resource back with retain_on_delete=True in its "
        "options, deploy, then remove it. If the subaccount is gone, take the resource out of the state: "
        f"pulumi state delete '{urn}'",
    )
