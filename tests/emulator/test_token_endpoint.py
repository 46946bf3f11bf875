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


def test_the_answer_has_the_documented_fields(caller: Any) -> None:
    """A bearer token of 43199 seconds for `uaa.resource`."""
    response = caller.ask_token()
    content = response.json()
    assert response.status_code == 200
    assert set(content) == {"access_token", "token_type", "expires_in", "scope", "jti"}
    assert (content["token_type"], content["expires_in"], content["scope"]) == ("bearer", 43199, "uaa.resource")


def test_the_token_verifies_with_the_service_key_and_has_the_documented_claims(caller: Any) -> None:
    """Signed with the key whose public half is the `verificationkey`; the claims speak of this subaccount."""
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


def test_basic_credentials_work_as_well(caller: Any) -> None:
    """The client in the Authorization header, the grant in the form."""
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
        pytest.param({"client_secret": None}, id="no secret"),
        pytest.param({"client_id": "wrong"}, id="a wrong client"),
        pytest.param({"client_id": None}, id="no client"),
        pytest.param({"client_secret": "wrong", "grant_type": "password"}, id="a wrong secret and a wrong grant"),
    ],
)
def test_a_bad_client_is_a_401_with_a_challenge(caller: Any, changes: dict[str, str | None]) -> None:
    """JSON body and WWW-Authenticate as the UAA gives them; the client is checked before the grant."""
    response = caller.ask_token(**changes)
    assert (response.status_code, response.json()) == (401, BAD_CREDENTIALS)
    assert response.headers["www-authenticate"].startswith('Basic realm="UAA/client"')


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param("Basic !", id="not base64"),
        pytest.param("Basic /w==", id="not UTF-8"),
        pytest.param("Basic eDp5", id="somebody else"),
        pytest.param("Bearer eDp5", id="another scheme"),
    ],
)
def test_bad_basic_credentials_are_a_401(caller: Any, credentials: str) -> None:
    """Whatever is wrong with them."""
    url = f"{caller.key['url']}/oauth/token"
    response = caller.http.post(url, data={"grant_type": "client_credentials"}, headers={"authorization": credentials})
    assert (response.status_code, response.json()) == (401, BAD_CREDENTIALS)


def test_another_media_type_is_no_form(caller: Any) -> None:
    """Credentials in a JSON body are none."""
    url, key = f"{caller.key['url']}/oauth/token", caller.key
    form = {"grant_type": "client_credentials", "client_id": key["clientid"], "client_secret": key["clientsecret"]}
    assert caller.http.post(url, json=form).status_code == 401


@pytest.mark.parametrize(
    ("grant", "error"),
    [
        pytest.param("authorization_code", "unsupported_grant_type", id="another grant"),
        pytest.param(None, "invalid_request", id="no grant"),
    ],
)
def test_another_grant_is_a_400(caller: Any, grant: str | None, error: str) -> None:
    """One that is not emulated, or none at all."""
    response = caller.ask_token(grant_type=grant)
    assert (response.status_code, response.json()["error"]) == (400, error)


def test_a_token_is_had_by_post_alone(caller: Any) -> None:
    """Credentials do not belong into a URL."""
    response = caller.http.get(f"{caller.key['url']}/oauth/token")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/uaa/nobody/oauth/token", "/uaa/nobody"])
def test_there_is_no_token_server_of_an_unknown_subdomain(caller: Any, path: str) -> None:
    """404 in plain text."""
    response = caller.http.post(caller.key["uri"] + path, headers=FORM)
    assert (response.status_code, response.text) == (404, "Not Found")


def test_a_client_has_a_token_of_its_own_subaccount_alone(caller: Any, empty_caller: Any) -> None:
    """The client of one subaccount is unknown to the token server of another."""
    stranger = empty_caller.key
    response = caller.ask_token(client_id=stranger["clientid"], client_secret=stranger["clientsecret"])
    assert response.status_code == 401


def test_a_secret_proves_nothing_on_the_host_for_certificates(in_process_emulator: Emulator, make_caller: Any) -> None:
    """There a certificate is asked for, and in process nobody has one."""
    caller = make_caller(in_process_emulator)
    certurl = in_process_emulator.service_key(caller.subaccount.guid, "x509")["certurl"]
    form = {
        "grant_type": "client_credentials",
        "client_id": caller.key["clientid"],
        "client_secret": caller.key["clientsecret"],
    }
    assert caller.http.post(f"{certurl}/oauth/token", data=form).status_code == 401
