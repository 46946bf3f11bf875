"""Previews as `pulumi preview --json` prints them: steps of this provider's resources, and lines of diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from btp_trust_fleet.stack_run.preview_document import PreviewDocument, parse_preview

OLD, NEW = "0889c741" + "a" * 56, "f7f4ba99" + "b" * 56
"""Fingerprints of the signer and of the prepared certificate."""
PREFIX: Final = "pulumi-python:dynamic/btp-trust:"
NAMES: Final = {
    "PassiveTrustCertificate": "next",
    "RotationTrigger": "rotation",
    "ActiveTrustCertificate": "signing",
}


def urn(kind: str) -> str:
    """Return the URN of a resource."""
    return f"urn:pulumi:dev::project::{PREFIX}{kind}::{NAMES.get(kind, 'other')}"


def swap(verb: str, number: int = 1) -> dict[str, Any]:
    """Return a planned swap as an input."""
    step = f"{verb}: passive {NEW[:8]} (b) becomes active, active {OLD[:8]} (a) becomes passive; s4 trusts it"
    return {
        "number": number,
        "step": step,
        "only_if_active": OLD,
        "becomes_active": NEW,
        "becomes_active_sha1": "c" * 40,
        "becomes_passive": OLD,
        "verification": "s4",
        "rollback": f"until {OLD[:8]} (a) expires on 2028-11-30",
        "targets": {"s4": f"trusts {NEW[:8]}"},
    }


def switchover(number: int = 1) -> dict[str, Any]:
    """Return a planned switchover as an input."""
    step = f"switch over 1 system to {NEW[:8]} (b)"
    return {"number": number, "step": step, "gap": "a second", "failure": "a rollback", "systems": {}}


def trigger(fingerprint: str = OLD, **more: Any) -> dict[str, Any]:
    """Return inputs of RotationTrigger with this declared signer."""
    return {"signer": {"fingerprint": fingerprint, "not_after": "2028-11-30T13:10:28Z"}, **more}


def step(
    op: str,
    kind: str,
    new: Mapping[str, Any] | None = None,
    old: Mapping[str, Any] | None = None,
    *,
    resource_type: str | None = None,
    outputs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return one step. A delete has no new state, a creation no old one."""
    name, where = resource_type or f"{PREFIX}{kind}", urn(kind)
    state = {"urn": where, "type": name, "custom": not name.startswith("pulumi:pulumi:")}
    states: dict[str, Any] = {}
    if op != "delete":
        states["newState"] = {**state, "inputs": {"__provider": "gASV", **(new or {})}, "stackTrace": [{}]}
    if op != "create":
        old_inputs = {"__provider": "gASV", **(old or {})}
        states["oldState"] = {**state, "inputs": old_inputs, "outputs": dict(outputs or {}), "created": "2026"}
    return {"op": op, "urn": where, **states}


def line(message: str, severity: str = "error", kind: str | None = "RotationTrigger") -> dict[str, Any]:
    """Return one line of the diagnostics."""
    of_resource = {"urn": urn(kind)} if kind else {}
    return {"message": message, "severity": severity, **of_resource}


def printed(*steps: Mapping[str, Any], diagnostics: tuple[Mapping[str, Any], ...] = ()) -> bytes:
    """Return what the command prints."""
    stack = step("same", "Stack", resource_type="pulumi:pulumi:Stack")
    document = {"config": {"btp-trust:serviceKey": "[secret]"}, "steps": [stack, *steps], "diagnostics": diagnostics}
    return msgspec.json.encode(document)


def preview(*steps: Mapping[str, Any], diagnostics: tuple[Mapping[str, Any], ...] = ()) -> PreviewDocument:
    """Return the parsed preview."""
    return parse_preview(printed(*steps, diagnostics=diagnostics))


PREPARING: Final = (
    step("update", "PassiveTrustCertificate", {"generation": "b", "step": "generate 'b'"}, {"generation": "a"}),
    step("same", "RotationTrigger", trigger(), trigger(), outputs={"fingerprint": OLD}),
)
"""Steps that generate the next certificate."""
ROTATING: Final = (
    step("update", "RotationTrigger", trigger(NEW, swap=swap("rotate")), trigger(), outputs={"fingerprint": OLD}),
)
"""Steps that rotate to it."""
