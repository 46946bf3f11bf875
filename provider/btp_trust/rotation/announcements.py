"""Announcements of RotationTrigger: what its plan and its swap print. Decisions are made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from btp_trust.certificate import Certificate
from btp_trust.formatting import describe_certificate, short_fingerprint
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.messages import list_lines
from btp_trust.rotation.schema import SlotPair
from btp_trust.runtime.session import Session
from btp_trust.snapshot import Snapshot


def announce_decision(session: Session, decision: Decision) -> None:
    """Print the step with its targets, or warn of the drift.

    Raises:
        Refused: `btp-trust:strict` turns the drift into an error.
    """
    if decision.action is Action.SWAP:
        # Without --diff a preview shows only the names of changed inputs, so the step is printed as well.
        step = f"RotationTrigger: {decision.message}"
        session.print_once(f"{step}\n{list_lines(decision.targets)}" if decision.targets else step)
        if decision.trust_warning:
            # Printed: `warn` would fail a strict run, and a rollback goes ahead.
            session.print_once(f"warning: RotationTrigger: {decision.trust_warning}")
    if decision.action in (Action.REPORT, Action.WARN):
        session.warn(f"RotationTrigger: {decision.message}.", decision.evidence, decision.remedies)


def announce_late_registrations(session: Session, names: Sequence[str], certificate: Certificate) -> None:
    """Warn of the identity providers that get the next signer of a rollback only afterwards."""
    for name in names:
        session.print_once(
            f"warning: RotationTrigger: {name} gets {short_fingerprint(certificate.fingerprint)} late: the "
            "`pulumi up` after this one registers it"
        )


def announce_removal(session: Session, candidate: str, declaration: Declaration, snapshot: Snapshot) -> None:
    """Print what a preview of deletions lacks: the certificate in the passive slot."""
    if snapshot.passive is None:
        return
    certificate = describe_certificate(snapshot.passive, declaration.generation_of(snapshot.passive))
    session.print_once(
        f"RotationTrigger: candidate= was removed. If the program also removes PassiveTrustCertificate {candidate!r} "
        f"without retain_on_delete, passive {certificate} is deleted, and a rollback to it becomes impossible"
    )


def warn_signer_lost(session: Session, slots_before: SlotPair, snapshot: Snapshot) -> None:
    """Warn that somebody replaced the previous signer: the swap is done, and its rollback target is gone."""
    # Printed: `warn` would fail a strict run, and the swap that was done would be missing from the state.
    session.print_once(
        f"warning: RotationTrigger: {slots_before.active}, which signed until now, is in no slot any more; somebody "
        "else replaced it meanwhile, so that a rollback to it is impossible. The slots of subaccount "
        f"{snapshot.subaccount_id}: {snapshot.slots}."
    )
