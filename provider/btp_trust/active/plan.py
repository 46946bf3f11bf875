"""ActiveTrustCertificate: adopt what signs, make the first one, or renew in place where an outage is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from btp_trust.errors import Refused
from btp_trust.formatting import describe_certificate
from btp_trust.snapshot import Snapshot, has_fingerprint


class Action(Enum):
    """What ActiveTrustCertificate does."""

    FOLLOW = "follow"
    """Report what signs; call nothing."""
    GENERATE = "generate"
    """POST the first active certificate."""
    RENEW = "renew"
    """POST over the active certificate: every target refuses until it has the new one."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the program asks of the signing slot."""

    generate: bool = False
    renew_fingerprint: str | None = None
    accept_outage: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done, in one sentence while something is."""

    action: Action
    sentence: str | None = None
    note: str | None = None
    """Something to say about a request that calls for nothing."""


def decide(request: Request, snapshot: Snapshot, *, exists: bool) -> Step:
    """Decide what ActiveTrustCertificate does.

    Args:
        request: The arguments.
        snapshot: The slots.
        exists: Whether the resource is in the state already; creating it never renews.

    Raises:
        Refused: There is nothing to adopt, or the renewal is not accepted, or not yet possible.
    """
    if snapshot.active is None:
        return _first_certificate(request, snapshot, exists=exists)
    if request.renew_fingerprint is None:
        return Step(Action.FOLLOW)
    if not has_fingerprint(snapshot.active, request.renew_fingerprint):
        return Step(Action.FOLLOW, note=_ineffective_renewal_note(request.renew_fingerprint))
    if not request.accept_outage:
        raise _outage_refusal(snapshot)
    if not exists:
        raise _renewal_before_adoption(snapshot)
    sentence = (
        f"renew in place: a new certificate replaces active {describe_certificate(snapshot.active)} at once; every target "
        "refuses until it has the new one"
    )
    return Step(Action.RENEW, sentence)


def _first_certificate(request: Request, snapshot: Snapshot, *, exists: bool) -> Step:
    if request.generate and not exists:
        return Step(Action.GENERATE, "generate the first active certificate of the subaccount")
    raise Refused(
        f"Subaccount {snapshot.subaccount_id} has no active trust certificate.",
        "The certificate that this resource reported has vanished, and a new one would be trusted by nobody."
        if exists
        else "There is nothing to adopt, and a new signing key is never made unasked.",
        "Look into the cockpit (Connectivity > Destination Trust). To begin anew: remove all resources of this "
        "subaccount, deploy, then deploy ActiveTrustCertificate(…, generate=True) alone."
        if exists
        else "To make the first one: ActiveTrustCertificate(…, generate=True).",
        prop="generate",
    )


def _ineffective_renewal_note(fingerprint: str) -> str:
    return f"renew_fingerprint {fingerprint} does not sign (any more), so nothing is renewed; remove the argument"


def _outage_refusal(snapshot: Snapshot) -> Refused:
    return Refused(
        f"Renewing the active certificate in place ({snapshot.slots.active}) is an outage.",
        "The service signs with the new key at once, and every target refuses until somebody has uploaded the new "
        "certificate there.",
        "Rotate instead: PassiveTrustCertificate, then RotationTrigger. Only if an outage is acceptable: "
        "accept_outage=True.",
        prop="renew_fingerprint",
    )


def _renewal_before_adoption(snapshot: Snapshot) -> Refused:
    return Refused(
        f"A new ActiveTrustCertificate cannot renew {snapshot.slots.active}.",
        "Creating it adopts what signs and never renews, so the renewal would come with the next deployment, whatever "
        "that is about.",
        "Remove renew_fingerprint= for this deployment, then put it back in a second one.",
        prop="renew_fingerprint",
    )
