"""What the state of a stack says, from its export."""

from __future__ import annotations

import json
from typing import Any

import pytest

from btp_trust.errors import UnreadableState
from btp_trust.rotation.schema import RotationState
from btp_trust.snapshot import Snapshot
from btp_trust_cli.recorded import RecordedSubaccount, parse_stack, project_of, registration_connections
from support.golden_states import FOLDER
from support.statuses import GUID, OLD

PREFIX = "pulumi-python:dynamic/btp-trust:"
KINDS = ("ActiveTrustCertificate", "PassiveTrustCertificate", "RotationTrigger", "TrustedIdentityProvider")


def golden(kind: str) -> dict[str, Any]:
    """Return a resource as this version writes it."""
    bags = json.loads((FOLDER / f"{kind}.json").read_text())
    return {"urn": f"urn:pulumi:dev::trust::{PREFIX}{kind}::name", "type": f"{PREFIX}{kind}", **bags}


def test_golden_states_are_read() -> None:
    """All resources of a subaccount become one record, with all names; a registration is about another one."""
    resources = [golden(kind) for kind in KINDS]
    (found,) = parse_stack(resources).values()
    assert found.rotation is not None
    assert found.passive is not None
    assert found.active is not None
    assert set(found.names) >= {found.rotation.generation, found.passive.generation}
    assert registration_connections(resources) == ("target",)
    assert project_of(resources) == "trust"


@pytest.mark.parametrize(
    "resource",
    [
        {},
        {"type": "pulumi:pulumi:Stack", "outputs": {"subaccount_id": GUID}},
        {"type": "RotationTrigger", "outputs": {"subaccount_id": GUID}},
        {"type": f"{PREFIX}RotationTrigger", "inputs": None, "outputs": None},
        {"type": f"{PREFIX}RotationTrigger", "outputs": {"subaccount_id": {"ciphertext": "v1:"}}},
        {"type": f"{PREFIX}Later", "outputs": {"subaccount_id": GUID}},
        {"type": f"{PREFIX}TrustedIdentityProvider", "inputs": ["a"], "outputs": "b"},
        {"type": f"{PREFIX}TrustedIdentityProvider", "inputs": {"connection": {"ciphertext": "v1:"}}},
    ],
)
def test_other_resources_are_skipped(resource: dict[str, Any]) -> None:
    """Those of other providers, one whose creation failed, one whose GUID is encrypted, a kind of a later version."""
    assert parse_stack([resource]) == {}
    assert registration_connections([resource]) == ()
    assert project_of([resource]) == ""


@pytest.mark.parametrize("kind", KINDS[:3])
def test_changed_state_is_refused(kind: str) -> None:
    """A state that was changed by hand is an error, with what to do."""
    resource = golden(kind)
    resource["outputs"]["fingerprint"] = 5
    with pytest.raises(UnreadableState, match="Restore the state from a backup"):
        parse_stack([resource])


ENCRYPTED = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:s3cret"}


@pytest.mark.parametrize(
    ("kind", "where", "name", "value"),
    [
        ("RotationTrigger", "outputs", "trusted_by", ENCRYPTED),
        ("RotationTrigger", "outputs", "trusted_by", {"s4": ENCRYPTED}),
        ("RotationTrigger", "outputs", "history", [ENCRYPTED]),
        ("RotationTrigger", "inputs", "generations", ENCRYPTED),
        ("PassiveTrustCertificate", "outputs", "fingerprint", ENCRYPTED),
        ("ActiveTrustCertificate", "inputs", "connection", ENCRYPTED),
    ],
)
def test_encrypted_value_is_named(kind: str, where: str, name: str, value: Any) -> None:
    """A secret of the program is no damage, and never shown: an encrypted map would pass for two targets."""
    resource = golden(kind)
    resource[where][name] = value
    with pytest.raises(UnreadableState, match=rf"encrypted in part: {name}\.") as raised:
        parse_stack([resource])
    assert "v1:" not in str(raised.value)
    assert "pulumi.Output.unsecret" in raised.value.remedy


@pytest.mark.parametrize("value", [ENCRYPTED, 17, None])
def test_unreadable_name_is_left_out(value: Any) -> None:
    """A name for people has others in its place; what no command reads may be a secret."""
    resource = golden("RotationTrigger")
    resource["inputs"] |= {"display_name": value, "trusted_by": value, "signer": value}
    resource["outputs"] |= {"subaccount": value, "warned_by": value}
    (found,) = parse_stack([resource]).values()
    assert (found.display_name, found.recorded_label) == (None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window", {"cron": "0 2 * * SUN", "duration": "4h", "time_zone": "Mars/Base"}),
        ("window", {"cron": "0 2", "duration": "4h"}),
        ("freeze", [{"from": "soon", "to": "later", "why": "closing"}]),
    ],
)
def test_unusable_time_is_refused(name: str, value: Any) -> None:
    """A calendar would end with a traceback; the stack is a row with the reason in place of that."""
    resource = golden("RotationTrigger")
    resource["outputs"][name] = value
    with pytest.raises(UnreadableState, match=f"`{name}` is unusable"):
        parse_stack([resource])


def test_empty_active_slot_is_drift() -> None:
    """The declared signer is gone."""
    rotation = RotationState(fingerprint=OLD.fingerprint, generation="2026-01")
    (drift,) = RecordedSubaccount(GUID, "prod", rotation=rotation).drifts(Snapshot(GUID, None, None, OLD.not_before))
    assert drift.what.startswith("The active slot is empty")
