"""Targets take assertions that somebody whom they trust signed for them, once, and refuse all others."""

from __future__ import annotations

import base64
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from assertions import ISSUER, NOW, Signer

from btp_trust_emulator import (
    Conflict,
    Emulator,
    Invalid,
    MetadataCertificates,
    MetadataLayout,
    Switches,
    Target,
    Unknown,
    certificates,
    metadata,
)
from btp_trust_emulator.saml import assertion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAML2_BEARER = "urn:ietf:params:oauth:grant-type:saml2-bearer"
OLD, NEW, STRANGER = Signer(), Signer(), Signer()


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    """One emulator for all tests: each makes targets of its own."""
    with Emulator(key_size=1024) as emulator:
        yield emulator


@pytest.fixture
def at_noon(running: Emulator) -> Emulator:
    """The same at the time at which the tests' assertions are made, with an empty journal."""
    running.set_clock(NOW)
    running.clear_journal()
    return running


@pytest.fixture
def http(running: Emulator) -> Iterator[httpx.Client]:
    """A client of the emulator."""
    with httpx.Client(transport=running.transport) as client:
        yield client


def present(http: httpx.Client, target: Target, signer: Signer = OLD, **changes: str | None) -> httpx.Response:
    """Present an assertion of a signer to a target; `changes` are of the form (None: left out)."""
    meant = {"audience": target.entity_id, "recipient": target.token_service_url}
    return send(http, target, signer.assertion(changes=meant), **changes)


def send(http: httpx.Client, target: Target, octets: bytes, **changes: str | None) -> httpx.Response:
    """Send an assertion to a target."""
    form = {"grant_type": SAML2_BEARER, "assertion": base64.urlsafe_b64encode(octets).decode()} | changes
    data = {name: value for name, value in form.items() if value is not None}
    client = (target.client_id, target.client_secret)
    return http.post(target.token_service_url, data=data, auth=client)


def note(emulator: Emulator) -> str | None:
    """What the journal notes last."""
    return emulator.journal()[-1].note


def fingerprint(signer: Signer) -> str:
    """The SHA-256 of a signer's certificate."""
    return certificates.fingerprint(signer.certificate)


def trusting_system(emulator: Emulator, *signers: Signer, holds: int = 2) -> Target:
    """A system to which the certificates of the signers were uploaded."""
    target = emulator.create_target(f"s4-{uuid.uuid4()}", holds=holds)
    for signer in signers:
        target = emulator.upload_certificate(target.name, signer.certificate)
    return target


def provider(*signers: Signer, issuer: str = ISSUER, origin_key: str = "source", **changes: Any) -> dict[str, Any]:
    """The body that registers an identity provider with the certificates of the signers."""
    layout = MetadataLayout.SECOND_KEY_DESCRIPTOR
    xml = metadata.document([signer.certificate for signer in signers], layout)
    named = xml.replace("<ns3:EntityDescriptor", f'<ns3:EntityDescriptor entityID="{issuer}"', 1)
    config = {"metaDataLocation": named, "addShadowUserOnLogin": True}
    return {
        "type": "saml",
        "originKey": origin_key,
        "name": "The source",
        "isActive": True,
        "config": config,
        **changes,
    }


class Api:
    """XSUAA's API for the identity providers of a subaccount."""

    def __init__(self, emulator: Emulator, http: httpx.Client, guid: str) -> None:
        self.key = emulator.api_access_key(guid)
        self.http = http
        form = {"grant_type": "client_credentials"}
        client = (self.key["clientid"], self.key["clientsecret"])
        token = http.post(f"{self.key['url']}/oauth/token", data=form, auth=client).json()["access_token"]
        self.headers = {"authorization": f"Bearer {token}"}

    def call(self, method: str, identity: str = "", **options: Any) -> httpx.Response:
        """One operation, on the collection or on one."""
        path = "/sap/rest/identity-providers" + (f"/{identity}" if identity else "")
        return self.http.request(method, self.key["apiurl"] + path, **{"headers": self.headers, **options})


@pytest.fixture
def api(at_noon: Emulator, http: httpx.Client) -> Api:
    """The API of a subaccount that trusts nobody."""
    return Api(at_noon, http, at_noon.create_subaccount().guid)


def trusting_subaccount(emulator: Emulator, http: httpx.Client, *signers: Signer, **changes: Any) -> Target:
    """A subaccount that trusts the signers."""
    guid = emulator.create_subaccount().guid
    assert Api(emulator, http, guid).call("POST", json=provider(*signers, **changes)).status_code == 201
    return emulator.target(guid)


KINDS = pytest.mark.parametrize("kind", ["system", "subaccount"])


def trusting(kind: str, emulator: Emulator, http: httpx.Client, *signers: Signer) -> Target:
    """A target of a kind that trusts the signers."""
    if kind == "system":
        return trusting_system(emulator, *signers)
    return trusting_subaccount(emulator, http, *signers)


@KINDS
def test_what_somebody_trusted_signed_is_taken(kind: str, at_noon: Emulator, http: httpx.Client) -> None:
    """By each of two certificates; the journal has which, and nothing of the assertion."""
    target = trusting(kind, at_noon, http, OLD, NEW)
    for signer in (OLD, NEW):
        response = present(http, target, signer)
        assert (response.status_code, response.json()["token_type"].lower()) == (200, "bearer")
        assert response.json()["expires_in"] > 0
        assert note(at_noon) == f"accepted an assertion signed with {fingerprint(signer)}"
    assert set(target.certificates) == {fingerprint(OLD), fingerprint(NEW)}


@KINDS
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        pytest.param(lambda signed: signed.replace(b"joe", b"jim"), "the signature is not by", id="tampered"),
        pytest.param(lambda _: STRANGER.assertion(), "the signature is not by", id="a stranger's"),
        pytest.param(lambda _: OLD.assertion(changes={"issuer": "somebody"}), "its issuer is not", id="issuer"),
        pytest.param(lambda _: OLD.assertion(changes={"audience": "somebody"}), "its audience", id="audience"),
        pytest.param(lambda _: b"nonsense", "it is no well-formed XML", id="nonsense"),
    ],
)
def test_anything_else_is_refused_with_an_error_of_oauth(
    kind: str, at_noon: Emulator, http: httpx.Client, spoil: Callable[[bytes], bytes], why: str
) -> None:
    """400 and invalid_grant; the reason in the description and in the journal."""
    target = trusting(kind, at_noon, http, OLD)
    response = send(http, target, spoil(OLD.assertion()))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert why in response.json()["error_description"]
    assert str(note(at_noon)).startswith(f"refused: {why}")


@KINDS
def test_an_assertion_is_refused_outside_its_time_by_the_clock(
    kind: str, at_noon: Emulator, http: httpx.Client
) -> None:
    """Before its beginning and after its end."""
    target = trusting(kind, at_noon, http, OLD)
    for seconds in (-60, 601):
        at_noon.set_clock(NOW + timedelta(seconds=seconds))
        assert present(http, target).status_code == 400
    assert [str(entry.note) for entry in at_noon.journal()[-2:]] == [
        "refused: it is not valid yet",
        "refused: it has expired",
    ]


@KINDS
def test_an_assertion_is_taken_once(kind: str, at_noon: Emulator, http: httpx.Client) -> None:
    """A second time it is a replay, at this target; a refused one may still be presented rightly."""
    target = trusting(kind, at_noon, http, OLD)
    octets = OLD.assertion(changes={"audience": target.entity_id, "recipient": target.token_service_url})
    assert [send(http, target, octets).status_code for _ in range(2)] == [200, 400]
    assert note(at_noon) == "refused: it was used before"


def test_used_assertions_are_forgotten_when_they_have_expired(at_noon: Emulator, http: httpx.Client) -> None:
    """The state does not grow with every call."""
    target = trusting_system(at_noon, OLD)
    stated = assertion.Statement(ISSUER, "joe", target.entity_id, target.token_service_url)
    for hours in (1, 2):
        at_noon.set_clock(NOW + timedelta(hours=hours))
        fresh = assertion.signed(stated, NOW + timedelta(hours=hours), OLD.key)
        assert send(http, target, fresh).status_code == 200
    assert len(at_noon._world_now.state.used_assertions) == 1


@KINDS
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"grant_type": "refresh_token"}, "unsupported_grant_type", id="another grant"),
        pytest.param({"assertion": None}, "invalid_request", id="no assertion"),
        pytest.param({"assertion": "!"}, "invalid_grant", id="no base64"),
    ],
)
def test_a_malformed_request_is_refused(
    kind: str, at_noon: Emulator, http: httpx.Client, changes: dict[str, Any], error: str
) -> None:
    """With the error that OAuth has for it."""
    response = present(http, trusting(kind, at_noon, http, OLD), **changes)
    assert (response.status_code, response.json()["error"]) == (400, error)


@KINDS
def test_only_its_client_presents_assertions_to_a_target(kind: str, at_noon: Emulator, http: httpx.Client) -> None:
    """And only by POST."""
    target = trusting(kind, at_noon, http, OLD)
    response = http.post(target.token_service_url, data={"grant_type": SAML2_BEARER}, auth=(target.client_id, "wrong"))
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert http.get(target.token_service_url).status_code == 405


def test_there_is_nothing_at_other_paths(at_noon: Emulator, http: httpx.Client) -> None:
    """404 in plain text."""
    subdomain, system = at_noon.create_subaccount().subdomain, trusting_system(at_noon)
    alias = f"{at_noon.url}/uaa/{subdomain}/oauth/token/alias/other"
    nobody = f"{at_noon.url}/systems/nobody/sap/bc/sec/oauth2/token"
    for url in (nobody, system.url, alias, f"{at_noon.url}/uaa-api"):
        assert http.post(url).text == "Not Found"


def test_a_system_that_holds_two_certificates_takes_no_third(at_noon: Emulator) -> None:
    """Until one was removed; the same once more is not a further one."""
    name = trusting_system(at_noon, OLD, NEW, NEW).name
    with pytest.raises(Conflict, match=fingerprint(OLD)):
        at_noon.upload_certificate(name, STRANGER.certificate)
    at_noon.remove_certificate(name, fingerprint(OLD))
    target = at_noon.upload_certificate(name, STRANGER.certificate)
    assert set(target.certificates) == {fingerprint(NEW), fingerprint(STRANGER)}
    with pytest.raises(Unknown, match="does not hold"):
        at_noon.remove_certificate(name, fingerprint(OLD))


def test_a_system_that_holds_one_certificate_has_the_last(at_noon: Emulator, http: httpx.Client) -> None:
    """So there is a gap in every rotation."""
    target = trusting_system(at_noon, OLD, NEW, holds=1)
    assert target.certificates == {fingerprint(NEW): ISSUER}
    assert [present(http, target, signer).status_code for signer in (OLD, NEW)] == [400, 200]


def test_a_system_may_lie(at_noon: Emulator, http: httpx.Client) -> None:
    """It shows what it refuses, and takes the other one; until it tells the truth."""
    target = trusting_system(at_noon, OLD, NEW)
    assert at_noon.lie(target.name, fingerprint(NEW)).certificates == target.certificates
    assert [present(http, target, signer).status_code for signer in (OLD, NEW)] == [200, 400]
    at_noon.lie(target.name)
    assert present(http, target, NEW).status_code == 200


def test_a_certificate_is_uploaded_for_an_issuer(at_noon: Emulator, http: httpx.Client) -> None:
    """Another one than its common name, if the person says so."""
    at_noon.create_target("mine", entity_id="https://my.s4.example.com")
    target = at_noon.upload_certificate("mine", OLD.certificate, issuer="somebody")
    assert (target.entity_id, target.certificates) == ("https://my.s4.example.com", {fingerprint(OLD): "somebody"})
    assert present(http, target).status_code == 400


@pytest.mark.parametrize(("name", "holds"), [("S4", 2), ("", 2), ("s4", 0), ("s4", 3)])
def test_a_target_that_cannot_be_is_not_created(running: Emulator, name: str, holds: int) -> None:
    """Neither with a name that cannot stand in a URL, nor with another number of certificates."""
    with pytest.raises(Invalid, match="was not created"):
        running.create_target(name, holds=holds)


def test_the_name_of_a_target_is_taken_once(running: Emulator) -> None:
    """And unknown ones are said to be."""
    running.create_target("s4")
    with pytest.raises(Conflict, match="s4 is one already"):
        running.create_target("s4")
    with pytest.raises(Unknown, match="No system is named c4c"):
        running.target("c4c")


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
