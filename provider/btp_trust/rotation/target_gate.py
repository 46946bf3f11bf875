"""The target gate: a rotation waits until every target trusts the next signer, or its gap is announced."""

from __future__ import annotations

from collections.abc import Sequence

from btp_trust.certificate import Certificate
from btp_trust.formatting import short_fingerprint
from btp_trust.rotation.decision import Decision, Reason, refuse
from btp_trust.rotation.declaration import Declaration, swappable_certificate
from btp_trust.rotation.messages import keep_generation
from btp_trust.rotation.target_status import signs_again, target_lines, target_statuses
from btp_trust.snapshot import Snapshot
from btp_trust.trusted_by.statements import TargetStatus, TrustStatus


def target_lacks_certificate(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Refuse a rotation while a target lacks the next signer. Rollbacks pass."""
    certificate = swappable_certificate(declaration, snapshot)
    if certificate is None or snapshot.active is None or signs_again(declaration, certificate):
        return None
    lacking = [status for status in target_statuses(declaration, certificate, snapshot) if status.lacks_trust]
    if not lacking:
        return None
    if all(status.status is TrustStatus.PENDING for status in lacking):
        return _refuse_unknown_trust(declaration, certificate, lacking)
    return _refuse_lacking_trust(declaration, certificate, lacking)


def _refuse_lacking_trust(declaration: Declaration, certificate: Certificate, lacking: list[TargetStatus]) -> Decision:
    denied, doubted = _split(lacking)
    trust = [*([f"not trusted by {_names(denied)}"] if denied else [])]
    trust += [f"not known to be trusted by {_names(doubted)}"] if doubted else []
    they = "those that lack it" if doubted else "they"
    attest = "" if not doubted else ", let its owners attest what only people can see"
    return refuse(
        Reason.UNTRUSTED,
        f"Generation {declaration.generation!r} ({certificate.fingerprint}) is {', and '.join(trust)}.",
        f"From the swap on {they} would reject every user:\n{target_lines(lacking)}",
        f"Give them that certificate first (outputs of the PassiveTrustCertificate){attest}; until then keep "
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


def trust_warning(statuses: Sequence[TargetStatus], certificate: Certificate) -> str:
    """Return which targets will reject the next signer of a rollback, or may; empty if all trust it."""
    denied, doubted = _split([status for status in statuses if status.lacks_trust])
    fingerprint = short_fingerprint(certificate.fingerprint)
    sentences = []
    if denied:
        sentences.append(
            f"{fingerprint}, which is about to sign again, is not trusted by {_names(denied)}. These targets reject "
            f"every user until they have the certificate. Give {fingerprint} to {_names(denied)} at once."
        )
    if doubted:
        sentences.append(
            f"Whether {_names(doubted)} still trusts {fingerprint}, which is about to sign again, is not known. Let "
            "the owner look there now: a target that lacks it rejects every user."
        )
    return " ".join(sentences)


def _split(lacking: Sequence[TargetStatus]) -> tuple[list[TargetStatus], list[TargetStatus]]:
    """Separate targets that are known to lack the certificate from those about which nobody knows."""
    return [status for status in lacking if status.is_denied], [status for status in lacking if not status.is_denied]


def _names(statuses: Sequence[TargetStatus]) -> str:
    return ", ".join(status.target for status in statuses)
