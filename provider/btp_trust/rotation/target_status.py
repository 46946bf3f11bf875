"""What each target is known to trust: from its statement, from earlier ones, and from what a verification saw. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from btp_trust.certificate import KEY_PREFIX, Certificate
from btp_trust.formatting import format_day, format_rfc3339, parse_rfc3339, short_fingerprint
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.messages import list_lines
from btp_trust.snapshot import Snapshot
from btp_trust.trusted_by.statements import Attestation, DeferredUpload, Sighting, TargetStatus, TrustStatus


def target_statuses(declaration: Declaration, certificate: Certificate, snapshot: Snapshot) -> tuple[TargetStatus, ...]:
    """Return the status of each target for this certificate: refusals first, attested before observed, then by name."""
    statuses = (_status_of(declaration, target, certificate, snapshot) for target in declaration.trusted_by)
    order = list(TrustStatus)
    return tuple(sorted(statuses, key=lambda status: (order.index(status.status), status.source, status.target)))


def target_lines(statuses: Sequence[TargetStatus]) -> str:
    """Format a line for each target."""
    return list_lines({status.target: status.sentence for status in statuses})


def summarize(statuses: Sequence[TargetStatus], max_length: int, *, switches: int = 0) -> str:
    """Format all targets as one clause: one by one, or counted where that is too long.

    Args:
        statuses: The targets that state what they trust.
        max_length: Of the clause.
        switches: How many systems change over with the signer; lines of their own say what was read there.
    """
    if not statuses:
        return f"{_count_systems(switches)}no other target was asked" if switches else "no target was asked"
    clause = ", ".join(str(status) for status in statuses)
    if len(clause) <= max_length:
        return clause
    labels = [status.label for status in statuses]
    return "targets: " + ", ".join(f"{labels.count(label)} {label}" for label in dict.fromkeys(labels))


def _count_systems(switches: int) -> str:
    return f"{switches} system{'' if switches == 1 else 's'} in switches, "


def signs_again(declaration: Declaration, certificate: Certificate) -> bool:
    """Return True if the certificate signed before, by the inputs of earlier commands.

    The ages of certificates tell nothing of that: a signer that somebody renewed is younger than a prepared candidate.
    """
    # A restore passes too: its certificate passed the gate when it was declared.
    return not declaration.is_new_declaration or certificate.fingerprint == declaration.rollback_to


def _status_of(declaration: Declaration, target: str, certificate: Certificate, snapshot: Snapshot) -> TargetStatus:
    statement = declaration.trusted_by[target]
    if isinstance(statement, DeferredUpload):
        ticket = f" ({statement.ticket})" if statement.ticket else ""
        return TargetStatus(target, TrustStatus.GAP, "", f"gap expected until {statement.owner} uploads{ticket}")
    if isinstance(statement, str) or statement.is_unknown:
        return TargetStatus(target, TrustStatus.PENDING, "", "not known in this preview; its source will change")
    if isinstance(statement, Attestation):
        return _attested_status(declaration, target, statement, certificate, snapshot)
    if _has_key(statement.certificates, certificate):
        return TargetStatus(target, TrustStatus.YES, "observed", "yes, observed: it trusts the key of that certificate")
    if certificate.fingerprint in statement.certificates:
        until = declaration.valid_until.get(target, {}).get(certificate.fingerprint)
        return _observed_status(target, until, snapshot)
    # Sorted, as the engine keeps no order: equal lines of two commands are one warning.
    trusted = " and ".join(_describe(declaration, name, snapshot) for name in sorted(statement.certificates))
    return TargetStatus(target, TrustStatus.NO, "observed", f"no, it trusts {trusted or 'no certificate'}, observed")


def _has_key(identities: Iterable[str], certificate: Certificate) -> bool:
    """Return True if the target stores keys alone, and has that of this certificate."""
    keys = [identity for identity in identities if identity.startswith(KEY_PREFIX)]
    # Decoded only where a key is compared.
    return bool(keys) and certificate.key_identity in keys


def _observed_status(target: str, valid_until: datetime | None, snapshot: Snapshot) -> TargetStatus:
    """Believe a source that names the certificate, unless it is metadata that has expired by its own statement."""
    if valid_until is None or snapshot.now < valid_until:
        return TargetStatus(target, TrustStatus.YES, "observed", "yes, observed")
    problem = f"the metadata that names it was valid until {format_rfc3339(valid_until)} (validUntil): read it again"
    return TargetStatus(target, TrustStatus.NO, "observed", f"no, {problem}, observed")


def _attested_status(
    declaration: Declaration, target: str, attestation: Attestation, certificate: Certificate, snapshot: Snapshot
) -> TargetStatus:
    """Believe an attestation of this certificate, unless its time or the target itself contradicts it."""
    problem = _problem(declaration, attestation, certificate, snapshot)
    rejected_at = _rejected_at(declaration, target)
    if rejected_at is not None and (problem or not _is_since(attestation, rejected_at)):
        reason = problem or f"attested {attestation.sighting}, not since"
        remedy = "attest it anew, on a later day or with the moment (YYYY-MM-DDThh:mm:ssZ)"
        return TargetStatus(target, TrustStatus.REJECTED, "", f"rejected at {rejected_at}; {reason}: {remedy}")
    if problem:
        return _doubted_status(declaration, target, problem, certificate, snapshot)
    if (superseded := _later_attestation(declaration, target, attestation, certificate, snapshot)) is not None:
        return _attested_then(target, attestation.sighting, superseded)
    verb = "attested" if rejected_at is None else "attested since"
    return TargetStatus(target, TrustStatus.YES, "attested", f"yes, {verb} {_unobserved(attestation.sighting)}")


def _doubted_status(
    declaration: Declaration, target: str, problem: str, certificate: Certificate, snapshot: Snapshot
) -> TargetStatus:
    """With an attestation of other certificates, the target may trust this one as well."""
    earlier = declaration.earlier_attestations.get(target, {}).get(certificate.fingerprint)
    if earlier is None or _problem_of_time(earlier, certificate, snapshot):
        return TargetStatus(target, TrustStatus.UNKNOWN, "", f"{TrustStatus.UNKNOWN.value}, {problem}")
    return _attested_then(target, earlier, problem)


def _attested_then(target: str, sighting: Sighting | None, since: str) -> TargetStatus:
    return TargetStatus(target, TrustStatus.BEFORE, "", f"attested then {sighting}, not since; {since}")


def _unobserved(sighting: Sighting | None) -> str:
    """Write who attests, beside the source of other statements."""
    return f"{sighting}, not observed"


def _problem(
    declaration: Declaration, attestation: Attestation, certificate: Certificate, snapshot: Snapshot
) -> str | None:
    """Return why the attestation is void for this certificate; None if it counts."""
    sighting = attestation.sighting
    if sighting is None:
        return "still to be attested"
    if certificate.fingerprint not in attestation.fingerprints:
        attested = _describe_all(declaration, attestation.fingerprints, snapshot)
        return f"{attested} attested {_unobserved(sighting)}"
    problem = _problem_of_time(sighting, certificate, snapshot)
    return f"attested {_unobserved(sighting)}; {problem}" if problem else None


def _problem_of_time(sighting: Sighting, certificate: Certificate, snapshot: Snapshot) -> str | None:
    """Compare with the certificate's first day and with today."""
    if sighting.is_after(snapshot.now):
        return "that is still to come by the service's clock"  # a moment would end the plan that was saved with it
    # Else the file of the last cycle would count as soon as its fingerprint is edited.
    if sighting.is_before(certificate.not_before):
        return f"the certificate was made later, at {format_rfc3339(certificate.not_before)}"
    return None


def _later_attestation(
    declaration: Declaration, target: str, attestation: Attestation, certificate: Certificate, snapshot: Snapshot
) -> str | None:
    """Describe a later attestation of another certificate, for one that signs again.

    A revert of the program brings back the attestation from before: it shows what was seen then.
    """
    if attestation.sighting is None or not signs_again(declaration, certificate):
        return None
    for fingerprint, sighting in declaration.earlier_attestations.get(target, {}).items():
        if fingerprint not in attestation.fingerprints and attestation.sighting.is_older_than(sighting):
            return f"{_describe_all(declaration, [fingerprint], snapshot)} attested {sighting}"
    return None


def _is_since(attestation: Attestation, moment: str) -> bool:
    return attestation.sighting is not None and attestation.sighting.is_after(parse_rfc3339(moment))


def _rejected_at(declaration: Declaration, target: str) -> str | None:
    """Return when the destination of this name rejected the certificate; upper and lower case count as equal."""
    moments = (at for name, at in declaration.rejections.items() if name.casefold() == target.casefold())
    return max(moments, key=parse_rfc3339, default=None)


def _describe_all(declaration: Declaration, fingerprints: Sequence[str], snapshot: Snapshot) -> str:
    """Name certificates, with the verb that follows."""
    names = " and ".join(_describe(declaration, fingerprint, snapshot) for fingerprint in fingerprints)
    return f"{names} {'were' if fingerprints[1:] else 'was'}"


def _describe(declaration: Declaration, fingerprint: str, snapshot: Snapshot) -> str:
    """Name a certificate: short fingerprint, and its generation and last day where they are known."""
    if fingerprint.startswith(KEY_PREFIX):
        return _describe_key(declaration, fingerprint, snapshot)
    certificate = snapshot.find(fingerprint)
    until = declaration.expiry.get(fingerprint) if certificate is None else certificate.not_after
    name = declaration.name_of(fingerprint)
    details = [*([name] if name else []), *([f"expires {format_day(until)}"] if until else [])]
    return f"{short_fingerprint(fingerprint)} ({', '.join(details)})" if details else short_fingerprint(fingerprint)


def _describe_key(declaration: Declaration, identity: str, snapshot: Snapshot) -> str:
    """Name a key; by its certificate, if one of the slots has that."""
    for slot in (snapshot.active, snapshot.passive):
        if slot is not None and slot.key_identity == identity:
            return f"the key of {_describe(declaration, slot.fingerprint, snapshot)}"
    return short_fingerprint(identity)
