"""Finding a destination gets the token of its target, while the target trusts the signer."""

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


def test_destination_gets_target_token(any_mount_scenario: DestinationScenario) -> None:
    """A find returns the target's token; both requests are in the journal, free of secrets."""
    token = any_mount_scenario.auth_token()
    assert set(token) == {"type", "value", "http_header", "expires_in"}
    assert (token["type"], token["expires_in"]) == ("Bearer", "3600")
    assert token["http_header"] == {"key": "Authorization", "value": f"Bearer {token['value']}"}
    asked, find = any_mount_scenario.emulator.journal()
    assert (asked.path, asked.note) == (
        f"/systems/{any_mount_scenario.system.name}/sap/bc/sec/oauth2/token",
        f"accepted an assertion signed with {any_mount_scenario.fingerprint()}",
    )
    assert find.note == f"signed with {any_mount_scenario.fingerprint()}; the token service answered 200"
    slots = any_mount_scenario.emulator.slots(any_mount_scenario.guid)
    assert (find.subaccount, find.before, find.after) == (any_mount_scenario.guid, slots, slots)


def test_unknown_signer_is_200_with_error(
    any_mount_scenario: DestinationScenario,
) -> None:
    """After a rotation, `authTokens` has the error; an upload, or a rollback, gives a token again."""
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


def test_misreporting_target_rejects_certificate(scenario: DestinationScenario) -> None:
    """A target rejects the certificate that it misreports, and accepts the old one."""
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


def test_stale_find_signs_with_old_key(scenario: DestinationScenario) -> None:
    """A find with a stale slot signs with the key before the rotation."""
    old = scenario.fingerprint()
    scenario.emulator.generate_passive(scenario.guid)
    scenario.emulator.rotate(scenario.guid)
    scenario.emulator.fault(FaultKind.STALE, path=f"{BASE_PATH}/destinations/s4")
    assert "error" not in scenario.auth_token()
    assert str(scenario.emulator.journal()[-1].note).startswith(f"signed with {old}")
    assert "error" in scenario.auth_token()


def test_token_retrieval_can_be_skipped(scenario: DestinationScenario) -> None:
    """If no token is asked for, nothing is signed, the target is left alone, and signing faults wait."""
    scenario.emulator.fault(FaultKind.RIVAL_BEFORE, method="GET", subaccount=scenario.guid, action=Action.ROTATE)
    assert "authTokens" not in scenario.find(query="$skipTokenRetrieval=true")
    assert len(scenario.emulator.journal()) == 1
    assert scenario.emulator.journal()[-1].faults == ()


def test_users_find_concurrently(any_mount_scenario: DestinationScenario) -> None:
    """Several finds ask the target at once, and all of them end."""
    with ThreadPoolExecutor(12) as pool:
        tokens = list(pool.map(lambda _: any_mount_scenario.auth_token(), range(24)))
    assert [token for token in tokens if "error" in token] == []
    assert len({token["value"] for token in tokens}) == 24
    assert len(any_mount_scenario.emulator.journal()) == 48


def test_client_may_bring_assertion(scenario: DestinationScenario) -> None:
    """An assertion of the client is passed on as it is, for any signer; the service signs nothing."""
    scenario.create(
        {**SAML, "audience": scenario.system.entity_id, "assertionRecipient": scenario.system.token_service_url}
    )
    brought = scenario.auth_token("saml")["value"]
    scenario.change(SAMLAssertionProvider="ClientProvided")
    assert "error" not in scenario.auth_token(x_samlassertion=brought)
    assert str(scenario.emulator.journal()[-1].note).startswith("the client brought the assertion")


def test_client_assertion_is_accepted_once(scenario: DestinationScenario) -> None:
    """A target accepts once the assertion that a client got itself."""
    system = scenario.system
    scenario.create({**SAML, "audience": system.entity_id, "assertionRecipient": system.token_service_url})
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "assertion": scenario.auth_token("saml")["value"],
    }
    client = (system.client_id, system.client_secret)
    answers = [scenario.http.post(system.token_service_url, data=form, auth=client).status_code for _ in range(2)]
    assert answers == [200, 400]


def test_subaccount_can_be_target(scenario: DestinationScenario) -> None:
    """Another subaccount trusts the source's completed metadata, and issues a token for its own user."""
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
