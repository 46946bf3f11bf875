"""Finding a destination gets the token of its target, as long as the target believes who signed."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from btp_trust_emulator import Action, FaultKind
from btp_trust_emulator.pki import trust_certificate
from support.destinations import BASE_PATH, SAML, DestinationScenario
from support.saml import with_entity_id

if TYPE_CHECKING:
    pass


def test_a_destination_gets_a_token_of_its_target(any_mount_scenario: DestinationScenario) -> None:
    """Everything is text; both requests are in the journal, the target's first, and neither with a secret."""
    token = any_mount_scenario.auth_token()
    assert set(token) == {"type", "value", "http_header", "expires_in"}
    assert (token["type"], token["expires_in"]) == ("Bearer", "3600")
    assert token["http_header"] == {"key": "Authorization", "value": f"Bearer {token['value']}"}
    asked, found = any_mount_scenario.emulator.journal()
    assert (asked.path, asked.note) == (
        f"/systems/{any_mount_scenario.system.name}/sap/bc/sec/oauth2/token",
        f"accepted an assertion signed with {any_mount_scenario.fingerprint()}",
    )
    assert found.note == f"signed with {any_mount_scenario.fingerprint()}; the token service answered 200"
    slots = any_mount_scenario.emulator.slots(any_mount_scenario.guid)
    assert (found.subaccount, found.before, found.after) == (any_mount_scenario.guid, slots, slots)


def test_a_rotation_that_the_target_does_not_know_of_is_a_200_with_an_error(
    any_mount_scenario: DestinationScenario,
) -> None:
    """`authTokens` says why; after the upload there is a token again, and after a swap back there is one too."""
    any_mount_scenario.emulator.generate_passive(any_mount_scenario.guid)
    any_mount_scenario.emulator.rotate(any_mount_scenario.guid)
    token = any_mount_scenario.auth_token()
    assert set(token) == {"type", "value", "error", "expires_in"}
    assert (token["type"], token["value"], token["expires_in"]) == ("", "", "")
    assert "invalid_grant" in token["error"]
    any_mount_scenario.emulator.rotate(any_mount_scenario.guid)
    assert "error" not in any_mount_scenario.auth_token()
    any_mount_scenario.emulator.rotate(any_mount_scenario.guid)
    any_mount_scenario.trust_active()
    assert "error" not in any_mount_scenario.auth_token()


def test_a_target_that_lies_refuses_what_it_shows(scenario: DestinationScenario) -> None:
    """Prepared and shown as trusted, refused after the swap; the old certificate goes on."""
    scenario.emulator.generate_passive(scenario.guid)
    _, passive = scenario.emulator.certificates(scenario.guid)
    scenario.emulator.upload_certificate(scenario.system.name, str(passive))
    new = trust_certificate.fingerprint(str(passive))
    assert new in scenario.emulator.misreport(scenario.system.name, new).certificates
    assert "error" not in scenario.auth_token()
    scenario.emulator.rotate(scenario.guid)
    assert "error" in scenario.auth_token()
    scenario.emulator.rotate(scenario.guid)
    assert "error" not in scenario.auth_token()


def test_a_read_that_lags_behind_signs_with_the_key_before(scenario: DestinationScenario) -> None:
    """A stale fault bears on finding too: as a node that has not heard of the rotation."""
    old = scenario.fingerprint()
    scenario.emulator.generate_passive(scenario.guid)
    scenario.emulator.rotate(scenario.guid)
    scenario.emulator.fault(FaultKind.STALE, path=f"{BASE_PATH}/destinations/s4")
    assert "error" not in scenario.auth_token()
    assert str(scenario.emulator.journal()[-1].note).startswith(f"signed with {old}")
    assert "error" in scenario.auth_token()


def test_no_token_is_got_if_none_is_wanted(scenario: DestinationScenario) -> None:
    """Nothing is signed and nobody is asked; and no fault that needs a signature fits."""
    scenario.emulator.fault(FaultKind.RIVAL_BEFORE, method="GET", subaccount=scenario.guid, action=Action.ROTATE)
    assert "authTokens" not in scenario.find(query="$skipTokenRetrieval=true")
    assert len(scenario.emulator.journal()) == 1
    assert scenario.emulator.journal()[-1].faults == ()


def test_several_users_may_find_at_once(any_mount_scenario: DestinationScenario) -> None:
    """Each find asks the target while others do; nobody waits for another for ever."""
    with ThreadPoolExecutor(12) as pool:
        tokens = list(pool.map(lambda _: any_mount_scenario.auth_token(), range(24)))
    assert [token for token in tokens if "error" in token] == []
    assert len({token["value"] for token in tokens}) == 24
    assert len(any_mount_scenario.emulator.journal()) == 48


def test_a_client_may_bring_the_assertion_itself(scenario: DestinationScenario) -> None:
    """It is passed on as it is, whoever signed it; nothing is signed."""
    scenario.create(
        {**SAML, "audience": scenario.system.entity_id, "assertionRecipient": scenario.system.token_service_url}
    )
    brought = scenario.auth_token("saml")["value"]
    scenario.change(SAMLAssertionProvider="ClientProvided")
    assert "error" not in scenario.auth_token(x_samlassertion=brought)
    assert str(scenario.emulator.journal()[-1].note).startswith("the client brought the assertion")


def test_an_assertion_that_a_client_gets_itself_is_taken_by_the_target(scenario: DestinationScenario) -> None:
    """Once."""
    system = scenario.system
    scenario.create({**SAML, "audience": system.entity_id, "assertionRecipient": system.token_service_url})
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "assertion": scenario.auth_token("saml")["value"],
    }
    client = (system.client_id, system.client_secret)
    answers = [scenario.http.post(system.token_service_url, data=form, auth=client).status_code for _ in range(2)]
    assert answers == [200, 400]


def test_another_subaccount_is_a_target_too(scenario: DestinationScenario) -> None:
    """It trusts the metadata of the source, with what that lacks added, and gives a token for a user of its own."""
    emulator, http = scenario.emulator, scenario.http
    other = emulator.create_subaccount().guid
    key = emulator.api_access_key(other)
    form = {"grant_type": "client_credentials"}
    client = (key["clientid"], key["clientsecret"])
    token = http.post(f"{key['url']}/oauth/token", data=form, auth=client).json()["access_token"]
    exported = base64.b64decode(scenario.get("saml2Metadata").json()["idpMetadata"]).decode()
    issuer = trust_certificate.common_name(scenario.guid)
    body = {
        "type": "saml",
        "originKey": "source",
        "name": "",
        "config": {"metaDataLocation": with_entity_id(exported, issuer)},
    }
    url = f"{key['apiurl']}/sap/rest/identity-providers"
    assert http.post(url, json=body, headers={"authorization": f"Bearer {token}"}).status_code == 201
    scenario.create(emulator.target(other).properties("other"))
    assert scenario.auth_token("other")["expires_in"] == "43199"
