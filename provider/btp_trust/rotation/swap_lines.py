"""The lines by which a reviewer decides about a swap. Pure.

They show dates, and no days left: a plan that is saved today has the same lines another day, unless a certificate
expires meanwhile, a limit of time that the swap passes ends, or an attestation of a later day begins to count.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from btp_trust.certificate import Certificate
from btp_trust.formatting import PREVIEW_WIDTH, format_day, short_fingerprint
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.messages import label
from btp_trust.rotation.planned_swap import PlannedSwap
from btp_trust.rotation.revocation import revocation
from btp_trust.rotation.time_policies import passed_limits
from btp_trust.snapshot import Snapshot

_ROLLBACK_ENDS: Final = "the next generation replaces it, or PassiveTrustCertificate is removed"
_MAX_NAME: Final = PREVIEW_WIDTH - len(f"until  expires on 2028-11-30, {_ROLLBACK_ENDS}")


def plan_swap(
    declaration: Declaration,
    decision: Decision,
    snapshot: Snapshot,
    last: PlannedSwap | None,
    *,
    verification: str,
    affects: list[str] | None,
) -> PlannedSwap | None:
    """Describe the swap that was decided; else return the last one, unchanged.

    Args:
        declaration: What the program declares.
        decision: What is to be done.
        snapshot: The slots.
        last: The last swap that was planned.
        verification: How the swap will be verified, and what a rejection does.
        affects: Destinations that sign with another certificate afterwards, if they were listed.
    """
    next_signer, signer = snapshot.passive, snapshot.active
    if decision.action is not Action.SWAP or next_signer is None or signer is None:
        return last
    name = _short_name(signer, declaration)
    return PlannedSwap(
        number=1 + (0 if last is None else last.number),
        step=decision.message,
        only_if_active=signer.fingerprint,
        becomes_active=f"{_short_name(next_signer, declaration)}, exists since {format_day(next_signer.not_before)}, "
        f"{_expiry(next_signer, snapshot.now)}",
        becomes_active_sha1=next_signer.sha1,
        becomes_passive=f"{name}, {_expiry(signer, snapshot.now)}",
        verification=verification,
        rollback=f"impossible: {name} is revoked"
        if revocation(declaration, signer.fingerprint)
        else _rollback_limit(signer, name, snapshot.now),
        break_glass=passed_limits(declaration, snapshot),
        targets=dict(decision.targets),
        affects=affects,
    )


def _short_name(certificate: Certificate, declaration: Declaration) -> str:
    """Name a certificate so briefly that the longest line fits into a preview."""
    name = label(certificate, declaration.generation_of(certificate))
    return name if len(name) <= _MAX_NAME else short_fingerprint(certificate.fingerprint)


def _expiry(certificate: Certificate, now: datetime) -> str:
    verb = "expired" if certificate.not_after <= now else "expires"
    return f"{verb} {format_day(certificate.not_after)}"


def _rollback_limit(signer: Certificate, name: str, now: datetime) -> str:
    """Say until when the certificate that becomes passive can be made to sign again."""
    if signer.not_after <= now:
        return f"impossible: {name} expired {format_day(signer.not_after)}"
    return f"until {name} expires on {format_day(signer.not_after)}, {_ROLLBACK_ENDS}"
