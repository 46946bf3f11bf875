"""The plan of a fleet as JSON: `docs/reference/fleet.md` describes each field. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from btp_trust_fleet.plan.model import PlannedStack, WavePlan
from btp_trust_fleet.plan.text import plan_severity

FORMAT: Final = 1
"""Grows when a field changes its meaning; more fields leave it."""


def plan_document(plans: Sequence[WavePlan]) -> dict[str, Any]:
    """Return everything that the table shows, with whole fingerprints."""
    severity = plan_severity(plans)
    return {
        "format": FORMAT,
        "state": severity.name,
        "exit_code": int(severity),
        "waves": [
            {"wave": plan.wave.name, "digest": plan.digest, "stacks": [_stack(each) for each in plan.stacks]}
            for plan in plans
        ],
    }


def _stack(planned: PlannedStack) -> dict[str, Any]:
    return {
        "name": planned.stack.name,
        "stack": planned.stack.stack,
        "connection": planned.stack.connection,
        "generation": planned.stack.generation,
        "passive": planned.stack.passive,
        "step": planned.step,
        "signer": planned.outcome.signer_before,
        "plan_digest": planned.outcome.plan_digest,
        "lines": list(planned.outcome.lines),
    }
