"""The saved plan, with the inputs left open that follow from what only the update knows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from btp_trust_fleet.stack_run.saved_plan import UNKNOWN, open_plan
from support.fleet_previews import OLD, PREPARING, ROTATING, preview, step, trigger, urn

_NAMES = ("generations", "trusted_by", "earlier_attestations", "rollback_to")
_REGISTERING = step("update", "TrustedIdentityProvider", {"step": "trust the new 'b'"}, {"certificates": {}})
_TRIGGER = step("same", "RotationTrigger", trigger(), trigger(generations={"a": "0"}, rollback_to="0"))


def _plan(**differences: dict[str, Any]) -> bytes:
    plans = {urn(kind): {"goal": {"inputDiff": difference}} for kind, difference in differences.items()}
    return msgspec.json.encode({"resourcePlans": plans})


def _opened(plan: bytes, *steps: dict[str, Any]) -> dict[str, dict[str, Any]]:
    plans = msgspec.json.decode(open_plan(plan, preview(*steps)))["resourcePlans"]
    return {name.split(":")[-3]: found["goal"]["inputDiff"] for name, found in plans.items()}


@pytest.mark.parametrize("before", [{}, {"updates": None}, {"updates": {"candidate": "b"}}])
def test_generated_certificate_opens_followers(before: dict[str, Any]) -> None:
    """Recorded inputs that follow from the certificate may become anything, as updates; other constraints stay."""
    opened = _opened(_plan(RotationTrigger=before), PREPARING[0], _TRIGGER)["RotationTrigger"]
    kept = before.get("updates") or {}
    assert opened["updates"] == {**kept, "generations": UNKNOWN, "rollback_to": UNKNOWN}
    assert opened["adds"] == {"trusted_by": UNKNOWN, "earlier_attestations": UNKNOWN}


def test_new_trigger_adds_names() -> None:
    """Of a trigger that is created, they are additions; the signer is as previewed."""
    created = step("create", "RotationTrigger", trigger())
    adds = {"signer": {"fingerprint": OLD}, "generations": {"a": "0"}}
    opened = _opened(_plan(RotationTrigger={"adds": adds}), PREPARING[0], created)["RotationTrigger"]
    assert opened == {"adds": {"signer": {"fingerprint": OLD}, **dict.fromkeys(_NAMES, UNKNOWN)}}


def test_registration_of_generated_is_open() -> None:
    """A registration of a generated certificate is open with its sentence."""
    registered = _opened(_plan(RotationTrigger={}, TrustedIdentityProvider={}), PREPARING[0], _REGISTERING, _TRIGGER)
    assert registered["TrustedIdentityProvider"] == {"updates": {"certificates": UNKNOWN}, "adds": {"step": UNKNOWN}}


@pytest.mark.parametrize("value", [UNKNOWN, {"becomes": UNKNOWN, "number": 1}, [{"becomes": [UNKNOWN]}]])
def test_input_with_unknown_is_open(value: Any) -> None:
    """The text around an unknown value becomes another one; what changes a signer stays closed."""
    written = step("update", "CommunicationSystemTrust", {"write": value, "trusted": "x"}, {})
    rotating = step("update", "RotationTrigger", {"trusted_by": value, "swap": value}, {"trusted_by": {}})
    plan = _plan(RotationTrigger={"adds": {"swap": value}}, CommunicationSystemTrust={})
    assert _opened(plan, written, rotating) == {
        "RotationTrigger": {"adds": {"swap": value}, "updates": {"trusted_by": UNKNOWN}},
        "CommunicationSystemTrust": {"adds": {"write": UNKNOWN}},
    }


@pytest.mark.parametrize(
    "steps",
    [
        ROTATING,
        (step("update", "PassiveTrustCertificate", {"step": "done"}, {"step": "done"}), *ROTATING),
        (step("delete", "PassiveTrustCertificate", old={"step": "done"}), *ROTATING),
        (step("same", "TrustedIdentityProvider"), *ROTATING),
    ],
)
def test_other_plans_stay_closed(steps: tuple[dict[str, Any], ...]) -> None:
    """Without a generated certificate or an unknown input, the plan is used as Pulumi has written it."""
    plan = _plan(RotationTrigger={"updates": {"swap": 1}})
    assert msgspec.json.decode(open_plan(plan, preview(*steps))) == msgspec.json.decode(plan)


def test_outputs_of_stack_are_open() -> None:
    """A program may export the time; a removed output, and a resource that is deleted, are as planned."""
    outputs = {"adds": {"now": "1"}, "updates": {"then": "2"}, "deletes": ["gone"]}
    plans = {"stack": {"goal": {"inputDiff": {}, "outputDiff": outputs}}, "deleted": {"steps": ["delete"]}}
    opened = msgspec.json.decode(open_plan(msgspec.json.encode({"resourcePlans": plans}), preview()))["resourcePlans"]
    expected = {"adds": {"now": UNKNOWN}, "updates": {"then": UNKNOWN}, "deletes": ["gone"]}
    assert opened["stack"]["goal"]["outputDiff"] == expected
    assert opened["deleted"] == plans["deleted"]
