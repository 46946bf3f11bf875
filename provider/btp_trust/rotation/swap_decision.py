"""The decision to swap, in one sentence: rotate, roll back or restore. Pure; whether it is allowed, policies decide."""

from __future__ import annotations

from btp_trust.certificate import Certificate
from btp_trust.formatting import PREVIEW_WIDTH
from btp_trust.rotation.decision import Action, Decision, Reason
from btp_trust.rotation.declaration import Declaration, swappable_certificate
from btp_trust.rotation.messages import label
from btp_trust.rotation.target_gate import trust_warning
from btp_trust.rotation.target_status import signs_again, summarize, target_statuses
from btp_trust.snapshot import Snapshot


def decide_swap(declaration: Declaration, snapshot: Snapshot) -> Decision | None:
    """Return the swap that makes the declared certificate sign; None if it is not the passive one."""
    certificate, active = swappable_certificate(declaration, snapshot), snapshot.active
    if certificate is None or active is None:
        return None
    reason, verb = _reason_and_verb(declaration, certificate, active)
    step = (
        f"{verb}: passive {label(certificate, declaration.generation)} becomes active, active "
        f"{label(active, declaration.generation_of(active))} becomes passive; "
    )
    statuses = target_statuses(declaration, certificate, snapshot)
    return Decision(
        Action.SWAP,
        reason,
        step + summarize(statuses, PREVIEW_WIDTH - len(step), switches=len(declaration.switches)),
        slots_before=snapshot.slots,
        targets={status.target: status.sentence for status in statuses},
        trust_warning=trust_warning(statuses, certificate),
    )


def _reason_and_verb(declaration: Declaration, certificate: Certificate, active: Certificate) -> tuple[Reason, str]:
    if not declaration.is_new_declaration:
        return Reason.RESTORE, "restore"
    # By age as well: after a rollback, the newer certificate is rotated to once more.
    if signs_again(declaration, certificate) and certificate.not_before < active.not_before:
        return Reason.ROLL_BACK, "roll back"
    return Reason.ROTATE, "rotate"
