"""XSUAA's answers: providers in every shape that the UAA gives them, beside others; refusals in its own words."""

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
READ = IdentityProvider("1", "shop", "saml", "Shop", active=True, config={"metaDataLocation": "<a/>"})


def client_of(respond: Callable[[httpx.Request], httpx.Response]) -> IdentityProviderClient:
    """A client whose service answers so; it never waits."""
    http = httpx.Client(transport=httpx.MockTransport(respond), base_url="https://api.example")
    return IdentityProviderClient(http, FakeClock().retry_policy())


def listed(*entries: object) -> tuple[IdentityProvider, ...]:
    """What is read of such a list."""
    return client_of(lambda _: httpx.Response(200, json=entries)).all()


def refused(status: int, content: bytes, media_type: str = "application/json") -> UnexpectedResponse:
    """What a registration that is answered so raises."""
    headers = {"Content-Type": media_type}
    client = client_of(lambda _: httpx.Response(status, content=content, headers=headers))
    with pytest.raises(UnexpectedResponse) as caught:
        client.register({})
    return caught.value


def test_every_call_asks_for_settings_as_an_object_and_a_list_for_inactive_ones() -> None:
    """By the names of SAP's description and of the UAA."""
    asked: list[tuple[str, str, dict[str, str]]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path, dict(request.url.params)))
        return httpx.Response(200, json=[OURS] if request.method == "GET" else OURS)

    client = client_of(respond)
    client.all()
    client.register({})
    client.replace("1", {})
    client.delete("1")
    raw = {"rawConfig": "true"}
    assert asked == [
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
        ("no JSON", None),
        ("[1]", None),
        ('"text"', None),
        (7, None),
        ([1], None),
    ],
)
def test_settings_are_read_as_an_object_or_as_a_text(config: object, read: object) -> None:
    """What cannot be read is unreadable for this one; nothing is no settings."""
    found, other = listed({**OURS, "config": config}, OURS)
    assert found.config == read
    assert other == READ


def test_absent_settings_are_none() -> None:
    """As of a type that has none."""
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
def test_ours_is_read_whatever_else_is_in_the_list(before: list[Any], after: list[Any]) -> None:
    """Other types, entries without an origin key, numbers where a text is expected, and what is no provider at all."""
    content = json.dumps([*before, OURS, *after]).encode()
    found = client_of(lambda _: httpx.Response(200, content=content)).all()
    assert READ in found


@pytest.mark.parametrize("content", [b"{}", b"null", b'"text"', b"<html>", b"", b"[", b"[" * 100_000])
def test_what_is_no_list_is_no_answer(content: bytes) -> None:
    """Least of all an empty list."""
    with pytest.raises(UnexpectedResponse):
        client_of(lambda _: httpx.Response(200, content=content)).all()


def test_broken_octets_in_another_entry_do_not_matter() -> None:
    """They are somebody else's name."""
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
def test_whether_it_is_active(fields: dict[str, object], *, active: bool) -> None:
    """By either name; one that does not say is active, as for the UAA."""
    (found,) = listed({"originKey": "shop", **fields})
    assert found.active is active


@pytest.mark.parametrize("content", [b"[]", b"{}", b"7", b'{"originKey": ""}', b"ok"])
def test_a_write_that_is_answered_with_no_provider_is_not_believed(content: bytes) -> None:
    """It is looked after by reading."""
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
        (400, b'{"error":"invalid_idp","error_description":"no way"}', "invalid_idp no way."),
        (400, b'{"message":"no way"}', "no way."),
        (404, b"Provider not found.", "Provider not found."),
        (409, json.dumps(OURS).encode(), "there is an identity provider with this origin key."),
        (422, b"no\nway " + b"so " * 1000, "no way so so"),
    ],
)
def test_a_refusal_is_shown_in_the_words_of_the_service(status: int, content: bytes, said: str) -> None:
    """A text, a text in JSON, or an object; in one short line."""
    error = refused(status, content)
    assert "was refused" in error.what
    assert said in error.why
    assert len(error.why) < 500
    assert error.client_error
    assert not isinstance(error, DuplicateEntityID)


@pytest.mark.parametrize("content", [b"{}", b"", b"<html>Bad gateway</html>", b" <!DOCTYPE html>", b"[1]", b"7"])
def test_a_refusal_that_says_nothing_has_its_status(content: bytes) -> None:
    """A page is of something on the way."""
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
def test_a_duplicate_entity_id_is_a_refusal_of_its_own(content: bytes) -> None:
    """As a text or as one in JSON, whatever its media type."""
    assert isinstance(refused(409, content, "text/plain"), DuplicateEntityID)


def test_a_refusal_shows_nothing_private() -> None:
    """Nor what it repeats."""
    token = f"eyJhbGciOiJub25lIn0.{'Q' * 60}."
    error = refused(400, f"cannot take {token} of joe@example.com, password=hunter2".encode())
    assert "cannot take" in error.why
    for private in ("eyJ", "QQQQ", "joe", "hunter2"):
        assert private not in str(error)


@pytest.mark.parametrize("content", [b"Provider not found.", b'"Provider not found."'])
def test_one_that_is_gone_already_is_deleted(content: bytes) -> None:
    """If the API says so."""
    client_of(lambda _: httpx.Response(404, content=content)).delete("1")


@pytest.mark.parametrize("content", [b"404 Not Found: Requested route does not exist.", b"<html>", b"", b"{}"])
def test_a_404_of_something_else_says_nothing_about_it(content: bytes) -> None:
    """Of a router, while the service is down."""
    with pytest.raises(UnexpectedResponse):
        client_of(lambda _: httpx.Response(404, content=content)).delete("1")


def test_a_500_is_no_refusal() -> None:
    """The UAA answers so also to what it cannot take; it may have been done."""
    with pytest.raises(ServiceUnavailable):
        client_of(lambda _: httpx.Response(500, json={})).register({})


def test_what_ends_in_a_period_gets_no_second_one() -> None:
    """As the UAA says that there is no provider."""
    assert "It says: Provider not found.\n" in str(refused(409, b"Provider not found.", "text/plain"))
