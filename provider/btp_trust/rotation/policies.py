"""Policies of RotationTrigger: is a swap due, allowed, or only to be reported? Pure.

A policy is one function and one line in UPDATE_POLICIES. It returns None unless the situation concerns it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from btp_trust.certificate import Certificate
from btp_trust.formatting import format_rfc3339, short_fingerprint
from btp_trust.rotation.decision import Action, Decision, Reason, refuse
from btp_trust.rotation.declaration import Declaration, swappable_certificate
from btp_trust.rotation.messages import (
    accept_hint,
    generation_arguments,
    label,
    refuse_restore_and_generate,
    refuse_same_command,
)
from btp_trust.rotation.name_policies import (
    candidate_not_generated_yet,
    certificate_has_name,
    generated_name_taken,
    is_pending_name,
    name_bound_otherwise,
    not_prepared,
    unknown_generation,
)
from btp_trust.rotation.postponement import wait
from btp_trust.rotation.revocation import revocation, revoked, revoked_name_unknown
from btp_trust.rotation.schema import OnDrift
from btp_trust.rotation.swap_decision import decide_swap
from btp_trust.rotation.target_gate import target_lacks_certificate
from btp_trust.rotation.time_policies import freeze, soak, window
from btp_trust.snapshot import Snapshot, has_fingerprint

_GENERATE: Final = "ActiveTrustCertificate(…, generate=True)"
Policy = Callable[[Declaration, Snapshot], Decision | None]


def decide(declaration: Declaration, snapshot: Snapshot) -> Decision:
    """Return the decision of the first policy that the situation concerns."""
    policies = CREATE_POLICIES if declaration.deployed_generation is None else UPDATE_POLICIES
    decisions = (policy(declaration, snapshot) for policy in policies)
    return next(decision for decision in decisions if decision is not None)


def no_active_certificate(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse a subaccount whose active slot is empty."""
    if snapshot.active is not None:
        return None
    is_created = declaration.deployed_generation is None
    return refuse(
        Reason.NO_ACTIVE,
        f"The subaccount has no active trust certificate {'yet' if is_created else 'any more'}.",
        "A RotationTrigger swaps the active certificate with the passive one; the active slot is empty.",
        f"Deploy {_GENERATE} alone first, then add the RotationTrigger."
        if is_created
        else "Check the cockpit (Connectivity > Destination Trust). To start over: remove all three resources, "
        f"deploy, then deploy {_GENERATE} alone.",
    )


def record_first_signer(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """On creation, record the active certificate under the declared name, unless that names another one."""
    if snapshot.active is None or is_pending_name(declaration):
        return None
    if declaration.declared_fingerprint is None:
        return Decision(Action.RECORD, Reason.BASELINE)
    return already_signs(declaration, snapshot)


def create_never_swaps(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """On creation, refuse to declare another certificate than the active one."""
    signer = "none" if snapshot.active is None else snapshot.active.fingerprint
    return refuse(
        Reason.CREATE_NEVER_SWAPS,
        f"A new RotationTrigger cannot make generation {declaration.generation!r} sign.",
        "Creating a trigger never swaps; it records the active certificate, and that is "
        f"{signer}, not {declaration.declared_fingerprint}.",
        "Create it with a name for the certificate that signs now, deploy, then change `generation` to "
        f"{declaration.generation!r} in a second deployment.",
    )


def already_signs(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Record a declared certificate that is active already."""
    fingerprint = declaration.declared_fingerprint
    if fingerprint is None or not has_fingerprint(snapshot.active, fingerprint):
        return None
    return Decision(Action.RECORD, Reason.ALREADY_SIGNS)


def certificate_gone(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Warn that the declared certificate is in neither slot; refuse a new declaration of it."""
    fingerprint = declaration.declared_fingerprint
    if fingerprint is None or snapshot.active is None or snapshot.find(fingerprint) is not None:
        return None
    why = snapshot.slots_sentence
    remedy = f"To declare the active certificate: {accept_hint(declaration, snapshot.active)}."
    if declaration.is_new_declaration:
        what = f"The certificate of generation {declaration.generation!r} ({fingerprint}) is in no slot any more."
        return refuse(Reason.CERTIFICATE_GONE, what, why, remedy)
    signer = label(snapshot.active, declaration.generation_of(snapshot.active))
    return Decision(
        Action.WARN,
        Reason.CERTIFICATE_GONE,
        f"{short_fingerprint(fingerprint)} ({declaration.generation}) should sign but is in no slot any more; "
        f"{signer} signs",
        evidence=why,
        remedies=remedy,
    )


def report_drift(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Report a swap by somebody else, unless the program says to restore.

    A signer that has a name was in a preview. Any other one is reported in both cases.
    """
    certificate = swappable_certificate(declaration, snapshot)
    if certificate is None or snapshot.active is None or declaration.is_new_declaration:
        return None
    name = declaration.generation_of(snapshot.active)
    if declaration.on_drift is OnDrift.RESTORE and name is not None:
        return None
    generation, known = generation_arguments(declaration, snapshot.active)
    accept, undo = (generation, "") if name is not None else (f"{generation}, {known}", f"{known}, ")
    restore = "" if revocation(declaration, certificate.fingerprint) else f' To undo it: {undo}on_drift="restore".'
    cause, evidence = _explain_drift(name, certificate, snapshot.active)
    return Decision(
        Action.REPORT,
        Reason.DRIFT,
        f"{label(certificate, declaration.generation)} should sign, but {label(snapshot.active, name)} does: "
        f"{cause}; the slots are left as they are",
        evidence=f"{snapshot.slots_sentence}{evidence}",
        remedies=f"To accept it: {accept}.{restore}",
    )


def _explain_drift(name: str | None, certificate: Certificate, active: Certificate) -> tuple[str, str]:
    """Return who swapped, and the evidence: the slots alone show a colleague's swap like that of a killed run.

    If its change was reverted since, such a run leaves a known generation active, and the recorded signer in the
    passive slot. Only a rotation makes the younger one sign.
    """
    if name is None:
        return "somebody else swapped", ""
    evidence = (
        f" A killed run of this stack would leave the same slots, if it was killed between its swap to {name!r} and "
        "the record of that, and the change of `generation` was reverted since."
    )
    if active.not_before > certificate.not_before:
        return "a killed run of this stack did that, or somebody else swapped", f"{evidence} This is the likely cause."
    return "somebody else swapped", evidence


def generation_pending(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse a swap in the command that generates a certificate: it would meet other slots than were previewed."""
    if declaration.pending_generation is None or swappable_certificate(declaration, snapshot) is None:
        return None
    refuse_both = refuse_same_command if declaration.is_new_declaration else refuse_restore_and_generate
    return refuse_both(declaration, snapshot)


def candidate_removed(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse a swap in the command that removes the candidate: its deletion would take the rollback target."""
    if not declaration.candidate_removed or swappable_certificate(declaration, snapshot) is None:
        return None
    return refuse(
        Reason.CANDIDATE_REMOVED,
        f"Generation {declaration.generation!r} cannot be made to sign in the command that removes candidate=.",
        "To rotate and to retire are two deployments: the removal of its PassiveTrustCertificate deletes the "
        f"certificate that the swap makes passive, and so the rollback target. {snapshot.slots_sentence}",
        "Restore candidate= and the PassiveTrustCertificate, deploy the swap, then remove them in a second deployment.",
        prop="candidate",
    )


def validity(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse a swap to a certificate outside its validity."""
    certificate = swappable_certificate(declaration, snapshot)
    if certificate is None or certificate.not_before <= snapshot.now < certificate.not_after:
        return None
    clock = f"Targets reject assertions signed with it; the service's clock says {format_rfc3339(snapshot.now)}."
    what = f"The certificate of generation {declaration.generation!r} ({certificate.fingerprint})"
    if certificate.not_after <= snapshot.now:
        return refuse(
            Reason.EXPIRED,
            f"{what} expired {format_rfc3339(certificate.not_after)}.",
            clock,
            "Prepare a new certificate: give PassiveTrustCertificate a new `generation`, deploy, then declare that "
            "one here.",
        )
    start = format_rfc3339(certificate.not_before)
    return refuse(
        Reason.NOT_YET_VALID,
        f"{what} is not valid before {start}.",
        clock,
        f"Wait until {start}, then run `pulumi up` again.",
    )


def swap(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Make the declared certificate sign, unless another policy is concerned, in any order of them."""
    if declaration.deployed_generation is None or any(policy(declaration, snapshot) for policy in UPDATE_POLICIES[:-1]):
        return None
    return decide_swap(declaration, snapshot)


CREATE_POLICIES: Final[tuple[Policy, ...]] = (
    no_active_certificate,  # first: the others compare with the active certificate
    name_bound_otherwise,  # before a name is looked up: a name with two certificates is ambiguous
    certificate_has_name,  # after name_bound_otherwise, which leaves one certificate for each name
    revoked_name_unknown,  # early: as long as it stays unknown, nothing is planned
    generated_name_taken,  # before record_first_signer: else a second certificate would be generated for the name
    candidate_not_generated_yet,  # before record_first_signer: a pending name gets its certificate by this command
    record_first_signer,  # before create_never_swaps: a name that is new, or the signer's, can be recorded
    create_never_swaps,  # last: it refuses all that is left, a declaration of another certificate than the signer
)
UPDATE_POLICIES: Final[tuple[Policy, ...]] = (
    no_active_certificate,  # first: all others compare with the active certificate
    name_bound_otherwise,  # before a name is looked up: a name with two certificates is ambiguous
    certificate_has_name,  # after name_bound_otherwise, which leaves one certificate for each name
    revoked_name_unknown,  # early: as long as it stays unknown, nothing is planned
    generated_name_taken,  # before already_signs: a second certificate would be generated while the first one signs
    candidate_not_generated_yet,  # before unknown_generation: both are about a name whose certificate is unknown
    unknown_generation,  # after it, the declared fingerprint is known
    already_signs,  # before the refusals of a swap: they concern a command only when a swap is due
    certificate_gone,  # before report_drift: only a certificate in the passive slot can be restored
    report_drift,  # before the refusals of a swap: a drift that is only reported lets every command pass
    revoked,  # before the other refusals of a swap: their remedies would prepare what never signs again
    not_prepared,  # before generation_pending: it sends to an earlier deployment, also if both are due
    generation_pending,  # before candidate_removed: its remedy comes first, while the certificate is still there
    candidate_removed,  # before validity: an argument is restored in one line, a certificate takes two deployments
    validity,  # before target_lacks_certificate: targets are given only a certificate that can sign
    target_lacks_certificate,  # after what the program can resolve: then other people are asked
    wait,  # before the limits of time: what they refuse is left alone instead, if the program says so
    freeze,  # last of the refusals, as all of them about time: meanwhile the others can be resolved
    soak,  # after freeze, whose reason somebody wrote down; each names the moment at which all of them pass
    window,  # last: it opens again by itself, however long the others take
    swap,  # last: it asks all the others again, so that it is safe in any order of them
)
