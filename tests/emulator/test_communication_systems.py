"""The OData service of communication systems: what SAP's pages and public clients of it show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from lxml import etree

from btp_trust_emulator import Emulator, FaultKind, S4Switches
from support.s4 import BASE64, ISSUER, PROVIDER, SERVICE, SUBJECT, S4Scenario, error_of, field_text
from support.saml import NEW, NOW, OLD, UNTRUSTED, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN_ERROR = "CM_APS_CS/026"
BLOCKS = {
    "oauth2": ("OAuth2IdentityProvider", "IsOAuth2IdentityProviderActive"),
    "saml-bearer": ("SAMLBearerAssertionProvider", "IsSAMLBearerAssertionProviderActive"),
}


@pytest.fixture
def s4(emulator_at_assertion_time: Emulator, http: httpx.Client) -> Iterator[S4Scenario]:
    """Provide a tenant of its own."""
    yield S4Scenario(emulator_at_assertion_time, http)
    emulator_at_assertion_time.clear_faults()


def test_service_shows_its_set(s4: S4Scenario) -> None:
    """The service document and the metadata name the set and the properties that entities have."""
    document, metadata = s4.call("GET"), s4.call("GET", "$metadata")
    assert [each["name"] for each in document.json()["value"]] == ["CommunicationSystems"]
    assert (document.headers["odata-version"], document.headers["date"]) == ("4.0", "Thu, 04 Mar 2027 05:06:07 GMT")
    (kind,) = etree.fromstring(metadata.content).iterfind(".//*[@Name='CommunicationSystemsType']")
    assert {each.get("Name") for each in kind.iterfind("*[@Type]")} == set(
        s4.entity(**{"$expand": "InboundUsers,OutboundUsers"})
    ) - {"@odata.etag"}


@pytest.mark.parametrize(("block", "names"), BLOCKS.items())
def test_entity_shows_each_block(s4: S4Scenario, block: str, names: tuple[str, str]) -> None:
    """Each block has six properties, and the entity has what a destination needs."""
    prefix, active = names
    entity = s4.entity()
    assert entity[active] is True
    assert entity[f"{prefix}CertificatePublicKeyBase64"] == field_text(OLD)
    assert entity[f"{prefix}UserLogonType"] == "user_name"
    assert entity[f"{prefix}CertificateSubject"].startswith(f"CN={entity[f'{prefix}Name']},O=SAP,OU=CP ")
    assert entity[f"{prefix}CertificateIssuer"] == entity[f"{prefix}CertificateSubject"]
    assert (entity["ID"], s4.trusted(block=block)) == ("BTP", fingerprint(OLD))
    target = s4.emulator.communication_system_target(s4.tenant, "BTP")
    assert (entity["OAuth2TokenEndpoint"], entity["OAuth2Audience"]) == (target.token_service_url, target.entity_id)


def test_filter_finds_by_text_key(s4: S4Scenario) -> None:
    """A filter selects by ID, in which quotes are doubled; by UUID; and what it misses is an empty list."""
    s4.emulator.create_communication_system(s4.tenant, "OTHER")
    assert len(s4.call("GET", "CommunicationSystems").json()["value"]) == 2
    s4.patch({"Name": "it's"}, "OTHER")
    filters = ["ID eq 'OTHER'", "Name eq 'it''s'", f"UUID eq {s4.entity('OTHER')['UUID']}", "ID eq 'NOBODY'"]
    found = [s4.call("GET", "CommunicationSystems", params={"$filter": text}).json()["value"] for text in filters]
    assert [[each["ID"] for each in entities] for entities in found] == [["OTHER"]] * 3 + [[]]


def test_expand_and_select_shape_entities(s4: S4Scenario) -> None:
    """`$expand` adds the users of the system, without their passwords; `$select` leaves the rest out."""
    entity = s4.entity(**{"$expand": "InboundUsers, OutboundUsers", "$select": f"ID,{BASE64}"})
    assert set(entity) == {"@odata.etag", "ID", BASE64, "InboundUsers", "OutboundUsers"}
    (user,) = entity["InboundUsers"]
    assert (user["UserID"], entity["OutboundUsers"]) == ("BTP_USER", [])


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"$filter": "ID ne 'BTP'"}, 400),
        ({"$filter": "Nothing eq 'BTP'"}, 400),
        ({"$expand": "Arrangements"}, 400),
        ({"$select": "ID,Nothing"}, 400),
        ({"$top": "1"}, 501),
    ],
)
def test_unknown_option_is_refused(s4: S4Scenario, options: dict[str, str], status: int) -> None:
    """An option that is unknown, or names something unknown, is an OData error."""
    response = s4.call("GET", "CommunicationSystems", params=options)
    assert response.status_code == status
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("key", ["{uuid}", "UUID={uuid}", "UUID%3D{uuid}"])
def test_system_is_read_by_key(s4: S4Scenario, key: str) -> None:
    """The key is the UUID, with its name or without; the ETag is a header as well."""
    entity = s4.entity()
    response = s4.call("GET", f"CommunicationSystems({key.format(uuid=entity['UUID'])})")
    assert {name: value for name, value in response.json().items() if name != "@odata.context"} == entity
    assert response.headers["etag"] == entity["@odata.etag"]


@pytest.mark.parametrize("key", ["BTP", "00000000-0000-4000-8000-000000000000"])
def test_unknown_key_is_404(s4: S4Scenario, key: str) -> None:
    """A key that is no UUID, or an unknown one, is not found."""
    assert error_of(s4.call("GET", f"CommunicationSystems({key})"))[0] == 404


def test_patch_replaces_the_certificate(s4: S4Scenario) -> None:
    """A patch of the base64 changes what the token endpoint accepts, at once; of the rest, the ETag alone."""
    before = s4.entity()
    assert s4.accepted(OLD, NEW) == [True, False]
    response = s4.patch({BASE64: field_text(NEW)})
    after = s4.entity()
    assert response.status_code == 200
    assert {name for name in after if after[name] != before[name]} == {"@odata.etag", BASE64}
    assert (after[BASE64], s4.trusted(), s4.accepted(OLD, NEW)) == (
        field_text(NEW),
        fingerprint(NEW),
        [False, True],
    )
    assert s4.trusted(block="saml-bearer") == fingerprint(OLD)


def test_patch_is_in_the_journal(s4: S4Scenario) -> None:
    """The journal has the write and what each block holds after it."""
    s4.patch({BASE64: ""})
    entry = s4.emulator.journal()[-1]
    assert (entry.method, entry.status, entry.subaccount) == ("PATCH", 200, None)
    assert entry.note == f"BTP holds oauth2 nothing, saml-bearer {fingerprint(OLD)}"


def test_minimal_response_is_empty(s4: S4Scenario) -> None:
    """With `Prefer: return=minimal`, a patch is answered with 204 and the new ETag."""
    response = s4.patch({"Name": "new"}, prefer="return=minimal")
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["etag"] == s4.entity()["@odata.etag"]


def test_all_properties_are_single_values(s4: S4Scenario) -> None:
    """Each property takes one value of its type."""
    changes = {"Name": "a", "HostName": "b", "IsOAuth2IdentityProviderActive": False, PROVIDER: "c"}
    changes |= {"OAuth2IdentityProviderUserLogonType": "user_uuid", SUBJECT: "ignored", ISSUER: "ignored"}
    assert s4.patch(changes).status_code == 200
    written = {name: value for name, value in changes.items() if name not in {SUBJECT, ISSUER}}
    entity = s4.entity()
    assert {name: entity[name] for name in written} == written


@pytest.mark.parametrize(
    "properties",
    [
        {"Nothing": ""},
        {"UUID": "00000000-0000-4000-8000-000000000000"},
        {"ID": "NEW"},
        {"OAuth2Audience": "other"},
        {BASE64: ["two", "values"]},
        {BASE64: None},
        {BASE64: "no certificate"},
        {"IsOAuth2IdentityProviderActive": "true"},
        {"OAuth2IdentityProviderUserLogonType": "by heart"},
        ["no object"],
    ],
)
def test_bad_property_is_refused(s4: S4Scenario, properties: Any) -> None:
    """A property that is unknown, read-only, of another type or not understood is 400, and all stays as it was."""
    before = s4.entity()
    assert s4.patch(properties).status_code == 400
    assert s4.entity() == before


def test_bad_option_prevents_the_write(s4: S4Scenario) -> None:
    """A patch with an unknown option is refused before the write."""
    key, headers = s4.entity()["UUID"], {"x-csrf-token": s4.csrf_token(), "if-match": "*"}
    response = s4.call(
        "PATCH", f"CommunicationSystems({key})", json={"Name": "new"}, headers=headers, params={"$top": "1"}
    )
    assert (response.status_code, s4.entity()["Name"]) == (501, "BTP")


def test_body_has_to_be_json(s4: S4Scenario) -> None:
    """A patch of another media type is 415."""
    headers = {"x-csrf-token": s4.csrf_token(), "if-match": "*"}
    response = s4.call("PATCH", f"CommunicationSystems({s4.entity()['UUID']})", content=b"<a/>", headers=headers)
    assert response.status_code == 415


def test_batch_is_refused(s4: S4Scenario) -> None:
    """JSON is refused in `$batch`, as by the real service; multipart is outside of the emulation."""
    token = s4.csrf_token()
    statuses = [
        s4.call("POST", "$batch", content=b"{}", headers={"content-type": kind, "x-csrf-token": token}).status_code
        for kind in ("application/json", "multipart/mixed; boundary=b")
    ]
    assert statuses == [415, 501]


def test_other_paths_are_odata_errors(s4: S4Scenario) -> None:
    """An unknown path is 404, and an unknown method 405."""
    headers = {"x-csrf-token": s4.csrf_token()}
    assert error_of(s4.call("GET", "Arrangements"))[0] == 404
    assert error_of(s4.call("DELETE", "CommunicationSystems", headers=headers))[0] == 405


def test_system_is_created(s4: S4Scenario) -> None:
    """A system is created with its properties; its ID is taken then, and has a form."""
    headers = {"x-csrf-token": s4.csrf_token()}
    properties = {"ID": "NEW", "Name": "New", PROVIDER: "new", BASE64: field_text(NEW)}
    created = s4.call("POST", "CommunicationSystems", json=properties, headers=headers)
    assert (created.status_code, created.json()[BASE64]) == (201, field_text(NEW))
    assert s4.trusted("NEW") == fingerprint(NEW)
    wrong = [properties, {"Name": "New"}, {"ID": "lower"}, {"ID": "X", "OAuth2Audience": "a"}]
    answers = [s4.call("POST", "CommunicationSystems", json=each, headers=headers) for each in wrong]
    assert [response.status_code for response in answers] == [400] * 4


def test_write_needs_csrf_token(s4: S4Scenario) -> None:
    """A write that lacks the token or the session's cookie, or has another token, is 403 and leaves all as it was."""
    token = s4.csrf_token()
    without = s4.patch({"Name": "new"}, x_csrf_token=None)
    other = s4.patch({"Name": "new"}, x_csrf_token="other")
    cookies = dict(s4.http.cookies)
    s4.http.cookies.clear()
    key, headers = s4.entity()["UUID"], {"x-csrf-token": token, "if-match": "*"}
    cookieless = s4.call("PATCH", f"CommunicationSystems({key})", json={"Name": "new"}, headers=headers)
    malformed = s4.call("PATCH", f"CommunicationSystems({key})", json={}, headers={**headers, "cookie": "a@b=1"})
    answers = [without, other, cookieless, malformed]
    assert [(each.status_code, each.headers["x-csrf-token"]) for each in answers] == [(403, "Required")] * 4
    assert set(cookies) == {"SAP_SESSIONID_S4H_100"}
    assert s4.entity()["Name"] == "BTP"


def test_session_is_of_one_tenant(s4: S4Scenario) -> None:
    """The cookie and the token of one tenant are refused by another."""
    other = S4Scenario(s4.emulator, s4.http)
    key, token = s4.entity()["UUID"], other.csrf_token()
    headers = {"x-csrf-token": token, "if-match": "*", "cookie": f"SAP_SESSIONID_S4H_100={cookie_of(other)}"}
    assert s4.call("PATCH", f"CommunicationSystems({key})", json={}, headers=headers).status_code == 403


def cookie_of(s4: S4Scenario) -> str:
    """Return the value of the session's cookie."""
    return next(each.value or "" for each in s4.http.cookies.jar if each.path == f"/s4/{s4.tenant}")


def test_session_ends(emulator_at_assertion_time: Emulator, http: httpx.Client) -> None:
    """After its seconds, a session's token is refused, and the next one is taken."""
    s4 = S4Scenario(emulator_at_assertion_time, http, S4Switches(session_seconds=60))
    key, headers = s4.entity()["UUID"], {"x-csrf-token": s4.csrf_token(), "if-match": "*"}
    statuses = []
    for seconds in (59, 2):
        s4.emulator.advance(seconds)
        statuses.append(s4.call("PATCH", f"CommunicationSystems({key})", json={}, headers=headers).status_code)
    assert [*statuses, s4.patch({}).status_code] == [200, 403, 200]


def test_session_has_one_token(s4: S4Scenario) -> None:
    """A token that is fetched again in a session is the same, so that parallel writes go together."""
    first = s4.csrf_token()
    assert s4.csrf_token() == first
    s4.http.cookies.clear()
    assert s4.csrf_token() != first


def test_head_fetches_token_too(s4: S4Scenario) -> None:
    """A token is fetched by HEAD as well, and only if it is asked for."""
    response = s4.call("HEAD", headers={"X-CSRF-Token": "Fetch"})
    assert (response.status_code, bool(response.headers["x-csrf-token"])) == (200, True)
    assert "x-csrf-token" not in s4.call("GET").headers


def test_unknown_tenant_is_404(s4: S4Scenario) -> None:
    """A path of an unknown tenant, or outside of the emulated services, is 404."""
    urls = [f"{s4.emulator.url}/s4/nobody{SERVICE}/", f"{s4.user['url']}/sap/bc/other", f"{s4.emulator.url}/s4"]
    assert [s4.http.get(url).status_code for url in urls] == [404] * 3


@pytest.mark.parametrize(
    ("kind", "is_written"),
    [
        (FaultKind.CLOSE, False),
        (FaultKind.DO_THEN_CLOSE, True),
        (FaultKind.FAIL, False),
        (FaultKind.DO_THEN_FAIL, True),
    ],
)
def test_fault_disturbs_a_patch(s4: S4Scenario, kind: FaultKind, *, is_written: bool) -> None:
    """A fault for PATCH disturbs the write alone, before it acts or after it."""
    s4.emulator.fault(kind, method="PATCH")
    try:
        assert s4.patch({BASE64: field_text(NEW)}).status_code >= 500
    except httpx.RemoteProtocolError:
        assert kind in {FaultKind.CLOSE, FaultKind.DO_THEN_CLOSE}
    assert s4.trusted() == fingerprint(NEW if is_written else OLD)
    assert s4.emulator.journal()[-1].faults == (kind,)


def test_fault_disturbs_a_read(s4: S4Scenario) -> None:
    """A fault for one path disturbs reads, and is answered by a proxy's page."""
    s4.emulator.fault(FaultKind.HTML, path=f"/s4/{s4.tenant}{SERVICE}/CommunicationSystems")
    answers = [s4.call("GET", "CommunicationSystems") for _ in range(2)]
    assert [each.headers["content-type"].partition(";")[0] for each in answers] == ["text/html", "application/json"]


def test_field_may_hold_any_text(s4: S4Scenario) -> None:
    """A person's text stands in the field as it is, and nothing is accepted by it."""
    shown = s4.emulator.trust_in_system(s4.tenant, "BTP", text="by hand", provider_name="a")
    assert [each.trusted for each in shown.blocks.values()] == [None, fingerprint(OLD)]
    assert (s4.entity()[BASE64], s4.accepted(OLD)) == ("by hand", [False])
    assert s4.patch({BASE64: "by hand"}).status_code == 200  # only a new value is checked
    assert s4.patch({BASE64: field_text(NEW)}).status_code == 200


def test_inactive_block_accepts_nothing(s4: S4Scenario) -> None:
    """What stands in an inactive block is kept, and counts once the block is active."""
    s4.patch({"IsOAuth2IdentityProviderActive": False})
    assert (s4.accepted(OLD), s4.trusted()) == ([False], fingerprint(OLD))
    s4.patch({"IsOAuth2IdentityProviderActive": True})
    assert s4.accepted(OLD) == [True]


def test_system_survives_restart(tmp_path: Any) -> None:
    """Tenants, systems, switches and failed logons survive a restart; sessions end."""
    state = tmp_path / "state.json"
    with Emulator(key_size=1024, state=state) as first, httpx.Client(transport=first.transport) as http:
        first.set_clock(NOW)
        s4 = S4Scenario(first, http, S4Switches(effect_delay_seconds=60, lock_after=9))
        s4.patch({BASE64: field_text(NEW)})
        s4.call("GET", password="wrong")
        headers, tenants = {"x-csrf-token": s4.csrf_token(), "if-match": "*"}, first._landscape.state.tenants
    with Emulator(key_size=1024, state=state) as second, httpx.Client(transport=second.transport) as again:
        second.set_clock(NOW)
        assert second._landscape.state.tenants == tenants
        other = replace_client(s4, second, again)
        assert other.accepted(OLD, NEW, UNTRUSTED) == [True, False, False]
        again.cookies = http.cookies
        path = f"CommunicationSystems({other.entity()['UUID']})"
        assert other.call("PATCH", path, json={}, headers=headers).status_code == 403


def replace_client(s4: S4Scenario, emulator: Emulator, http: httpx.Client) -> S4Scenario:
    """Return the scenario with another emulator that has the same tenant."""
    other = object.__new__(S4Scenario)
    vars(other).update({**vars(s4), "emulator": emulator, "http": http})
    return other


def test_property_of_one_block_is_unique(s4: S4Scenario) -> None:
    """Refused values of the other block are errors of the service with SAP's own code."""
    response = s4.patch({"SAMLBearerAssertionProviderCertificatePublicKeyBase64": "x"})
    assert error_of(response) == (400, OWN_ERROR)
