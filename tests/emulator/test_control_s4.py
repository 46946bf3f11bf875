"""The control plane does with S4/HANA tenants over HTTP what `Emulator` does in Python."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import httpx
import pytest

from btp_trust_emulator import Conflict, Emulator, FieldFormat, Invalid, Unknown
from support.saml import ISSUER, OLD, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def control(module_emulator: Emulator) -> Iterator[httpx.Client]:
    """Provide a client of the control plane."""
    with httpx.Client(transport=module_emulator.transport, base_url=f"{module_emulator.url}/_emulator/") as client:
        yield client


@pytest.fixture
def tenant(control: httpx.Client) -> str:
    """Provide a tenant with the communication system BTP."""
    name = f"s4-{uuid.uuid4()}"
    assert control.post("s4", json={"name": name, "password": "hidden"}).status_code == 201
    assert control.post(f"s4/{name}/systems", json={"id": "BTP"}).status_code == 201
    return name


def test_tenant_is_shown_without_password(control: httpx.Client, tenant: str) -> None:
    """A tenant is listed and shown with its user, switches and systems; the password is in the connection alone."""
    shown = control.get(f"s4/{tenant}")
    assert shown.json() in control.get("s4").json()["tenants"]
    assert "hidden" not in shown.text
    assert shown.json()["user"] == {"name": "BTP_TRUST", "has_scenario": True, "is_locked": False}
    assert [system["system_id"] for system in shown.json()["systems"]] == ["BTP"]
    user = control.get(f"s4/{tenant}/communication-user").json()
    assert user == {"url": shown.json()["url"], "user": "BTP_TRUST", "password": "hidden"}


def test_certificate_is_a_credential(control: httpx.Client, tenant: str) -> None:
    """The connection has a client certificate and its key, if asked for."""
    query = {"credential": "x509", "valid_seconds": "60"}
    user = control.get(f"s4/{tenant}/communication-user", params=query).json()
    assert set(user) == {"url", "certificate", "key"}
    assert user["url"].startswith("https://")


def test_switches_are_set_singly(module_emulator: Emulator, control: httpx.Client, tenant: str) -> None:
    """A switch is set and the others stay, when a tenant is created and later."""
    shown = control.put(f"s4/{tenant}/switches", json={"etags": "off"}).json()["switches"]
    shown |= control.put(f"s4/{tenant}/switches", json={"effect_delay_seconds": 2}).json()["switches"]
    assert (shown["etags"], shown["effect_delay_seconds"], shown["field_format"]) == ("off", 2.0, "certificate")
    name = f"{tenant[:20]}-key"
    created = control.post("s4", json={"name": name, "switches": {"field_format": "key"}}).json()
    assert created["switches"]["field_format"] == "key"
    assert module_emulator._landscape.state.tenants[name].switches.field_format is FieldFormat.KEY


def test_block_is_set_by_hand(module_emulator: Emulator, control: httpx.Client, tenant: str) -> None:
    """A person lets a block hold a certificate, under its common name or another name, a text, or nothing."""
    path = f"s4/{tenant}/systems/BTP"
    shown = control.put(f"{path}/oauth2", json={"certificate": OLD.certificate}).json()["blocks"]["oauth2"]
    assert (shown["provider_name"], shown["trusted"], shown["is_active"]) == (ISSUER, fingerprint(OLD), True)
    body = {"certificate": OLD.certificate, "provider_name": "mine", "active": False}
    shown = control.put(f"{path}/saml-bearer", json=body).json()["blocks"]["saml-bearer"]
    assert (shown["provider_name"], shown["trusted"], shown["is_active"]) == ("mine", fingerprint(OLD), False)
    for changed in ({"text": "any"}, {}):
        assert control.put(f"{path}/oauth2", json=changed).json()["blocks"]["oauth2"]["trusted"] is None
    target = control.get(path).json()["target"]
    assert target["token_service_url"] == f"{module_emulator.url}/s4/{tenant}/sap/bc/sec/oauth2/token"


def test_scenario_is_taken_away(control: httpx.Client, tenant: str) -> None:
    """The communication user loses the scenario, and gets it back with an empty body."""
    path = f"s4/{tenant}/communication-user"
    assert control.put(path, json={"has_scenario": False}).json()["user"]["has_scenario"] is False
    assert control.put(path).json()["user"]["has_scenario"] is True


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (("POST", "s4", {"name": "S4"}), 400),
        (("POST", "s4", {"name": "{tenant}"}), 409),
        (("POST", "s4", {"name": "a", "switches": {"etag": "off"}}), 400),
        (("PUT", "s4/{tenant}/switches", {"etags": "maybe"}), 400),
        (("PUT", "s4/{tenant}/switches", {"lock_after": 0}), 400),
        (("GET", "s4/nobody", None), 404),
        (("GET", "s4/nobody/communication-user", None), 404),
        (("POST", "s4/{tenant}/systems", {"id": "lower"}), 400),
        (("POST", "s4/{tenant}/systems", {"id": "BTP"}), 409),
        (("GET", "s4/{tenant}/systems/NOBODY", None), 404),
        (("PUT", "s4/{tenant}/systems/BTP/both", {}), 400),
        (("PUT", "s4/{tenant}/systems/BTP/oauth2", {"certificate": "x"}), 400),
        (("PUT", "s4/{tenant}/systems/NOBODY/oauth2", {}), 404),
    ],
)
def test_error_has_three_parts(control: httpx.Client, tenant: str, asked: tuple[str, str, object], status: int) -> None:
    """An error says what, why, and what to do."""
    method, path, body = asked
    given = {"name": tenant} if body == {"name": "{tenant}"} else body
    response = control.request(method, path.format(tenant=tenant), json=given)
    assert response.status_code == status, response.text
    assert set(response.json()["error"]) == {"what", "why", "remedy"}


def test_python_refuses_the_same(module_emulator: Emulator, tenant: str) -> None:
    """`Emulator` refuses with the same errors."""
    with pytest.raises(Conflict):
        module_emulator.create_s4(tenant)
    with pytest.raises(Invalid):
        module_emulator.create_communication_system(tenant, "lower")
    with pytest.raises(Unknown):
        module_emulator.communication_system(tenant, "NOBODY")
