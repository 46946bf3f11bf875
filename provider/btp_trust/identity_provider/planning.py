"""What check of TrustedIdentityProvider writes as inputs: the registration that is desired, and the step to it."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused
from btp_trust.formatting import describe_certificate, short_fingerprint
from btp_trust.identity_provider.plan import (
    DesiredRegistration,
    RegistrationStep,
    decide,
    find_by_origin_key,
    removal_text,
)
from btp_trust.identity_provider.schema import IdentityProviderArgs, IdentityProviderInputs, IdentityProviderState
from btp_trust.property_bag import UNKNOWN, same_arguments, with_changes
from btp_trust.runtime.comparison import Notice
from btp_trust.runtime.reading import ProvidersRead, ReadingUnavailable
from btp_trust.saml.metadata import IdentityProvider
from btp_trust.snapshot import Snapshot

_RETAINED: Final = (
    "deletes nothing: retain_on_delete leaves the identity provider as it is in the subaccount that trusts"
)


def desired_registration(args: IdentityProviderArgs, snapshot: Snapshot) -> DesiredRegistration:
    """Return what is to be registered: the signer and, with `passive`, the next or the last one in the other slot.

    Raises:
        Refused: The source lacks an active certificate, or that one lacks the name of its issuer.
    """
    if snapshot.active is None:
        raise Refused(
            f"The source, {snapshot.subaccount}, has no active certificate that another subaccount could trust.",
            f"Its slots: {snapshot.slots}.",
            "Deploy ActiveTrustCertificate(…, generate=True) alone first, then this resource.",
            prop="source_connection",
        )
    # `passive` says whether; the slot says which, so that a swap leaves the set as it is.
    others: tuple[Certificate, ...] = ()
    if args.passive is not None and snapshot.passive is not None:
        others = (snapshot.passive,)
    entity_id = args.entity_id or snapshot.active.issuer_name
    if not entity_id:
        raise _issuer_missing(snapshot.active)
    # The signer first: a target that read only one certificate would still accept it.
    return DesiredRegistration(args.origin_key, args.name, entity_id, args.metadata_layout, (snapshot.active, *others))


def plan_inputs(
    args: IdentityProviderArgs,
    old: IdentityProviderInputs | None,
    desired: DesiredRegistration,
    step: RegistrationStep,
    subaccounts: tuple[str, str],
) -> IdentityProviderInputs:
    """Write the step down as inputs.

    Args:
        args: The program's arguments.
        old: The inputs of the last deployment.
        desired: What is to be registered.
        step: How it comes to be.
        subaccounts: GUIDs of the target and of the source.
    """
    target, source = subaccounts
    plan = with_changes(
        IdentityProviderInputs,
        args,
        subaccount_id=target,
        source_subaccount_id=source,
        entity_id=desired.entity_id,
        certificates=desired.expiries,
        **_last_step(old),
        **_removal_inputs(args, _preexisting_id(args, old, step)),
    )
    if step.sentence is None:
        return plan
    return with_changes(IdentityProviderInputs, plan, step=step.sentence, only_if_trusted=describe_trust(step.provider))


def plan_unknown_passive(
    plan: IdentityProviderInputs, desired: DesiredRegistration, step: RegistrationStep, generation: str | None
) -> IdentityProviderInputs:
    """Write down what stays, what goes and what comes, while the certificate of `passive` is unknown.

    Args:
        plan: The inputs, but for the step.
        desired: What is to be registered, by the slots at this command.
        step: How it would come to be.
        generation: What this command generates in the passive slot, if that is why.
    """
    if generation is None:
        sentence = f"trust what is generated for {desired.entity_id} as soon as it is there"
        return with_changes(IdentityProviderInputs, plan, certificates=UNKNOWN, step=sentence)
    # The signer is known, and the one that is overwritten goes: only that one shows with a minus.
    remaining, new = replace(desired, certificates=desired.certificates[:1]), f"the new {generation!r}"
    sentence = f"register {plan.origin_key!r}: trust {', '.join(map(short_fingerprint, remaining.fingerprints))}, {new}"
    if step.provider is not None:
        sentence = ", ".join([f"trust {new} as well", *remaining.differences(step.provider)])
    return with_changes(
        IdentityProviderInputs,
        plan,
        certificates={**remaining.expiries, f"the new {generation}": UNKNOWN},
        step=sentence,
        only_if_trusted=describe_trust(step.provider),
    )


def _last_step(old: IdentityProviderInputs | None) -> dict[str, str | None]:
    """Return the step that is done: left out, it would show with minuses in the next preview."""
    return {} if old is None else {"step": old.step, "only_if_trusted": old.only_if_trusted}


def plan_without_reading(
    args: IdentityProviderArgs,
    old: IdentityProviderInputs | None,
    unavailable: ReadingUnavailable,
    source: Snapshot | None,
) -> IdentityProviderInputs:
    """Plan by the state, and by the source if at least that was read, as far as nothing is due.

    Raises:
        TrustError: Something is due.
    """
    if old is None:
        unavailable.refuse_due_changes()
        step = f"register {args.origin_key!r}; planned without looking"
        return with_changes(IdentityProviderInputs, args, step=step, **_removal_inputs(args, None))
    # A source that was read may show a due change while the target is unreachable.
    certificates = old.certificates if source is None else desired_registration(args, source).expiries
    has_same_arguments = same_arguments(args, old, IdentityProviderArgs, "retain_on_delete")
    if not has_same_arguments or certificates != old.certificates:
        unavailable.refuse_due_changes()
    return with_changes(
        IdentityProviderInputs,
        args,
        subaccount_id=old.subaccount_id,
        source_subaccount_id=old.source_subaccount_id,
        entity_id=args.entity_id or old.entity_id,
        certificates=UNKNOWN if args.passive == UNKNOWN else certificates,
        **_last_step(old),
        **_removal_inputs(args, old.preexisting if args.adopt is None else None),
    )


def presumed_id(args: IdentityProviderArgs, old: IdentityProviderInputs | None, target: ProvidersRead) -> str | None:
    """Return the ID of what is there, if the resource exists.

    Outputs arrive only in diff, so check takes this one for the recorded one; diff and the write compare the IDs.
    """
    provider = None if old is None else find_by_origin_key(args.origin_key, target.providers)
    return None if provider is None else provider.id


def planned_notices(
    state: IdentityProviderState, new: IdentityProviderInputs, source: Snapshot, target: ProvidersRead
) -> tuple[Notice, ...]:
    """Return the steps of an update: only diff gets the recorded ID, by which the provider may be refused."""
    desired = desired_registration(new, source)
    step = decide(desired, target.providers, recorded=state.identity_provider_id, adopt=new.adopt)
    steps = []
    if step.provider is not None and step.provider.id != state.identity_provider_id:
        steps.append(f"adopt {step.provider.id}, which somebody made in the place of the recorded one")
    if is_step_due(new, desired, step.provider) and new.step is not None:
        steps.append(new.step)
    elif not steps and new.fingerprints != state.trusted:  # as after a run that was killed before it could record
        trusted = ", ".join(map(describe_certificate, desired.certificates))
        steps.append(f"trusts {trusted} already: this deployment records it, and nothing is written")
    return tuple(notice(new, sentence) for sentence in steps)


def adoption_notices(
    plan: IdentityProviderInputs, desired: DesiredRegistration, step: RegistrationStep
) -> list[Notice]:
    """Return what one that was there before trusts now and then, and until when that signs."""
    if step.provider is None:
        return []
    now = ", ".join(map(short_fingerprint, step.provider.trusted)) or "nothing"
    then = ", ".join(map(describe_certificate, desired.certificates))
    return [notice(plan, f"the adopted one trusts {now} now, and {then} after this deployment")]


def notice(plan: IdentityProviderInputs, step: str) -> Notice:
    """Return the line that announces a step."""
    return Notice(f"identity provider {plan.origin_key!r}: {step}")


def is_step_due(new: IdentityProviderInputs, desired: DesiredRegistration, provider: IdentityProvider | None) -> bool:
    """Return True if the step of the inputs is one to be done: they keep one that is done."""
    return new.passive == UNKNOWN or provider is None or bool(desired.differences(provider))


def describe_trust(provider: IdentityProvider | None) -> str:
    """Describe what an identity provider trusts: a write is for exactly that."""
    if provider is None:
        return "no such identity provider"
    return f"trusting {', '.join(map(short_fingerprint, sorted(provider.trusted))) or 'nothing'}"


def _preexisting_id(
    args: IdentityProviderArgs, old: IdentityProviderInputs | None, step: RegistrationStep
) -> str | None:
    """Return the ID of one that was there before the resource, unless `adopt` names it."""
    if step.provider is None or step.provider.id == args.adopt:
        return None
    return step.provider.id if old is None or old.preexisting == step.provider.id else None


def _removal_inputs(args: IdentityProviderArgs, preexisting: str | None) -> dict[str, str | None]:
    """Return the inputs that say what a removal will do."""
    text = removal_text(args.origin_key, args.on_delete, preexisting)
    return {"preexisting": preexisting, "removal": _RETAINED if args.retain_on_delete else text}


def _issuer_missing(certificate: Certificate) -> Refused:
    return Refused(
        f"The active certificate {certificate.fingerprint} does not name its issuer: its subject is empty.",
        "The other subaccount chooses whom to trust by the issuer of an assertion, so it must be known.",
        'Give what your assertions have as Issuer: entity_id="…".',
        prop="entity_id",
    )
