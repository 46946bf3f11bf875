"""XSUAA's responses: providers in every shape of the UAA, malformed ones beside them, and errors in its words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import ServiceUnavailable, UnexpectedResponse
from btp_trust.saml.metadata import IdentityProvider
from btp_trust.service.identity_providers import PATH, DuplicateEntityID, IdentityProviderClient
from support.fake_clock import FakeClock

OURS: dict[str, Any] = {
    "id": "1",
    "originKey": "shop",
    "type": "saml",
    "name": "Shop",
    "active": True,
    "config": {"metaDataLocation": "<a/>"},
}
GONE = "Provider not found."
"""The UAA's words about an unknown ID."""
READ = IdentityProvider("1", "shop", "saml", "Shop", active=True, config={"metaDataLocation": "<a/>"})


def client_of(respond: Callable[[httpx.Request], httpx.Response]) -> IdentityProviderClient:
    """Return a client of this service, with a clock that skips all waiting."""
    http = httpx.Client(transport=httpx.MockTransport(respond), base_url="https://api.example")
    return IdentityProviderClient(http, FakeClock().retry_policy())


def listed(*entries: object) -> tuple[IdentityProvider, ...]:
    """Return the providers in a list of these entries."""
    return client_of(lambda _: httpx.Response(200, json=entries)).all()


def refused(status: int, content: bytes, media_type: str = "application/json") -> UnexpectedResponse:
    """Return the error of a registration with this response."""
    headers = {"Content-Type": media_type}
    client = client_of(lambda _: httpx.Response(status, content=content, headers=headers))
    with pytest.raises(UnexpectedResponse) as caught:
        client.register({})
    return caught.value


def test_requests_have_sap_and_uaa_parameters() -> None:
    """Each request asks for settings as an object, and a list for inactive providers, by SAP's name and the UAA's."""
    requests: list[tuple[str, str, dict[str, str]]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append((request.method, request.url.path, dict(request.url.params)))
        return httpx.Response(200, json=[OURS] if request.method == "GET" else OURS)

    client = client_of(respond)
    client.all()
    client.register({})
    client.replace("1", {})
    client.delete("1")
    raw = {"rawConfig": "true"}
    assert requests == [
        ("GET", PATH, {**raw, "activeOnly": "false", "active_only": "false"}),
        ("POST", PATH, raw),
        ("PUT", f"{PATH}/1", raw),
        ("DELETE", f"{PATH}/1", raw),
    ]


@pytest.mark.parametrize(
    ("config", "read"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        ("null", {}),
        (None, {}),
        ("", {}),
        ("a word", None),
        ("[1]", None),
        ('"text"', None),
        (7, None),
        ([1], None),
    ],
)
def test_settings_are_object_or_text(config: object, read: object) -> None:
    """Unreadable settings are None for their own provider; the others stay readable."""
    found, other = listed({**OURS, "config": config}, OURS)
    assert found.config == read
    assert other == READ


def test_absent_settings_are_empty() -> None:
    """A type without settings has empty ones."""
    (found,) = listed({"originKey": "sap.default", "id": "2", "type": "oidc1.0"})
    assert found == IdentityProvider("2", "sap.default", "oidc1.0", "", active=True, config={})


leaves = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5) | st.just("\ud800")
)
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))
entries = st.fixed_dictionaries(
    {},
    optional={
        "id": anything,
        "originKey": anything.filter(lambda value: value != "shop"),
        "type": st.sampled_from(["uaa", "ldap", "oidc1.0", "saml", "keystone", 3, None]),
        "name": anything,
        "active": anything,
        "isActive": anything,
        "config": anything | st.sampled_from(["null", "{", "[]"]),
        "created": anything,
    },
)


@given(before=st.lists(entries | anything, max_size=3), after=st.lists(entries | anything, max_size=3))
def test_malformed_entries_leave_others_readable(before: list[Any], after: list[Any]) -> None:
    """A provider is read beside other types, incomplete entries, numbers for texts, and anything else."""
    content = json.dumps([*before, OURS, *after]).encode()
    found = client_of(lambda _: httpx.Response(200, content=content)).all()
    assert READ in found


@pytest.mark.parametrize("content", [b"{}", b"null", b'"text"', b"<html>", b"", b"[", b"[" * 100_000])
def test_list_must_be_an_array(content: bytes) -> None:
    """Any other document is an error, and is different from an empty list."""
    with pytest.raises(UnexpectedResponse):
        client_of(lambda _: httpx.Response(200, content=content)).all()


def test_broken_bytes_leave_others_readable() -> None:
    """A name in another encoding leaves the other providers readable."""
    content = b'[{"originKey":"x","name":"\xff"},' + json.dumps(OURS).encode() + b"]"
    assert READ in client_of(lambda _: httpx.Response(200, content=content)).all()


@pytest.mark.parametrize(
    ("fields", "active"),
    [
        ({"active": True}, True),
        ({"active": False}, False),
        ({"isActive": False}, False),
        ({"active": True, "isActive": False}, False),
        ({"active": "false"}, False),
        ({"active": 0}, False),
        ({"active": None}, True),
        ({}, True),
    ],
)
def test_active_flag_has_two_names(fields: dict[str, object], *, active: bool) -> None:
    """Either name can say that a provider is inactive; without both it is active, as for the UAA."""
    (found,) = listed({"originKey": "shop", **fields})
    assert found.active is active


@pytest.mark.parametrize("content", [b"[]", b"{}", b"7", b'{"originKey": ""}', b"ok"])
def test_write_response_must_hold_a_provider(content: bytes) -> None:
    """A write without a provider in its response is unexpected, so that its outcome is resolved by reading."""
    with pytest.raises(UnexpectedResponse) as caught:
        client_of(lambda _: httpx.Response(200, content=content)).replace("1", {})
    assert not caught.value.client_error


@pytest.mark.parametrize(
    ("status", "content", "said"),
    [
        (400, b'"Metadata response is missing a SingleSignOnService"', "is missing a SingleSignOnService."),
        (
            400,
            b"Invalid metadata type for alias[shop]:<md:EntityDescriptor>",
            "Invalid metadata type for alias[shop]:***",
        ),
        (400, b'{"error":"invalid_idp","error_description":"wrong key"}', "invalid_idp wrong key."),
        (400, b'{"message":"wrong key"}', "wrong key."),
        (404, GONE.encode(), GONE),
        (409, json.dumps(OURS).encode(), "there is an identity provider with this origin key."),
        (422, b"wrong\nkey " + b"so " * 1000, "wrong key so so"),
    ],
)
def test_error_quotes_the_service(status: int, content: bytes, said: str) -> None:
    """The service's words are quoted in one short line: from a text, a text in JSON, or an object."""
    error = refused(status, content)
    assert "was refused" in error.what
    assert said in error.why
    assert len(error.why) < 500
    assert error.client_error
    assert not isinstance(error, DuplicateEntityID)


@pytest.mark.parametrize("content", [b"{}", b"", b"<html>Bad gateway</html>", b" <!DOCTYPE html>", b"[1]", b"7"])
def test_error_without_text_has_status(content: bytes) -> None:
    """A page, or an error without text, is described by its status."""
    error = refused(405, content)
    assert "gave an answer that is not XSUAA's" in error.what
    assert "Status 405" in error.why
    assert "It says" not in error.why


@pytest.mark.parametrize(
    "content",
    [
        b"Duplicate entity ID:cfapps.example/1",
        b'"Duplicate entity ID:cfapps.example/1"',
        json.dumps(json.dumps("Duplicate entity ID:cfapps.example/1")).encode(),
        b'{"error": "conflict", "error_description": "Duplicate entity ID:cfapps.example/1"}',
    ],
)
def test_duplicate_entity_id_has_its_class(content: bytes) -> None:
    """A duplicate entity ID is recognized as a text or a text in JSON, with any media type."""
    assert isinstance(refused(409, content, "text/plain"), DuplicateEntityID)


def test_error_is_redacted() -> None:
    """Tokens, addresses and passwords in the service's words are redacted."""
    token = f"eyJhbGciOiJub25lIn0.{'Q' * 60}."
    error = refused(400, f"cannot take {token} of joe@example.com, password=hunter2".encode())
    assert "cannot take" in error.why
    for private in ("eyJ", "QQQQ", "joe", "hunter2"):
        assert private not in str(error)


@pytest.mark.parametrize("content", [GONE.encode(), json.dumps(GONE).encode()])
def test_deleting_an_absent_provider_succeeds(content: bytes) -> None:
    """The API's own 404 means that the provider is gone."""
    client_of(lambda _: httpx.Response(404, content=content)).delete("1")


@pytest.mark.parametrize("content", [b"404 Not Found: Requested route does not exist.", b"<html>", b"", b"{}"])
def test_foreign_404_is_an_error(content: bytes) -> None:
    """A 404 of a router, while the API is down, is an error."""
    with pytest.raises(UnexpectedResponse):
        client_of(lambda _: httpx.Response(404, content=content)).delete("1")


def test_500_is_unavailability() -> None:
    """The UAA answers 500 also to malformed input; the write may have been done."""
    with pytest.raises(ServiceUnavailable):
        client_of(lambda _: httpx.Response(500, json={})).register({})


def test_quote_ends_with_one_period() -> None:
    """A quotation with a period at its end keeps that one alone."""
    assert f"It says: {GONE}\n" in str(refused(409, GONE.encode(), "text/plain"))
