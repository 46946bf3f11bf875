"""What the state of a stack says about the signer, and about rejections. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from btp_trust.parsing import structs
from btp_trust.rotation.evidence import Evidence, Verdict
from btp_trust_fleet.stack_run.preview_document import PreviewDocument

_KINDS: Final = ("RotationTrigger", "ActiveTrustCertificate")
"""Resources whose output `fingerprint` is that of the signer, the best one first."""


class _Outputs(msgspec.Struct):
    fingerprint: str | None = None
    failed_generation: str | None = None
    rollback_outcome_unknown: str | None = None
    failure: str = ""
    verified: dict[str, Evidence] = {}


class SignerRecord(msgspec.Struct, frozen=True):
    """What a resource records."""

    fingerprint: str | None = None
    was_rejected: bool = False
    """A target rejected a certificate: it was rolled back, or still signs."""
    failure: str = ""
    """What the trigger says about that, for its user."""


class _Resource(msgspec.Struct):
    urn: str = ""
    outputs: dict[str, Any] = {}


class _Deployment(msgspec.Struct):
    resources: list[_Resource] = []


class _Export(msgspec.Struct):
    deployment: _Deployment | None = None


def parse_export(printed: bytes) -> SignerRecord:
    """Read `pulumi stack export`; what is unreadable says nothing."""
    try:
        export = structs.decode(printed, _Export)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return SignerRecord()
    resources = [] if export.deployment is None else export.deployment.resources
    return find_record({resource.urn: resource.outputs for resource in resources})


def recorded_before(preview: PreviewDocument) -> SignerRecord:
    """Return what the state recorded when the preview was made."""
    states = {step.urn: step.old_state.outputs for step in preview.steps if step.old_state is not None}
    return find_record(states)


def find_record(outputs: Mapping[str, Mapping[str, Any]]) -> SignerRecord:
    """Return the record of the stack. With several subaccounts, the signer is None: there is more than one.

    Args:
        outputs: {URN: outputs}.
    """
    for kind in _KINDS:
        records = [_record(found) for urn, found in outputs.items() if _is_of_kind(urn, kind)]
        if records:
            fingerprint = records[0].fingerprint if len(records) == 1 else None
            failures = dict.fromkeys(record.failure for record in records if record.failure)
            return SignerRecord(fingerprint, any(record.was_rejected for record in records), "\n".join(failures))
    return SignerRecord()


def _is_of_kind(urn: str, kind: str) -> bool:
    return urn.rpartition("::")[0].endswith(f"btp-trust:{kind}")


def _record(outputs: Mapping[str, Any]) -> SignerRecord:
    try:
        read = structs.convert(outputs, _Outputs)
    except msgspec.ValidationError:
        return SignerRecord()
    failed = read.failed_generation is not None or read.rollback_outcome_unknown is not None
    return SignerRecord(read.fingerprint, failed or _has_rejection(read.verified.values()), read.failure)


def _has_rejection(evidence: Iterable[Evidence]) -> bool:
    return any(found.verdict is Verdict.REJECTED for found in evidence)
