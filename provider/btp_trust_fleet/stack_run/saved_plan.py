"""The plan that `pulumi preview --save-plan` writes, and to which `pulumi up --plan` holds the update. Pure.

A preview lacks the fingerprint of a certificate that it generates, and what a target trusts after a registration or a
swap. Both become inputs of other resources in the same update: texts that the preview wrote about the unknown value
then differ, and the engine would stop the update, perhaps right after its swap. So these inputs are left open. What
changes a signer stays closed: `swap`, `switchover` and `signer`, and each input of the certificates themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from btp_trust_fleet.stack_run.preview_document import PreviewDocument, Step

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands in Pulumi's JSON for a value that only the update knows: the engine lets any value pass there."""
_FOLLOWING: Final[Mapping[str, frozenset[str]]] = {
    # Names, statements and the way of a rollback are recorded for the certificates that are in the slots.
    "RotationTrigger": frozenset({"generations", "trusted_by", "earlier_attestations", "rollback_to"}),
    "TrustedIdentityProvider": frozenset({"certificates", "step"}),
}
"""{resource: inputs that follow from a certificate that this update generates}"""
_CLOSED: Final = frozenset({"swap", "switchover", "signer"})


def open_plan(plan: bytes, preview: PreviewDocument) -> bytes:
    """Return the plan with what only the update knows left open: inputs that follow from it, and outputs of the stack.

    An output that a program computes from the time would otherwise fail the update at its end, without a reason.
    """
    plans = msgspec.json.decode(plan)
    for step, name in _inputs_to_open(preview):
        _open(plans["resourcePlans"][step.urn]["goal"]["inputDiff"], step, name)
    for resource in plans["resourcePlans"].values():
        _open_outputs(resource.get("goal") or {})
    return msgspec.json.encode(plans)


def _inputs_to_open(preview: PreviewDocument) -> Iterator[tuple[Step, str]]:
    generates = any(map(_generates, preview.of_kind("PassiveTrustCertificate")))
    # Also of resources without an update: Pulumi holds their inputs to the plan all the same.
    for step in preview.steps:
        following = _FOLLOWING.get(step.kind or "", frozenset()) if generates else frozenset()
        unknown = {name for name, value in step.new_inputs.items() if step.kind and _holds_unknown(value)}
        yield from ((step, name) for name in sorted((following | unknown) - _CLOSED))


def _generates(step: Step) -> bool:
    """Return True for a PassiveTrustCertificate that gets a certificate whose fingerprint the preview lacks."""
    return step.op in {"create", "update"} and step.plans("step") is not None


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_unknown, value.values()))
    return any(map(_holds_unknown, value)) if isinstance(value, list) else value == UNKNOWN


def _open(difference: dict[str, Any], step: Step, name: str) -> None:
    # An input of the state is updated, a new one is added: the engine tells both apart.
    section = "updates" if name in step.old_inputs else "adds"
    difference[section] = {**(difference.get(section) or {}), name: UNKNOWN}


def _open_outputs(goal: dict[str, Any]) -> None:
    """Open the outputs of the stack, and of other components; those of a resource are held to no plan."""
    difference = goal.get("outputDiff") or {}
    for section in ("adds", "updates"):
        if difference.get(section):
            difference[section] = dict.fromkeys(difference[section], UNKNOWN)
