"""A subaccount trusts identity providers that are registered by the API of XSUAA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from assertions import NOW
from presenting import (
    NEW,
    OLD,
    Api,
    fingerprint,
    note,
    present,
    provider,
    send,
    trusting_subaccount,
)

from btp_trust_emulator import (
    Emulator,
    MetadataCertificates,
    Switches,
)

if TYPE_CHECKING:
    pass


def test_identity_providers_are_registered_read_changed_and_deleted(api: Api) -> None:
    """The answers are what is kept; `version` counts the changes; the journal says who is trusted with what."""
    created = api.call("POST", json=provider(OLD))
    shown = created.json()
    assert created.status_code == 201
    assert (shown["originKey"], shown["name"], shown["active"]) == ("source", "The source", True)
    assert shown["config"]["idpEntityAlias"] == "source"
    assert api.call("GET").json() == [shown]
    assert api.call("GET", shown["id"]).json() == shown
    changed = api.call("PUT", shown["id"], json=provider(OLD, NEW, name="Renamed"))
    assert (changed.status_code, changed.json()["name"], changed.json()["version"]) == (200, "Renamed", 1)
    assert (changed.json()["id"], changed.json()["created"]) == (shown["id"], shown["created"])
    assert api.call("DELETE", shown["id"]).json() == changed.json()
    assert api.call("GET").json() == []
    assert [api.call(method, shown["id"]).status_code for method in ("GET", "DELETE")] == [404, 404]


def test_the_journal_says_whom_a_subaccount_trusts_with_what(api: Api, at_noon: Emulator) -> None:
    """After each change, with the fingerprints."""
    identity = api.call("POST", json=provider(OLD)).json()["id"]
    assert note(at_noon) == f"source is trusted with {fingerprint(OLD)}"
    api.call("PUT", identity, json=provider(OLD, NEW))
    assert note(at_noon) == f"source is trusted with {fingerprint(OLD)}, {fingerprint(NEW)}"
    assert at_noon.journal()[-1].subaccount == api.key["subaccountid"]


def test_an_origin_or_an_entity_is_registered_once(api: Api) -> None:
    """409 for a second one, also by an update."""
    api.call("POST", json=provider(OLD))
    for changes in ({"issuer": "somebody"}, {"origin_key": "another"}):
        assert api.call("POST", json=provider(OLD, **changes)).status_code == 409
    other = api.call("POST", json=provider(OLD, issuer="somebody", origin_key="another")).json()["id"]
    assert api.call("PUT", other, json=provider(OLD, origin_key="another")).status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"type": "saml"}, id="too little"),
        pytest.param(provider(OLD, type="oidc1.0"), id="another type"),
        pytest.param(provider(OLD, origin_key=""), id="no origin key"),
        pytest.param(provider(OLD, config={}), id="no metadata"),
        pytest.param(provider(OLD, config={"metaDataLocation": "https://idp.example.com"}), id="metadata elsewhere"),
    ],
)
def test_an_identity_provider_that_cannot_be_trusted_is_not_taken(api: Api, body: dict[str, Any]) -> None:
    """400 with the reason."""
    response = api.call("POST", json=body)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_idp")
    assert api.call("GET").json() == []


def test_identity_providers_are_managed_by_their_own_client_alone(api: Api, at_noon: Emulator) -> None:
    """Nobody, the client of the Destination service, a token that has expired; and no other methods."""
    key = at_noon.service_key(api.key["subaccountid"])
    form = {"grant_type": "client_credentials"}
    token = api.http.post(f"{key['url']}/oauth/token", data=form, auth=(key["clientid"], key["clientsecret"]))
    for headers in ({}, {"authorization": f"Bearer {token.json()['access_token']}"}):
        assert api.call("GET", headers=headers).status_code == 401
    assert (api.call("PATCH").status_code, api.call("POST", "some-id").status_code) == (405, 405)
    at_noon.advance(50000)
    assert api.call("GET").status_code == 401


@pytest.mark.parametrize("name", ["active", "isActive"])
def test_an_identity_provider_that_is_switched_off_is_not_trusted(
    at_noon: Emulator, http: httpx.Client, name: str
) -> None:
    """Whichever name the request has for it."""
    target = trusting_subaccount(at_noon, http, OLD, **{"isActive": None, name: False})
    assert target.certificates == {}
    assert present(http, target).status_code == 400


def test_a_shadow_user_is_made_if_the_identity_provider_adds_them(at_noon: Emulator, http: httpx.Client) -> None:
    """Once, with the origin of the provider; else the user has to be there."""
    target = trusting_subaccount(at_noon, http, OLD)
    assert [present(http, target).status_code for _ in range(2)] == [200, 200]
    (user,) = at_noon._world_now.account(target.name).users
    assert (user.user_name, user.origin, user.password) == ("joe", "source", None)


def test_a_user_who_is_not_known_is_refused_if_none_are_added(at_noon: Emulator, http: httpx.Client) -> None:
    """Though the signature is good."""
    body = provider(OLD)
    body["config"]["addShadowUserOnLogin"] = False
    target = trusting_subaccount(at_noon, http, OLD, config=body["config"])
    assert present(http, target).json()["error"] == "invalid_grant"
    assert "its user is not known" in str(note(at_noon))


def test_a_shadow_user_has_no_password(at_noon: Emulator, http: httpx.Client) -> None:
    """Not even an empty one."""
    target = trusting_subaccount(at_noon, http, OLD)
    present(http, target)
    form = {"grant_type": "password", "username": "joe", "password": ""}
    response = http.post(f"{target.url}/oauth/token", data=form, auth=(target.client_id, target.client_secret))
    assert response.status_code == 401


def test_the_switch_decides_which_certificates_of_metadata_count() -> None:
    """All of them, or the first alone; shown are all."""
    switches = Switches(metadata_certificates=MetadataCertificates.FIRST)
    with Emulator(key_size=1024, switches=switches) as emulator, httpx.Client(transport=emulator.transport) as http:
        emulator.set_clock(NOW)
        target = trusting_subaccount(emulator, http, OLD, NEW)
        assert [present(http, target, signer).status_code for signer in (OLD, NEW)] == [200, 400]
        assert len(target.certificates) == 2


def test_the_metadata_of_a_subaccount_names_audience_and_token_service(at_noon: Emulator, http: httpx.Client) -> None:
    """What a destination to it needs; the token service is the usual one under another name."""
    target = trusting_subaccount(at_noon, http, OLD)
    response = http.get(f"{target.url}/saml/metadata")
    assert f'entityID="{target.entity_id}"' in response.text
    assert f'Location="{target.token_service_url}"' in response.text
    assert http.post(f"{target.url}/saml/metadata").status_code == 405
    plain = f"{target.url}/oauth/token"
    octets = OLD.assertion(changes={"audience": target.entity_id, "recipient": plain})
    assert send(http, target, octets).status_code == 200
