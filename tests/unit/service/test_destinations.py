"""Destinations: what is asked, what is read of the answers, and that nothing else of them is kept or shown."""

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
    """A service that gives one answer after another, the last one for ever."""

    answers: list[httpx.Response]
    requests: list[httpx.Request] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Do so."""
        self.requests.append(request)
        return self.answers[min(len(self.requests), len(self.answers)) - 1]

    @property
    def client(self) -> DestinationClient:
        """A client that reaches it."""
        http = httpx.Client(transport=httpx.MockTransport(self), base_url=BASE)
        return DestinationClient(http, self.clock.retry_policy())


def answers(*contents: Any, status: int = 200) -> Service:
    """A service that answers these documents."""
    return Service([httpx.Response(status, json=each, headers={"Date": DATE}) for each in contents])


def find(service: Service, name: str = "S4", *, skip: bool = False) -> Any:
    """Find a destination."""
    return service.client.find(name, "user.token", skip_token_retrieval=skip)


def test_a_destination_is_found_as_the_user() -> None:
    """With the user's token in its header; the token that the service got comes back, and the service's time."""
    service = answers(FOUND)
    found = find(service)
    (request,) = service.requests
    assert request.headers["X-user-token"] == "user.token"
    assert str(request.url) == f"{BASE}/destination-configuration/v1/destinations/S4"
    assert found.destination == Destination("S4", "HTTP", "OAuth2SAMLBearerAssertion")
    assert (found.token.value, found.token.error) == ("S3CRET", None)
    assert found.answered_at == datetime(2026, 11, 24, 8, 34, 27, tzinfo=UTC)


def test_what_is_found_shows_nothing_private() -> None:
    """Neither a password nor a token, in any form that a log could take."""
    found = find(answers({**FOUND, "authTokens": [FAILED]}))
    for shown in (repr(found), str(found), repr(found.token), repr(found.destination)):
        assert "S3CRET" not in shown


def test_looking_a_destination_up_fetches_no_token() -> None:
    """So nothing is cached that could deceive a later check."""
    service = answers({"destinationConfiguration": S4})
    assert find(service, skip=True).token is None
    assert dict(service.requests[0].url.params) == {"$skipTokenRetrieval": "true"}


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(lambda name: name not in "...")
)
def test_any_name_stays_one_part_of_the_path(name: str) -> None:
    """A slash, a question mark or a blank in it does not lead elsewhere."""
    service = answers(FOUND)
    find(service, name)
    assert service.requests[0].url.raw_path.count(b"/") == 4
    assert b"?" not in service.requests[0].url.raw_path


def test_only_the_documented_not_found_is_believed() -> None:
    """A proxy's page is a fault."""
    assert find(answers({"ErrorMessage": "Configuration with the specified name was not found"}, status=404)) is None
    with pytest.raises(UnexpectedResponse):
        find(Service([httpx.Response(404, html="<p>S3CRET</p>")]))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, CredentialsRejected), (403, NotAuthorized), (400, UnexpectedResponse), (302, UnexpectedResponse)],
)
def test_a_refusal_of_the_service_itself_is_told(status: int, kind: type[TrustError]) -> None:
    """With its remedy, without what the answer holds."""
    for call in (find, lambda service: service.client.list_level(Level.INSTANCE)):
        with pytest.raises(kind) as caught:
            call(answers(FAILED, status=status))
        assert "S3CRET" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"S3CRET", id="no JSON"),
        pytest.param(json.dumps({**FOUND, "destinationConfiguration": {"Password": "S3CRET"}}).encode(), id="no name"),
        pytest.param(json.dumps({**FOUND, "authTokens": [{"error": ["S3CRET"]}]}).encode(), id="another shape"),
        pytest.param(json.dumps([{"Name": ["S3CRET"]}]).encode(), id="a name that is none"),
    ],
)
def test_an_answer_that_cannot_be_read_is_told_without_what_it_holds(content: bytes) -> None:
    """Not even in the traceback."""
    for call in (find, lambda service: service.client.list_level(Level.SUBACCOUNT)):
        with pytest.raises(UnexpectedResponse) as caught:
            call(Service([httpx.Response(200, content=content)]))
        assert "S3CRET" not in "".join(traceback.format_exception(caught.value))


def test_a_target_is_called_once_and_a_look_is_repeated() -> None:
    """What repeats a token retrieval is the check, which counts."""
    calls: list[tuple[Callable[[Service], Any], int]] = [
        (find, 1),
        (lambda service: find(service, skip=True), MAX_ATTEMPTS),
        (lambda service: service.client.list_level(Level.SUBACCOUNT), MAX_ATTEMPTS),
    ]
    for call, tries in calls:
        service = answers({}, status=503)
        with pytest.raises(ServiceUnavailable):
            call(service)
        assert len(service.requests) == tries


@pytest.mark.parametrize("level", list(Level))
def test_a_list_is_one_request_of_which_five_properties_are_kept(level: Level) -> None:
    """Also a list that is larger than any other answer of the service."""
    padding = {**S4, "Description": "x" * MAX_BYTES}
    service = answers([S4, padding, {"Name": "bare"}])
    listed = service.client.list_level(level)
    assert [each.name for each in listed] == ["S4", "S4", "bare"]
    assert "S3CRET" not in repr(listed)
    assert [request.url.path for request in service.requests] == [f"/destination-configuration/v1{level.value}"]


def test_a_list_has_a_bound() -> None:
    """A stream without an end is left."""
    endless = httpx.Response(200, content=(b" " * 1_000_000 for _ in range(MAX_LIST_BYTES // 1_000_000 + 1)))
    with pytest.raises(UnexpectedResponse, match=str(MAX_LIST_BYTES)):
        Service([endless]).client.list_level(Level.SUBACCOUNT)


@given(
    st.sampled_from(["OAuth2SAMLBearerAssertion", "SAMLAssertion", "BasicAuthentication", "OAuth2JWTBearer", ""]),
    st.sampled_from(["", "own.jks"]),
    st.sampled_from(["", "DestinationServiceGenerated", "ClientProvided"]),
)
def test_what_the_subaccounts_key_signs(authentication: str, key_store: str, provider: str) -> None:
    """Two kinds of destination, unless they have a key store of their own or the client brings the assertion."""
    touched = authentication in {"OAuth2SAMLBearerAssertion", "SAMLAssertion"} and not key_store
    expected = touched and provider != "ClientProvided"
    assert Destination("x", "HTTP", authentication, key_store, provider).uses_subaccount_key == expected


def test_a_lifetime_may_be_a_text_or_a_number() -> None:
    """The documentation says a text; a number is no reason to fail."""
    for expires_in in ("3600", 3600, 3600.5, None, ""):
        found = find(answers({**FOUND, "authTokens": [{"value": "t", "expires_in": expires_in}]}))
        assert found.token == AuthToken("t", None, expires_in)
