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
    """What the token in an answer says, checked with the service key."""
    key = caller.key
    token = response.json()["access_token"]
    return dict(jwt.decode(token, key["verificationkey"], ["RS256"], audience=key["clientid"]))


def test_a_password_gets_a_token_that_speaks_of_the_user(caller: Any, joe: Callable[..., Any]) -> None:
    """With the claims that XSUAA documents, of this subaccount and its client."""
    response = joe()
    said = claims(caller, response)
    assert response.status_code == 200
    assert (said["user_name"], said["email"], said["grant_type"]) == ("joe", "joe@example.com", "password")
    assert said["xs.system.attributes"] == {"xs.saml.groups": ["admins"]}
    assert said["sub"] == said["user_id"] == said["user_uuid"]
    assert (said["zid"], said["cid"]) == (caller.subaccount.guid, caller.key["clientid"])
    assert "user_attributes" in response.json()["scope"].split()


def test_a_token_is_exchanged_for_another_of_the_same_user(caller: Any, joe: Callable[..., Any]) -> None:
    """The jwt-bearer grant; so is the one that `Emulator` gives."""
    for token in (joe().json()["access_token"], caller.emulator.user_token(caller.subaccount.guid, "joe")):
        exchanged = caller.ask_token(grant_type=JWT_BEARER, assertion=token)
        assert exchanged.json()["access_token"] != token
        assert claims(caller, exchanged)["user_name"] == "joe"


def test_a_user_s_token_is_good_for_the_trust_operations(caller: Any, joe: Callable[..., Any]) -> None:
    """It is a token of the service's client all the same."""
    assert caller.call("GET", authorization=f"Bearer {joe().json()['access_token']}").status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"password": "wrong"}, id="a wrong password"),
        pytest.param({"password": None}, id="no password"),
        pytest.param({"username": "jim"}, id="nobody"),
        pytest.param({"username": None}, id="no name"),
    ],
)
def test_a_user_who_proves_nothing_gets_none(joe: Callable[..., Any], changes: dict[str, str | None]) -> None:
    """401, as the UAA answers."""
    response = joe(**changes)
    assert (response.status_code, response.json()["error"]) == (401, "unauthorized")


def test_a_token_that_is_not_a_user_s_of_this_server_is_not_exchanged(
    caller: Any, empty_caller: Any, joe: Callable[..., Any]
) -> None:
    """Nonsense, none, a client's, another subaccount's, and one that has expired."""
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


def test_the_client_that_manages_identity_providers_gets_tokens_of_its_own_alone(caller: Any) -> None:
    """No user's; and its own are none for the trust operations."""
    key = caller.emulator.api_access_key(caller.subaccount.guid)
    client = {"client_id": key["clientid"], "client_secret": key["clientsecret"]}
    refused = caller.ask_token(**client, grant_type="password", username="joe", password="secret")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    granted = caller.ask_token(**client)
    assert granted.json()["scope"].split() == ["xs_idp.read", "xs_idp.write", "uaa.resource"]
    assert caller.call("GET", authorization=f"Bearer {granted.json()['access_token']}").status_code == 401


def test_a_name_is_taken_once_and_nobody_else_has_a_token(caller: Any, joe: Callable[..., Any]) -> None:
    """The refusals of `Emulator`."""
    assert joe().status_code == 200
    with pytest.raises(Conflict, match="joe is one already"):
        caller.emulator.create_user(caller.subaccount.guid, "joe", "other")
    with pytest.raises(Unknown, match="jim is no user"):
        caller.emulator.user_token(caller.subaccount.guid, "jim")
