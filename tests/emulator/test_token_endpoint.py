"""The token endpoint answers as XSUAA does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

if TYPE_CHECKING:
    from btp_trust_emulator import Emulator

FORM = {"content-type": "application/x-www-form-urlencoded"}
BAD_CREDENTIALS = {"error": "invalid_client", "error_description": "Bad credentials"}


def test_response_has_documented_fields(caller: Any) -> None:
    """The response is a bearer token of 43199 seconds for `uaa.resource`."""
    response = caller.ask_token()
    content = response.json()
    assert response.status_code == 200
    assert set(content) == {"access_token", "token_type", "expires_in", "scope", "jti"}
    assert (content["token_type"], content["expires_in"], content["scope"]) == ("bearer", 43199, "uaa.resource")


def test_token_verifies_with_service_key(caller: Any) -> None:
    """The `verificationkey` verifies the token, whose claims are those of the subaccount."""
    content, key, subaccount = caller.ask_token().json(), caller.key, caller.subaccount
    claims = jwt.decode(content["access_token"], key["verificationkey"], ["RS256"], audience=key["clientid"])
    assert claims["ext_attr"] == {
        "enhancer": "XSUAA",
        "subaccountid": subaccount.guid,
        "zdn": subaccount.subdomain,
        "serviceinstanceid": key["instanceid"],
    }
    assert (claims["zid"], claims["jti"]) == (subaccount.guid, content["jti"])
    assert {claims["cid"], claims["client_id"]} == {key["clientid"]}
    assert claims["iss"] == f"{key['url']}/oauth/token"
    assert claims["scope"] == ["uaa.resource"]
    assert claims["exp"] - claims["iat"] == 43199
    assert abs(claims["iat"] - time.time()) < 60


def test_basic_credentials_are_accepted(caller: Any) -> None:
    """The client may be in the Authorization header, with the grant in the form."""
    response = caller.http.post(
        f"{caller.key['url']}/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(caller.key["clientid"], caller.key["clientsecret"]),
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"client_secret": "wrong"}, id="a wrong secret"),
        pytest.param({"client_secret": None}, id="secret missing"),
        pytest.param({"client_id": "wrong"}, id="a wrong client"),
        pytest.param({"client_id": None}, id="client missing"),
        pytest.param({"client_secret": "wrong", "grant_type": "password"}, id="a wrong secret and a wrong grant"),
    ],
)
def test_wrong_client_is_401_with_challenge(caller: Any, changes: dict[str, str | None]) -> None:
    """Body and WWW-Authenticate are those of the UAA; the client is checked before the grant."""
    response = caller.ask_token(**changes)
    assert (response.status_code, response.json()) == (401, BAD_CREDENTIALS)
    assert response.headers["www-authenticate"].startswith('Basic realm="UAA/client"')


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param("Basic !", id="malformed base64"),
        pytest.param("Basic /w==", id="malformed UTF-8"),
        pytest.param("Basic eDp5", id="unknown client"),
        pytest.param("Bearer eDp5", id="another scheme"),
    ],
)
def test_malformed_basic_credentials_are_401(caller: Any, credentials: str) -> None:
    """Any malformed Basic credentials are 401."""
    url = f"{caller.key['url']}/oauth/token"
    response = caller.http.post(url, data={"grant_type": "client_credentials"}, headers={"authorization": credentials})
    assert (response.status_code, response.json()) == (401, BAD_CREDENTIALS)


def test_json_body_is_no_form(caller: Any) -> None:
    """Credentials in a JSON body are ignored."""
    url, key = f"{caller.key['url']}/oauth/token", caller.key
    form = {"grant_type": "client_credentials", "client_id": key["clientid"], "client_secret": key["clientsecret"]}
    assert caller.http.post(url, json=form).status_code == 401


@pytest.mark.parametrize(
    ("grant", "error"),
    [
        pytest.param("authorization_code", "unsupported_grant_type", id="another grant"),
        pytest.param(None, "invalid_request", id="grant missing"),
    ],
)
def test_unknown_grant_is_400(caller: Any, grant: str | None, error: str) -> None:
    """An unknown grant, or a missing one, is 400."""
    response = caller.ask_token(grant_type=grant)
    assert (response.status_code, response.json()["error"]) == (400, error)


def test_token_requires_post(caller: Any) -> None:
    """Other methods are refused, because credentials do not belong into a URL."""
    response = caller.http.get(f"{caller.key['url']}/oauth/token")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/uaa/nobody/oauth/token", "/uaa/nobody"])
def test_unknown_subdomain_is_404(caller: Any, path: str) -> None:
    """An unknown subdomain is 404 in plain text."""
    response = caller.http.post(caller.key["uri"] + path, headers=FORM)
    assert (response.status_code, response.text) == (404, "Not Found")


def test_client_belongs_to_its_subaccount(caller: Any, empty_caller: Any) -> None:
    """The client of one subaccount is unknown to the token server of another."""
    foreign_key = empty_caller.key
    response = caller.ask_token(client_id=foreign_key["clientid"], client_secret=foreign_key["clientsecret"])
    assert response.status_code == 401


def test_tls_host_ignores_secret(in_process_emulator: Emulator, make_caller: Any) -> None:
    """On the host for client certificates, a secret is no substitute for one."""
    caller = make_caller(in_process_emulator)
    certurl = in_process_emulator.service_key(caller.subaccount.guid, "x509")["certurl"]
    form = {
        "grant_type": "client_credentials",
        "client_id": caller.key["clientid"],
        "client_secret": caller.key["clientsecret"],
    }
    assert caller.http.post(f"{certurl}/oauth/token", data=form).status_code == 401
