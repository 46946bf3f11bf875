"""Responses of Cloud Foundry's router, while an app is down, are unavailability."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import ServiceUnavailable
from btp_trust.service.credentials.client_credentials import ClientCredentials
from btp_trust.service.credentials.service_key import ServiceKey
from btp_trust.service.credentials.user_tokens import UserTokens
from btp_trust.service.credentials.users import UserCredentialsLookup
from btp_trust.service.destinations import DestinationClient
from btp_trust.service.identity_providers import IdentityProviderClient
from btp_trust.service.transport import cf_router
from btp_trust.service.transport.request import send
from btp_trust.service.transport.retry import MAX_ATTEMPTS, MAX_REQUESTS
from btp_trust.service.trust_certificates import TrustCertificatesClient
from btp_trust_emulator import Emulator, FaultKind
from support.fake_clock import FakeClock
from support.fake_engine import assert_three_part_message

BASE = "https://service.example"
NO_ROUTE = "404 Not Found: Requested route ('service.example') does not exist.\n"
KEY = ServiceKey(uri=BASE, url="https://uaa.example", clientid="one", clientsecret="S3CRET")
UNDELIVERED = {
    "an unknown route": (404, "unknown_route", NO_ROUTE),
    "the same as a page": (404, "unknown_route", "<html>S3CRET</html>"),
    "the same, header removed": (404, None, NO_ROUTE),
    "the same in capitals": (404, "Unknown_Route", ""),
    "the same twice, by two routers": (404, "unknown_route, unknown_route", ""),
    "the same in quotation marks": (404, '"unknown_route"', ""),
    "its text in small letters": (404, None, f" {NO_ROUTE.lower()}"),
    "its text with a byte order mark": (404, None, f"\ufeff{NO_ROUTE}\r\n"),
    "its text in JSON": (404, None, json.dumps(NO_ROUTE)),
    "its text, number removed": (404, None, NO_ROUTE.removeprefix("404 Not Found: ")),
    "an app with zero instances": (
        503,
        "no_endpoints",
        "503 Service Unavailable: Requested route ('x') has no available endpoints.\n",
    ),
    "too many connections": (503, "Connection Limit Reached", "503 Service Unavailable"),
}
FAILED = {
    "the app's fault": (
        502,
        "endpoint_failure",
        "502 Bad Gateway: Registered endpoint failed to handle the request.\n",
    ),
    "the app's fault, with a reason": (502, "endpoint_failure (S3CRET\x7f)", "502"),
    "a certificate that the app wants": (496, "endpoint_failure", "496 SSL Certificate Required"),
    "a status of its own": (525, "endpoint_failure", "525 SSL Handshake Failed"),
    "its documented 404": (404, "endpoint_failure", '{"ErrorMessage": "Keypair does not exist"}'),
}
OTHERS = {
    "another 404 in text": (404, None, "404 page not found\n"),
    "the plain one": (404, "", "Not found"),
    "a mistake of ours": (400, "empty_host", "400 Bad Request: Request had empty Host header"),
    "the text within a page": (404, None, f"<p>{NO_ROUTE}</p>"),
}


@dataclass
class Service:
    """A service whose router always gives the same response."""

    status: int
    error: str | None
    text: str
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Record the request and respond."""
        self.requests.append(request)
        headers = {} if self.error is None else {"x-cf-routererror": self.error}
        return httpx.Response(self.status, text=self.text, headers=headers)

    @property
    def http(self) -> httpx.Client:
        """Return a client of the service."""
        return httpx.Client(transport=httpx.MockTransport(self), base_url=BASE)

    def send(self, method: str = "POST") -> httpx.Response:
        """Send it one request."""
        with self.http as http:
            return send(http, http.build_request(method, "/v1?token=S3CRET"), FakeClock().retry_policy())


READS: dict[str, Any] = {
    "a slot": lambda http: TrustCertificatesClient(http, FakeClock().retry_policy()).passive(),
    "the metadata": lambda http: TrustCertificatesClient(http, FakeClock().retry_policy()).has_metadata(),
    "destinations": lambda http: DestinationClient(http, FakeClock().retry_policy()).find(
        "x", "t", skip_token_retrieval=True
    ),
    "identity providers": lambda http: IdentityProviderClient(http, FakeClock().retry_policy()).all(),
    "a token": lambda http: ClientCredentials(KEY, http, FakeClock().retry_policy(), lambda: 0.0).subaccount_id,
    "a user's token": lambda http: UserTokens(
        UserCredentialsLookup({"btp-trust:user": json.dumps({"name": "a", "password": "b"})}.get, {}),
        "default",
        KEY,
        http,
        FakeClock().retry_policy(),
    ).fetch(),
}
WRITES: dict[str, Any] = {
    "a swap": lambda http: TrustCertificatesClient(http, FakeClock().retry_policy()).rotate(),
    "a deletion": lambda http: TrustCertificatesClient(http, FakeClock().retry_policy()).delete_passive(),
    "a registration": lambda http: IdentityProviderClient(http, FakeClock().retry_policy()).register({}),
    "the end of a registration": lambda http: IdentityProviderClient(http, FakeClock().retry_policy()).delete("x"),
}


@pytest.mark.parametrize("answer", [*UNDELIVERED, *FAILED])
def test_router_response_is_unavailability(answer: str) -> None:
    """The error has a remedy and hides the router's text; a write may be repeated only if it was undelivered."""
    service = Service(*{**UNDELIVERED, **FAILED}[answer])
    with pytest.raises(ServiceUnavailable, match="router of Cloud Foundry") as caught:
        service.send()
    assert_three_part_message(str(caught.value), str(service.status), BASE)
    assert caught.value.not_sent == (answer in UNDELIVERED)
    assert ("never saw the request" in caught.value.why) == (answer in UNDELIVERED)
    assert "report" not in str(caught.value)
    assert "S3CRET" not in str(caught.value)
    assert len(service.requests) == 1


@pytest.mark.parametrize("answer", OTHERS)
def test_other_responses_are_for_the_caller(answer: str) -> None:
    """The router's complaint about a request, and responses of others, are returned."""
    service = Service(*OTHERS[answer])
    assert service.send().status_code == service.status


@given(status=st.integers(200, 599), error=st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_only_known_errors_are_undelivered(status: int, error: str | None) -> None:
    """Any other header leaves the outcome open, and a success stays one."""
    kind = (error or "").strip().lower()
    is_known = kind in {"unknown_route", "no_endpoints", "connection limit reached"}
    is_routers = status >= 400 and (is_known or kind.startswith("endpoint_failure"))
    if not is_routers and status < 500 and status != 429:
        assert Service(status, error, "").send().status_code == status
        return
    with pytest.raises(ServiceUnavailable) as caught:
        Service(status, error, "").send()
    assert caught.value.not_sent == (is_known or status == 429)


@pytest.mark.parametrize("answer", UNDELIVERED)
@pytest.mark.parametrize("name", READS)
def test_reads_are_retried(name: str, answer: str) -> None:
    """A token, a slot, a destination, an identity provider: the app may be back in a moment."""
    service = Service(*UNDELIVERED[answer])
    with service.http as http, pytest.raises(ServiceUnavailable):
        READS[name](http)
    assert len(service.requests) == MAX_ATTEMPTS


@pytest.mark.parametrize("answer", [*UNDELIVERED, *FAILED])
@pytest.mark.parametrize("name", WRITES)
def test_writes_are_sent_once(name: str, answer: str) -> None:
    """An unknown route is different from a deletion; the caller compares the slots before it repeats."""
    service = Service(*{**UNDELIVERED, **FAILED}[answer])
    with service.http as http, pytest.raises(ServiceUnavailable):
        WRITES[name](http)
    assert len(service.requests) == 1


def test_router_responses_count_as_requests() -> None:
    """The bound of an operation includes responses of the router."""
    service = Service(*UNDELIVERED["an unknown route"])
    retry_policy = FakeClock().retry_policy()
    with service.http as http, retry_policy.deadline():
        for _ in range(MAX_REQUESTS):
            with pytest.raises(ServiceUnavailable, match="router"):
                send(http, http.build_request("GET", "/"), retry_policy)
        with pytest.raises(ServiceUnavailable, match="has sent"):
            send(http, http.build_request("GET", "/"), retry_policy)
    assert len(service.requests) == MAX_REQUESTS


def test_error_name_is_one_word() -> None:
    """The header is a foreign text, of which one word is shown."""
    answer = httpx.Response(502, headers={cf_router.HEADER: "endpoint_failure;\tS3CRET"})
    assert cf_router.router_error(answer) == "endpoint_failure"


@pytest.mark.parametrize("status", [404, 502, 503])
def test_emulator_router_is_recognized(status: int) -> None:
    """The emulator sends the router's text and header."""
    with Emulator(key_size=1024) as emulator, httpx.Client(transport=emulator.transport) as http:
        key = emulator.service_key(emulator.create_subaccount().guid)
        emulator.fault(FaultKind.ROUTER, status=status)
        with pytest.raises(ServiceUnavailable, match="router of Cloud Foundry") as caught:
            send(http, http.build_request("POST", f"{key['url']}/oauth/token"), FakeClock().retry_policy())
        assert caught.value.not_sent == (status != 502)
