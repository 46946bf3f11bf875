"""What a preview would do to the signer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from btp_trust_fleet.stack_run.classification import ALLOWED, classify, other_changes
from btp_trust_fleet.stack_run.task import Change, Verb
from support.fleet_previews import NEW, OLD, PREPARING, ROTATING, preview, step, swap, switchover, trigger

_DONE: dict[str, Any] = {"swap": swap("rotate", 1)}
_BACK = trigger(OLD, swap=swap("roll back", 2))
_RENEWING = {"step": "renew in place: now"}
_WRITE = {"write": {"number": 1, "step": "trust f7f4ba99"}}
_WRITING = step("update", "CommunicationSystemTrust", _WRITE, {})
_COMPONENT = step("create", "Group", resource_type="pulumi:pulumi:Group")


def _trigger_step(new: Mapping[str, Any], old: Mapping[str, Any], op: str = "update") -> dict[str, Any]:
    return step(op, "RotationTrigger", new, old)


@pytest.mark.parametrize(
    ("steps", "change"),
    [
        ((), Change.NONE),
        ((_trigger_step(trigger(**_DONE), trigger(**_DONE), "same"),), Change.NONE),
        (PREPARING, Change.PREPARE),
        ((step("create", "RotationTrigger", trigger()),), Change.PREPARE),
        ((step("create", "ActiveTrustCertificate", {"rotation": "a"}),), Change.PREPARE),
        ((_COMPONENT,), Change.PREPARE),
        ((step("create", "X", resource_type="pulumi:providers:pulumi-python"),), Change.PREPARE),
        # A done swap stays among the inputs, while something else is updated.
        ((_trigger_step(trigger(NEW, **_DONE, on_drift="restore"), trigger(NEW, **_DONE)),), Change.PREPARE),
        (ROTATING, Change.ROTATE),
        ((*PREPARING[1:], *ROTATING), Change.ROTATE),
        ((_trigger_step(_BACK, trigger(NEW, **_DONE)),), Change.ROLL_BACK),
        ((_trigger_step(trigger(swap=swap("restore")), trigger()),), Change.RESTORE),
        # The swap of an update that was killed: the slots have it already.
        ((_trigger_step(trigger(NEW), trigger()),), Change.ROTATE),
        ((_trigger_step(trigger(OLD), trigger(NEW, rollback_to=OLD)),), Change.ROLL_BACK),
        ((_trigger_step(trigger(switchover=switchover()), trigger()),), Change.ROTATE),
        ((_trigger_step({**_BACK, "switchover": switchover()}, _BACK),), Change.ROLL_BACK),
        # A system that trusts the signer: written with the swap, or after it by a later update.
        ((_WRITING,), Change.ROTATE),
        ((_WRITING, _trigger_step(_BACK, _BACK, "same")), Change.ROLL_BACK),
        ((_WRITING, *ROTATING), Change.ROTATE),
        ((step("update", "CommunicationSystemTrust", _WRITE, _WRITE),), Change.PREPARE),
        ((*ROTATING, _trigger_step(_BACK, trigger(NEW, **_DONE))), Change.OTHER),
        ((step("delete", "PassiveTrustCertificate", old={"generation": "a"}),), Change.OTHER),
        ((step("replace", "RotationTrigger", trigger(), trigger()),), Change.OTHER),
        ((*ROTATING, step("delete", "PassiveTrustCertificate")), Change.OTHER),
        ((step("update", "ActiveTrustCertificate", {"step": "renew in place: now"}),), Change.OTHER),
        ((step("update", "ActiveTrustCertificate", _RENEWING, _RENEWING),), Change.OTHER),
        ((step("update", "ActiveTrustCertificate", {**_RENEWING, **trigger()}, _RENEWING),), Change.PREPARE),
        ((_trigger_step(trigger(NEW, step="make 'b' sign"), trigger()),), Change.OTHER),
        ((step("create", "Bucket", resource_type="aws:s3:Bucket"),), Change.OTHER),
    ],
)
def test_preview_has_its_change(steps: tuple[Mapping[str, Any], ...], change: Change) -> None:
    """A swap is found by the input `swap` that changes; what is left of a killed one by the recorded signer."""
    found = preview(*steps)
    assert classify(found) is change
    assert bool(list(other_changes(found))) <= (change is Change.OTHER)


def test_swap_needs_its_verb() -> None:
    """Each kind of swap is allowed by at most one verb, and a restoration or a deletion by none."""
    for change in (Change.ROTATE, Change.ROLL_BACK):
        assert len([verb for verb in Verb if change in ALLOWED[verb]]) == 1
    assert not {Change.RESTORE, Change.OTHER} & {change for changes in ALLOWED.values() for change in changes}
    assert ALLOWED[Verb.PREPARE] == {Change.PREPARE}
