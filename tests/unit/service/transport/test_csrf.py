"""CsrfSession: the token and the cookies of a session, one more attempt with a new token, one failed logon at most."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable

import httpx
import pytest

from btp_trust.errors import CredentialsRejected, ServiceUnavailable, UnexpectedResponse
from btp_trust.service.transport.csrf import CsrfSession
from btp_trust.service.transport.http_client import open_client
from support.fake_clock import FakeClock

Respond = Callable[[httpx.Request], httpx.Response]
ROOT = "https://s4.example/service/"


def client_of(respond: Respond, logon: httpx.BasicAuth | None = None) -> httpx.Client:
    """Return a client with a session of its own."""
    rejection = lambda request: CredentialsRejected(f"{request} was refused.", "Why.", "Check.")  # noqa: E731
    auth = CsrfSession(logon, ROOT, FakeClock().retry_policy(), rejection)
    assert repr(auth) == f"CsrfSession({ROOT})"
    return open_client(ssl.create_default_context(), httpx.MockTransport(respond), auth, ROOT)


class Gateway:
    """A system that gives tokens, and takes writes with the one that is valid."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.valid = tokens[-1] if tokens else ""
        self.requests: list[tuple[str, str | None, str | None]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        token = request.headers.get("X-CSRF-Token")
        self.requests.append((request.method, token, request.headers.get("Cookie")))
        if request.method == "GET":
            headers = {"Set-Cookie": f"sid={len(self.requests)}; path=/"}
            given = {"X-CSRF-Token": self.tokens.pop(0)} if token == "Fetch" and self.tokens else {}
            return httpx.Response(200, headers={**headers, **given})
        if token == self.valid:
            return httpx.Response(204)
        return httpx.Response(403, headers={"X-CSRF-Token": "Required"})


def test_write_has_token_and_cookies() -> None:
    """The first write fetches a token; later ones have it, with the cookies of its session."""
    gateway = Gateway("one")
    http = client_of(gateway)
    assert [http.patch("a").status_code for _ in range(2)] == [204, 204]
    assert gateway.requests == [("GET", "Fetch", None), ("PATCH", "one", "sid=1"), ("PATCH", "one", "sid=1")]


def test_outdated_token_is_replaced() -> None:
    """A write that needs another token is sent once more with it, and twice at most."""
    gateway = Gateway("old", "new")
    assert client_of(gateway).patch("a").status_code == 204
    assert [token for _, token, _ in gateway.requests] == ["Fetch", "old", "Fetch", "new"]
    gateway = Gateway("old", "older")
    gateway.valid = "never"
    with pytest.raises(UnexpectedResponse, match="for want of a CSRF token"):
        client_of(gateway).patch("a")
    assert [method for method, _, _ in gateway.requests] == ["GET", "PATCH"] * 2


@pytest.mark.parametrize("token", ["", "Required", "a b", "x" * 501])
def test_unusable_token_is_left_out(token: str) -> None:
    """A service that gives an unusable token gets the write as it is, as some need none."""
    gateway = Gateway(token)
    with pytest.raises(UnexpectedResponse, match="for want of a CSRF token"):
        client_of(gateway).patch("a")
    assert [given for method, given, _ in gateway.requests if method == "PATCH"] == [None, None]


@pytest.mark.parametrize("status", [403, 204])
def test_service_may_lack_tokens(status: int) -> None:
    """A service that does without tokens does the write, or refuses that for another reason."""
    client = client_of(lambda request: httpx.Response(200 if request.method == "GET" else status))
    assert client.patch("a").status_code == status


def test_malformed_cookie_is_left_out() -> None:
    """A cookie whose characters would break the header is left out."""
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, headers=[(b"Set-Cookie", b"sid=\xff; path=/")])

    http = client_of(respond)
    assert [http.get("a").status_code for _ in range(2)] == [200, 200]
    assert "Cookie" not in requests[1].headers


def test_rejected_logon_ends_requests() -> None:
    """After a 401 each later request of the connection ends with its error, unsent."""
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(401)

    http = client_of(respond, httpx.BasicAuth("user", "password"))
    for method in ("GET", "PATCH"):
        with pytest.raises(CredentialsRejected, match=f"GET {re.escape(ROOT)}a was refused"):
            http.request(method, "a")
    assert len(requests) == 1
    assert requests[0].headers["Authorization"].startswith("Basic ")


def test_threads_share_one_failed_logon() -> None:
    """Requests wait for the outcome of the first one, so that a burst of threads is one failed logon."""
    requests: list[httpx.Request] = []
    errors: list[Exception] = []
    begun = threading.Barrier(4)

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(401)

    http = client_of(respond)

    def call() -> None:
        begun.wait()
        with pytest.raises(CredentialsRejected) as caught:
            http.get("a")
        errors.append(caught.value)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(requests) == 1
    assert len(errors) == 4


def test_lost_first_request_frees_others() -> None:
    """A first request whose answer is lost leaves the logon open, and the next one tries it."""
    faults = [httpx.ConnectError("")]

    def respond(_request: httpx.Request) -> httpx.Response:
        if faults:
            raise faults.pop()
        return httpx.Response(200)

    http = client_of(respond)
    with pytest.raises(httpx.ConnectError):
        http.get("a")
    assert http.get("a").status_code == 200


def test_requests_are_counted() -> None:
    """The time of the operation bounds each request, also that for the token."""
    clock = FakeClock()
    policy = clock.retry_policy()
    http = client_of(Gateway("one"))
    auth = CsrfSession(None, ROOT, policy, lambda _: CredentialsRejected("", "", ""))
    with policy.deadline():
        clock.now += 1000
        with pytest.raises(ServiceUnavailable, match="was not sent"):
            http.get("a", auth=auth)
