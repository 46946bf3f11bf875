"""The gate: another certificate signs only when every target trusts it, or has said what will happen instead."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from btp_trust.certificate import Certificate
from btp_trust.formatting import format_day, format_rfc3339, short_fingerprint
from btp_trust.rotation.decision import Decision, Reason, refuse
from btp_trust.rotation.declaration import Declaration, swappable_certificate
from btp_trust.snapshot import Snapshot
from btp_trust.trusted_by.statements import Attestation, DeferredUpload, TargetStatus, TrustStatus

PREVIEW_WIDTH: Final = 150
"""Characters of a string that `pulumi preview --diff` shows."""


def untrusted(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """A target would refuse every user from the swap on, and nobody said that this is expected.

    It never stands in the way back to what signed before.
    """
    wanted = swappable_certificate(declaration, snapshot)
    if wanted is None or snapshot.active is None or _is_rollback(declaration, wanted, snapshot.active):
        return None
    untrusting = [answer for answer in target_statuses(declaration, wanted, snapshot) if answer.lacks_trust]
    if not untrusting:
        return None
    told = "\n".join(f"  {answer.target}: {answer.sentence}" for answer in untrusting)
    if all(answer.status is TrustStatus.UNKNOWN for answer in untrusting):
        return refuse(
            Reason.TARGET_PENDING,
            f"It is not known yet whether {_target_names(untrusting)} will trust the certificate of generation "
            f"{declaration.generation!r} ({wanted.fingerprint}).",
            "A target that this command changes has its answer only afterwards, and the swap could not be reviewed "
            f"with it:\n{told}",
            f'Deploy the target first: keep generation="{declaration.deployed_generation}" on the RotationTrigger, deploy, then '
            f'change it to "{declaration.generation}" in a second deployment.',
            prop="trusted_by",
        )
    return refuse(
        Reason.UNTRUSTED,
        f"Generation {declaration.generation!r} ({wanted.fingerprint}) is not trusted by {_target_names(untrusting)}.",
        f"From the swap on they would refuse every user:\n{told}",
        "Give them that certificate first (outputs of the PassiveTrustCertificate); until then keep "
        f'generation="{declaration.deployed_generation}" on the RotationTrigger.',
        prop="trusted_by",
    )


def target_statuses(declaration: Declaration, wanted: Certificate, snapshot: Snapshot) -> tuple[TargetStatus, ...]:
    """Ask each target whether it trusts this certificate: refusals first, attested before observed, then by name."""
    asked = (_status_of(declaration, target, wanted, snapshot) for target in declaration.trusted_by)
    return tuple(
        sorted(asked, key=lambda answer: (list(TrustStatus).index(answer.status), answer.source, answer.target))
    )


def summarize(told: tuple[TargetStatus, ...], max_length: int) -> str:
    """Say in one clause what all targets answered: one by one, or counted where that takes too much room."""
    if not told:
        return "no target was asked"
    each = ", ".join(str(answer) for answer in told)
    if len(each) <= max_length:
        return each
    kinds = [answer.label for answer in told]
    return "targets: " + ", ".join(f"{kinds.count(label)} {label}" for label in dict.fromkeys(kinds))


def trust_warning(told: tuple[TargetStatus, ...], wanted: Certificate) -> str:
    """Say which targets will refuse what is about to sign again; empty if none will."""
    untrusting = [answer for answer in told if answer.lacks_trust]
    if not untrusting:
        return ""
    return (
        f"{short_fingerprint(wanted.fingerprint)}, which is about to sign again, is not trusted by {_target_names(untrusting)}. They refuse "
        "every user until they have it. Give it to them at once."
    )


def _is_rollback(declaration: Declaration, wanted: Certificate, active: Certificate) -> bool:
    """Whether the certificate signed before, as far as the inputs of earlier commands tell; diff knows the outputs."""
    if declaration.rollback_to is None:
        return not declaration.is_new_declaration or wanted.not_before < active.not_before
    return not declaration.is_new_declaration or wanted.fingerprint == declaration.rollback_to


def _status_of(declaration: Declaration, target: str, wanted: Certificate, snapshot: Snapshot) -> TargetStatus:
    told = declaration.trusted_by[target]
    if isinstance(told, DeferredUpload):
        return TargetStatus(
            target, TrustStatus.GAP, "", f"gap expected until {told.owner} uploads{_ticket_suffix(told.ticket)}"
        )
    if isinstance(told, Attestation):
        return _attested_status(declaration, target, told, wanted, snapshot)
    if isinstance(told, str):
        return TargetStatus(
            target, TrustStatus.UNKNOWN, "", "not known in this preview; what it comes from will change"
        )
    if wanted.fingerprint in told:
        return _observed_status(target, declaration.valid_until.get(target, {}).get(wanted.fingerprint), snapshot)
    return TargetStatus(
        target, TrustStatus.NO, "observed", f"no, it trusts {_trusted_text(declaration, told, snapshot)}, observed"
    )


def _observed_status(target: str, valid_until: datetime | None, snapshot: Snapshot) -> TargetStatus:
    """Believe what names the certificate, unless it is metadata that says of itself that its time is over."""
    if valid_until is None or snapshot.now < valid_until:
        return TargetStatus(target, TrustStatus.YES, "observed", "yes, observed")
    problem = f"the metadata that names it was valid until {format_rfc3339(valid_until)} (validUntil): read it anew"
    return TargetStatus(target, TrustStatus.NO, "observed", f"no, {problem}, observed")


def _attested_status(
    declaration: Declaration, target: str, told: Attestation, wanted: Certificate, snapshot: Snapshot
) -> TargetStatus:
    """Nobody can attest a certificate before it is made, nor in the future."""
    if told.by is None or told.on is None:
        return TargetStatus(target, TrustStatus.NO, "", "no, nobody has attested it yet")
    said = f"attested by {told.by} on {told.on}{_ticket_suffix(told.ticket)}, not observed"
    if told.fingerprint != wanted.fingerprint:
        problem = f"{_describe(declaration, told.fingerprint, snapshot)} was {said}"
    elif told.on > snapshot.now.date():
        problem = f"{said}; that day is still to come, the service's clock says {format_rfc3339(snapshot.now)}"
    elif told.on < wanted.not_before.date():
        problem = f"{said}; the certificate was made later, at {format_rfc3339(wanted.not_before)}"
    else:
        return TargetStatus(target, TrustStatus.YES, "attested", f"yes, {said}")
    return TargetStatus(target, TrustStatus.NO, "attested", f"no, {problem}")


def _trusted_text(declaration: Declaration, told: list[str], snapshot: Snapshot) -> str:
    return " and ".join(_describe(declaration, each, snapshot) for each in told) or "no certificate"


def _describe(declaration: Declaration, fingerprint: str, snapshot: Snapshot) -> str:
    """Name a certificate: short fingerprint, and its generation and last day where they are known."""
    held = snapshot.find(fingerprint)
    until = declaration.expiry.get(fingerprint) if held is None else held.not_after
    name = next((name for name, known in declaration.generations.items() if known == fingerprint), None)
    details = [*([name] if name else []), *([f"expires {format_day(until)}"] if until else [])]
    return f"{short_fingerprint(fingerprint)} ({', '.join(details)})" if details else short_fingerprint(fingerprint)


def _target_names(untrusting: list[TargetStatus]) -> str:
    return ", ".join(answer.target for answer in untrusting)


def _ticket_suffix(ticket: str | None) -> str:
    return f" ({ticket})" if ticket else ""
