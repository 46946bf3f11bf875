"""Finding a destination tells in its answer why there is no token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from btp_trust_emulator import (
    Emulator,
    Kind,
)
from support.destinations import BASE, SAML, Landscape

if TYPE_CHECKING:
    pass


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        pytest.param({"tokenServiceURL": None}, "the tokenServiceURL is no URL", id="no token service"),
        pytest.param({"tokenServiceURL": "https://[::"}, "the tokenServiceURL is no URL", id="a broken URL"),
        pytest.param({"ProxyType": "OnPremise"}, "ProxyType OnPremise is not emulated", id="on premise"),
        pytest.param({"KeyStoreLocation": "own.p12"}, "key stores", id="a key of its own"),
        pytest.param({"tokenService.KeyStoreLocation": "own.p12"}, "key stores", id="mutual TLS"),
        pytest.param({"userIdSource": "nothing"}, "the user ID could not be determined", id="no such claim"),
        pytest.param({"userIdSource": "$.sub.x"}, "the user ID could not be determined", id="no such path"),
        pytest.param({"nameIdFormat": "x"}, "the nameIdFormat x is not supported", id="another format"),
        pytest.param({"SAMLAssertionProvider": "ClientProvided"}, "X-samlAssertion is missing", id="none brought"),
        pytest.param({"tokenServiceUser": "other"}, "invalid_client", id="another client"),
        pytest.param({"tokenServiceUser": None}, "invalid_client", id="no client"),
        pytest.param({"audience": None}, "its audience is somebody else", id="another audience"),
        pytest.param({"assertionRecipient": "https://elsewhere"}, "its recipient is", id="another recipient"),
    ],
)
def test_what_keeps_a_token_from_coming_is_in_the_answer(here: Landscape, changes: dict[str, Any], text: str) -> None:
    """200, and the reason."""
    here.change(**changes)
    error = here.auth_token()["error"]
    assert error.startswith("Retrieval of OAuthToken failed due to: ")
    assert text in error


def test_a_token_without_a_user_signs_nothing(here: Landscape) -> None:
    """A client's own token is not enough; a user's token may be the caller's own."""
    (token,) = here.get("destinations/s4").json()["authTokens"]
    assert "the user ID could not be determined" in token["error"]
    (token,) = here.get("destinations/s4", authorization=f"Bearer {here.user_token}").json()["authTokens"]
    assert "error" not in token


def test_without_an_active_key_nothing_is_signed(running: Emulator) -> None:
    """Neither with an empty slot nor with a certificate that was given without its key."""
    with httpx.Client(transport=running.transport) as http:
        here = Landscape(running, http)
        active, _ = running.certificates(here.guid)
        for given in (None, active):
            guid = running.create_subaccount(active=given).guid
            running.create_user(guid, "joe", "secret")
            running.create_destination(guid, SAML)
            here.token = here.user_token = running.user_token(guid, "joe")
            assert "no active key pair" in here.auth_token("saml")["error"]


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        pytest.param(Kind.FAIL, {}, "Response was: Service Unavailable", id="503"),
        pytest.param(Kind.HTML, {"status": 200}, "has no access token", id="a proxy's page"),
        pytest.param(Kind.TRUNCATED_JSON, {}, "has no access token", id="half an answer"),
        pytest.param(Kind.SILENCE, {}, "ReadTimeout", id="silence"),
        pytest.param(Kind.SLOW, {"seconds": 10}, "ReadTimeout", id="a slow answer"),
        pytest.param(Kind.DO_THEN_RESET, {}, "ReadError", id="a reset"),
        pytest.param(Kind.CLOSE, {}, "RemoteProtocolError", id="a close"),
    ],
)
def test_what_befalls_the_target_s_token_service_is_in_the_answer(
    anywhere: Landscape, kind: Kind, fields: dict[str, Any], text: str
) -> None:
    """Faults fit the paths of targets too; the find itself is answered."""
    anywhere.emulator.fault(kind, path=httpx.URL(anywhere.system.token_service_url).path, **fields)
    assert text in anywhere.auth_token()["error"]
    assert anywhere.emulator.journal()[0].faults == (kind,)


def test_what_befalls_a_find_does_not_undo_what_it_did(anywhere: Landscape) -> None:
    """It acts, asks the target, and then fails; the journal has the act's own note."""
    anywhere.emulator.fault(Kind.DO_THEN_FAIL, path=f"{BASE}/destinations/s4")
    assert anywhere.get("destinations/s4", x_user_token=anywhere.user_token).status_code == 500
    asked, found = anywhere.emulator.journal()
    assert asked.status == 200
    assert (found.status, "the token service answered 200" in str(found.note)) == (500, True)


def test_a_token_service_elsewhere_is_asked_over_the_network(anywhere: Landscape) -> None:
    """As another emulator's; one that is not there is a failure to connect."""
    with Emulator(socket=True, key_size=1024) as other:
        target = other.create_target("far")
        active, _ = anywhere.emulator.certificates(anywhere.guid)
        other.upload_certificate("far", str(active))
        anywhere.create(target.properties("far"))
        assert "error" not in anywhere.auth_token("far")
        assert [entry.status for entry in other.journal()] == [200]
    assert "ConnectError" in anywhere.auth_token("far")["error"]
    assert str(anywhere.emulator.journal()[-1].note).endswith("the token service answered nothing")
