"""Logon to an ABAP system's OData service: credentials on each request, the session's cookies, and a CSRF token.

SAP Gateway's protocol: a GET with `X-CSRF-Token: Fetch` is answered with a token, which belongs to the session of the
cookies beside it; a write without a valid one is answered 403 with `X-CSRF-Token: Required`, and is not done.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator
from contextlib import nullcontext
from typing import Final

import httpx

from btp_trust.errors import CredentialsRejected, UnexpectedResponse
from btp_trust.service.transport.request import begin_request, discard_body, request_label
from btp_trust.service.transport.retry import RetryPolicy

HEADER: Final = "X-CSRF-Token"
FETCH: Final = "Fetch"
"""Asks for a token."""
_REQUIRED: Final = "required"
_READS: Final = ("GET", "HEAD")
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,500}")
_COOKIE: Final = re.compile(r"[\x20-\x7e]+")


class CsrfSession(httpx.Auth):
    """Logs on to one system, as one user, for all threads of a process.

    A user is locked after a burst of failed logons. So requests wait for the outcome of the first one; and after a 401
    every later request ends with its error, unsent.

    Args:
        logon: Puts the credentials on a request; empty for a client certificate, which is a part of the connection.
        root: URL of the service's root, from which the token is fetched.
        retry_policy: Bounds the time of all requests.
        rejection: Makes the error of a 401, of the request's name.
    """

    def __init__(
        self,
        logon: httpx.BasicAuth | None,
        root: str,
        retry_policy: RetryPolicy,
        rejection: Callable[[str], CredentialsRejected],
    ) -> None:
        self._logon = logon
        self._root = root
        self._retry_policy = retry_policy
        self._rejection = rejection
        self._cookies = httpx.Cookies()
        self._token: str | None = None
        self._first = threading.Lock()
        self._is_accepted = False
        self._rejected: CredentialsRejected | None = None

    def __repr__(self) -> str:
        """Hide the credentials."""
        return f"CsrfSession({self._root})"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request; a write with a token, and once more with another one if that is out of date."""
        if request.method in _READS:
            yield from self._exchange(request)
            return
        if self._token is None:
            yield from self._fetch_token()
        response = yield from self._send_write(request)
        # The system has certainly not done it, so the same request may be sent again.
        if _asks_for_token(response):
            discard_body(response)
            yield from self._fetch_token()
            response = yield from self._send_write(request)
            if _asks_for_token(response):
                raise _no_token_accepted(request)

    def _send_write(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, httpx.Response]:
        # A service that gives no token may need none: its answer to the write tells.
        if self._token is not None:
            request.headers[HEADER] = self._token
        return (yield from self._exchange(request))

    def _fetch_token(self) -> Generator[httpx.Request, httpx.Response, None]:
        request = httpx.Request("GET", self._root, headers={HEADER: FETCH, "Accept": "application/json"})
        response = yield from self._exchange(request)
        discard_body(response)

    def _exchange(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, httpx.Response]:
        """Send a request with credentials and cookies, and keep what the response brings of them."""
        # Requests of other threads wait for the first answer: each might be one more failed logon.
        with nullcontext() if self._is_accepted else self._first:
            if self._rejected is not None:
                raise self._rejected
            response = yield self._authorize(request)
            if response.status_code == httpx.codes.UNAUTHORIZED:
                self._rejected = self._rejection(request_label(request))
                raise self._rejected
            self._is_accepted = True
        self._keep_session(request, response)
        return response

    def _authorize(self, request: httpx.Request) -> httpx.Request:
        begin_request(request, self._retry_policy)
        if self._logon is not None:
            request = next(self._logon.auth_flow(request))
        request.headers.pop("Cookie", None)
        self._cookies.set_cookie_header(request)
        return request

    def _keep_session(self, request: httpx.Request, response: httpx.Response) -> None:
        self._cookies.extract_cookies(response)
        # A malformed cookie would make the header of the next request invalid.
        for cookie in [
            cookie for cookie in self._cookies.jar if not _COOKIE.fullmatch(f"{cookie.name}={cookie.value}")
        ]:
            self._cookies.delete(cookie.name, cookie.domain, cookie.path)
        token = response.headers.get(HEADER, "")
        if request.headers.get(HEADER) == FETCH and _TOKEN.fullmatch(token) and token.lower() != _REQUIRED:
            self._token = token


def _asks_for_token(response: httpx.Response) -> bool:
    return response.status_code == httpx.codes.FORBIDDEN and response.headers.get(HEADER, "").lower() == _REQUIRED


def _no_token_accepted(request: httpx.Request) -> UnexpectedResponse:
    """Return the error of a system that asks for a token after it was asked for one twice."""
    return UnexpectedResponse(
        f"{request_label(request)} was refused: 403, for want of a CSRF token.",
        "The system was asked for a token twice, and gave none, or refused its own: the header X-CSRF-Token or the "
        "cookies of the session are lost on the way, or a logon page answers for the service.",
        "Check proxies on the way, which have to pass both on, and the connection's url.",
        client_error=True,
    )
