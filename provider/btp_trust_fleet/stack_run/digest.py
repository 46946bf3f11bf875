"""The digest by which an approval names the changes of a preview. Pure."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from btp_trust_fleet.stack_run.classification import changing_steps
from btp_trust_fleet.stack_run.preview_document import PreviewDocument

_INTERNAL: Final = "__"
"""Begins the inputs by which Pulumi finds the class of a provider."""


def digest_changes(preview: PreviewDocument) -> str:
    """Return the SHA-256 digest of the changes: step, resource and inputs.

    The same changes have the same digest at any time, on any machine: places in source files, times and lines of the
    diagnostics are left out. A certificate that takes part is in the inputs, with its fingerprint.
    """
    changes = [[step.op, step.urn, _own(step.new_inputs)] for step in changing_steps(preview)]
    encoded = msgspec.json.encode(sorted(changes, key=lambda change: (change[1], change[0])), order="sorted")
    return f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def _own(inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if not name.startswith(_INTERNAL)}
