"""The plan that `pulumi preview --save-plan` writes, and to which `pulumi up --plan` holds the update. Pure.

A preview that generates a certificate lacks its fingerprint, and RotationTrigger records that under the new name in
the same update. The engine would take this for another plan. So exactly that input is left open; `swap`, `signer` and
all others stay as they were previewed.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from btp_trust_fleet.stack_run.preview_document import PreviewDocument, Step

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands in Pulumi's JSON for a value that only the update knows: the engine lets any value pass there."""
_BINDS_NAMES: Final = "generations"


def generates_certificate(preview: PreviewDocument) -> bool:
    """Return True if a PassiveTrustCertificate gets a certificate whose fingerprint the preview lacks."""
    steps = preview.of_kind("PassiveTrustCertificate")
    return any(step.op in {"create", "update"} and step.plans("step") is not None for step in steps)


def open_plan(plan: bytes, preview: PreviewDocument) -> bytes:
    """Return the plan with the names of certificates left open, if the update generates one."""
    if not generates_certificate(preview):
        return plan
    document = msgspec.json.decode(plan)
    # Also of one without an update: Pulumi holds the inputs to the plan all the same.
    for step in preview.of_kind("RotationTrigger"):
        _open_names(document, step)
    return msgspec.json.encode(document)


def _open_names(document: dict[str, Any], step: Step) -> None:
    difference = document["resourcePlans"][step.urn]["goal"]["inputDiff"]
    # An input of the state is updated, a new one is added: the engine tells both apart.
    section = "updates" if _BINDS_NAMES in step.old_inputs else "adds"
    difference[section] = {**(difference.get(section) or {}), _BINDS_NAMES: UNKNOWN}
