"""The control plane does with users, destinations and targets over HTTP what `Emulator` does in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from btp_trust_emulator import Emulator
from btp_trust_emulator.pki import trust_certificate
from support.saml import ISSUER, Signer

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNER = Signer()
FINGERPRINT = trust_certificate.fingerprint(SIGNER.certificate)


@pytest.fixture
def guid(module_emulator: Emulator) -> str:
    """Provide a subaccount."""
    return module_emulator.create_subaccount().guid


@pytest.fixture
def control(module_emulator: Emulator) -> Iterator[httpx.Client]:
    """Provide a client of the control plane."""
    with httpx.Client(transport=module_emulator.transport, base_url=f"{module_emulator.url}/_emulator/") as client:
        yield client


def test_user_is_shown_without_password(module_emulator: Emulator, control: httpx.Client, guid: str) -> None:
    """A user is created and shown without the password; the default of the e-mail address is the name."""
    body = {"user_name": "joe", "password": "hidden", "groups": ["g"]}
    response = control.post(f"subaccounts/{guid}/users", json=body)
    assert response.status_code == 201
    (user,) = response.json()["users"]
    assert (user["user_name"], user["email"], user["groups"]) == ("joe", "joe", ["g"])
    assert "hidden" not in response.text
    assert control.get(f"subaccounts/{guid}/users").json() == {"users": [user]}
    assert module_emulator.user_token(guid, "joe")


def test_shadow_user_has_origin(control: httpx.Client, guid: str) -> None:
    """A user has either an origin or a password, and a name is taken once for each origin."""
    body = {"user_name": "joe", "origin": "source", "groups": ["g"]}
    created = control.post(f"subaccounts/{guid}/users", json=body)
    (user,) = created.json()["users"]
    assert (user["origin"], user["groups"], len(user["user_id"])) == ("source", ["g"], 36)
    own = {"user_name": "joe", "password": "hidden"}
    statuses = [control.post(f"subaccounts/{guid}/users", json=user).status_code for user in (own, body, body | own)]
    assert statuses == [201, 409, 400]


def test_destination_is_created_and_deleted(module_emulator: Emulator, control: httpx.Client, guid: str) -> None:
    """A destination is created, listed and deleted; the default level is the subaccount."""
    for level in ({}, {"level": "instance"}):
        body = {"properties": {"Name": "a b", "Type": "HTTP"}, **level}
        assert control.post(f"subaccounts/{guid}/destinations", json=body).json()["properties"]["Name"] == "a b"
    listed = control.get(f"subaccounts/{guid}/destinations").json()["destinations"]
    assert [destination["level"] for destination in listed] == ["subaccount", "instance"]
    left = control.delete(f"subaccounts/{guid}/destinations/subaccount/a%20b").json()
    assert left == {"destinations": [listed[1]]}
    assert [destination.level.value for destination in module_emulator.destinations(guid)] == ["instance"]


def test_target_gets_certificates(module_emulator: Emulator, control: httpx.Client) -> None:
    """Upload, misreport and remove answer with the target, as `Emulator` has it."""
    created = control.post("targets", json={"name": "s4", "entity_id": "me", "holds": 1})
    assert (created.status_code, created.json()["entity_id"]) == (201, "me")
    uploaded = control.post("targets/s4/certificates", json={"certificate": SIGNER.certificate})
    assert (uploaded.status_code, uploaded.json()["certificates"]) == (201, {FINGERPRINT: ISSUER})
    assert control.put("targets/s4/misreported", json={"fingerprints": [FINGERPRINT]}).json() == uploaded.json()
    assert module_emulator._landscape.state.systems["s4"].trusted == {}
    assert control.get("targets/s4").json() == uploaded.json()
    assert control.get("targets").json() == {"targets": [uploaded.json()]}
    assert uploaded.json()["client_secret"] == module_emulator.target("s4").client_secret
    assert control.delete(f"targets/s4/certificates/{FINGERPRINT}").json()["certificates"] == {}


def test_subaccount_is_shown_as_target(module_emulator: Emulator, control: httpx.Client, guid: str) -> None:
    """A subaccount is a target by its GUID, and shows its certificate."""
    target = control.get(f"targets/{guid}").json()
    assert target["token_service_url"] == module_emulator.target(guid).token_service_url
    key = control.get(f"subaccounts/{guid}/api-access-key").json()
    assert key == module_emulator.api_access_key(guid)
    assert {"apiurl", "clientid", "clientsecret", "url", "subaccountid"} <= set(key)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (("POST", "subaccounts/nobody/users", {"user_name": "joe", "password": "secret"}), 404),
        (("POST", "subaccounts/{guid}/users", {"user_name": "joe"}), 400),
        (("POST", "subaccounts/{guid}/users", {"password": "secret"}), 400),
        (("POST", "subaccounts/{guid}/destinations", {"properties": {}}), 400),
        (("POST", "subaccounts/{guid}/destinations", {"properties": {"Name": 1}}), 400),
        (("DELETE", "subaccounts/{guid}/destinations/global/a", None), 400),
        (("DELETE", "subaccounts/{guid}/destinations/instance/a", None), 404),
        (("POST", "targets", {"name": "S4"}), 400),
        (("GET", "targets/nobody", None), 404),
        (("POST", "targets/nobody/certificates", {"certificate": SIGNER.certificate}), 404),
        (("PUT", "targets/nobody/misreported", {"fingerprints": []}), 404),
        (("DELETE", "targets/nobody/certificates/a", None), 404),
    ],
)
def test_error_has_three_parts(control: httpx.Client, guid: str, asked: tuple[str, str, object], status: int) -> None:
    """An error says what, why, and what to do."""
    method, path, body = asked
    response = control.request(method, path.format(guid=guid), json=body)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"what", "why", "remedy"}
