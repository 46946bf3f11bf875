"""The whole way: a destination signs, and a tenant accepts by the certificates in its communication systems."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from btp_trust_emulator import Emulator
from support.destinations import DestinationScenario
from support.s4 import BASE64, S4Scenario
from support.saml import NEW, OLD, UNTRUSTED, fingerprint, note, present_assertion


@pytest.fixture
def s4(emulator_at_assertion_time: Emulator, http: httpx.Client) -> S4Scenario:
    """Provide a tenant of its own."""
    return S4Scenario(emulator_at_assertion_time, http)


def test_destination_reaches_the_system(scenario: DestinationScenario) -> None:
    """A swap alone makes the token endpoint reject; the patch ends that, and the token opens the services."""
    s4, emulator = S4Scenario(scenario.emulator, scenario.http), scenario.emulator
    active, _ = emulator.certificates(scenario.guid)
    emulator.trust_in_system(s4.tenant, "BTP", active)
    scenario.create(emulator.communication_system_target(s4.tenant, "BTP").properties("to-s4"))
    emulator.generate_passive(scenario.guid)
    assert ping(s4, scenario.auth_token("to-s4")["http_header"]["value"]).status_code == 200
    emulator.rotate(scenario.guid)
    assert "invalid_grant" in scenario.auth_token("to-s4")["error"]
    active, _ = emulator.certificates(scenario.guid)
    assert active is not None
    assert s4.patch({BASE64: "".join(active.splitlines()[1:-1])}).status_code == 200
    assert scenario.auth_token("to-s4")["type"] == "Bearer"


def test_assertion_reaches_the_system(scenario: DestinationScenario) -> None:
    """The assertion of a destination with `SAMLAssertion` opens the services, by the other block."""
    s4, emulator = S4Scenario(scenario.emulator, scenario.http), scenario.emulator
    scenario.create(emulator.communication_system_target(s4.tenant, "BTP").assertion_properties("to-s4"))
    for is_trusted in (False, True):
        assertion = scenario.auth_token("to-s4")["value"]
        response = ping(s4, f"SAML2.0 {assertion}")
        assert response.status_code == (200 if is_trusted else 401)
        assert (note(emulator) or "").startswith("accepted" if is_trusted else "rejected")
        emulator.trust_in_system(s4.tenant, "BTP", emulator.certificates(scenario.guid)[0], "saml-bearer")


def ping(s4: S4Scenario, authorization: str) -> httpx.Response:
    """Call the service that stands for all of the tenant's services."""
    return s4.http.get(f"{s4.user['url']}/sap/bc/ping", headers={"authorization": authorization})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_services_need_a_credential(s4: S4Scenario, method: str) -> None:
    """A token of another key, another scheme and another method are refused."""
    url = f"{s4.user['url']}/sap/bc/ping"
    schemes = ["Bearer a.b.c", "Basic a", ""]
    answers = [s4.http.request(method, url, headers={"authorization": scheme}) for scheme in schemes]
    assert [response.status_code for response in answers] == [401 if method == "GET" else 405] * 3


def test_token_is_of_its_tenant(s4: S4Scenario) -> None:
    """A token opens the services of its tenant for an hour."""
    authorization = f"Bearer {s4.present().json()['access_token']}"
    other = S4Scenario(s4.emulator, s4.http)
    assert [ping(each, authorization).status_code for each in (s4, other)] == [200, 401]
    assert ping(s4, authorization).text == "Hello joe"
    s4.emulator.advance(3600)
    assert ping(s4, authorization).status_code == 401


def test_block_accepts_its_signer(s4: S4Scenario) -> None:
    """Only what the `oauth2` block trusts is accepted, once; the journal has the signer or the reason."""
    s4.trust(NEW, block="saml-bearer")
    assert s4.accepted(OLD) == [True]
    assert note(s4.emulator) == f"accepted an assertion signed with {fingerprint(OLD)}"
    assert s4.accepted(NEW, UNTRUSTED) == [False, False]
    rejected = s4.present(NEW)
    assert (rejected.status_code, rejected.json()["error"]) == (400, "invalid_grant")
    target = s4.emulator.communication_system_target(s4.tenant, "BTP")
    assert set(target.certificates) == {fingerprint(OLD), fingerprint(NEW)}


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"grant_type": "password"}, "unsupported_grant_type"), ({"assertion": ""}, "invalid_request")],
)
def test_other_grant_is_refused(s4: S4Scenario, changes: dict[str, Any], error: str) -> None:
    """The one grant is a SAML bearer assertion."""
    response = s4.present(**changes)
    assert (response.status_code, response.json()["error"]) == (400, error)


def test_client_is_an_inbound_user(s4: S4Scenario) -> None:
    """A client that is no inbound user, or has another password, is 401."""
    target = s4.emulator.communication_system_target(s4.tenant, "BTP")
    pair = base64.b64encode(f"{target.client_id}:wrong".encode()).decode()
    for authorization in (f"Basic {pair}", "Basic bm9ib2R5OmE="):
        response = s4.http.post(target.token_service_url, headers={"authorization": authorization})
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_assertion_is_used_once(s4: S4Scenario) -> None:
    """The token endpoint of another system rejects what was meant for this one."""
    other = S4Scenario(s4.emulator, s4.http)
    target = s4.emulator.communication_system_target(other.tenant, "BTP")
    assert present_assertion(s4.http, target).status_code == 200
    octets = OLD.assertion(changes={"audience": target.entity_id, "recipient": "https://elsewhere.example.com"})
    assert ping(other, f"SAML2.0 {base64.b64encode(octets).decode()}").status_code == 401
