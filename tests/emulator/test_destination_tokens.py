"""Finding a destination gets the token of its target, as long as the target believes who signed."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from btp_trust_emulator import Action, Kind
from btp_trust_emulator.pki import trust_certificate
from support.destinations import BASE, SAML, Landscape
from support.saml import named

if TYPE_CHECKING:
    pass


def test_a_destination_gets_a_token_of_its_target(anywhere: Landscape) -> None:
    """Everything is text; both requests are in the journal, the target's first, and neither with a secret."""
    token = anywhere.auth_token()
    assert set(token) == {"type", "value", "http_header", "expires_in"}
    assert (token["type"], token["expires_in"]) == ("Bearer", "3600")
    assert token["http_header"] == {"key": "Authorization", "value": f"Bearer {token['value']}"}
    asked, found = anywhere.emulator.journal()
    assert (asked.path, asked.note) == (
        f"/systems/{anywhere.system.name}/sap/bc/sec/oauth2/token",
        f"accepted an assertion signed with {anywhere.fingerprint()}",
    )
    assert found.note == f"signed with {anywhere.fingerprint()}; the token service answered 200"
    slots = anywhere.emulator.slots(anywhere.guid)
    assert (found.subaccount, found.before, found.after) == (anywhere.guid, slots, slots)


def test_a_rotation_that_the_target_does_not_know_of_is_a_200_with_an_error(anywhere: Landscape) -> None:
    """`authTokens` says why; after the upload there is a token again, and after a swap back there is one too."""
    anywhere.emulator.generate_passive(anywhere.guid)
    anywhere.emulator.rotate(anywhere.guid)
    token = anywhere.auth_token()
    assert set(token) == {"type", "value", "error", "expires_in"}
    assert (token["type"], token["value"], token["expires_in"]) == ("", "", "")
    assert "invalid_grant" in token["error"]
    anywhere.emulator.rotate(anywhere.guid)
    assert "error" not in anywhere.auth_token()
    anywhere.emulator.rotate(anywhere.guid)
    anywhere.trust_active()
    assert "error" not in anywhere.auth_token()


def test_a_target_that_lies_refuses_what_it_shows(here: Landscape) -> None:
    """Prepared and shown as trusted, refused after the swap; the old certificate goes on."""
    here.emulator.generate_passive(here.guid)
    _, passive = here.emulator.certificates(here.guid)
    here.emulator.upload_certificate(here.system.name, str(passive))
    new = trust_certificate.fingerprint(str(passive))
    assert new in here.emulator.lie(here.system.name, new).certificates
    assert "error" not in here.auth_token()
    here.emulator.rotate(here.guid)
    assert "error" in here.auth_token()
    here.emulator.rotate(here.guid)
    assert "error" not in here.auth_token()


def test_a_read_that_lags_behind_signs_with_the_key_before(here: Landscape) -> None:
    """A stale fault bears on finding too: as a node that has not heard of the rotation."""
    old = here.fingerprint()
    here.emulator.generate_passive(here.guid)
    here.emulator.rotate(here.guid)
    here.emulator.fault(Kind.STALE, path=f"{BASE}/destinations/s4")
    assert "error" not in here.auth_token()
    assert str(here.emulator.journal()[-1].note).startswith(f"signed with {old}")
    assert "error" in here.auth_token()


def test_no_token_is_got_if_none_is_wanted(here: Landscape) -> None:
    """Nothing is signed and nobody is asked; and no fault that needs a signature fits."""
    here.emulator.fault(Kind.RIVAL_BEFORE, method="GET", subaccount=here.guid, action=Action.ROTATE)
    assert "authTokens" not in here.find(query="$skipTokenRetrieval=true")
    assert len(here.emulator.journal()) == 1
    assert here.emulator.journal()[-1].faults == ()


def test_several_users_may_find_at_once(anywhere: Landscape) -> None:
    """Each find asks the target while others do; nobody waits for another for ever."""
    with ThreadPoolExecutor(12) as pool:
        tokens = list(pool.map(lambda _: anywhere.auth_token(), range(24)))
    assert [token for token in tokens if "error" in token] == []
    assert len({token["value"] for token in tokens}) == 24
    assert len(anywhere.emulator.journal()) == 48


def test_a_client_may_bring_the_assertion_itself(here: Landscape) -> None:
    """It is passed on as it is, whoever signed it; nothing is signed."""
    here.create({**SAML, "audience": here.system.entity_id, "assertionRecipient": here.system.token_service_url})
    brought = here.auth_token("saml")["value"]
    here.change(SAMLAssertionProvider="ClientProvided")
    assert "error" not in here.auth_token(x_samlassertion=brought)
    assert str(here.emulator.journal()[-1].note).startswith("the client brought the assertion")


def test_an_assertion_that_a_client_gets_itself_is_taken_by_the_target(here: Landscape) -> None:
    """Once."""
    system = here.system
    here.create({**SAML, "audience": system.entity_id, "assertionRecipient": system.token_service_url})
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "assertion": here.auth_token("saml")["value"],
    }
    client = (system.client_id, system.client_secret)
    answers = [here.http.post(system.token_service_url, data=form, auth=client).status_code for _ in range(2)]
    assert answers == [200, 400]


def test_another_subaccount_is_a_target_too(here: Landscape) -> None:
    """It trusts the metadata of the source, with what that lacks added, and gives a token for a user of its own."""
    emulator, http = here.emulator, here.http
    other = emulator.create_subaccount().guid
    key = emulator.api_access_key(other)
    form = {"grant_type": "client_credentials"}
    client = (key["clientid"], key["clientsecret"])
    token = http.post(f"{key['url']}/oauth/token", data=form, auth=client).json()["access_token"]
    exported = base64.b64decode(here.get("saml2Metadata").json()["idpMetadata"]).decode()
    issuer = trust_certificate.common_name(here.guid)
    body = {"type": "saml", "originKey": "source", "name": "", "config": {"metaDataLocation": named(exported, issuer)}}
    url = f"{key['apiurl']}/sap/rest/identity-providers"
    assert http.post(url, json=body, headers={"authorization": f"Bearer {token}"}).status_code == 201
    here.create(emulator.target(other).properties("other"))
    assert here.auth_token("other")["expires_in"] == "43199"
