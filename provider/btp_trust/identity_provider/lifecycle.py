"""TrustedIdentityProvider: another subaccount trusts the certificates in the slots of this one."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from btp_trust.errors import Refused, SlotsChanged, TargetChanged
from btp_trust.formatting import format_rfc3339
from btp_trust.identity_provider import removal
from btp_trust.identity_provider.plan import decide, find_by_origin_key
from btp_trust.identity_provider.planning import (
    adoption_notices,
    describe_trust,
    desired_registration,
    is_step_due,
    notice,
    plan_inputs,
    plan_unknown_passive,
    plan_without_reading,
    planned_notices,
    presumed_id,
)
from btp_trust.identity_provider.schema import (
    PREVIEW_ONLY,
    IdentityProviderArgs,
    IdentityProviderInputs,
    IdentityProviderState,
)
from btp_trust.identity_provider.writes import write_registration
from btp_trust.property_bag import UNKNOWN, PropertyBag, from_bag, same_arguments, to_bag
from btp_trust.runtime.comparison import Comparison
from btp_trust.runtime.lifecycle import Lifecycle, args_as
from btp_trust.runtime.reading import (
    ProvidersRead,
    ReadingUnavailable,
    SlotsRead,
    diff_without_reading,
    open_for_write,
    open_trust_configuration_for_write,
    read_identity_providers,
    read_slots,
    warn_unchecked,
)
from btp_trust.runtime.session import Session
from btp_trust.runtime.trust_configuration import TrustConfiguration
from btp_trust.saml.metadata import IdentityProvider
from btp_trust.snapshot import Snapshot

_SOURCE = "source_subaccount_id"
delete = removal.delete


class _SourceRecord(Struct, frozen=True):
    """What the state says of the source."""

    subaccount_id: str | None
    observed_at: str | None


def check(session: Session, args: IdentityProviderArgs, old: IdentityProviderInputs | None) -> IdentityProviderInputs:
    """Plan: what the target is to trust, and the step to that."""
    if old is not None and old.origin_key != args.origin_key:
        raise _origin_key_changed(args, old)
    recorded = old.subaccount_id if old else None
    # Before the readings, which may fail: the deletion of a renamed resource asks for it.
    _declare(session, args.subaccount_id or recorded, args)
    source = read_slots(session, args.source, old.source_subaccount_id if old else None, prop=_SOURCE)
    target = read_identity_providers(session, args, recorded)
    if isinstance(target, ProvidersRead):
        _declare(session, target.trust_configuration.subaccount_id, args)
    if isinstance(source, ReadingUnavailable):
        return plan_without_reading(args, old, source, None)
    if isinstance(target, ReadingUnavailable):
        # A RotationTrigger of the source must wait until a reading shows that the target trusts its next signer.
        unchecked = f"identity provider {args.origin_key!r}, which could not be checked,"
        source.account.command_plan.plan_registration(unchecked, [], [])
        return plan_without_reading(args, old, target, source.snapshot)
    return _plan(session, args, old, source, target)


def _plan(
    session: Session,
    args: IdentityProviderArgs,
    old: IdentityProviderInputs | None,
    source: SlotsRead,
    target: ProvidersRead,
) -> IdentityProviderInputs:
    desired = desired_registration(args, source.snapshot)
    step = decide(desired, target.providers, recorded=presumed_id(args, old, target), adopt=args.adopt)
    subaccounts = (target.trust_configuration.subaccount_id, source.snapshot.subaccount_id)
    plan = plan_inputs(args, old, desired, step, subaccounts)
    if args.passive == UNKNOWN:
        plan = plan_unknown_passive(plan, desired, step, source.account.command_plan.certain_generation)
    else:
        # The RotationTrigger of the source swaps only to a certificate that is registered already.
        source.account.command_plan.plan_registration(
            f"identity provider {args.origin_key!r} in {target.trust_configuration.label}",
            desired.fingerprints,
            desired.trusted_already(step.provider),
        )
    if step.sentence is not None:
        target_plan = session.plans.of(target.trust_configuration.subaccount_id)
        target_plan.due_registrations.add(args.origin_key)
    # An update is announced by diff, which gets the recorded ID and may still refuse it.
    if old is None and plan.step is not None:
        session.print_notices([notice(plan, plan.step), *adoption_notices(plan, desired, step)])
    return plan


def diff(session: Session, state: IdentityProviderState, new: IdentityProviderInputs) -> Comparison:
    """Compare the arguments, the source's slots, and what the target trusts.

    Raises:
        Refused: The target has an identity provider that another client created in the place of the recorded one.
    """
    has_same_arguments = same_arguments(new, state, IdentityProviderArgs, "retain_on_delete")
    arguments_changed = not has_same_arguments or new.fingerprints != state.trusted
    source = read_slots(session, new.source, prop=_SOURCE)
    target = read_identity_providers(session, new)
    if isinstance(source, ReadingUnavailable):
        record = _SourceRecord(state.source_subaccount_id, state.observed_at)
        return diff_without_reading(session, source, record, arguments_changed=arguments_changed)
    if isinstance(target, ReadingUnavailable):
        return diff_without_reading(session, target, state, arguments_changed=arguments_changed)
    provider = find_by_origin_key(new.origin_key, target.providers)
    is_recorded = provider is not None and provider.id == state.identity_provider_id
    # A refresh compares as well, with the inputs of the last deployment, and plans nothing.
    is_planned = new.origin_key in session.plans.of(target.trust_configuration.subaccount_id).registrations
    notices = planned_notices(state, new, source.snapshot, target) if is_planned else ()
    is_due = is_planned and is_step_due(new, desired_registration(new, source.snapshot), provider)
    is_behind = is_due or state.drift is not None or not is_recorded
    return Comparison(arguments_changed or is_behind, notices)


def create(session: Session, new: IdentityProviderInputs) -> tuple[str, PropertyBag]:
    """Register, or adopt."""
    outputs = _apply(session, new, recorded=None)
    return f"{outputs['subaccount_id']}/{new.origin_key}", outputs


def update(session: Session, bag: PropertyBag, new: IdentityProviderInputs) -> PropertyBag:
    """Bring the target to what the slots hold; register again what is gone."""
    return _apply(session, new, recorded=from_bag(bag, IdentityProviderState).identity_provider_id)


def read(session: Session, bag: PropertyBag) -> PropertyBag:
    """Find out what the target trusts; if the identity provider is gone or another one, the resource stays."""
    state = from_bag(bag, IdentityProviderState)
    target = read_identity_providers(session, state)
    if isinstance(target, ReadingUnavailable):
        warn_unchecked(session, target, state)
        return bag
    provider = find_by_origin_key(state.origin_key, target.providers)
    if provider is None:
        _warn_gone(session, state)
        lasting = {name: value for name, value in bag.items() if name != "identity_provider_id"}
        return {**lasting, "trusted": [], **_drift(session, state, target)}
    if provider.id != state.identity_provider_id:
        _warn_replaced(session, state, provider)
    # The recorded ID stays: a refresh that followed would adopt what somebody else made.
    lasting = {name: value for name, value in bag.items() if name != "drift"}
    return {**lasting, "trusted": list(provider.trusted), **_drift(session, state, target)}


def _drift(session: Session, state: IdentityProviderState, target: ProvidersRead) -> PropertyBag:
    """Return what the next deployment will do: a preview shows that, so a refresh must not find all unchanged."""
    source = read_slots(session, state.source, prop=_SOURCE)
    if isinstance(source, ReadingUnavailable):
        return {} if state.drift is None else {"drift": state.drift}
    try:
        desired = desired_registration(state, source.snapshot)
        step = decide(desired, target.providers, recorded=state.identity_provider_id, adopt=state.adopt)
    except Refused as refusal:  # the preview is refused
        return {"drift": refusal.what}
    return {} if step.sentence is None else {"drift": step.sentence}


def _apply(session: Session, new: IdentityProviderInputs, *, recorded: str | None) -> PropertyBag:
    """Take the planned step, if the slots hold what was planned for."""
    source, target = open_for_write(session, new.source, is_own=False), open_trust_configuration_for_write(session, new)
    # The source's lock is released before the target's is taken: a swap of the source may wait for this registration.
    snapshot = source.read()
    if desired_registration(new, snapshot).fingerprints != new.fingerprints:
        raise SlotsChanged(
            f"Identity provider {new.origin_key!r} was not written: the slots changed since it was planned.",
            f"Planned for: {', '.join(new.fingerprints)}. Found: {snapshot.slots}.",
            "Run `pulumi preview` and read the new plan.",
        )
    with target.write_lock.hold():
        is_planned = new.origin_key in session.plans.of(target.subaccount_id).due_registrations
        provider = _write_if_due(target, new, snapshot, recorded, is_planned=is_planned)
        return {
            **to_bag(new, *PREVIEW_ONLY),
            "source_subaccount_id": snapshot.subaccount_id,
            "observed_at": format_rfc3339(target.now),
            "trusted": list(provider.trusted),
            "identity_provider_id": provider.id,
            **({} if new.preexisting != provider.id else {"preexisting": provider.id}),
        }


def _write_if_due(
    target: TrustConfiguration,
    new: IdentityProviderInputs,
    snapshot: Snapshot,
    recorded: str | None,
    *,
    is_planned: bool,
) -> IdentityProvider:
    """Write the registration, if the target still holds what it was planned over; return what is there."""
    desired = desired_registration(new, snapshot)
    # Decided again: since the plan, somebody may have made another one with this origin key.
    step = decide(desired, target.read(), recorded=recorded, adopt=new.adopt)
    provider = step.provider
    if provider is not None and (step.sentence is None or not step.writes):
        return provider
    if not is_planned or describe_trust(provider) != new.only_if_trusted:
        raise _provider_changed(new, provider)
    return write_registration(target, desired, provider)


def _declare(session: Session, subaccount_id: str | None, args: IdentityProviderArgs) -> None:
    """Record that this identity provider is in the program, so that no deletion touches it.

    Raises:
        Refused: Another resource of the program is about the same identity provider.
    """
    if subaccount_id is not None and not session.plans.of(subaccount_id).declare_registration(args.origin_key, args):
        raise Refused(
            f"A second TrustedIdentityProvider with origin key {args.origin_key!r} in this subaccount.",
            "They are one identity provider there; two resources would undo each other.",
            "Remove one, or give it another origin_key.",
            prop="origin_key",
        )


def _warn_gone(session: Session, state: IdentityProviderState) -> None:
    session.warn(
        f"Identity provider {state.origin_key!r} is gone.",
        "Somebody deleted it: the subaccount rejects every user who comes from the other one.",
        "The next `pulumi up` registers it again.",
    )


def _warn_replaced(session: Session, state: IdentityProviderState, provider: IdentityProvider) -> None:
    session.warn(
        f"Identity provider {state.origin_key!r} is another one than recorded.",
        f"It was re-created, with the ID {provider.id}. It trusts {', '.join(provider.trusted) or 'nothing'}.",
        "`pulumi preview` shows the next step.",
    )


def _origin_key_changed(args: IdentityProviderArgs, old: IdentityProviderArgs) -> Refused:
    return Refused(
        f"Origin key {old.origin_key!r} cannot become {args.origin_key!r}.",
        "XSUAA names users and role collections by it, and takes no second identity provider with the same entity ID.",
        f'Restore origin_key="{old.origin_key}"; or remove the resource, deploy, and add it with another name.',
        prop="origin_key",
    )


def _provider_changed(new: IdentityProviderInputs, provider: IdentityProvider | None) -> TargetChanged:
    return TargetChanged(
        f"Identity provider {new.origin_key!r} changed since this command was planned; nothing was done.",
        f"Planned for: {new.only_if_trusted}. Found: {describe_trust(provider)}.",
        "Run `pulumi preview` and read the new plan; the change may have had a reason.",
    )


LIFECYCLE: Final = Lifecycle(
    args=args_as(IdentityProviderArgs),
    inputs=IdentityProviderInputs,
    state=IdentityProviderState,
    check=check,
    diff=diff,
    create=create,
    update=update,
    read=read,
    delete=delete,
)
