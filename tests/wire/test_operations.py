"""Each operation of each resource, over gRPC with the process that Pulumi starts."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from pulumi.runtime.rpc import UNKNOWN

from btp_trust_emulator import Emulator

Bag = dict[str, Any]
ACTIVE, PASSIVE, TRIGGER = "ActiveTrustCertificate", "PassiveTrustCertificate", "RotationTrigger"


def test_the_active_certificate_is_adopted_followed_and_left(
    configured_plugin: Any, emulator: Emulator, guid: str
) -> None:
    """Check, Create, Diff, Update, Read and Delete; a colleague's renewal in between is an update."""
    inputs, failures = configured_plugin.check(ACTIVE, {})
    identifier, outputs = configured_plugin.create(ACTIVE, inputs)
    assert failures == []
    assert identifier == f"{guid}/active"
    assert outputs["fingerprint"] == inputs["signer"]["fingerprint"] == emulator.slots(guid).active
    assert not configured_plugin.diff(ACTIVE, outputs, inputs)
    assert configured_plugin.read(ACTIVE, outputs) == outputs

    configured_plugin.delete(ACTIVE, outputs)

    assert emulator.slots(guid).active == outputs["fingerprint"]


def test_a_rotation_over_the_wire(start_plugin: Any, config: Bag, emulator: Emulator, guid: str) -> None:
    """Prepare and record; in another process, declare the other one and swap what the checked inputs name."""
    configured_plugin = start_plugin(config)
    inputs, _ = configured_plugin.check(PASSIVE, {"generation": "2028-11"})
    identifier, passive = configured_plugin.create(PASSIVE, inputs)
    assert identifier == f"{guid}/passive"
    candidate = {name: passive[name] for name in ("generation", "generations", "subaccount_id")}
    recorded, failures = configured_plugin.check(TRIGGER, {"generation": "2026-11", "candidate": candidate})
    assert failures == []
    identifier, state = configured_plugin.create(TRIGGER, recorded)
    assert identifier == f"{guid}/rotation"
    before = emulator.slots(guid)

    configured_plugin = start_plugin(config)
    declared, failures = configured_plugin.check(TRIGGER, {"generation": "2028-11", "candidate": candidate}, recorded)
    assert failures == []
    assert declared["slots_before"] == {"active": before.active, "passive": before.passive}
    assert configured_plugin.diff(TRIGGER, state, declared)
    swapped = configured_plugin.update(TRIGGER, state, declared)

    assert emulator.slots(guid).active == swapped["fingerprint"] == before.passive
    assert swapped["previous_fingerprint"] == before.active
    assert configured_plugin.read(TRIGGER, swapped) == swapped
    assert configured_plugin.read(PASSIVE, passive) == {**passive, "role": "active"}
    configured_plugin.delete(TRIGGER, swapped)
    assert emulator.slots(guid).active == before.passive


def test_removing_the_passive_certificate_empties_its_slot(
    configured_plugin: Any, emulator: Emulator, guid: str
) -> None:
    """A process that has checked no PassiveTrustCertificate deletes; its updates call nothing."""
    emulator.generate_passive(guid)
    fingerprint = emulator.slots(guid).passive
    outputs = {
        "generation": "2028-11",
        "subaccount_id": guid,
        "fingerprint": fingerprint,
        "generations": {"2028-11": fingerprint},
    }

    configured_plugin.delete(PASSIVE, outputs)

    assert emulator.slots(guid).passive is None


def test_what_is_unknown_in_a_preview_stays_unknown_and_refuses_only_what_needs_it(
    configured_plugin: Any, guid: str
) -> None:
    """The candidate's outputs may be unknown; a generation may not; a subaccount that is not made yet plans nothing."""
    candidate = {"generation": "2028-11", "generations": UNKNOWN, "subaccount_id": UNKNOWN}
    inputs, failures = configured_plugin.check(TRIGGER, {"generation": "2026-11", "candidate": candidate})
    assert failures == []
    assert inputs["subaccount_id"] == guid
    assert UNKNOWN not in json.dumps(inputs)

    _, failures = configured_plugin.check(PASSIVE, {"generation": UNKNOWN})
    assert [prop for prop, _ in failures] == ["generation"]
    assert failures[0][1].splitlines()[-1].startswith("Write the value down")

    inputs, failures = configured_plugin.check(ACTIVE, {"subaccount_id": UNKNOWN})
    assert failures == []
    assert inputs == {"subaccount_id": UNKNOWN}


def test_four_calls_at_once_share_one_token_and_one_reading(configured_plugin: Any, emulator: Emulator) -> None:
    """The engine calls from four threads: the service is asked as if there were one."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: configured_plugin.check(ACTIVE, {}), range(4)))

    assert all(answer == answers[0] for answer in answers)
    paths = [entry.path.rpartition("/")[2] for entry in emulator.journal()]
    assert sorted(paths) == ["certificate", "passive", "token"]


def test_a_fault_is_told_in_three_parts_without_a_traceback(start_plugin: Any, emulator: Emulator, guid: str) -> None:
    """An exception reaches the engine as its message, the remedy in the last line; no secret is in it."""
    key = emulator.service_key(guid)
    plugin = start_plugin({"btp-trust:serviceKey": json.dumps({**key, "clientsecret": "revoked"})})

    with pytest.raises(grpc.RpcError) as caught:
        plugin.check(ACTIVE, {})

    told = caught.value.details()
    assert 'File "' not in told
    assert "Traceback" not in told
    assert len(told.strip().splitlines()) == 3
    for text in (told, plugin.stderr.read_text()):
        assert "revoked" not in text
        assert key["clientsecret"] not in text
