"""If finding a destination gets no token, the response says why."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from btp_trust_emulator import (
    Emulator,
    FaultKind,
)
from support.destinations import BASE_PATH, SAML, DestinationScenario


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        pytest.param({"tokenServiceURL": None}, "the tokenServiceURL is malformed", id="token service missing"),
        pytest.param({"tokenServiceURL": "https://[::"}, "the tokenServiceURL is malformed", id="a broken URL"),
        pytest.param({"ProxyType": "OnPremise"}, "ProxyType OnPremise is outside", id="on premise"),
        pytest.param({"KeyStoreLocation": "own.p12"}, "key stores", id="a key of its own"),
        pytest.param({"tokenService.KeyStoreLocation": "own.p12"}, "key stores", id="mutual TLS"),
        pytest.param({"userIdSource": "missing"}, "the user ID could not be determined", id="claim missing"),
        pytest.param({"userIdSource": "$.sub.x"}, "the user ID could not be determined", id="path missing"),
        pytest.param({"nameIdFormat": "x"}, "the nameIdFormat x is unsupported", id="another format"),
        pytest.param({"SAMLAssertionProvider": "ClientProvided"}, "X-samlAssertion is missing", id="assertion missing"),
        pytest.param({"tokenServiceUser": "other"}, "invalid_client", id="another client"),
        pytest.param({"tokenServiceUser": None}, "invalid_client", id="client missing"),
        pytest.param({"audience": None}, "its audience is another target", id="another audience"),
        pytest.param({"assertionRecipient": "https://elsewhere"}, "its recipient is", id="another recipient"),
    ],
)
def test_response_says_why_token_is_missing(scenario: DestinationScenario, changes: dict[str, Any], text: str) -> None:
    """If getting the token fails, the response is 200 with the reason."""
    scenario.change(**changes)
    error = scenario.auth_token()["error"]
    assert error.startswith("Retrieval of OAuthToken failed due to: ")
    assert text in error


def test_token_without_user_signs_nothing(scenario: DestinationScenario) -> None:
    """A client's own token is too little; a user's token may be the caller's own."""
    (token,) = scenario.get("destinations/s4").json()["authTokens"]
    assert "the user ID could not be determined" in token["error"]
    (token,) = scenario.get("destinations/s4", authorization=f"Bearer {scenario.user_token}").json()["authTokens"]
    assert "error" not in token


def test_missing_active_key_signs_nothing(module_emulator: Emulator) -> None:
    """If the active slot is empty, or its certificate was given from outside, the response has an error."""
    with httpx.Client(transport=module_emulator.transport) as http:
        scenario = DestinationScenario(module_emulator, http)
        active, _ = module_emulator.certificates(scenario.guid)
        for given in (None, active):
            guid = module_emulator.create_subaccount(active=given).guid
            module_emulator.create_user(guid, "joe", "secret")
            module_emulator.create_destination(guid, SAML)
            scenario.token = scenario.user_token = module_emulator.user_token(guid, "joe")
            assert "lacks an active key pair" in scenario.auth_token("saml")["error"]


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        pytest.param(FaultKind.FAIL, {}, "Response was: Service Unavailable", id="503"),
        pytest.param(FaultKind.HTML, {"status": 200}, "has no access token", id="a proxy's page"),
        pytest.param(FaultKind.TRUNCATED_JSON, {}, "has no access token", id="half an answer"),
        pytest.param(FaultKind.SILENCE, {}, "ReadTimeout", id="silence"),
        pytest.param(FaultKind.SLOW, {"seconds": 10}, "ReadTimeout", id="a slow answer"),
        pytest.param(FaultKind.DO_THEN_RESET, {}, "ReadError", id="a reset"),
        pytest.param(FaultKind.CLOSE, {}, "RemoteProtocolError", id="a close"),
    ],
)
def test_target_faults_appear_in_response(
    any_mount_scenario: DestinationScenario, kind: FaultKind, fields: dict[str, Any], text: str
) -> None:
    """Faults fit the paths of targets; the find itself is answered."""
    any_mount_scenario.emulator.fault(kind, path=httpx.URL(any_mount_scenario.system.token_service_url).path, **fields)
    assert text in any_mount_scenario.auth_token()["error"]
    assert any_mount_scenario.emulator.journal()[0].faults == (kind,)


def test_find_fault_keeps_its_effects(any_mount_scenario: DestinationScenario) -> None:
    """A find with a fault asks the target before it fails, and its note is in the journal."""
    any_mount_scenario.emulator.fault(FaultKind.DO_THEN_FAIL, path=f"{BASE_PATH}/destinations/s4")
    assert any_mount_scenario.get("destinations/s4", x_user_token=any_mount_scenario.user_token).status_code == 500
    asked, find = any_mount_scenario.emulator.journal()
    assert asked.status == 200
    assert (find.status, "the token service answered 200" in str(find.note)) == (500, True)


def test_foreign_token_service_is_called(any_mount_scenario: DestinationScenario) -> None:
    """A token service at another address is called over the network; a missing one is a failed connection."""
    with Emulator(socket=True, key_size=1024) as other:
        target = other.create_target("far")
        active, _ = any_mount_scenario.emulator.certificates(any_mount_scenario.guid)
        other.upload_certificate("far", str(active))
        any_mount_scenario.create(target.properties("far"))
        assert "error" not in any_mount_scenario.auth_token("far")
        assert [entry.status for entry in other.journal()] == [200]
        with other.refuse_connections():  # a closed port could be taken by another test's emulator
            assert "ConnectError" in any_mount_scenario.auth_token("far")["error"]
    assert str(any_mount_scenario.emulator.journal()[-1].note).endswith("the token service answered nothing")
