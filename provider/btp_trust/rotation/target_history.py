"""What is kept about targets: attestations of earlier deployments, and rejections that a verification saw. Pure.

Check gets the old inputs alone, and diff the outputs. So attestations, which the program gives, are kept as an input,
and rejections, which a deployment finds, as an output: diff has the last word on them.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

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
    """Return what earlier deployments recorded as attested, for the targets of the program."""
    if old is None:
        return {}
    found = {
        target: _earlier_attestations(statement, old.trusted_by.get(target), old.earlier_attestations.get(target, {}))
        for target, statement in trusted_by.items()
    }
    return {target: sightings for target, sightings in found.items() if sightings}


def _earlier_attestations(
    new: TrustStatement, recorded: TrustStatement | None, earlier: dict[str, Sighting]
) -> dict[str, Sighting]:
    """Add what the new attestation leaves out; what was added once stays, so that the signer never has a minus."""
    if not isinstance(new, Attestation) or not isinstance(recorded, Attestation):
        return earlier
    # An attestation that is still to be filled in replaces none; what an unknown one replaces is unknown.
    if new.is_unknown or recorded.sighting is None:
        return earlier
    attested = () if new.sighting is None else new.fingerprints
    replaced = [fingerprint for fingerprint in recorded.fingerprints if fingerprint not in attested]
    return {**earlier, **dict.fromkeys(replaced, recorded.sighting)}


def statements_of_slots(
    trusted_by: Mapping[str, TrustStatement], old: RotationInputs | None, snapshot: Snapshot
) -> dict[str, TrustStatement]:
    """Leave out certificates that were stated earlier and are in no slot any more, where a statement changes.

    A statement that stays keeps them: the end of a certificate alone is no change of the trigger.
    """
    recorded = {} if old is None else old.trusted_by
    return {
        target: statement if statement == recorded.get(target) else _of_slots(statement, snapshot)
        for target, statement in trusted_by.items()
    }


def _of_slots(statement: TrustStatement, snapshot: Snapshot) -> TrustStatement:
    if not isinstance(statement, Attestation) or statement.is_unknown:
        return statement
    certificates = {
        fingerprint: state
        for fingerprint, state in statement.certificates.items()
        if fingerprint in statement.fingerprints or snapshot.find(fingerprint)
    }
    return replace(statement, certificates=certificates)


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
