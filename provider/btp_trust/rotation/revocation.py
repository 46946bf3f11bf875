"""Revoked generations, such as one whose key has leaked: every step to one of them is refused. Pure."""

from __future__ import annotations

from btp_trust.rotation.decision import Action, Decision, Reason, refuse
from btp_trust.rotation.declaration import Declaration, swappable_certificate
from btp_trust.rotation.messages import accept_hint, known_generations_argument, label, list_lines
from btp_trust.rotation.schema import RotationInputs
from btp_trust.runtime.comparison import Notice
from btp_trust.snapshot import Snapshot


def revocation(declared: Declaration | RotationInputs, fingerprint: str | None) -> str | None:
    """Return why the certificate with this fingerprint is revoked, under any of its names; else None."""
    reasons = (reason for name, reason in declared.revoked.items() if declared.generations.get(name) == fingerprint)
    return None if fingerprint is None else next(reasons, None)


def revoked_name_unknown(declaration: Declaration, _: Snapshot) -> Decision | None:
    """Refuse to revoke a name without a certificate."""
    # The declared name has policies of its own; on creation, it gets its certificate by this command.
    known = {declaration.generation, *declaration.generations}
    name = next((name for name in declaration.revoked if name not in known), None)
    if name is None:
        return None
    return refuse(
        Reason.UNKNOWN_GENERATION,
        f"`revoked` has generation {name!r}, which is not known.",
        "A misspelt name would leave the leaked key in use. The RotationTrigger knows:\n"
        f"{list_lines(dict(sorted(declaration.generations.items())))}",
        f"Revoke one of these; or name its certificate: {known_generations_argument(name, '<fingerprint>')}; or remove "
        "the entry, if its certificate has left both slots.",
        prop="revoked",
    )


def revoked(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse each swap to a revoked certificate: a rotation, a rollback, and a restoration."""
    certificate = swappable_certificate(declaration, snapshot)
    if certificate is None or snapshot.active is None:
        return None
    reason = revocation(declaration, certificate.fingerprint)
    if reason is None:
        return None
    return refuse(
        Reason.REVOKED,
        f"{Reason.REVOKED}: generation {declaration.generation!r} ({certificate.fingerprint}) never signs again.",
        f"The program revokes it ({reason}), for rollbacks and restorations as well. {snapshot.slots_sentence}",
        f"Declare the active certificate: {accept_hint(declaration, snapshot.active)}. If another one has to sign: "
        "give PassiveTrustCertificate a new `generation`, deploy, then rotate to it.",
        prop="revoked",
    )


def revocation_notices(declaration: Declaration, decision: Decision, snapshot: Snapshot) -> list[Notice]:
    """Return the warning of a revoked certificate that signs, and that this command leaves so."""
    if snapshot.active is None or decision.action is Action.SWAP:
        return []
    reason = revocation(declaration, snapshot.active.fingerprint)
    name = declaration.generation_of(snapshot.active)
    if decision.action is Action.RECORD:  # a creation binds the name by this command
        name = declaration.generation
        reason = declaration.revoked.get(name, reason)
    if reason is None:
        return []
    signer = label(snapshot.active, name)
    # A plain line: a warning would fail a strict run, and the deployments that replace the key have to go on.
    return [
        Notice(
            f"warning: {signer} signs although it is revoked ({reason}): give PassiveTrustCertificate a new "
            "`generation`, deploy, then rotate to it"
        )
    ]
