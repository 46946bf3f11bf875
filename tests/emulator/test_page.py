"""The page of the control plane, and the overview that it reads."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from btp_trust_emulator import Emulator, FaultKind
from btp_trust_emulator.pki import trust_certificate
from support.saml import Signer, create_trusting_subaccount

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEM = "BTP_SHOP"
NO_CERTIFICATE = trust_certificate.to_pem(b"\x30\x82\x01\x00" + bytes(256))


@pytest.fixture
def control(in_process_emulator: Emulator) -> Iterator[httpx.Client]:
    """A client of the control plane."""
    emulator = in_process_emulator
    with httpx.Client(transport=emulator.transport, base_url=f"{emulator.url}/_emulator/") as client:
        yield client


def read(control: httpx.Client) -> dict[str, Any]:
    """Return the overview."""
    return dict(control.get("overview").raise_for_status().json())


def test_page_may_ask_emulator_alone(control: httpx.Client) -> None:
    """Its policy has the hashes of its own style and script, and allows requests to its own origin."""
    response = control.get("").raise_for_status()
    assert response.headers["content-type"] == "text/html;charset=UTF-8"
    policy = response.headers["content-security-policy"]
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", response.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:; connect-src 'self';")


def test_overview_has_both_slots(in_process_emulator: Emulator, control: httpx.Client) -> None:
    """With the days of each certificate, unless it has none that can be read."""
    emulator = in_process_emulator
    full = emulator.create_subaccount(subdomain="full", generate=True)
    emulator.generate_passive(full.guid)
    emulator.create_subaccount(subdomain="odd", active=NO_CERTIFICATE)
    found = {each["subdomain"]: each for each in read(control)["subaccounts"]}
    slots = emulator.slots(full.guid)
    assert found["full"]["guid"] == full.guid
    assert found["full"]["slots"]["passive"]["fingerprint"] == slots.passive
    active = found["full"]["slots"]["active"]
    assert active["fingerprint"] == slots.active
    assert int(active["not_after"][:4]) - int(active["not_before"][:4]) == 2
    assert found["odd"]["slots"]["active"]["not_before"] is None
    assert found["odd"]["slots"]["passive"] is None


def test_overview_has_each_target(in_process_emulator: Emulator, control: httpx.Client) -> None:
    """Systems, subaccounts that trust, and blocks of communication systems, with what they reject in secret."""
    emulator = in_process_emulator
    guid = emulator.create_subaccount(subdomain="source", generate=True).guid
    certificate = emulator.certificates(guid)[0] or ""
    fingerprint = emulator.slots(guid).active
    emulator.create_target("s4")
    emulator.upload_certificate("s4", certificate)
    emulator.misreport("s4", str(fingerprint))
    emulator.create_s4("erp")
    emulator.create_communication_system("erp", SYSTEM, certificate)
    trusting = create_trusting_subaccount(emulator, control, Signer())
    system, subaccount, *blocks = read(control)["targets"]
    assert (system["name"], [entry["rejects"] for entry in system["trusted"]]) == ("s4", [True])
    assert subaccount["kind"] == "subaccount"
    assert {entry["fingerprint"] for entry in subaccount["trusted"]} == set(trusting.certificates)
    assert [block["name"] for block in blocks] == [f"erp {SYSTEM}", f"erp {SYSTEM}"]
    trusted = [entry["fingerprint"] for target in (system, *blocks) for entry in target["trusted"]]
    assert trusted == [fingerprint, fingerprint]


def test_overview_has_faults_and_requests(in_process_emulator: Emulator, control: httpx.Client) -> None:
    """The latest hundred requests, the newest first; the control plane's own are left out."""
    emulator = in_process_emulator
    guid = emulator.create_subaccount(generate=True).guid
    emulator.fault(FaultKind.FAIL, status=503, subaccount=guid, method="GET", count=3)
    with httpx.Client(transport=emulator.transport, base_url=emulator.url) as client:
        for number in range(120):
            client.get(f"/nowhere/{number}")
    found = read(control)
    assert found["request_count"] == 120
    assert [entry["path"] for entry in found["requests"]] == [f"/nowhere/{number}" for number in range(119, 19, -1)]
    assert {(fault["kind"], fault["count"], fault["fired"]) for fault in found["faults"]} == {("fail", 3, 0)}


def test_overview_holds_no_secret(in_process_emulator: Emulator, control: httpx.Client) -> None:
    """Passwords, client secrets and private keys stay where a request has to ask for them."""
    emulator = in_process_emulator
    guid = emulator.create_subaccount(generate=True).guid
    emulator.create_user(guid, "jane", "S3CRET-of-jane")
    emulator.create_target("s4")
    emulator.create_s4("erp")
    emulator.create_communication_system("erp", SYSTEM, emulator.certificates(guid)[0])
    user = json.loads(json.dumps(emulator.communication_user("erp")))
    secrets = {
        "S3CRET-of-jane",
        emulator.service_key(guid)["clientsecret"],
        emulator.api_access_key(guid)["clientsecret"],
        emulator.target("s4").client_secret,
        *(value for name, value in user.items() if "password" in name.lower()),
    }
    shown = control.get("overview").text + control.get("").text
    assert "PRIVATE" not in shown
    assert [secret for secret in secrets if secret in shown] == []
