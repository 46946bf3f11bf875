"""Client-credentials tokens of the XSUAA token service, one for all threads of a process."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Generator
from typing import Final, cast

import httpx
import msgspec

from btp_trust.errors import CredentialsRejected, ServiceUnavailable, UnexpectedResponse
from btp_trust.service.documents import Unreadable, decode
from btp_trust.service.http import begin, send
from btp_trust.service.key import ServiceKey
from btp_trust.service.patience import Patience, is_unavailable

_EARLY: Final = 60.0
"""Seconds before its end at which a token is no longer used."""


class TokenResponse(msgspec.Struct):
    """What the token service answers to a grant."""

    access_token: str
    expires_in: float

    def __repr__(self) -> str:
        """Show no token."""
        return "TokenResponse(…)"


class _Attributes(msgspec.Struct):
    subaccountid: str = ""


class _Claims(msgspec.Struct):
    ext_attr: _Attributes = msgspec.field(default_factory=_Attributes)


class ClientCredentials(httpx.Auth):
    """Puts a token on each request; a 401 makes it fetch one fresh token, once.

    Args:
        key: The service key.
        http: The client for the token service.
        patience: How often a token is asked for, and how long everything may take.
        monotonic: Seconds of a clock that never jumps.
    """

    def __init__(self, key: ServiceKey, http: httpx.Client, patience: Patience, monotonic: Callable[[], float]) -> None:
        self._key = key
        self._http = http
        self._patience = patience
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._ends = float("-inf")

    def __repr__(self) -> str:
        """Show neither key nor token."""
        return f"ClientCredentials({self._key.token_url})"

    @property
    def subaccount_id(self) -> str:
        """The subaccount that the token is for: claim `ext_attr.subaccountid`. Fetches a token if there is none.

        Raises:
            UnexpectedResponse: The token does not say.
        """
        subaccount = _subaccount(self._current())
        if not subaccount:
            raise UnexpectedResponse(
                f"The token from {self._key.token_url} does not say which subaccount it is for.",
                "Without its claim ext_attr.subaccountid a change could reach another subaccount.",
                "Use the service key of a destination service instance (its tokens come from XSUAA).",
            )
        return subaccount

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send with a token; after 401 once more with a fresh one: a refused request has done nothing."""
        token = self._current()
        response = yield self._with(token, request)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            _leave_unread(response)
            yield self._with(self._current(instead_of=token), request)

    def _with(self, token: str, request: httpx.Request) -> httpx.Request:
        """Put a token on a request, which begins now: getting the token took its time."""
        begin(request, self._patience)
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    def _current(self, instead_of: str | None = None) -> str:
        """Return a token that is not about to end; threads that ask at once share one request."""
        with self._lock:
            if self._token == instead_of or self._monotonic() >= self._ends:
                self._token, lifetime = self._fetch()
                self._ends = self._monotonic() + lifetime - _EARLY
            return self._token

    def _fetch(self) -> tuple[str, float]:
        form = {"grant_type": "client_credentials", "client_id": self._key.clientid}
        if not self._key.is_x509:
            form["client_secret"] = self._key.clientsecret
        try:
            response = self._patience.repeat(lambda: self._post(form), is_unavailable)
        except ServiceUnavailable as error:
            error.never_sent = True  # whatever became of this one: the request that needs the token was not sent
            raise
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise CredentialsRejected(
                f"The token service {self._key.token_url} rejects the service key.",
                "It answered 401: the key was deleted or has expired, or its instance is gone.",
                "Create a new service key and give it to the connection.",
            )
        try:
            parsed = decode(response.content, TokenResponse)
        except Unreadable:
            parsed = TokenResponse("", 0)
        if response.status_code != httpx.codes.OK or not parsed.access_token:
            raise UnexpectedResponse(
                f"The token service {self._key.token_url} gave no token.",
                f"It answered {response.status_code} ({response.headers.get('content-type', 'no content type')}).",
                "Check the service key's url; if it is right, its subaccount or instance may have been deleted.",
            )
        return parsed.access_token, parsed.expires_in

    def _post(self, form: dict[str, str]) -> httpx.Response:
        return send(self._http, self._http.build_request("POST", self._key.token_url, data=form), self._patience)


def _leave_unread(response: httpx.Response) -> None:
    """Spare the body: httpx would read all of it, however large, before it sends the next request."""
    cast("httpx.SyncByteStream", response.stream).close()
    response.stream = httpx.ByteStream(b"")


def _subaccount(token: str) -> str:
    """Read the claim without verifying the token: the service will; here it only guards against a mix-up."""
    try:
        payload = token.split(".")[1]
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        return decode(claims, _Claims).ext_attr.subaccountid
    except (IndexError, ValueError):
        return ""
