"""TrustedIdentityProvider: what the slots of one subaccount hold is what another subaccount trusts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused, SlotsChanged, TargetChanged, TrustError
from btp_trust.formatting import rfc3339
from btp_trust.identity_provider.plan import OnDelete, Step, Wanted, decide, find, removal
from btp_trust.identity_provider.schema import IdentityProviderArgs, IdentityProviderChecked, IdentityProviderState
from btp_trust.identity_provider.writes import deactivate, put, remove
from btp_trust.property_bag import UNKNOWN, PropertyBag, checked, from_bag, same_arguments, to_bag
from btp_trust.runtime.reading import (
    SeenTarget,
    Unseen,
    look,
    look_at_target,
    not_checked,
    reach,
    reach_target,
    unseen_changes,
)
from btp_trust.runtime.session import Session
from btp_trust.runtime.trust_configuration import TrustingSubaccount
from btp_trust.saml.metadata import IdentityProvider
from btp_trust.snapshot import Snapshot

_SOURCE = "source_subaccount_id"
_REMOVED: Final = {OnDelete.DELETE: "deleted", OnDelete.DEACTIVATE: "set inactive"}


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What the state says of the source."""

    subaccount_id: str | None
    observed_at: str | None


def check(session: Session, args: IdentityProviderArgs, old: IdentityProviderChecked | None) -> IdentityProviderChecked:
    """Plan: what the target shall hold, and the step if it does not."""
    if old is not None and old.origin_key != args.origin_key:
        raise _renamed(args, old)
    recorded = old.subaccount_id if old else None
    _take_down(session, args.subaccount_id or recorded, args)
    source = look(session, args.source, old.source_subaccount_id if old else None, prop=_SOURCE)
    target = look_at_target(session, args, recorded)
    if isinstance(target, SeenTarget):
        _take_down(session, target.account.subaccount_id, args)
    if isinstance(source, Unseen):
        return _unseen(args, old, source, None)
    if isinstance(target, Unseen):
        source.account.command.registers(f"identity provider {args.origin_key!r}, which could not be checked,", [], [])
        return _unseen(args, old, target, source.snapshot)
    wanted = _wanted(args, source.snapshot)
    step = decide(wanted, target.providers, recorded=_presumed(args, old, target), adopt=args.adopt)
    plan = checked(
        IdentityProviderChecked,
        args,
        subaccount_id=target.account.subaccount_id,
        source_subaccount_id=source.snapshot.subaccount_id,
        entity_id=wanted.entity_id,
        certificates=wanted.fingerprints,
        **_on_removal(target.account.subaccount_id, args, _preexisting(args, old, step)),
    )
    if args.passive == UNKNOWN:
        sentence = f"trust what is generated for {wanted.entity_id} as soon as it is there"
        plan = checked(IdentityProviderChecked, plan, certificates=UNKNOWN, step=sentence)
    else:
        source.account.command.registers(
            f"identity provider {args.origin_key!r} in {plan.subaccount_id}",
            wanted.fingerprints,
            wanted.held(step.found),
        )
        if step.sentence is not None:
            plan = checked(IdentityProviderChecked, plan, step=step.sentence, held=_held(step.found))
    if old is None and plan.step is not None:
        _announce(session, plan, plan.step)
    return plan


def changes(session: Session, state: IdentityProviderState, new: IdentityProviderChecked) -> bool:
    """Whether an update is due: by the arguments, the source's slots, or what the target really holds.

    Raises:
        Refused: It holds one that somebody else made in the place of the recorded one.
    """
    changed = not same_arguments(new, state, IdentityProviderArgs) or new.certificates != state.trusted
    source = look(session, new.source, prop=_SOURCE)
    target = look_at_target(session, new)
    if isinstance(source, Unseen):
        return unseen_changes(session, source, _source_of(state), changed=changed)
    if isinstance(target, Unseen):
        return unseen_changes(session, target, state, changed=changed)
    found = find(new.origin_key, target.providers)
    is_recorded = found is not None and found.id == state.identity_provider_id
    if session.registration_was_checked(target.account.subaccount_id, new.origin_key):
        _judge(session, state, new, source.snapshot, target)
    return changed or new.step is not None or not is_recorded


def create(session: Session, new: IdentityProviderChecked) -> tuple[str, PropertyBag]:
    """Register, or take over."""
    outputs = _apply(session, new, recorded=None)
    return f"{outputs['subaccount_id']}/{new.origin_key}", outputs


def update(session: Session, state: IdentityProviderState, new: IdentityProviderChecked) -> PropertyBag:
    """Bring the target to what the slots hold; register anew what is gone."""
    return _apply(session, new, recorded=state.identity_provider_id)


def read(session: Session, bag: PropertyBag) -> PropertyBag:
    """Find out what the target holds; if the identity provider is gone or another one, the resource stays."""
    state = from_bag(bag, IdentityProviderState)
    target = look_at_target(session, state)
    if isinstance(target, Unseen):
        not_checked(session, target, state)
        return bag
    found = find(state.origin_key, target.providers)
    if found is None:
        session.warn(
            f"Identity provider {state.origin_key!r} is in subaccount {state.subaccount_id} no more.",
            "Somebody deleted it: the subaccount refuses every user who comes from the other one.",
            "The next `pulumi up` registers it again.",
        )
        return {**{name: value for name, value in bag.items() if name != "identity_provider_id"}, **_found(None)}
    if found.id != state.identity_provider_id:
        session.warn(
            f"Identity provider {state.origin_key!r} in subaccount {state.subaccount_id} is another one than recorded.",
            f"Somebody made it: {found.id}. It trusts {', '.join(found.trusted) or 'nothing'}.",
            "`pulumi preview` says what becomes of it.",
        )
    return {**bag, "trusted": list(found.trusted)}


def delete(session: Session, state: IdentityProviderState) -> None:
    """Delete the identity provider or set it inactive, if it is the recorded one; one that is gone is a success."""
    if session.registration_was_checked(state.subaccount_id or "", state.origin_key):
        _tell(session, state, "stays as it is; another TrustedIdentityProvider of this program has taken over")
        return
    try:
        target = reach_target(session, state)
        with target.writes.turn():
            _remove(session, state, target)
    except TrustError as error:
        if not error.blocks_only_what_is_due and not session.offline:
            raise
        raise _cannot_delete(state, error) from None


def _remove(session: Session, state: IdentityProviderState, target: TrustingSubaccount) -> None:
    found = find(state.origin_key, target.read())
    if found is None:
        return
    if found.id != state.identity_provider_id:
        _tell(session, state, "stays; somebody else made it anew")
        return
    if state.preexisting == found.id:
        _tell(session, state, f"was there before this resource ({found.id}): another stack may have relied on it")
    if state.on_delete is OnDelete.DELETE:
        remove(target, found)
        _tell(session, state, "is deleted, with its users there and all that they were assigned")
        return
    if found.active:
        deactivate(target, found)
    _tell(session, state, "is inactive; its users there, and what they were assigned, stay")


def _tell(session: Session, state: IdentityProviderState, what: str) -> None:
    session.say(f"TrustedIdentityProvider: {state.origin_key!r} in subaccount {state.subaccount_id} {what}")


def _apply(session: Session, new: IdentityProviderChecked, *, recorded: str | None) -> PropertyBag:
    """Do what was planned, if the slots hold what was planned for, and the target what it was planned over."""
    source, target = reach(session, new.source), reach_target(session, new)
    snapshot = source.read()  # the source is not held any longer: it would wait for the target, and a swap for it
    wanted = _wanted(new, snapshot)
    if wanted.fingerprints != new.certificates:
        raise SlotsChanged(
            f"Identity provider {new.origin_key!r} was not written: the slots changed since it was planned.",
            f"Planned for: {', '.join(new.certificates)}. Found: {snapshot.slots}.",
            "Run `pulumi preview` and read the new plan.",
        )
    with target.writes.turn():
        step = decide(wanted, target.read(), recorded=recorded, adopt=new.adopt)
        found = step.found
        if found is None or (step.sentence is not None and step.writes):
            if _held(found) != new.held or (found is None and new.preexisting is not None):
                raise _changed(new, found)
            found = put(target, wanted, found)
        return {
            **to_bag(new, "certificates", "held", "step", "preexisting", "removal"),
            "source_subaccount_id": snapshot.subaccount_id,
            "observed_at": rfc3339(target.now),
            **_found(found),
            **({} if new.preexisting != found.id else {"preexisting": found.id}),
        }


def _take_down(session: Session, subaccount_id: str | None, args: IdentityProviderArgs) -> None:
    """Take down that this is in the program, so that no deletion touches it.

    Raises:
        Refused: Another resource of the program is about the same identity provider.
    """
    if subaccount_id is not None and not session.registration_is_checked(subaccount_id, args.origin_key, args):
        raise Refused(
            f"A second TrustedIdentityProvider with origin key {args.origin_key!r} for subaccount {subaccount_id}.",
            "They are one identity provider there; two resources would undo each other.",
            "Remove one, or give it another origin_key.",
            prop="origin_key",
        )


def _preexisting(args: IdentityProviderArgs, old: IdentityProviderChecked | None, step: Step) -> str | None:
    """Tell which one was there before the resource, if nobody said that it is to be taken over."""
    if step.found is None or step.found.id == args.adopt:
        return None
    return step.found.id if old is None or old.preexisting == step.found.id else None


def _on_removal(
    subaccount_id: str | None, args: IdentityProviderArgs, preexisting: str | None
) -> dict[str, str | None]:
    """Make the inputs that say what a removal will do."""
    where = "the other subaccount" if subaccount_id is None else f"subaccount {subaccount_id}"
    return {"preexisting": preexisting, "removal": removal(where, args.on_delete, preexisting)}


def _presumed(args: IdentityProviderArgs, old: IdentityProviderChecked | None, target: SeenTarget) -> str | None:
    """Take what there is for the recorded one, whose ID check is not told: diff and the deed compare it."""
    found = None if old is None else find(args.origin_key, target.providers)
    return None if found is None else found.id


def _judge(
    session: Session,
    state: IdentityProviderState,
    new: IdentityProviderChecked,
    source: Snapshot,
    target: SeenTarget,
) -> None:
    """Refuse what is not the recorded one, else say what is planned; a refresh plans nothing."""
    step = decide(_wanted(new, source), target.providers, recorded=state.identity_provider_id, adopt=new.adopt)
    if step.found is not None and step.found.id != state.identity_provider_id:
        _announce(session, new, f"take over {step.found.id}, which somebody made in the place of the recorded one")
    if new.step is not None:
        _announce(session, new, new.step)


def _announce(session: Session, plan: IdentityProviderChecked, step: str) -> None:
    """Say a step as soon as nothing can refuse it any more: in diff, if it is an update."""
    session.say(f"TrustedIdentityProvider {plan.origin_key!r} in {plan.subaccount_id}: {step}")


def _found(found: IdentityProvider | None) -> PropertyBag:
    """What is said of the target; without the provider, no ID."""
    if found is None:
        return {"trusted": []}
    return {"trusted": list(found.trusted), "identity_provider_id": found.id}


def _wanted(args: IdentityProviderArgs, snapshot: Snapshot) -> Wanted:
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
        raise _nobody_is_named(snapshot.active)
    return Wanted(args.origin_key, args.name, entity_id, args.metadata_layout, (snapshot.active, *others))


def _nobody_is_named(certificate: Certificate) -> Refused:
    return Refused(
        f"The active certificate {certificate.fingerprint} does not name its issuer: its subject is empty.",
        "The other subaccount chooses whom to trust by the issuer of an assertion, and this one is not known.",
        'Give what your assertions have as Issuer: entity_id="…".',
        prop="entity_id",
    )


def _held(found: IdentityProvider | None) -> list[str] | None:
    return None if found is None else list(found.trusted)


def _unseen(
    args: IdentityProviderArgs, old: IdentityProviderChecked | None, unseen: Unseen, source: Snapshot | None
) -> IdentityProviderChecked:
    """Plan by the state, and by the source if at least that was read, as far as nothing is due."""
    if old is None:
        unseen.refuse_what_is_due()
        step = f"register {args.origin_key!r}; planned without looking"
        return checked(IdentityProviderChecked, args, step=step, **_on_removal(args.subaccount_id, args, None))
    certificates = old.certificates if source is None else _wanted(args, source).fingerprints
    if not same_arguments(args, old, IdentityProviderArgs) or certificates != old.certificates:
        unseen.refuse_what_is_due()
    return checked(
        IdentityProviderChecked,
        args,
        subaccount_id=old.subaccount_id,
        source_subaccount_id=old.source_subaccount_id,
        entity_id=args.entity_id or old.entity_id,
        certificates=UNKNOWN if args.passive == UNKNOWN else certificates,
        **_on_removal(old.subaccount_id, args, old.preexisting if args.adopt is None else None),
    )


def _source_of(state: IdentityProviderState) -> _Recorded:
    return _Recorded(state.source_subaccount_id, state.observed_at)


def _renamed(args: IdentityProviderArgs, old: IdentityProviderArgs) -> Refused:
    return Refused(
        f"Origin key {old.origin_key!r} cannot become {args.origin_key!r}.",
        "XSUAA names users and role collections by it, and takes no second identity provider with the same entity ID.",
        f'Put origin_key="{old.origin_key}" back; or remove the resource, deploy, and add it with another name.',
        prop="origin_key",
    )


def _changed(new: IdentityProviderChecked, found: IdentityProvider | None) -> TargetChanged:
    held = "no such identity provider" if new.held is None else f"trusting {', '.join(new.held) or 'nothing'}"
    now = "no such identity provider" if found is None else f"trusting {', '.join(found.trusted) or 'nothing'}"
    return TargetChanged(
        f"Identity provider {new.origin_key!r} changed since this command was planned; nothing was done.",
        f"Planned for: {held}. Found: {now}.",
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
