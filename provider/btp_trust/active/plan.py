"""Decide the step of ActiveTrustCertificate: follow, generate the first certificate, or renew in place."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from btp_trust.errors import Refused
from btp_trust.formatting import describe_certificate
from btp_trust.snapshot import Snapshot, has_fingerprint


class Action(Enum):
    """The actions of ActiveTrustCertificate."""

    FOLLOW = "follow"
    """Report the signer; call nothing."""
    GENERATE = "generate"
    """POST the first active certificate."""
    RENEW = "renew"
    """POST over the active certificate: every target rejects users until it has the new one."""


class DeclaredActive(Struct, frozen=True):
    """The program's request for the active slot."""

    generate: bool = False
    renew_fingerprint: str | None = None
    accept_outage: bool = False


class ActiveStep(Struct, frozen=True):
    """The step, with a sentence for a preview if it calls the service."""

    action: Action
    sentence: str | None = None
    note: str | None = None
    """A remark about a request that has no effect."""


def decide(request: DeclaredActive, snapshot: Snapshot, *, exists: bool) -> ActiveStep:
    """Decide the step.

    Args:
        request: The arguments.
        snapshot: The slots.
        exists: Whether the resource is in the state already; creating it never renews.

    Raises:
        Refused: The slot is empty, or a renewal is unaccepted or early.
    """
    if snapshot.active is None:
        return _first_certificate(request, exists=exists)
    if request.renew_fingerprint is None:
        return ActiveStep(Action.FOLLOW)
    # By fingerprint, so that a killed run, or an argument that stays in the program, renews once.
    if not has_fingerprint(snapshot.active, request.renew_fingerprint):
        return ActiveStep(Action.FOLLOW, note=_ineffective_renewal_note(request.renew_fingerprint))
    if not request.accept_outage:
        raise _outage_refusal(snapshot)
    if not exists:
        raise _renewal_before_adoption(snapshot)
    sentence = (
        f"renew in place: a new certificate replaces active {describe_certificate(snapshot.active)} at once; every "
        "target rejects every user until it has the new one"
    )
    return ActiveStep(Action.RENEW, sentence)


def _first_certificate(request: DeclaredActive, *, exists: bool) -> ActiveStep:
    if request.generate and not exists:
        return ActiveStep(Action.GENERATE, "generate the first active certificate of the subaccount")
    raise Refused(
        "The subaccount has no active trust certificate.",
        "The certificate that this resource reported has vanished, and every target would reject a new one."
        if exists
        else "The slot is empty, and a new signing key is generated only on request.",
        "Check the cockpit (Connectivity > Destination Trust). To start over: remove all resources of this "
        "subaccount, deploy, then deploy ActiveTrustCertificate(…, generate=True) alone."
        if exists
        else "To generate the first one: ActiveTrustCertificate(…, generate=True).",
        prop="generate",
    )


def _ineffective_renewal_note(fingerprint: str) -> str:
    return f"renew_fingerprint {fingerprint} is not the active certificate: nothing to renew; remove the argument"


def _outage_refusal(snapshot: Snapshot) -> Refused:
    return Refused(
        f"Renewing the active certificate in place ({snapshot.slots.active}) is an outage.",
        "The service signs with the new key at once, and every target rejects every user until somebody has uploaded "
        "the new certificate there.",
        "Rotate instead: PassiveTrustCertificate, then RotationTrigger. Only if an outage is acceptable: "
        "accept_outage=True.",
        prop="renew_fingerprint",
    )


def _renewal_before_adoption(snapshot: Snapshot) -> Refused:
    return Refused(
        f"A new ActiveTrustCertificate cannot renew {snapshot.slots.active}.",
        "Creating it adopts the active certificate, and the renewal would follow with the next deployment, unasked.",
        "Remove renew_fingerprint= for this deployment, then add it again in a second one.",
        prop="renew_fingerprint",
    )
