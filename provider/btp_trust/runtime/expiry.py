"""Expiry of the signer: what a command says about it, once for each subaccount, and when that is an error. Pure.

One resource of the program speaks: the RotationTrigger, which knows the targets; without one the
PassiveTrustCertificate, which knows whether a successor is generated; else the ActiveTrustCertificate. So its remedy is
known before a strict run is stopped, in each order in which the engine asks the resources:

| In the program | Who speaks | An error in a strict run, except where |
|---|---|---|
| a RotationTrigger | the trigger | it swaps, or the candidate is about to be generated |
| else a PassiveTrustCertificate | that | a successor is in the slot, or about to be generated |
| else an ActiveTrustCertificate | that | it renews in place |
| any of them, in a refresh | the same one, by its state | always: the program, with the remedy, is not run |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from btp_trust.certificate import Certificate
from btp_trust.formatting import (
    describe_certificate,
    find_name,
    format_day,
    format_rfc3339,
    label_fingerprint,
    propose_free_name,
    short_fingerprint,
)
from btp_trust.runtime.expiry_limits import ExpiryLimits
from btp_trust.snapshot import Snapshot

_ONE_DAY: Final = timedelta(days=1)
_WITH_SUCCESSOR: Final = ("hand over", "rotate", "restore")
"""The steps that a good successor in the passive slot leaves to do."""


class DueStep(StrEnum):
    """The next step of the rotation that replaces an expiring signer."""

    PREPARE = "prepare"
    HAND_OVER = "hand over"
    ROTATE = "rotate"
    RESTORE = "restore"
    UNDER_WAY = "under way"
    """The command that warns takes the step itself."""


class ExpiryContext(Struct, frozen=True):
    """What the resource that speaks knows besides the slots."""

    names: Mapping[str, str] = field(default_factory=dict)
    """{generation: fingerprint}"""
    pending_generation: str | None = None
    """The generation that this command generates."""
    next_signer: Certificate | None = None
    """The certificate that this command makes sign."""
    postponed_until: datetime | None = None
    """From when on the rotation to the successor passes, which this command leaves alone."""
    is_prepared_enough: bool = False
    """A successor in the slot is all that the resource that speaks could bring about."""
    renews: bool = False
    """This command renews the signer in place."""
    declared: str | None = None
    """Fingerprint of the certificate that the program declares as the signer."""
    has_trigger: bool = False
    """The program has a RotationTrigger."""
    has_targets: bool = False
    """The program tells what each target trusts."""
    waiting: tuple[str, ...] = ()
    """The targets that lack the successor, each with its reason."""


class ExpiryFinding(Struct, frozen=True):
    """What is due in one subaccount: three parts of a message, and whether a strict run ends with it."""

    what: str
    why: str
    remedy: str
    is_failure: bool
    step: DueStep


def find_expiry(snapshot: Snapshot, limits: ExpiryLimits, context: ExpiryContext) -> ExpiryFinding | None:
    """Return what is due about the signer or about its successor, or None."""
    active = snapshot.active
    if active is None:
        return None
    successor = successor_of(snapshot)
    if limits.is_due(active.not_after, snapshot.now):
        step, remedy = _next_step(active, successor, snapshot, limits, context)
        what, why = _about_signer(active, snapshot.now, context)
        is_prepared = context.is_prepared_enough and step in _WITH_SUCCESSOR
        is_failure = step is not DueStep.UNDER_WAY and not is_prepared and limits.fails(active.not_after, snapshot.now)
        return ExpiryFinding(what, why, remedy, is_failure, step)
    return _find_short_successor(active, successor, snapshot, limits, context)


def _find_short_successor(
    active: Certificate,
    successor: Certificate | None,
    snapshot: Snapshot,
    limits: ExpiryLimits,
    context: ExpiryContext,
) -> ExpiryFinding | None:
    """Return the warning of a certificate that is to sign next, and does not last."""
    if context.next_signer is not None:
        if not limits.is_due(context.next_signer.not_after, snapshot.now):
            return None
        what = f"This command makes {_about_next_signer(context.next_signer, snapshot, limits, context)}."
        why = "Targets reject every user from then on."
        return ExpiryFinding(what, why, _prepare(active, context), is_failure=False, step=DueStep.PREPARE)
    if successor is None or context.pending_generation is not None or _can_serve(successor, active, snapshot, limits):
        return None
    what = f"Passive {_describe(successor, context)} {_when(successor.not_after, snapshot.now)}."
    why = f"It would expire before it could serve as the successor of {describe_certificate(active)}."
    return ExpiryFinding(what, why, _prepare(successor, context), is_failure=False, step=DueStep.PREPARE)


def _about_next_signer(
    certificate: Certificate, snapshot: Snapshot, limits: ExpiryLimits, context: ExpiryContext
) -> str:
    is_short = limits.is_due(certificate.not_after, snapshot.now)
    clause = f", which itself {_when(certificate.not_after, snapshot.now)}" if is_short else ""
    return f"{_describe(certificate, context)} sign{clause}"


def successor_of(snapshot: Snapshot) -> Certificate | None:
    """Return the passive certificate if it is the younger one: else a swap has displaced it."""
    return snapshot.passive if snapshot.older_passive is None else None


def expiry_by_state(fingerprint: str, not_after: datetime, now: datetime, limits: ExpiryLimits) -> str | None:
    """Return the sentence about a signer that the state alone tells of, while the service is out of reach."""
    if not limits.is_due(not_after, now):
        return None
    return (
        f"By the state, the active certificate {short_fingerprint(fingerprint)} {_when(not_after, now)}. "
        "Run the command again once the service can be reached: the next step is named then."
    )


def _about_signer(active: Certificate, now: datetime, context: ExpiryContext) -> tuple[str, str]:
    what = f"The active certificate {_describe(active, context)} {_when(active.not_after, now)}."
    if active.not_after <= now:
        return what, "Targets that check its validity reject every user since then."
    return what, "From then on targets reject every user."


def _next_step(
    active: Certificate,
    successor: Certificate | None,
    snapshot: Snapshot,
    limits: ExpiryLimits,
    context: ExpiryContext,
) -> tuple[DueStep, str]:
    """Return the next step, and the sentence about it."""
    if context.next_signer is not None:
        about = _about_next_signer(context.next_signer, snapshot, limits, context)
        return DueStep.UNDER_WAY, f"This command makes {about}."
    if context.renews:
        return DueStep.UNDER_WAY, "This command renews it in place."
    if context.pending_generation is not None:
        generates = f"This command generates {context.pending_generation!r}"
        return DueStep.UNDER_WAY, f"{generates}: {_hand_over_and_rotate(context)}"
    if successor is None:
        return DueStep.PREPARE, _prepare(active, context)
    if not _can_serve(successor, active, snapshot, limits):
        described = f"{_describe(successor, context)}, which {_when(successor.not_after, snapshot.now)}"
        return DueStep.PREPARE, f"The passive one is {described}: too short to serve. {_prepare(successor, context)}"
    sentence = f"Its successor is passive {_describe(successor, context)}: {_rotate(successor, context)}"
    return _step_with_successor(successor, context), sentence


def _step_with_successor(successor: Certificate, context: ExpiryContext) -> DueStep:
    if context.waiting:
        return DueStep.HAND_OVER
    if successor.fingerprint == context.declared:
        return DueStep.RESTORE
    # Where the program tells of no target, nobody knows whether the successor was handed over.
    return DueStep.ROTATE if context.has_targets else DueStep.HAND_OVER


def _can_serve(successor: Certificate, active: Certificate, snapshot: Snapshot, limits: ExpiryLimits) -> bool:
    """Return True if the successor outlives the signer, and lives longer than the warning."""
    return successor.not_after > active.not_after and not limits.is_due(successor.not_after, snapshot.now)


def _prepare(before: Certificate, context: ExpiryContext) -> str:
    month = format_day(before.not_after)[:7]  # the month in which the successor is to sign at the latest
    name = propose_free_name(month, context.names) if month in context.names else month
    return f'Prepare a successor: generation="{name}" on a PassiveTrustCertificate, then deploy.'


def _hand_over_and_rotate(context: ExpiryContext) -> str:
    return f"hand it over to the targets, then rotate{'' if context.has_trigger else ' with a RotationTrigger'}."


def _rotate(successor: Certificate, context: ExpiryContext) -> str:
    name = find_name(context.names, successor.fingerprint)
    hand_over = "hand it over to the targets that lack it"
    if context.waiting:
        hand_over = f"hand it over first ({'; '.join(context.waiting)})"
    if successor.fingerprint == context.declared:
        return f'{hand_over}, then restore it, as the program declares it: on_drift="restore".'
    if context.postponed_until is not None:
        return f"the first `pulumi up` from {format_rfc3339(context.postponed_until)} on makes it sign."
    argument = f'generation="{name}"' if name else "the generation that names it"
    where = (
        "on the RotationTrigger"
        if context.has_trigger
        else ("on a RotationTrigger, which is first created with a name for the active certificate and candidate=")
    )
    return f"{hand_over}, then rotate: {argument} {where}."


def _describe(certificate: Certificate, context: ExpiryContext) -> str:
    return label_fingerprint(certificate.fingerprint, find_name(context.names, certificate.fingerprint))


def _when(not_after: datetime, now: datetime) -> str:
    """Say how far away an expiry is, in whole days."""
    left = not_after - now
    if left <= timedelta():
        past = -left // _ONE_DAY
        return (
            f"expired {_count(past)} ago, at {format_rfc3339(not_after)}"
            if past
            else (f"expired today, at {format_rfc3339(not_after)}")
        )
    return f"expires in {_count(left // _ONE_DAY)}, at {format_rfc3339(not_after)}"


def _count(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
