"""TrustedIdentityProvider: what the slots of one subaccount hold is what another subaccount trusts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused, SlotsChanged, TargetChanged, TrustError
from btp_trust.formatting import format_rfc3339
from btp_trust.identity_provider.plan import (
    DesiredRegistration,
    OnDelete,
    Step,
    decide,
    find_by_origin_key,
    removal_text,
)
from btp_trust.identity_provider.schema import IdentityProviderArgs, IdentityProviderInputs, IdentityProviderState
from btp_trust.identity_provider.writes import deactivate_registration, delete_registration, write_registration
from btp_trust.property_bag import UNKNOWN, PropertyBag, from_bag, same_arguments, to_bag, with_changes
from btp_trust.runtime.lifecycle import Lifecycle, args_as
from btp_trust.runtime.reading import (
    ProvidersRead,
    ReadingUnavailable,
    diff_without_reading,
    open_for_write,
    open_target_for_write,
    read_identity_providers,
    read_slots,
    warn_unchecked,
)
from btp_trust.runtime.session import Session
from btp_trust.runtime.trust_configuration import TrustConfiguration
from btp_trust.saml.metadata import IdentityProvider
from btp_trust.snapshot import Snapshot

_SOURCE = "source_subaccount_id"
_REMOVED: Final = {OnDelete.DELETE: "deleted", OnDelete.DEACTIVATE: "set inactive"}


@dataclass(frozen=True, slots=True)
class _SourceRecord:
    """What the state says of the source."""

    subaccount_id: str | None
    observed_at: str | None


def check(session: Session, args: IdentityProviderArgs, old: IdentityProviderInputs | None) -> IdentityProviderInputs:
    """Plan: what the target shall hold, and the step if it does not."""
    if old is not None and old.origin_key != args.origin_key:
        raise _origin_key_changed(args, old)
    recorded = old.subaccount_id if old else None
    _record_declaration(session, args.subaccount_id or recorded, args)
    source = read_slots(session, args.source, old.source_subaccount_id if old else None, prop=_SOURCE)
    target = read_identity_providers(session, args, recorded)
    if isinstance(target, ProvidersRead):
        _record_declaration(session, target.account.subaccount_id, args)
    if isinstance(source, ReadingUnavailable):
        return _plan_without_reading(args, old, source, None)
    if isinstance(target, ReadingUnavailable):
        source.account.command_plan.plan_registration(
            f"identity provider {args.origin_key!r}, which could not be checked,", [], []
        )
        return _plan_without_reading(args, old, target, source.snapshot)
    desired = _desired_registration(args, source.snapshot)
    step = decide(desired, target.providers, recorded=_presumed_id(args, old, target), adopt=args.adopt)
    plan = with_changes(
        IdentityProviderInputs,
        args,
        subaccount_id=target.account.subaccount_id,
        source_subaccount_id=source.snapshot.subaccount_id,
        entity_id=desired.entity_id,
        certificates=desired.fingerprints,
        **_removal_inputs(target.account.subaccount_id, args, _preexisting_id(args, old, step)),
    )
    if args.passive == UNKNOWN:
        sentence = f"trust what is generated for {desired.entity_id} as soon as it is there"
        plan = with_changes(IdentityProviderInputs, plan, certificates=UNKNOWN, step=sentence)
    else:
        source.account.command_plan.plan_registration(
            f"identity provider {args.origin_key!r} in {plan.subaccount_id}",
            desired.fingerprints,
            desired.certificates_before(step.found),
        )
        if step.sentence is not None:
            plan = with_changes(
                IdentityProviderInputs, plan, step=step.sentence, certificates_before=_trusted_before(step.found)
            )
    if old is None and plan.step is not None:
        _announce(session, plan, plan.step)
    return plan


def diff(session: Session, state: IdentityProviderState, new: IdentityProviderInputs) -> bool:
    """Whether an update is due: by the arguments, the source's slots, or what the target really holds.

    Raises:
        Refused: It holds one that somebody else made in the place of the recorded one.
    """
    arguments_changed = not same_arguments(new, state, IdentityProviderArgs) or new.certificates != state.trusted
    source = read_slots(session, new.source, prop=_SOURCE)
    target = read_identity_providers(session, new)
    if isinstance(source, ReadingUnavailable):
        return diff_without_reading(session, source, _source_record(state), arguments_changed=arguments_changed)
    if isinstance(target, ReadingUnavailable):
        return diff_without_reading(session, target, state, arguments_changed=arguments_changed)
    found = find_by_origin_key(new.origin_key, target.providers)
    is_recorded = found is not None and found.id == state.identity_provider_id
    if session.has_registration(target.account.subaccount_id, new.origin_key):
        _refuse_or_announce(session, state, new, source.snapshot, target)
    return arguments_changed or new.step is not None or not is_recorded


def create(session: Session, new: IdentityProviderInputs) -> tuple[str, PropertyBag]:
    """Register, or take over."""
    outputs = _apply(session, new, recorded=None)
    return f"{outputs['subaccount_id']}/{new.origin_key}", outputs


def update(session: Session, bag: PropertyBag, new: IdentityProviderInputs) -> PropertyBag:
    """Bring the target to what the slots hold; register anew what is gone."""
    return _apply(session, new, recorded=from_bag(bag, IdentityProviderState).identity_provider_id)


def read(session: Session, bag: PropertyBag) -> PropertyBag:
    """Find out what the target holds; if the identity provider is gone or another one, the resource stays."""
    state = from_bag(bag, IdentityProviderState)
    target = read_identity_providers(session, state)
    if isinstance(target, ReadingUnavailable):
        warn_unchecked(session, target, state)
        return bag
    found = find_by_origin_key(state.origin_key, target.providers)
    if found is None:
        session.warn(
            f"Identity provider {state.origin_key!r} is in subaccount {state.subaccount_id} no more.",
            "Somebody deleted it: the subaccount refuses every user who comes from the other one.",
            "The next `pulumi up` registers it again.",
        )
        return {
            **{name: value for name, value in bag.items() if name != "identity_provider_id"},
            **_provider_outputs(None),
        }
    if found.id != state.identity_provider_id:
        session.warn(
            f"Identity provider {state.origin_key!r} in subaccount {state.subaccount_id} is another one than recorded.",
            f"Somebody made it: {found.id}. It trusts {', '.join(found.trusted) or 'nothing'}.",
            "`pulumi preview` says what becomes of it.",
        )
    return {**bag, "trusted": list(found.trusted)}


def delete(session: Session, state: IdentityProviderState) -> None:
    """Delete the identity provider or set it inactive, if it is the recorded one; one that is gone is a success."""
    if session.has_registration(state.subaccount_id or "", state.origin_key):
        _report(session, state, "stays as it is; another TrustedIdentityProvider of this program has taken over")
        return
    try:
        target = open_target_for_write(session, state)
        with target.write_lock.hold():
            _remove(session, state, target)
    except TrustError as error:
        if not error.is_tolerated_without_changes and not session.offline:
            raise
        raise _cannot_delete(state, error) from None


def _remove(session: Session, state: IdentityProviderState, target: TrustConfiguration) -> None:
    found = find_by_origin_key(state.origin_key, target.read())
    if found is None:
        return
    if found.id != state.identity_provider_id:
        _report(session, state, "stays; somebody else made it anew")
        return
    if state.preexisting == found.id:
        _report(session, state, f"was there before this resource ({found.id}): another stack may have relied on it")
    if state.on_delete is OnDelete.DELETE:
        delete_registration(target, found)
        _report(session, state, "is deleted, with its users there and all that they were assigned")
        return
    if found.active:
        deactivate_registration(target, found)
    _report(session, state, "is inactive; its users there, and what they were assigned, stay")


def _report(session: Session, state: IdentityProviderState, what: str) -> None:
    session.print_once(f"TrustedIdentityProvider: {state.origin_key!r} in subaccount {state.subaccount_id} {what}")


def _apply(session: Session, new: IdentityProviderInputs, *, recorded: str | None) -> PropertyBag:
    """Do what was planned, if the slots hold what was planned for, and the target what it was planned over."""
    source, target = open_for_write(session, new.source), open_target_for_write(session, new)
    snapshot = source.read()  # the source is not held any longer: it would wait for the target, and a swap for it
    desired = _desired_registration(new, snapshot)
    if desired.fingerprints != new.certificates:
        raise SlotsChanged(
            f"Identity provider {new.origin_key!r} was not written: the slots changed since it was planned.",
            f"Planned for: {', '.join(new.certificates)}. Found: {snapshot.slots}.",
            "Run `pulumi preview` and read the new plan.",
        )
    with target.write_lock.hold():
        step = decide(desired, target.read(), recorded=recorded, adopt=new.adopt)
        found = step.found
        if found is None or (step.sentence is not None and step.writes):
            if _trusted_before(found) != new.certificates_before or (found is None and new.preexisting is not None):
                raise _provider_changed(new, found)
            found = write_registration(target, desired, found)
        return {
            **to_bag(new, "certificates", "certificates_before", "step", "preexisting", "removal"),
            "source_subaccount_id": snapshot.subaccount_id,
            "observed_at": format_rfc3339(target.now),
            **_provider_outputs(found),
            **({} if new.preexisting != found.id else {"preexisting": found.id}),
        }


def _record_declaration(session: Session, subaccount_id: str | None, args: IdentityProviderArgs) -> None:
    """Take down that this is in the program, so that no deletion touches it.

    Raises:
        Refused: Another resource of the program is about the same identity provider.
    """
    if subaccount_id is not None and not session.declare_registration(subaccount_id, args.origin_key, args):
        raise Refused(
            f"A second TrustedIdentityProvider with origin key {args.origin_key!r} for subaccount {subaccount_id}.",
            "They are one identity provider there; two resources would undo each other.",
            "Remove one, or give it another origin_key.",
            prop="origin_key",
        )


def _preexisting_id(args: IdentityProviderArgs, old: IdentityProviderInputs | None, step: Step) -> str | None:
    """Tell which one was there before the resource, if nobody said that it is to be taken over."""
    if step.found is None or step.found.id == args.adopt:
        return None
    return step.found.id if old is None or old.preexisting == step.found.id else None


def _removal_inputs(
    subaccount_id: str | None, args: IdentityProviderArgs, preexisting: str | None
) -> dict[str, str | None]:
    """Make the inputs that say what a removal will do."""
    where = "the other subaccount" if subaccount_id is None else f"subaccount {subaccount_id}"
    return {"preexisting": preexisting, "removal": removal_text(where, args.on_delete, preexisting)}


def _presumed_id(args: IdentityProviderArgs, old: IdentityProviderInputs | None, target: ProvidersRead) -> str | None:
    """Take what there is for the recorded one, whose ID check is not told: diff and the deed compare it."""
    found = None if old is None else find_by_origin_key(args.origin_key, target.providers)
    return None if found is None else found.id


def _refuse_or_announce(
    session: Session,
    state: IdentityProviderState,
    new: IdentityProviderInputs,
    source: Snapshot,
    target: ProvidersRead,
) -> None:
    """Refuse what is not the recorded one, else say what is planned; a refresh plans nothing."""
    step = decide(
        _desired_registration(new, source), target.providers, recorded=state.identity_provider_id, adopt=new.adopt
    )
    if step.found is not None and step.found.id != state.identity_provider_id:
        _announce(session, new, f"take over {step.found.id}, which somebody made in the place of the recorded one")
    if new.step is not None:
        _announce(session, new, new.step)


def _announce(session: Session, plan: IdentityProviderInputs, step: str) -> None:
    """Say a step as soon as nothing can refuse it any more: in diff, if it is an update."""
    session.print_once(f"TrustedIdentityProvider {plan.origin_key!r} in {plan.subaccount_id}: {step}")


def _provider_outputs(found: IdentityProvider | None) -> PropertyBag:
    """What is said of the target; without the provider, no ID."""
    if found is None:
        return {"trusted": []}
    return {"trusted": list(found.trusted), "identity_provider_id": found.id}


def _desired_registration(args: IdentityProviderArgs, snapshot: Snapshot) -> DesiredRegistration:
    """Take what signs and, with `passive`, what is in the other slot: what may sign next, or did before."""
    if snapshot.active is None:
        raise Refused(
            f"Subaccount {snapshot.subaccount_id} has no active certificate that another one could trust.",
            f"Its slots: {snapshot.slots}.",
            "Deploy ActiveTrustCertificate(…, generate=True) alone first, then this resource.",
            prop="source_connection",
        )
    others: tuple[Certificate, ...] = ()
    if args.passive is not None and snapshot.passive is not None:
        others = (snapshot.passive,)
    entity_id = args.entity_id or snapshot.active.issuer_name
    if not entity_id:
        raise _issuer_missing(snapshot.active)
    return DesiredRegistration(args.origin_key, args.name, entity_id, args.metadata_layout, (snapshot.active, *others))


def _issuer_missing(certificate: Certificate) -> Refused:
    return Refused(
        f"The active certificate {certificate.fingerprint} does not name its issuer: its subject is empty.",
        "The other subaccount chooses whom to trust by the issuer of an assertion, and this one is not known.",
        'Give what your assertions have as Issuer: entity_id="…".',
        prop="entity_id",
    )


def _trusted_before(found: IdentityProvider | None) -> list[str] | None:
    return None if found is None else list(found.trusted)


def _plan_without_reading(
    args: IdentityProviderArgs,
    old: IdentityProviderInputs | None,
    unavailable: ReadingUnavailable,
    source: Snapshot | None,
) -> IdentityProviderInputs:
    """Plan by the state, and by the source if at least that was read, as far as nothing is due."""
    if old is None:
        unavailable.refuse_due_changes()
        step = f"register {args.origin_key!r}; planned without looking"
        return with_changes(IdentityProviderInputs, args, step=step, **_removal_inputs(args.subaccount_id, args, None))
    certificates = old.certificates if source is None else _desired_registration(args, source).fingerprints
    if not same_arguments(args, old, IdentityProviderArgs) or certificates != old.certificates:
        unavailable.refuse_due_changes()
    return with_changes(
        IdentityProviderInputs,
        args,
        subaccount_id=old.subaccount_id,
        source_subaccount_id=old.source_subaccount_id,
        entity_id=args.entity_id or old.entity_id,
        certificates=UNKNOWN if args.passive == UNKNOWN else certificates,
        **_removal_inputs(old.subaccount_id, args, old.preexisting if args.adopt is None else None),
    )


def _source_record(state: IdentityProviderState) -> _SourceRecord:
    return _SourceRecord(state.source_subaccount_id, state.observed_at)


def _origin_key_changed(args: IdentityProviderArgs, old: IdentityProviderArgs) -> Refused:
    return Refused(
        f"Origin key {old.origin_key!r} cannot become {args.origin_key!r}.",
        "XSUAA names users and role collections by it, and takes no second identity provider with the same entity ID.",
        f'Put origin_key="{old.origin_key}" back; or remove the resource, deploy, and add it with another name.',
        prop="origin_key",
    )


def _provider_changed(new: IdentityProviderInputs, found: IdentityProvider | None) -> TargetChanged:
    certificates_before = (
        "no such identity provider"
        if new.certificates_before is None
        else f"trusting {', '.join(new.certificates_before) or 'nothing'}"
    )
    now = "no such identity provider" if found is None else f"trusting {', '.join(found.trusted) or 'nothing'}"
    return TargetChanged(
        f"Identity provider {new.origin_key!r} changed since this command was planned; nothing was done.",
        f"Planned for: {certificates_before}. Found: {now}.",
        "Run `pulumi preview` and read the new plan; whoever changed it may have had a reason.",
    )


def _cannot_delete(state: IdentityProviderState, error: TrustError) -> TrustError:
    return type(error)(
        f"Identity provider {state.origin_key!r} was not {_REMOVED[state.on_delete]}. {error.what}",
        f"{error.why} The removal of the resource changes it in subaccount {state.subaccount_id}, and needs its XSUAA.",
        f"{error.remedy} If it shall stay, put the resource back with retain_on_delete=True in its options, deploy, "
        "then remove it. If the subaccount is gone, take the resource out of the state: "
        "pulumi state delete '<the URN that `pulumi stack --show-urns` prints>'",
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
