"""Destinations: requests, the properties that are read of the responses, and the rest that is dropped."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import CredentialsRejected, NotAuthorized, ServiceUnavailable, TrustError, UnexpectedResponse
from btp_trust.service.destinations import MAX_LIST_BYTES, AuthToken, Destination, DestinationClient, Level
from btp_trust.service.transport.request import MAX_BYTES
from btp_trust.service.transport.retry import MAX_ATTEMPTS
from support.fake_clock import FakeClock

BASE = "https://service.example"
S4 = {
    "Name": "S4",
    "Type": "HTTP",
    "Authentication": "OAuth2SAMLBearerAssertion",
    "tokenServicePassword": "S3CRET",
    "URL": "https://s4.example?key=S3CRET",
}
FOUND = {
    "owner": {"SubaccountId": "guid", "InstanceId": None},
    "destinationConfiguration": S4,
    "authTokens": [{"type": "Bearer", "value": "S3CRET", "http_header": {"key": "Authorization", "value": "S3CRET"}}],
    "certificates": [{"Name": "s.jks", "Content": "S3CRET"}],
}
FAILED = {"type": "", "value": "", "error": "no S3CRET", "expires_in": ""}
DATE = "Tue, 24 Nov 2026 08:34:27 GMT"


@dataclass
class Service:
    """A service that gives one response after another, and repeats the last one."""

    responses: list[httpx.Response]
    requests: list[httpx.Request] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Record the request and respond."""
        self.requests.append(request)
        return self.responses[min(len(self.requests), len(self.responses)) - 1]

    @property
    def client(self) -> DestinationClient:
        """Return a client of the service."""
        http = httpx.Client(transport=httpx.MockTransport(self), base_url=BASE)
        return DestinationClient(http, self.clock.retry_policy())


def service_with(*contents: Any, status: int = 200) -> Service:
    """Return a service that gives these documents."""
    return Service([httpx.Response(status, json=content, headers={"Date": DATE}) for content in contents])


def find(service: Service, name: str = "S4", *, skip: bool = False) -> Any:
    """Find a destination."""
    return service.client.find(name, "user.token", skip_token_retrieval=skip)


def test_find_sends_the_users_token() -> None:
    """The request has the user's token in its header, and the result the fetched token and the service's time."""
    service = service_with(FOUND)
    found = find(service)
    (request,) = service.requests
    assert request.headers["X-user-token"] == "user.token"
    assert str(request.url) == f"{BASE}/destination-configuration/v1/destinations/S4"
    assert found.destination == Destination("S4", "HTTP", "OAuth2SAMLBearerAssertion")
    assert (found.token.value, found.token.error) == ("S3CRET", None)
    assert found.answered_at == datetime(2026, 11, 24, 8, 34, 27, tzinfo=UTC)


def test_found_destination_hides_secrets() -> None:
    """Passwords and tokens stay out of every text that a log could take."""
    found = find(service_with({**FOUND, "authTokens": [FAILED]}))
    for shown in (repr(found), str(found), repr(found.token), repr(found.destination)):
        assert "S3CRET" not in shown


def test_lookup_skips_token_retrieval() -> None:
    """A lookup asks the service to skip the token, so that a later verification meets an empty cache."""
    service = service_with({"destinationConfiguration": S4})
    assert find(service, skip=True).token is None
    assert dict(service.requests[0].url.params) == {"$skipTokenRetrieval": "true"}


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(lambda name: name not in "...")
)
def test_name_stays_one_path_segment(name: str) -> None:
    """A slash, a question mark or a blank in the name is escaped."""
    service = service_with(FOUND)
    find(service, name)
    assert service.requests[0].url.raw_path.count(b"/") == 4
    assert b"?" not in service.requests[0].url.raw_path


def test_only_documented_404_means_absent() -> None:
    """A destination is absent by the documented 404 only; a proxy's page is an error."""
    assert (
        find(service_with({"ErrorMessage": "Configuration with the specified name was not found"}, status=404)) is None
    )
    with pytest.raises(UnexpectedResponse):
        find(Service([httpx.Response(404, html="<p>S3CRET</p>")]))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, CredentialsRejected), (403, NotAuthorized), (400, UnexpectedResponse), (302, UnexpectedResponse)],
)
def test_client_error_has_its_class(status: int, kind: type[TrustError]) -> None:
    """Each status has its error class, and the content of the response stays hidden."""
    for call in (find, lambda service: service.client.list_level(Level.INSTANCE)):
        with pytest.raises(kind) as caught:
            call(service_with(FAILED, status=status))
        assert "S3CRET" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="an empty body"),
        pytest.param(b"S3CRET", id="a word"),
        pytest.param(
            json.dumps({**FOUND, "destinationConfiguration": {"Password": "S3CRET"}}).encode(), id="a missing name"
        ),
        pytest.param(json.dumps({**FOUND, "authTokens": [{"error": ["S3CRET"]}]}).encode(), id="another shape"),
        pytest.param(json.dumps([{"Name": ["S3CRET"]}]).encode(), id="a list for a name"),
    ],
)
def test_malformed_response_is_hidden(content: bytes) -> None:
    """The error about a malformed response, and its traceback, leave the content out."""
    for call in (find, lambda service: service.client.list_level(Level.SUBACCOUNT)):
        with pytest.raises(UnexpectedResponse) as caught:
            call(Service([httpx.Response(200, content=content)]))
        assert "S3CRET" not in "".join(traceback.format_exception(caught.value))


def test_only_lookups_and_lists_are_retried() -> None:
    """A token retrieval, which calls the target, is sent once; verification counts its own attempts."""
    calls: list[tuple[Callable[[Service], Any], int]] = [
        (find, 1),
        (lambda service: find(service, skip=True), MAX_ATTEMPTS),
        (lambda service: service.client.list_level(Level.SUBACCOUNT), MAX_ATTEMPTS),
    ]
    for call, attempts in calls:
        service = service_with({}, status=503)
        with pytest.raises(ServiceUnavailable):
            call(service)
        assert len(service.requests) == attempts


@pytest.mark.parametrize("level", list(Level))
def test_list_keeps_five_properties(level: Level) -> None:
    """A level is one request, also if its list is larger than other responses, and five properties are kept."""
    padding = {**S4, "Description": "x" * MAX_BYTES}
    service = service_with([S4, padding, {"Name": "bare"}])
    destinations = service.client.list_level(level)
    assert [destination.name for destination in destinations] == ["S4", "S4", "bare"]
    assert "S3CRET" not in repr(destinations)
    assert [request.url.path for request in service.requests] == [f"/destination-configuration/v1{level.value}"]


def test_endless_list_is_refused() -> None:
    """A list beyond its bound is an error."""
    endless = httpx.Response(200, content=(b" " * 1_000_000 for _ in range(MAX_LIST_BYTES // 1_000_000 + 1)))
    with pytest.raises(UnexpectedResponse, match=str(MAX_LIST_BYTES)):
        Service([endless]).client.list_level(Level.SUBACCOUNT)


@given(
    st.sampled_from(["OAuth2SAMLBearerAssertion", "SAMLAssertion", "BasicAuthentication", "OAuth2JWTBearer", ""]),
    st.sampled_from(["", "own.jks"]),
    st.sampled_from(["", "DestinationServiceGenerated", "ClientProvided"]),
)
def test_subaccount_key_signs_two_types(authentication: str, key_store: str, provider: str) -> None:
    """Two types use the subaccount's key, unless they have a key store or the client brings the assertion."""
    is_saml = authentication in {"OAuth2SAMLBearerAssertion", "SAMLAssertion"} and not key_store
    expected = is_saml and provider != "ClientProvided"
    assert Destination("x", "HTTP", authentication, key_store, provider).uses_subaccount_key == expected


def test_lifetime_is_text_or_number() -> None:
    """Both types of `expires_in` are accepted, although SAP documents a text."""
    for expires_in in ("3600", 3600, 3600.5, None, ""):
        found = find(service_with({**FOUND, "authTokens": [{"value": "t", "expires_in": expires_in}]}))
        assert found.token == AuthToken("t", None, expires_in)
