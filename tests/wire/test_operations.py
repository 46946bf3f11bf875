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


def test_adopts_follows_and_leaves_active(configured_plugin: Any, emulator: Emulator, guid: str) -> None:
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


def test_rotates_over_the_wire(start_plugin: Any, config: Bag, emulator: Emulator, guid: str) -> None:
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
    assert (declared["swap"]["only_if_active"], declared["signer"]["fingerprint"]) == (before.active, before.passive)
    assert configured_plugin.diff(TRIGGER, state, declared)
    swapped = configured_plugin.update(TRIGGER, state, declared)

    assert emulator.slots(guid).active == swapped["fingerprint"] == before.passive
    assert swapped["previous_fingerprint"] == before.active
    assert configured_plugin.read(TRIGGER, swapped) == swapped
    assert configured_plugin.read(PASSIVE, passive) == passive
    configured_plugin.delete(TRIGGER, swapped)
    assert emulator.slots(guid).active == before.passive


def test_deletes_the_passive_certificate(configured_plugin: Any, emulator: Emulator, guid: str) -> None:
    """A process deletes, as long as it has checked no PassiveTrustCertificate; its updates call nothing."""
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


def test_keeps_unknown_values_of_a_preview(configured_plugin: Any, guid: str) -> None:
    """The candidate's outputs may be unknown, a generation must be known, and an unknown subaccount plans nothing."""
    candidate = {"generation": "2028-11", "generations": UNKNOWN, "subaccount_id": UNKNOWN}
    inputs, failures = configured_plugin.check(TRIGGER, {"generation": "2026-11", "candidate": candidate})
    assert failures == []
    assert inputs["subaccount_id"] == guid
    assert UNKNOWN not in json.dumps(inputs)

    _, failures = configured_plugin.check(PASSIVE, {"generation": UNKNOWN})
    # Pulumi would print the unknown value of a blamed property before the sentence.
    ((prop, reason),) = failures
    assert prop == ""
    assert "generation" in reason
    assert failures[0][1].splitlines()[-1].startswith("Write the value into the program")

    inputs, failures = configured_plugin.check(ACTIVE, {"subaccount_id": UNKNOWN})
    assert failures == []
    assert inputs == {"subaccount_id": UNKNOWN}


def test_concurrent_calls_share_one_reading(configured_plugin: Any, emulator: Emulator) -> None:
    """The engine calls from four threads: the service is called as if there were one."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: configured_plugin.check(ACTIVE, {}), range(4)))

    assert all(answer == answers[0] for answer in answers)
    paths = [entry.path.rpartition("/")[2] for entry in emulator.journal()]
    assert sorted(paths) == ["certificate", "passive", "token"]


def test_reports_an_error_in_three_parts(start_plugin: Any, emulator: Emulator, guid: str) -> None:
    """An exception reaches the engine as its message, the remedy in the last line, and without the secret."""
    key = emulator.service_key(guid)
    plugin = start_plugin({"btp-trust:serviceKey": json.dumps({**key, "clientsecret": "revoked"})})

    with pytest.raises(grpc.RpcError) as caught:
        plugin.check(ACTIVE, {})

    message = caught.value.details()
    assert 'File "' not in message
    assert "Traceback" not in message
    assert len(message.strip().splitlines()) == 3
    for text in (message, plugin.stderr.read_text()):
        assert "revoked" not in text
        assert key["clientsecret"] not in text
