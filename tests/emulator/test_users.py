"""A subaccount's token server gives tokens for its users: by their password, or for a token that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest

from btp_trust_emulator import Conflict, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture
def joe(caller: Any) -> Callable[..., Any]:
    """Ask for a token for the user joe; the arguments change the form."""
    caller.emulator.create_user(caller.subaccount.guid, "joe", "secret", "joe@example.com", ["admins"])

    def ask(**changes: str | None) -> Any:
        return caller.ask_token(**{"grant_type": "password", "username": "joe", "password": "secret", **changes})

    return ask


def claims(caller: Any, response: Any) -> dict[str, Any]:
    """Return the claims of the token in a response, verified with the service key."""
    key = caller.key
    token = response.json()["access_token"]
    return dict(jwt.decode(token, key["verificationkey"], ["RS256"], audience=key["clientid"]))


def test_password_gets_user_token(caller: Any, joe: Callable[..., Any]) -> None:
    """The token has the claims that XSUAA documents, of this subaccount and its client."""
    response = joe()
    said = claims(caller, response)
    assert response.status_code == 200
    assert (said["user_name"], said["email"], said["grant_type"]) == ("joe", "joe@example.com", "password")
    assert said["xs.system.attributes"] == {"xs.saml.groups": ["admins"]}
    assert said["sub"] == said["user_id"] == said["user_uuid"]
    assert (said["zid"], said["cid"]) == (caller.subaccount.guid, caller.key["clientid"])
    assert "user_attributes" in response.json()["scope"].split()


def test_token_is_exchanged(caller: Any, joe: Callable[..., Any]) -> None:
    """The jwt-bearer grant exchanges a user's token, also one from `Emulator`."""
    for token in (joe().json()["access_token"], caller.emulator.user_token(caller.subaccount.guid, "joe")):
        exchanged = caller.ask_token(grant_type=JWT_BEARER, assertion=token)
        assert exchanged.json()["access_token"] != token
        assert claims(caller, exchanged)["user_name"] == "joe"


def test_user_token_serves_trust_operations(caller: Any, joe: Callable[..., Any]) -> None:
    """A user's token is one of the service's client, so the trust operations accept it."""
    assert caller.call("GET", authorization=f"Bearer {joe().json()['access_token']}").status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"password": "wrong"}, id="a wrong password"),
        pytest.param({"password": None}, id="password missing"),
        pytest.param({"username": "jim"}, id="an unknown user"),
        pytest.param({"username": None}, id="name missing"),
    ],
)
def test_wrong_password_is_401(joe: Callable[..., Any], changes: dict[str, str | None]) -> None:
    """A user who does not authenticate is 401, as the UAA answers."""
    response = joe(**changes)
    assert (response.status_code, response.json()["error"]) == (401, "unauthorized")


def test_other_tokens_are_not_exchanged(caller: Any, empty_caller: Any, joe: Callable[..., Any]) -> None:
    """Malformed, missing, client, foreign and expired tokens are refused."""
    empty_caller.emulator.create_user(empty_caller.subaccount.guid, "joe", "secret")
    own = joe().json()["access_token"]
    for token in (
        "nonsense",
        None,
        caller.token(),
        empty_caller.emulator.user_token(empty_caller.subaccount.guid, "joe"),
    ):
        response = caller.ask_token(grant_type=JWT_BEARER, assertion=token)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_token")
    caller.emulator.advance(43200)
    assert caller.ask_token(grant_type=JWT_BEARER, assertion=own).status_code == 401


def test_api_client_gets_own_tokens(caller: Any) -> None:
    """The client that manages identity providers gets no user's token, and none for trust operations."""
    key = caller.emulator.api_access_key(caller.subaccount.guid)
    client = {"client_id": key["clientid"], "client_secret": key["clientsecret"]}
    refused = caller.ask_token(**client, grant_type="password", username="joe", password="secret")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    granted = caller.ask_token(**client)
    assert granted.json()["scope"].split() == ["xs_idp.read", "xs_idp.write", "uaa.resource"]
    assert caller.call("GET", authorization=f"Bearer {granted.json()['access_token']}").status_code == 401


def test_user_name_is_unique(caller: Any, joe: Callable[..., Any]) -> None:
    """`Emulator` refuses a taken name, and a token for an unknown user."""
    assert joe().status_code == 200
    with pytest.raises(Conflict, match="joe exists already"):
        caller.emulator.create_user(caller.subaccount.guid, "joe", "other")
    with pytest.raises(Unknown, match="jim is missing"):
        caller.emulator.user_token(caller.subaccount.guid, "jim")
