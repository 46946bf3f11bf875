"""The target gate: a rotation waits until every target trusts the next signer, or its gap is announced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from btp_trust.certificate import Certificate
from btp_trust.formatting import format_day, format_rfc3339, short_fingerprint
from btp_trust.rotation.decision import Decision, Reason, refuse
from btp_trust.rotation.declaration import Declaration, swappable_certificate
from btp_trust.rotation.messages import keep_generation, list_lines
from btp_trust.snapshot import Snapshot
from btp_trust.trusted_by.statements import Attestation, DeferredUpload, TargetStatus, TrustStatus


def target_lacks_certificate(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse a rotation while a target lacks the next signer. Rollbacks pass."""
    certificate = swappable_certificate(declaration, snapshot)
    if certificate is None or snapshot.active is None or _is_rollback(declaration, certificate, snapshot.active):
        return None
    lacking = [status for status in target_statuses(declaration, certificate, snapshot) if status.lacks_trust]
    if not lacking:
        return None
    if all(status.status is TrustStatus.UNKNOWN for status in lacking):
        return _refuse_unknown_trust(declaration, certificate, lacking)
    return refuse(
        Reason.UNTRUSTED,
        f"Generation {declaration.generation!r} ({certificate.fingerprint}) is not trusted by {_names(lacking)}.",
        f"From the swap on they would reject every user:\n{target_lines(lacking)}",
        "Give them that certificate first (outputs of the PassiveTrustCertificate); until then keep "
        f"{keep_generation(declaration)}.",
        prop="trusted_by",
    )


def _refuse_unknown_trust(declaration: Declaration, certificate: Certificate, lacking: list[TargetStatus]) -> Decision:
    return refuse(
        Reason.TARGET_PENDING,
        f"It is unknown yet whether {_names(lacking)} will trust the certificate of generation "
        f"{declaration.generation!r} ({certificate.fingerprint}).",
        "A target that this command changes reports its trust afterwards, too late for a review of the swap:\n"
        f"{target_lines(lacking)}",
        f"Deploy the target first: keep {keep_generation(declaration)}, deploy, then change it to "
        f'"{declaration.generation}" in a second deployment.',
        prop="trusted_by",
    )


def target_statuses(declaration: Declaration, certificate: Certificate, snapshot: Snapshot) -> tuple[TargetStatus, ...]:
    """Return the status of each target for this certificate: refusals first, attested before observed, then by name."""
    statuses = (_status_of(declaration, target, certificate, snapshot) for target in declaration.trusted_by)
    order = list(TrustStatus)
    return tuple(sorted(statuses, key=lambda status: (order.index(status.status), status.source, status.target)))


def target_lines(statuses: Sequence[TargetStatus]) -> str:
    """Format a line for each target."""
    return list_lines({status.target: status.sentence for status in statuses})


def summarize(statuses: Sequence[TargetStatus], max_length: int) -> str:
    """Format all targets as one clause: one by one, or counted where that is too long."""
    if not statuses:
        return "no target was asked"
    clause = ", ".join(str(status) for status in statuses)
    if len(clause) <= max_length:
        return clause
    labels = [status.label for status in statuses]
    return "targets: " + ", ".join(f"{labels.count(label)} {label}" for label in dict.fromkeys(labels))


def trust_warning(statuses: Sequence[TargetStatus], certificate: Certificate) -> str:
    """Return which targets will reject the next signer of a rollback; empty if all trust it."""
    lacking = [status for status in statuses if status.lacks_trust]
    if not lacking:
        return ""
    fingerprint = short_fingerprint(certificate.fingerprint)
    return (
        f"{fingerprint}, which is about to sign again, is not trusted by "
        f"{_names(lacking)}. These targets reject every user until they have the certificate. Give {fingerprint} to "
        f"{_names(lacking)} at once."
    )


def _is_rollback(declaration: Declaration, certificate: Certificate, active: Certificate) -> bool:
    """Return True if the certificate signed before, by the inputs of earlier commands.

    Those of a trigger whose targets are new lack that: then an older certificate counts as one that signed, until
    diff reads the outputs.
    """
    # A restore passes too: its certificate passed the gate when it was declared.
    if declaration.rollback_to is None:
        return not declaration.is_new_declaration or certificate.not_before < active.not_before
    return not declaration.is_new_declaration or certificate.fingerprint == declaration.rollback_to


def _status_of(declaration: Declaration, target: str, certificate: Certificate, snapshot: Snapshot) -> TargetStatus:
    statement = declaration.trusted_by[target]
    if isinstance(statement, DeferredUpload):
        sentence = f"gap expected until {statement.owner} uploads{_ticket_suffix(statement.ticket)}"
        return TargetStatus(target, TrustStatus.GAP, "", sentence)
    if isinstance(statement, Attestation):
        return _attested_status(declaration, target, statement, certificate, snapshot)
    if isinstance(statement, str):
        return TargetStatus(target, TrustStatus.UNKNOWN, "", "not known in this preview; its source will change")
    if certificate.fingerprint in statement:
        until = declaration.valid_until.get(target, {}).get(certificate.fingerprint)
        return _observed_status(target, until, snapshot)
    trusted = " and ".join(_describe(declaration, fingerprint, snapshot) for fingerprint in statement)
    return TargetStatus(target, TrustStatus.NO, "observed", f"no, it trusts {trusted or 'no certificate'}, observed")


def _observed_status(target: str, valid_until: datetime | None, snapshot: Snapshot) -> TargetStatus:
    """Believe a source that names the certificate, unless it is metadata that has expired by its own statement."""
    if valid_until is None or snapshot.now < valid_until:
        return TargetStatus(target, TrustStatus.YES, "observed", "yes, observed")
    problem = f"the metadata that names it was valid until {format_rfc3339(valid_until)} (validUntil): read it again"
    return TargetStatus(target, TrustStatus.NO, "observed", f"no, {problem}, observed")


def _attested_status(
    declaration: Declaration, target: str, attestation: Attestation, certificate: Certificate, snapshot: Snapshot
) -> TargetStatus:
    """Believe an attestation between the certificate's first day and today."""
    if attestation.by is None or attestation.on is None:
        return TargetStatus(target, TrustStatus.NO, "", "no, still to be attested")
    clause = f"attested by {attestation.by} on {attestation.on}{_ticket_suffix(attestation.ticket)}, not observed"
    if attestation.fingerprint != certificate.fingerprint:
        problem = f"{_describe(declaration, attestation.fingerprint, snapshot)} was {clause}"
    elif attestation.on > snapshot.now.date():
        problem = f"{clause}; that day is still to come, the service's clock says {format_rfc3339(snapshot.now)}"
    # Else the file of the last cycle would count as soon as its fingerprint is edited.
    elif attestation.on < certificate.not_before.date():
        problem = f"{clause}; the certificate was made later, at {format_rfc3339(certificate.not_before)}"
    else:
        return TargetStatus(target, TrustStatus.YES, "attested", f"yes, {clause}")
    return TargetStatus(target, TrustStatus.NO, "attested", f"no, {problem}")


def _describe(declaration: Declaration, fingerprint: str, snapshot: Snapshot) -> str:
    """Name a certificate: short fingerprint, and its generation and last day where they are known."""
    certificate = snapshot.find(fingerprint)
    until = declaration.expiry.get(fingerprint) if certificate is None else certificate.not_after
    name = declaration.name_of(fingerprint)
    details = [*([name] if name else []), *([f"expires {format_day(until)}"] if until else [])]
    return f"{short_fingerprint(fingerprint)} ({', '.join(details)})" if details else short_fingerprint(fingerprint)


def _names(statuses: Sequence[TargetStatus]) -> str:
    return ", ".join(status.target for status in statuses)


def _ticket_suffix(ticket: str | None) -> str:
    return f" ({ticket})" if ticket else ""
