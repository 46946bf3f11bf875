"""ActiveTrustCertificate: adopt and follow the active slot; generate the first certificate; renew where accepted."""

from __future__ import annotations

from typing import Final

from btp_trust.active.plan import Action, ActiveStep, DeclaredActive, decide
from btp_trust.active.schema import PREVIEW_ONLY, ActiveArgs, ActiveInputs, ActiveState
from btp_trust.active.signer_warnings import active_expiry_notices, change_notices
from btp_trust.certificate import Certificate
from btp_trust.errors import SlotsChanged
from btp_trust.formatting import describe_signer, format_rfc3339, short_fingerprint
from btp_trust.property_bag import (
    PropertyBag,
    SignerSummary,
    certificate_outputs,
    from_bag,
    same_arguments,
    to_bag,
    with_changes,
)
from btp_trust.runtime.command_plan import CommandPlan
from btp_trust.runtime.comparison import Comparison, Notice
from btp_trust.runtime.lifecycle import Lifecycle, args_as
from btp_trust.runtime.reading import (
    ReadingUnavailable,
    diff_without_reading,
    open_for_write,
    read_slots,
    warn_unchecked,
)
from btp_trust.runtime.session import Session
from btp_trust.runtime.signer_warnings import with_expiry_by_state
from btp_trust.runtime.slots import Subaccount
from btp_trust.snapshot import Snapshot, has_fingerprint

_KIND: Final = "ActiveTrustCertificate"


def check(session: Session, args: ActiveArgs, old: ActiveInputs | None) -> ActiveInputs:
    """Plan: the certificate that the resource will report, and the step if one is due."""
    reading = read_slots(session, args, old.subaccount_id if old else None)
    if isinstance(reading, ReadingUnavailable):
        return _plan_without_reading(args, old, reading)
    snapshot = reading.snapshot
    reading.account.command_plan.checked.add(_KIND)
    # Only rotation= orders this resource after the swap.
    next_signer = reading.account.command_plan.next_signer if args.rotation is not None else None
    step = _decide(args, snapshot, exists=old is not None)
    if step.action is Action.RENEW and snapshot.active is not None:
        # Refused beside a RotationTrigger, whose check may come before or after this one.
        reading.account.command_plan.plan_renewal(snapshot.active.fingerprint)
    # A renewed certificate has its fingerprint once it is generated.
    reported = None if step.action is Action.RENEW else next_signer or snapshot.active
    adopted = reported if old is None and step.action is Action.FOLLOW else None
    for line in filter(None, (step.sentence, step.note, _adoption_line(adopted))):
        session.print_once(line)
    if old is None:  # a creation has no diff
        session.print_notices(active_expiry_notices(session, args, snapshot))
    return with_changes(
        ActiveInputs,
        args,
        subaccount_id=snapshot.subaccount_id,
        signer=None if reported is None else SignerSummary.of(reported),
        # Left out, the last step would show with a minus in the next preview.
        step=step.sentence or (None if old is None else old.step),
    )


def diff(session: Session, state: ActiveState, new: ActiveInputs) -> Comparison:
    """Find out whether an update is due: a step, a changed argument, or another signer than recorded."""
    reading = read_slots(session, new)
    arguments_changed = not same_arguments(new, state, ActiveArgs)
    if not isinstance(reading, ReadingUnavailable) and (stale := reading.account.command_plan.stale_read) is not None:
        reading = ReadingUnavailable(stale)  # else dependent resources would get the earlier signer
        if arguments_changed:
            reading.refuse_due_changes()
    if isinstance(reading, ReadingUnavailable):
        comparison = diff_without_reading(session, reading, state, arguments_changed=arguments_changed)
        return with_expiry_by_state(session, comparison, state) if new.warns_of_expiry else comparison
    snapshot, command_plan = reading.snapshot, reading.account.command_plan
    renews = _is_renewal_due(new, command_plan, snapshot)
    notices: tuple[Notice, ...] = ()
    if _KIND in command_plan.checked:
        notices = (
            *change_notices(session, state, new, snapshot, is_trigger_new=command_plan.creates_trigger),
            *active_expiry_notices(session, new, snapshot, renews=renews),
        )
    signer_changed = new.signer is not None and new.signer.fingerprint != state.fingerprint
    # What a refresh has found stays to be approved until a deployment records it.
    return Comparison(renews or arguments_changed or signer_changed or state.recorded_signer is not None, notices)


def create(session: Session, new: ActiveInputs) -> tuple[str, PropertyBag]:
    """Adopt the active certificate, or generate the first one."""
    account = open_for_write(session, new)
    with account.write_lock.hold():
        snapshot = account.snapshot()
        if _decide(new, snapshot, exists=False).action is Action.GENERATE:
            snapshot = _generate_first(account)
    return f"{snapshot.subaccount_id}/active", _outputs(session, new, snapshot)


def update(session: Session, _bag: PropertyBag, new: ActiveInputs) -> PropertyBag:
    """Bring the outputs up to date; renew in place if that was planned."""
    account = open_for_write(session, new)
    # Also for a mere record: after a write with an unknown outcome, it would record a stale reading.
    with account.write_lock.hold():
        snapshot = account.snapshot()
        if _is_renewal_due(new, account.command_plan, snapshot):
            # Minutes may have passed since the plan: somebody else may have renewed or swapped.
            snapshot = account.read()
            if _is_renewal_due(new, account.command_plan, snapshot):
                snapshot = _generate(account, snapshot)
    return _outputs(session, new, snapshot)


def read(session: Session, bag: PropertyBag) -> PropertyBag:
    """Follow the slot."""
    state = from_bag(bag, ActiveState)
    reading = read_slots(session, state)
    if isinstance(reading, ReadingUnavailable):
        warn_unchecked(session, reading, state)
        return bag
    if reading.snapshot.active is None:
        session.warn(
            "The subaccount has no active trust certificate any more.",
            f"{state.fingerprint} signed at the last deployment; now every call that needs a signature fails.",
            "Check the cockpit (Connectivity > Destination Trust) and find out who removed it.",
        )
        # The resource stays: Pulumi would create a removed one again, and `generate` would then act.
        return {**bag, "role": "gone"}
    session.print_notices(change_notices(session, state, state, reading.snapshot))
    session.print_notices(active_expiry_notices(session, state, reading.snapshot, may_fail=False))
    return _refreshed(session, bag, state, reading.snapshot.active)


def delete(session: Session, state: ActiveState) -> None:
    """Leave the certificate in place: the API can delete only a passive one."""
    # Printed: `warn` would stop the removal in a strict run.
    session.print_once(
        f"{short_fingerprint(state.fingerprint)} stays the active certificate; the service cannot delete it"
    )


def _plan_without_reading(args: ActiveArgs, old: ActiveInputs | None, unavailable: ReadingUnavailable) -> ActiveInputs:
    if old is None or not same_arguments(args, old, ActiveArgs):
        unavailable.refuse_due_changes()
    if old is None:
        return with_changes(ActiveInputs, args)
    return with_changes(ActiveInputs, args, subaccount_id=old.subaccount_id, signer=old.signer, step=old.step)


def _adoption_line(adopted: Certificate | None) -> str | None:
    return None if adopted is None else f"adopt active {describe_signer(adopted)}; nothing is sent"


def _decide(args: ActiveArgs, snapshot: Snapshot, *, exists: bool) -> ActiveStep:
    request = DeclaredActive(args.generate, args.renew_fingerprint, args.accept_outage)
    return decide(request, snapshot, exists=exists)


def _is_renewal_due(new: ActiveInputs, command_plan: CommandPlan, snapshot: Snapshot) -> bool:
    """Return True if a check of this command has planned the renewal, and the slots still ask for it.

    The inputs keep the step of an earlier command, and a refresh gets those of the last deployment.
    """
    is_planned = None not in (new.renew_fingerprint, command_plan.planned_renewal)
    return is_planned and _decide(new, snapshot, exists=True).action is Action.RENEW


def _generate_first(account: Subaccount) -> Snapshot:
    """Generate the first certificate, if two readings lack it and the metadata: a POST over one is an outage."""
    snapshot = account.read()
    for _ in range(2):
        if snapshot.active is not None:
            return snapshot
        if account.client.has_metadata():
            raise SlotsChanged(
                "The subaccount has SAML metadata but no active certificate.",
                "The service contradicts itself, and generating over a certificate that exists would be an outage.",
                "Wait a minute, then run the same command again.",
            )
        snapshot = account.read()
    return snapshot if snapshot.active is not None else _generate(account, snapshot)


def _generate(account: Subaccount, snapshot: Snapshot) -> Snapshot:
    from btp_trust.runtime.slot_writes import generate_active  # noqa: PLC0415 - most commands change nothing

    return generate_active(account, snapshot)


def _refreshed(session: Session, bag: PropertyBag, state: ActiveState, active: Certificate) -> PropertyBag:
    """Follow the slot, and keep the signer of the last deployment in mind: a deployment has to record the change."""
    outputs = {name: value for name, value in bag.items() if name != "recorded_signer"}
    if not has_fingerprint(active, state.deployed_signer):
        outputs["recorded_signer"] = state.deployed_signer
    if has_fingerprint(active, state.fingerprint):
        return {**outputs, "role": "active"}  # the rest as recorded, also after a change of the settings
    return {**outputs, **_signer_outputs(session, active)}


def _signer_outputs(session: Session, active: Certificate) -> PropertyBag:
    return {
        **certificate_outputs(active),
        "role": "active",
        "renew_after": session.expiry_limits.renew_after(active.not_after),
        "signer": to_bag(SignerSummary.of(active)),
    }


def _outputs(session: Session, new: ActiveInputs, snapshot: Snapshot) -> PropertyBag:
    if snapshot.active is None:
        raise SlotsChanged(
            "The subaccount has no active certificate any more.",
            "It had one when this command was planned.",
            "Run `pulumi preview` and read the new plan.",
        )
    return {
        **to_bag(new, *PREVIEW_ONLY),
        **_signer_outputs(session, snapshot.active),
        "subaccount_id": snapshot.subaccount_id,
        "observed_at": format_rfc3339(snapshot.now),
    }


LIFECYCLE: Final = Lifecycle(
    args=args_as(ActiveArgs),
    inputs=ActiveInputs,
    state=ActiveState,
    check=check,
    diff=diff,
    create=create,
    update=update,
    read=read,
    delete=delete,
)
