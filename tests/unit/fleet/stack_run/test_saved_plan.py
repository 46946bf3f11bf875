"""The saved plan, with the names of a generated certificate left open."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from btp_trust_fleet.stack_run.saved_plan import UNKNOWN, open_plan
from support.fleet_previews import PREPARING, ROTATING, preview, step, trigger, urn


def _plan(difference: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"resourcePlans": {urn("RotationTrigger"): {"goal": {"inputDiff": difference}}}})


def _opened(difference: dict[str, Any], *steps: dict[str, Any]) -> dict[str, Any]:
    plan = msgspec.json.decode(open_plan(_plan(difference), preview(*steps)))
    found: dict[str, Any] = plan["resourcePlans"][urn("RotationTrigger")]["goal"]["inputDiff"]
    return found


@pytest.mark.parametrize("before", [{}, {"updates": None}, {"updates": {"candidate": "b"}}])
def test_generated_certificate_opens_names(before: dict[str, Any]) -> None:
    """Of a recorded trigger, `generations` may become anything; every other constraint stays."""
    recorded = step("same", "RotationTrigger", trigger(), trigger(generations={"a": "0"}))
    opened = _opened(before, PREPARING[0], recorded)
    assert opened == {"updates": {**(before.get("updates") or {}), "generations": UNKNOWN}}


def test_new_trigger_adds_names() -> None:
    """Of a trigger that is created, the names are an addition."""
    created = step("create", "RotationTrigger", trigger())
    opened = _opened({"adds": {"generation": "a", "generations": {"a": "0"}}}, PREPARING[0], created)
    assert opened == {"adds": {"generation": "a", "generations": UNKNOWN}}


@pytest.mark.parametrize(
    "steps",
    [
        ROTATING,
        (step("update", "PassiveTrustCertificate", {"step": "done"}, {"step": "done"}), *ROTATING),
        (step("delete", "PassiveTrustCertificate", old={"step": "done"}), *ROTATING),
    ],
)
def test_other_plans_stay_closed(steps: tuple[dict[str, Any], ...]) -> None:
    """Without a generated certificate, the plan is used as Pulumi has written it."""
    plan = _plan({"updates": {"swap": 1}})
    assert open_plan(plan, preview(*steps)) == plan
