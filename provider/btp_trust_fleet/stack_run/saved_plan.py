"""The plan that `pulumi preview --save-plan` writes, and to which `pulumi up --plan` holds the update. Pure.

A preview that generates a certificate lacks its fingerprint, and one that registers certificates elsewhere lacks what
is trusted there afterwards. Both become inputs of other resources in the same update, which the engine would take for
another plan. So exactly these inputs are left open. What changes a signer stays closed: `swap`, `switchover` and
`signer` of RotationTrigger, and each input of the certificates themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from btp_trust_fleet.stack_run.classification import changing_steps
from btp_trust_fleet.stack_run.preview_document import PreviewDocument, Step

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands in Pulumi's JSON for a value that only the update knows: the engine lets any value pass there."""
_OF_GENERATED: Final[Mapping[str, Sequence[str]]] = {
    # Names, statements and the way of a rollback are recorded for the certificates that are in the slots.
    "RotationTrigger": ("generations", "trusted_by", "earlier_attestations", "rollback_to"),
    "TrustedIdentityProvider": ("certificates", "step"),
}
"""{resource: inputs that follow from a certificate that this update generates}"""
_OF_REGISTERED: Final[Mapping[str, Sequence[str]]] = {"RotationTrigger": ("trusted_by",)}
"""{resource: inputs that follow from a registration that this update changes}"""


def open_plan(plan: bytes, preview: PreviewDocument) -> bytes:
    """Return the plan with the inputs left open that follow from what the update generates or registers."""
    opened = _inputs_to_open(preview)
    if not opened:
        return plan
    document = msgspec.json.decode(plan)
    # Also of a resource without an update: Pulumi holds its inputs to the plan all the same.
    for step in preview.steps:
        for name in opened.get(step.kind or "", ()):
            _open(document, step, name)
    return msgspec.json.encode(document)


def _inputs_to_open(preview: PreviewDocument) -> Mapping[str, Sequence[str]]:
    if any(map(_generates, preview.of_kind("PassiveTrustCertificate"))):
        return _OF_GENERATED
    is_registered = any(step.kind == "TrustedIdentityProvider" for step in changing_steps(preview))
    return _OF_REGISTERED if is_registered else {}


def _generates(step: Step) -> bool:
    """Return True for a PassiveTrustCertificate that gets a certificate whose fingerprint the preview lacks."""
    return step.op in {"create", "update"} and step.plans("step") is not None


def _open(document: dict[str, Any], step: Step, name: str) -> None:
    difference = document["resourcePlans"][step.urn]["goal"]["inputDiff"]
    # An input of the state is updated, a new one is added: the engine tells both apart.
    section = "updates" if name in step.old_inputs else "adds"
    difference[section] = {**(difference.get(section) or {}), name: UNKNOWN}
