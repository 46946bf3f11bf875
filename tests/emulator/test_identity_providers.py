"""A subaccount trusts identity providers that are registered by the API of XSUAA."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from btp_trust_emulator import (
    ActiveFilter,
    Emulator,
    InactiveProviders,
    IsActive,
    MetadataCertificates,
    ProviderMetadata,
    Switches,
)
from btp_trust_emulator.saml.xml import POST_BINDING, REDIRECT_BINDING, URI_BINDING
from support.saml import (
    NEW,
    NOW,
    OLD,
    POST,
    SERVICE,
    IdentityProviderApi,
    create_trusting_subaccount,
    fingerprint,
    idp_metadata,
    note,
    present_assertion,
    registration_body,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIELDS = {
    *("id", "originKey", "type", "name", "version", "active", "created", "last_modified"),
    *("identityZoneId", "aliasId", "aliasZid", "config"),
}
BUILT_IN = {"sap.default": "oidc1.0", "uaa": "uaa", "keystone": "keystone", "ldap": "ldap"}
NO_SERVICE = "Metadata response is missing a SingleSignOnService, necessary for sending AuthnRequests"


@pytest.fixture
def api_with() -> Iterator[Callable[..., IdentityProviderApi]]:
    """Make the API of a new subaccount of an emulator with these switches, at the tests' noon."""
    module_emulator: list[Any] = []

    def make(**switches: Any) -> IdentityProviderApi:
        emulator = Emulator(key_size=1024, switches=Switches(**switches)).__enter__()
        http = httpx.Client(transport=emulator.transport)
        module_emulator.extend([http, emulator])
        emulator.set_clock(NOW)
        return IdentityProviderApi(emulator, http, emulator.create_subaccount().guid)

    yield make
    for running in module_emulator:
        running.__exit__(None, None, None)


def own(api: IdentityProviderApi) -> dict[str, Any]:
    """Return the providers that were registered, by origin key."""
    return {key: provider for key, provider in api.by_origin_key().items() if key not in BUILT_IN}


def test_provider_has_its_life_cycle(api: IdentityProviderApi) -> None:
    """Register, read, update and delete answer with what is stored; each update adds one to the version."""
    created = api.call("POST", json=registration_body(OLD))
    shown = created.json()
    assert created.status_code == 201
    assert set(shown) == FIELDS
    assert str(uuid.UUID(shown["id"])) == shown["id"]
    assert (shown["originKey"], shown["name"], shown["active"]) == ("source", "The source", True)
    assert 0 <= shown["created"] - NOW.timestamp() * 1000 < 60000
    assert shown["last_modified"] == shown["created"]
    assert shown["identityZoneId"] == api.key["subaccountid"]
    assert own(api) == {"source": shown}
    assert api.call("GET", shown["id"]).json() == shown
    changed = api.call("PUT", shown["id"], json=registration_body(OLD, NEW, name="Renamed"))
    assert (changed.status_code, changed.json()["name"], changed.json()["version"]) == (200, "Renamed", 1)
    assert (changed.json()["id"], changed.json()["created"]) == (shown["id"], shown["created"])
    assert api.call("PUT", shown["id"], json=registration_body(OLD, version=7)).json()["version"] == 8
    assert api.call("DELETE", shown["id"]).json()["id"] == shown["id"]
    assert own(api) == {}


@pytest.mark.parametrize("query", [{}, {"rawConfig": "false"}, {"rawConfig": "true"}], ids=str)
@pytest.mark.parametrize("is_text", [False, True], ids=["sent as an object", "sent as a text"])
def test_config_is_text_by_default(api: IdentityProviderApi, query: dict[str, str], *, is_text: bool) -> None:
    """`config` is a text, or an object with `rawConfig`, and holds the twenty settings of a SAML provider."""
    body = registration_body(OLD)
    sent = body["config"] | {"linkText": "Log on", "unknown": 1}
    body["config"] = json.dumps(sent) if is_text else sent

    created = api.call("POST", json=body, params=query)
    path = created.json()["id"]
    answers = [
        created,
        api.call("GET", path, params=query),
        api.call("PUT", path, json=body, params=query),
        api.call("DELETE", path, params=query),
    ]
    api.call("POST", json=body)
    (by_origin_key,) = [
        provider for provider in api.call("GET", params=query).json() if provider["originKey"] == "source"
    ]
    for shown in [response.json() for response in answers] + [by_origin_key]:
        assert isinstance(shown["config"], dict if query.get("rawConfig") == "true" else str)
        config = shown["config"] if isinstance(shown["config"], dict) else json.loads(shown["config"])
        assert len(config) == 20
        assert (config["metaDataLocation"], config["linkText"]) == (sent["metaDataLocation"], "Log on")
        assert (config["idpEntityAlias"], config["zoneId"]) == ("source", api.key["subaccountid"])


def test_subaccount_has_built_in_providers(api: IdentityProviderApi) -> None:
    """A subaccount has SAP's provider, others without settings, and one that is inactive."""
    by_origin_key = api.by_origin_key()
    assert {key: provider["type"] for key, provider in by_origin_key.items()} == BUILT_IN
    assert [key for key, provider in by_origin_key.items() if not provider["active"]] == ["ldap"]
    assert [key for key, provider in by_origin_key.items() if provider["config"] is None] == ["keystone", "ldap"]
    texts = {provider["originKey"]: provider["config"] for provider in api.call("GET", params={}).json()}
    assert texts["keystone"] == "null"
    assert all(isinstance(text, str) for text in texts.values())


HIDING, SHOWING = {"active_only": "true"}, {"active_only": "false"}
SAP_HIDING, SAP_SHOWING = {"activeOnly": "true"}, {"activeOnly": "false"}


@pytest.mark.parametrize(
    ("heeded", "unasked", "hides", "shows"),
    [
        (ActiveFilter.EITHER, InactiveProviders.LISTED, [HIDING, SAP_HIDING], [{}, SHOWING, SAP_SHOWING]),
        (ActiveFilter.UAA, InactiveProviders.LISTED, [HIDING], [{}, SHOWING, SAP_HIDING]),
        (ActiveFilter.SAP, InactiveProviders.LISTED, [SAP_HIDING], [{}, HIDING]),
        (ActiveFilter.UAA, InactiveProviders.HIDDEN, [{}, HIDING, SAP_SHOWING], [SHOWING]),
        (ActiveFilter.SAP, InactiveProviders.HIDDEN, [{}, SHOWING], [SAP_SHOWING, {**HIDING, **SAP_SHOWING}]),
    ],
)
def test_switch_hides_inactive_providers(
    api_with: Callable[..., IdentityProviderApi],
    heeded: ActiveFilter,
    unasked: InactiveProviders,
    hides: list[dict[str, str]],
    shows: list[dict[str, str]],
) -> None:
    """Inactive providers are left out by either spelling of the parameter, or by one, as the switch says."""
    api = api_with(active_filter=heeded, inactive_providers=unasked)
    api.call("POST", json=registration_body(OLD, active=False))
    for queries, expected in ((hides, False), (shows, True)):
        for query in queries:
            assert ("source" in api.by_origin_key(**query), "ldap" in api.by_origin_key(**query)) == (
                expected,
                expected,
            ), query


def test_list_is_narrowed_by_origin_key(api: IdentityProviderApi) -> None:
    """An unknown origin key, and an inactive one, are 404."""
    identity = api.call("POST", json=registration_body(OLD)).json()["id"]
    assert list(api.by_origin_key(originKey="source")) == ["source"]
    api.call("PUT", identity, json=registration_body(OLD, active=False))
    for name in ("source", "nobody"):
        response = api.call("GET", params={"originKey": name})
        assert (response.status_code, response.text) == (404, "Provider not found.")


def test_journal_names_trusted_certificates(api: IdentityProviderApi, emulator_at_assertion_time: Emulator) -> None:
    """After each change, the journal has the fingerprints that a provider is trusted with."""
    identity = api.call("POST", json=registration_body(OLD)).json()["id"]
    assert note(emulator_at_assertion_time) == f"source is trusted with {fingerprint(OLD)}"
    api.call("PUT", identity, json=registration_body(OLD, NEW))
    assert note(emulator_at_assertion_time) == f"source is trusted with {fingerprint(OLD)}, {fingerprint(NEW)}"
    assert emulator_at_assertion_time.journal()[-1].subaccount == api.key["subaccountid"]
    api.call("DELETE", identity)
    assert note(emulator_at_assertion_time) == "source is deleted, and its 0 users"


@pytest.mark.parametrize("active", [True, False])
def test_entity_id_is_unique(api: IdentityProviderApi, *, active: bool) -> None:
    """A second provider with an entity ID is 409, for an inactive first one and for an update too."""
    entity = api.call("POST", json=registration_body(OLD, active=active)).json()
    body = registration_body(OLD, origin_key="another")
    other = api.call("POST", json=registration_body(OLD, issuer="somebody", origin_key="another")).json()["id"]
    refused = [
        api.call("POST", json=registration_body(OLD)),
        api.call("POST", json=registration_body(OLD, origin_key="a-third")),
        api.call("PUT", other, json=body),
    ]
    for response in refused:
        assert (response.status_code, response.headers["content-type"]) == (409, "application/json")
        assert response.text.startswith("Duplicate entity ID:cfapps.")
    assert api.call("PUT", entity["id"], json=registration_body(NEW)).status_code == 200


@pytest.mark.parametrize("raw", ["true", "false"])
def test_origin_key_is_unique(api: IdentityProviderApi, raw: str) -> None:
    """A second provider with an origin key is 409, with the sent provider as the body."""
    api.call("POST", json=registration_body(OLD))
    sent = registration_body(NEW, issuer="somebody", name="Somebody")
    response = api.call("POST", json=sent, params={"rawConfig": raw})
    echo = response.json()
    assert (response.status_code, set(echo)) == (409, FIELDS)
    assert (echo["id"], echo["originKey"], echo["name"]) == (None, "source", "Somebody")
    config = echo["config"] if raw == "true" else json.loads(echo["config"])
    assert config["metaDataLocation"] == sent["config"]["metaDataLocation"]


def test_update_keeps_origin_key(api: IdentityProviderApi) -> None:
    """An update keeps origin key and alias; name and entity ID change."""
    identity = api.call("POST", json=registration_body(OLD)).json()["id"]
    body = registration_body(OLD, issuer="somebody", origin_key="another", name="Another")
    changed = api.call("PUT", identity, json=body).json()
    assert (changed["originKey"], changed["config"]["idpEntityAlias"], changed["name"]) == (*["source"] * 2, "Another")
    assert 'entityID="somebody"' in changed["config"]["metaDataLocation"]


def test_update_resets_omitted_settings(api: IdentityProviderApi) -> None:
    """An update replaces everything: omitted settings, and `active`, have their defaults."""
    body = registration_body(OLD)
    body["config"] |= {"addShadowUserOnLogin": False, "linkText": "Log on"}
    identity = api.call("POST", json=body | {"active": False}).json()["id"]
    sent = registration_body(OLD)
    sent["config"] = {"metaDataLocation": sent["config"]["metaDataLocation"]}
    del sent["active"]
    changed = api.call("PUT", identity, json=sent).json()
    assert (changed["config"]["addShadowUserOnLogin"], changed["config"]["linkText"]) == (True, None)
    assert changed["active"] is True


def test_other_types_keep_their_settings(api: IdentityProviderApi) -> None:
    """The metadata of another type is stored unread, and its assertions are rejected."""
    body = registration_body(OLD, type="oidc1.0", config={"issuer": "https://oidc.example.com"})
    shown = api.call("POST", json=body).json()
    assert (shown["type"], shown["config"]) == ("oidc1.0", {"issuer": "https://oidc.example.com"})


METADATA = idp_metadata(OLD)
PEM_BODY = METADATA[METADATA.index("<X509Certificate>") : METADATA.index("</X509Certificate>")]


def service(binding: str | None, location: str | None) -> str:
    """Return metadata with one place to log on; None leaves the attribute out."""
    text = SERVICE.format(binding=binding, location=location)
    return idp_metadata(OLD, service=text.replace(' Location="None"', "").replace(' Binding="None"', ""))


def nested(text: str) -> str:
    """Return the place to log on within the descriptor of the key."""
    without = text.replace(POST, "")
    return without[::-1].replace("</ns3:KeyDescriptor>"[::-1], f"{POST}</ns3:KeyDescriptor>"[::-1], 1)[::-1]


@pytest.mark.parametrize(
    ("location", "now", "before"),
    [
        pytest.param(idp_metadata(OLD, service=""), (400, NO_SERVICE), 201, id="SingleSignOnService missing"),
        pytest.param(nested(METADATA), (400, NO_SERVICE), 201, id="one within a KeyDescriptor"),
        pytest.param(
            METADATA.replace(POST, "").replace("</ns3:SPSSO", f"{POST}</ns3:SPSSO"),
            (400, NO_SERVICE),
            201,
            id="one of a service provider",
        ),
        pytest.param(service(URI_BINDING, "https://idp.example.com"), (500, {}), 201, id="a binding for other clients"),
        pytest.param(service(POST_BINDING, ""), (500, {}), 201, id="an empty location"),
        pytest.param(service(REDIRECT_BINDING, None), (500, {}), 201, id="location missing"),
        pytest.param(service(REDIRECT_BINDING, "/sso"), 201, 201, id="a relative location"),
        pytest.param(service(POST_BINDING, "urn:none"), 201, 201, id="an odd location"),
        pytest.param(
            METADATA.replace('use="signing"', 'use="encryption"'),
            (400, "Metadata response is missing verification certificates, necessary for verifying SAML assertions"),
            201,
            id="signing certificate missing",
        ),
        pytest.param(METADATA.replace(PEM_BODY, "<X509Certificate>!"), (500, {}), 201, id="a malformed certificate"),
        pytest.param(
            METADATA.replace("IDPSSOD", "AttributeAuthorityD"),
            (400, "Metadata response is missing the necessary IDPSSODescriptor element"),
            201,
            id="role missing",
        ),
        pytest.param('\n<?xml version="1.0"?>' + METADATA, (400, {}), (400, {}), id="a line before the declaration"),
        pytest.param("https://idp.example.com", (500, {}), "Invalid metadata type", id="a URL"),
        pytest.param("bm9uZQ==", (500, {}), "Invalid metadata type", id="base64"),
        pytest.param(None, (500, {}), "Invalid metadata type", id="metadata missing"),
    ],
)
def test_metadata_must_be_complete(
    api_with: Callable[..., IdentityProviderApi], location: object, now: object, before: object
) -> None:
    """Incomplete metadata is refused with a JSON text or an empty object; older versions accept nearly all."""
    for strictness, expected in ((ProviderMetadata.COMPLETE, now), (ProviderMetadata.ANY, before)):
        api = api_with(provider_metadata=strictness)
        response = api.call("POST", json=registration_body(OLD, config={"metaDataLocation": location}))
        assert response.headers["content-type"] == "application/json"
        if expected == 201:
            assert (response.status_code, list(own(api))) == (201, ["source"])
        elif isinstance(expected, str):
            assert (response.status_code, response.text) == (400, f"{expected} for alias[source]:{location}")
        else:
            assert (response.status_code, response.json()) == expected
            assert own(api) == {}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({"originKey": ""}, 500, id="an empty origin key"),
        pytest.param({"originKey": None}, 500, id="origin key missing"),
        pytest.param({"type": None}, 500, id="type missing"),
        pytest.param({"config": None}, 500, id="config missing"),
        pytest.param({"config": "null"}, 500, id="null in a text"),
        pytest.param({"config": "{"}, 400, id="a malformed config"),
        pytest.param({"config": []}, 400, id="a config that is a list"),
        pytest.param({"config": {"emailDomain": "example.com"}}, 400, id="a setting of another kind"),
        pytest.param({"config": '{"\\ud800": 1'}, 400, id="a config that is half a text"),
        pytest.param({"version": 2**31}, 400, id="a version of more than 32 bits"),
        pytest.param({"active": "perhaps"}, 400, id="a malformed flag"),
    ],
)
def test_malformed_body_is_empty_error(api: IdentityProviderApi, changes: dict[str, Any], status: int) -> None:
    """A body that cannot be registered is refused with an empty object."""
    response = api.call("POST", json=registration_body(OLD, **changes))
    assert (response.status_code, response.json()) == (status, {})
    assert own(api) == {}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    "changes", [{"name": None}, {"name": "n" * 256}, {"originKey": "k" * 37}], ids=["no name", "a long one", "a key"]
)
def test_unstorable_provider_is_500(api: IdentityProviderApi, method: str, changes: dict[str, Any]) -> None:
    """A provider that cannot be stored comes back with 500; an empty name can be stored."""
    identity = api.call("POST", json=registration_body(OLD, name="")).json()["id"] if method == "PUT" else ""
    response = api.call(method, identity, json=registration_body(OLD, **changes))
    if method == "PUT" and "originKey" in changes:
        assert response.status_code == 200
        return
    assert response.status_code == 500
    assert {key: response.json()[key] for key in changes} == changes
    assert [provider["name"] for provider in own(api).values()] == ([""] if method == "PUT" else [])


def test_unknown_provider_is_text(api: IdentityProviderApi) -> None:
    """Each method answers an unknown ID or origin key with the text of the UAA."""
    paths = [("GET", "x"), ("PUT", "x"), ("DELETE", "x"), ("DELETE", "originKey/x")]
    for method, path in paths:
        response = api.call(method, path, json=registration_body(OLD) if method == "PUT" else None)
        assert (response.status_code, response.text) == (404, "Provider not found.")
        assert response.headers["content-type"] == "application/json"


def test_origin_key_deletes_provider(api: IdentityProviderApi) -> None:
    """A provider is deleted by its origin key, as SAP's description has it."""
    api.call("POST", json=registration_body(OLD))
    response = api.call("DELETE", "originKey/source")
    assert (response.status_code, response.json()["originKey"]) == (200, "source")
    assert own(api) == {}
    assert api.call("GET", "originKey/sap.default").status_code == 405


def test_only_own_client_manages_providers(api: IdentityProviderApi, emulator_at_assertion_time: Emulator) -> None:
    """Missing, malformed, expired and other clients' tokens, and other methods, are refused."""
    key = emulator_at_assertion_time.service_key(api.key["subaccountid"])
    form = {"grant_type": "client_credentials"}
    token = api.http.post(f"{key['url']}/oauth/token", data=form, auth=(key["clientid"], key["clientsecret"]))
    without = [api.call("GET", headers={}), api.call("GET", headers={"authorization": "Bearer x"})]
    assert [(response.status_code, response.json()["error"]) for response in without] == [
        (401, "unauthorized"),
        (401, "invalid_token"),
    ]
    others = api.call("GET", headers={"authorization": f"Bearer {token.json()['access_token']}"})
    assert (others.status_code, others.json()) == (403, {})
    refused = [api.call("PATCH"), api.call("POST", "some-id"), api.call("HEAD")]
    assert [(response.status_code, response.text) for response in refused] == [(405, "{}"), (405, "{}"), (403, "")]
    emulator_at_assertion_time.advance(50000)
    assert api.call("GET").status_code == 401


def test_reading_token_cannot_write(api: IdentityProviderApi) -> None:
    """A token for reading gets 403 and an empty object; unknown scopes are refused earlier."""
    client = (api.key["clientid"], api.key["clientsecret"])
    form = {"grant_type": "client_credentials", "scope": "xs_idp.read"}
    granted = api.http.post(f"{api.key['url']}/oauth/token", data=form, auth=client).json()
    assert granted["scope"] == "xs_idp.read"
    headers = {"authorization": f"Bearer {granted['access_token']}"}
    assert api.call("GET", headers=headers).status_code == 200
    identity = api.by_origin_key()["sap.default"]["id"]
    for method, path in (("POST", ""), ("PUT", identity), ("DELETE", identity)):
        refused = api.call(method, path, headers=headers, json=None if method == "DELETE" else registration_body(OLD))
        assert (refused.status_code, refused.json()) == (403, {})
    asked = form | {"scope": "foo.bar"}
    response = api.http.post(f"{api.key['url']}/oauth/token", data=asked, auth=client)
    assert (response.status_code, response.json()) == (
        400,
        {
            "error": "invalid_scope",
            "error_description": "foo.bar is invalid. Please use a valid scope name in the request",
        },
    )


def test_malformed_flag_is_400(api: IdentityProviderApi) -> None:
    """A flag other than true or false is refused."""
    assert api.call("GET", params={"rawConfig": "perhaps"}).status_code == 400


def test_is_active_follows_switch(api_with: Callable[..., IdentityProviderApi]) -> None:
    """`isActive` is ignored as in the UAA, or honored as in SAP's examples."""
    body = registration_body(OLD, isActive=False)
    del body["active"]
    ignored = api_with().call("POST", json=body).json()
    assert ignored["active"] is True
    assert "isActive" not in ignored
    taken = api_with(is_active=IsActive.HONORED).call("POST", json=body).json()
    assert (taken["active"], taken["isActive"]) == (False, False)


def test_inactive_provider_is_untrusted(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """Its users are rejected until it is active again, and keep their IDs."""
    guid = emulator_at_assertion_time.create_subaccount().guid
    api = IdentityProviderApi(emulator_at_assertion_time, http, guid)
    identity = api.call("POST", json=registration_body(OLD)).json()["id"]
    assert present_assertion(http, emulator_at_assertion_time.target(guid)).status_code == 200
    (joe,) = emulator_at_assertion_time.users(guid)
    api.call("PUT", identity, json=registration_body(OLD, active=False))
    assert emulator_at_assertion_time.target(guid).certificates == {}
    assert present_assertion(http, emulator_at_assertion_time.target(guid)).is_client_error
    api.call("PUT", identity, json=registration_body(OLD))
    assert present_assertion(http, emulator_at_assertion_time.target(guid)).status_code == 200
    assert emulator_at_assertion_time.users(guid) == [joe]


@pytest.mark.parametrize("path", ["{id}", "originKey/source"])
def test_deleted_provider_loses_users(emulator_at_assertion_time: Emulator, http: httpx.Client, path: str) -> None:
    """Users of the deleted provider are gone; one who returns is new. Users of other origins stay."""
    guid = emulator_at_assertion_time.create_subaccount().guid
    api = IdentityProviderApi(emulator_at_assertion_time, http, guid)
    emulator_at_assertion_time.create_user(guid, "joe", "secret")
    before = emulator_at_assertion_time.create_user(guid, "joe", groups=["approvers"], origin="source")
    identity = api.call("POST", json=registration_body(OLD)).json()["id"]
    assert present_assertion(http, emulator_at_assertion_time.target(guid)).status_code == 200
    assert [(user.origin, user.groups) for user in emulator_at_assertion_time.users(guid)] == [
        ("sap.default", ()),
        ("source", ("approvers",)),
    ]
    api.call("DELETE", path.format(id=identity))
    assert note(emulator_at_assertion_time) == "source is deleted, and its 1 users"
    assert [user.origin for user in emulator_at_assertion_time.users(guid)] == ["sap.default"]
    api.call("POST", json=registration_body(OLD))
    present_assertion(http, emulator_at_assertion_time.target(guid))
    after = emulator_at_assertion_time.users(guid)[-1]
    assert (after.user_name, after.origin, after.groups) == ("joe", "source", ())
    assert after.user_id != before.user_id


def test_shadow_user_is_added(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """A shadow user is added once, with the provider's origin, if the provider adds users."""
    target = create_trusting_subaccount(emulator_at_assertion_time, http, OLD)
    assert [present_assertion(http, target).status_code for _ in range(2)] == [200, 200]
    (user,) = emulator_at_assertion_time.users(target.name)
    assert (user.user_name, user.origin, user.password) == ("joe", "source", None)


def test_shadow_user_has_no_password(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """A shadow user cannot log on with a password, even an empty one."""
    target = create_trusting_subaccount(emulator_at_assertion_time, http, OLD)
    present_assertion(http, target)
    form = {"grant_type": "password", "username": "joe", "password": ""}
    response = http.post(f"{target.url}/oauth/token", data=form, auth=(target.client_id, target.client_secret))
    assert response.status_code == 401


def test_unknown_user_is_rejected(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """If the provider adds no users, only shadow users that exist are accepted."""
    body = registration_body(OLD)
    body["config"]["addShadowUserOnLogin"] = False
    target = create_trusting_subaccount(emulator_at_assertion_time, http, OLD, config=body["config"])
    assert present_assertion(http, target).is_client_error
    assert "its user is unknown" in str(note(emulator_at_assertion_time))
    emulator_at_assertion_time.create_user(target.name, "joe", origin="source")
    assert present_assertion(http, target).status_code == 200


def test_switch_selects_metadata_certificates() -> None:
    """The switch decides which certificates are trusted; all of them are shown."""
    switches = Switches(metadata_certificates=MetadataCertificates.FIRST)
    with Emulator(key_size=1024, switches=switches) as emulator, httpx.Client(transport=emulator.transport) as http:
        emulator.set_clock(NOW)
        target = create_trusting_subaccount(emulator, http, OLD, NEW)
        assert [present_assertion(http, target, signer).is_success for signer in (OLD, NEW)] == [True, False]
        assert len(target.certificates) == 2
