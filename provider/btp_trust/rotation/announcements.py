"""Announcements of RotationTrigger: the lines about its plan and its swap. Decisions are made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from btp_trust.certificate import Certificate
from btp_trust.formatting import (
    describe_certificate,
    describe_signer,
    find_name,
    label_fingerprint,
    short_fingerprint,
)
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.messages import label, list_lines
from btp_trust.rotation.schema import RotationInputs, RotationState
from btp_trust.runtime.comparison import Notice
from btp_trust.runtime.session import Session
from btp_trust.snapshot import Snapshot, has_fingerprint


def decision_notices(decision: Decision) -> list[Notice]:
    """Return the step with its targets."""
    if decision.action is not Action.SWAP:
        return []
    # Without --diff a preview shows only the names of changed inputs, so the step is printed as well.
    step = decision.message
    notices = [Notice(f"{step}\n{list_lines(decision.targets)}" if decision.targets else step)]
    if decision.trust_warning:
        # A plain line: a warning would fail a strict run, and a rollback goes ahead.
        notices.append(Notice(f"warning: {decision.trust_warning}"))
    return notices


def creation_notices(declaration: Declaration, snapshot: Snapshot) -> list[Notice]:
    """Return which certificate a creation records under which name, and until when that one signs."""
    if declaration.deployed_generation is not None or snapshot.active is None:
        return []
    signer = describe_signer(snapshot.active)
    return [Notice(f"record active {signer} as {declaration.generation!r}; nothing is sent")]


def record_notices(state: RotationState, new: RotationInputs, snapshot: Snapshot, *, sends: bool) -> list[Notice]:
    """Return the line of a declared certificate that signs already: after a crash, or a swap by somebody else."""
    if snapshot.active is None or not has_fingerprint(snapshot.active, new.declared_fingerprint):
        return []
    is_recorded = has_fingerprint(snapshot.active, state.fingerprint)
    if is_recorded and new.generation == state.generation:
        return []
    recorded = "" if is_recorded else f", and the state still has {short_fingerprint(state.fingerprint)}"
    signer, how = label(snapshot.active, new.generation), " without a swap" if sends else ", and nothing is sent"
    return [Notice(f"{signer} signs already{recorded}: this deployment records it{how}")]


def late_registration_notices(names: Sequence[str], certificate: Certificate) -> list[Notice]:
    """Return warnings of the identity providers that get the next signer of a rollback only afterwards."""
    fingerprint = short_fingerprint(certificate.fingerprint)
    return [
        Notice(f"warning: {name} gets {fingerprint} late: the `pulumi up` after this one registers it")
        for name in names
    ]


def removal_notices(candidate: str | None, declaration: Declaration, snapshot: Snapshot) -> list[Notice]:
    """Return what a preview of deletions lacks: the certificate in the passive slot."""
    if candidate is None or snapshot.passive is None:
        return []
    certificate = describe_certificate(snapshot.passive, declaration.generation_of(snapshot.passive))
    return [
        Notice(
            "candidate= was removed. If the program also removes PassiveTrustCertificate "
            f"{candidate!r} without retain_on_delete, passive {certificate} is deleted, and a rollback to it becomes "
            "impossible"
        )
    ]


def overwrite_notices(pending: str | None, declaration: Declaration, snapshot: Snapshot) -> list[Notice]:
    """Return what the preview of a generation lacks: the name of the earlier signer that it overwrites."""
    earlier = snapshot.older_passive
    if pending is None or earlier is None or (name := declaration.generation_of(earlier)) is None:
        return []
    certificate = describe_certificate(earlier, name)
    return [Notice(f"{pending!r} is generated over {certificate}: rolling back to {name!r} ends")]


def replaced_signer_notices(state: RotationState, new: RotationInputs, snapshot: Snapshot) -> list[Notice]:
    """Return what a swap leaves unsaid: the recorded signer that somebody has replaced, which is in neither slot."""
    recorded, active = state.deployed_signer, snapshot.active
    if active is None or snapshot.find(recorded) is not None:
        return []
    before = label_fingerprint(recorded, find_name(new.generations, recorded))
    return [
        Notice(
            f"warning: {before}, which the last deployment recorded as the signer, is in no slot any more: somebody "
            f"else replaced it by {label(active, find_name(new.generations, active.fingerprint))}. A rollback of this "
            "swap leads to that one"
        )
    ]


def warn_signer_lost(session: Session, signer: str, snapshot: Snapshot) -> None:
    """Warn that somebody replaced the previous signer: the swap is done, and its rollback target is gone."""
    # Printed: `warn` would fail a strict run, and the swap that was done would be missing from the state.
    session.print_once(
        f"warning: {signer}, which signed until now, is in no slot any more; somebody "
        f"else replaced it meanwhile, so that a rollback to it is impossible. {snapshot.slots_sentence}"
    )
