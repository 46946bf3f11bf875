"""What is kept about targets: attestations of earlier deployments, and rejections that a verification saw. Pure.

Check gets the old inputs alone, and diff the outputs. So attestations, which the program gives, are kept as an input,
and rejections, which a deployment finds, as an output: diff has the last word on them.
"""

from __future__ import annotations

from collections.abc import Mapping

from btp_trust.property_bag import PropertyBag
from btp_trust.rotation.declaration import Declaration, swappable_certificate
from btp_trust.rotation.evidence import Verdict
from btp_trust.rotation.messages import label
from btp_trust.rotation.schema import RotationInputs, RotationState
from btp_trust.rotation.target_status import target_statuses
from btp_trust.runtime.comparison import Notice
from btp_trust.snapshot import Snapshot
from btp_trust.trusted_by.statements import Attestation, Sighting, TargetStatus, TrustStatement, TrustStatus


def earlier_attestations(
    trusted_by: Mapping[str, TrustStatement], old: RotationInputs | None
) -> dict[str, dict[str, Sighting]]:
    """Return what was attested before, and is missing in the program's attestation of the same target."""
    if old is None:
        return {}
    found = {
        target: _earlier_attestations(statement, old.trusted_by.get(target), old.earlier_attestations.get(target, {}))
        for target, statement in trusted_by.items()
        if isinstance(statement, Attestation)
    }
    return {target: sightings for target, sightings in found.items() if sightings}


def _earlier_attestations(
    new: Attestation, recorded: TrustStatement | None, earlier: Mapping[str, Sighting]
) -> dict[str, Sighting]:
    sightings = dict(earlier)
    if isinstance(recorded, Attestation) and recorded.sighting is not None:
        sightings |= dict.fromkeys(recorded.fingerprints, recorded.sighting)
    # An attestation that is still to be filled in replaces none.
    attested = () if new.sighting is None else new.fingerprints
    return {fingerprint: sighting for fingerprint, sighting in sightings.items() if fingerprint not in attested}


def of_slots(attestations: Mapping[str, Mapping[str, Sighting]], snapshot: Snapshot) -> dict[str, dict[str, Sighting]]:
    """Keep the attestations of certificates in the slots: no other one can sign again."""
    kept = {
        target: {fingerprint: sighting for fingerprint, sighting in found.items() if snapshot.find(fingerprint)}
        for target, found in attestations.items()
    }
    return {target: found for target, found in kept.items() if found}


def rejection_outputs(outputs: RotationState, state: RotationState, snapshot: Snapshot) -> PropertyBag:
    """Return which destinations rejected the certificates in the slots, and when.

    A rejection ends when its destination is verified with that certificate.

    Args:
        outputs: The other outputs of this deployment.
        state: What the last deployment recorded.
        snapshot: The slots after everything.
    """
    rejections = {fingerprint: dict(found) for fingerprint, found in state.rejections.items()}
    for destination, evidence in outputs.verified.items():
        of_certificate = rejections.setdefault(evidence.fingerprint, {})
        if evidence.verdict is Verdict.REJECTED:
            of_certificate[destination] = evidence.at
        elif evidence.verdict is Verdict.VERIFIED:
            of_certificate.pop(destination, None)
    kept = {fingerprint: found for fingerprint, found in rejections.items() if found and snapshot.find(fingerprint)}
    return {"rejections": kept} if kept else {}


def rejection_notices(declaration: Declaration, snapshot: Snapshot) -> list[Notice]:
    """Return which destinations once rejected the certificate that is about to sign, and what was stated since."""
    certificate = swappable_certificate(declaration, snapshot)
    if certificate is None or not declaration.rejections:
        return []
    name = label(certificate, declaration.generation)
    statuses = {status.target.casefold(): status for status in target_statuses(declaration, certificate, snapshot)}
    return [
        _rejection_notice(f"{name} was rejected by {destination} at {moment}", statuses.get(destination.casefold()))
        for destination, moment in declaration.rejections.items()
    ]


def _rejection_notice(what: str, status: TargetStatus | None) -> Notice:
    # A plain line: a warning would fail a strict run, after the owner of the target has attested the certificate.
    if status is None:
        return Notice(f"warning: {what}; trusted_by has no target of this name that says more since")
    warning = "" if status.status is TrustStatus.YES else "warning: "
    return Notice(f"{warning}{what}; {status.target}: {status.sentence}")
