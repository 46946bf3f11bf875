"""Client-credentials tokens of the XSUAA token service, one for all threads of a process."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator
from typing import Final, cast

import httpx
import msgspec

from btp_trust.errors import (
    RENEWED_KEY_HINT,
    CredentialsRejected,
    ServiceUnavailable,
    UnexpectedResponse,
    WrongSubaccount,
)
from btp_trust.service.credentials.service_key import ServiceKey
from btp_trust.service.transport.bearer import BEARER_TOKEN, jwt_payload
from btp_trust.service.transport.decoding import DecodingError, decode
from btp_trust.service.transport.oauth_errors import error_text
from btp_trust.service.transport.request import begin_request, content_type, send
from btp_trust.service.transport.retry import RetryPolicy, is_unavailable

_EXPIRY_MARGIN: Final = 60.0
"""Seconds before its end at which a token is no longer used."""
_DEFAULT_LIFETIME: Final = 300.0
"""Seconds that a token is taken to live whose answer does not tell: less than any token service gives."""


class TokenResponse(msgspec.Struct):
    """What the token service answers to a grant."""

    access_token: str
    expires_in: float | str | None = None
    """Seconds; recommended by RFC 6749, 5.1, and not required."""

    @property
    def lifetime(self) -> float:
        """For how many seconds it may be used: shortly, where that was not said."""
        try:
            seconds = float("nan" if self.expires_in is None else self.expires_in)
        except ValueError:
            return _DEFAULT_LIFETIME
        return seconds if math.isfinite(seconds) else _DEFAULT_LIFETIME

    def __repr__(self) -> str:
        """Show no token."""
        return "TokenResponse(…)"


class _Attributes(msgspec.Struct):
    subaccountid: str = ""


class _Claims(msgspec.Struct):
    ext_attr: _Attributes = msgspec.field(default_factory=_Attributes)


class ClientCredentials(httpx.Auth):
    """Puts a token on each request; a 401 makes it fetch one fresh token, once.

    All its tokens are for one subaccount, that of the first: another one is refused before it is used.

    Args:
        key: The service key.
        http: The client for the token service.
        patience: How often a token is asked for, and how long everything may take.
        monotonic: Seconds of a clock that never jumps.
    """

    def __init__(
        self, key: ServiceKey, http: httpx.Client, retry_policy: RetryPolicy, monotonic: Callable[[], float]
    ) -> None:
        self._key = key
        self._http = http
        self._retry_policy = retry_policy
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._subaccount: str | None = None
        self._expires_at = float("-inf")

    def __repr__(self) -> str:
        """Show neither key nor token."""
        return f"ClientCredentials({self._key.token_url})"

    @property
    def subaccount_id(self) -> str:
        """The subaccount that the token is for: claim `ext_attr.subaccountid`. Fetches a token if there is none.

        Raises:
            UnexpectedResponse: The token does not say.
        """
        self._current_token()
        if not self._subaccount:
            raise UnexpectedResponse(
                f"The token from {self._key.token_url} does not say which subaccount it is for.",
                "Without its claim ext_attr.subaccountid a change could reach another subaccount.",
                "Use the service key of a destination service instance (its tokens come from XSUAA).",
            )
        return self._subaccount

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send with a token; after 401 once more with a fresh one: a refused request has done nothing."""
        token = self._current_token()
        response = yield self._authorize(token, request)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            _discard_body(response)
            yield self._authorize(self._current_token(instead_of=token), request)

    def _authorize(self, token: str, request: httpx.Request) -> httpx.Request:
        """Put a token on a request, which begins now: getting the token took its time."""
        begin_request(request, self._retry_policy)
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    def _current_token(self, instead_of: str | None = None) -> str:
        """Return a token that is not about to end; threads that ask at once share one request."""
        with self._lock:
            if self._token == instead_of or self._monotonic() >= self._expires_at:
                token, lifetime = self._fetch_token()
                self._require_same_subaccount(_subaccount(token))
                self._token, self._expires_at = token, self._monotonic() + lifetime - _EXPIRY_MARGIN
            return self._token

    def _require_same_subaccount(self, subaccount: str) -> None:
        """Hold all tokens to the subaccount of the first one, to which the resources were compared."""
        if self._subaccount is None:
            self._subaccount = subaccount
        if self._subaccount != subaccount:
            raise WrongSubaccount(
                f"The token service {self._key.token_url} gave a token for another subaccount than before.",
                f"This command is about {self._subaccount}, the new token about {subaccount or 'none'}. Nothing was "
                "sent with it.",
                "Run the same command again; if it ends like this again, create a new service key and report this.",
            )

    def _fetch_token(self) -> tuple[str, float]:
        """Ask for a token; whatever goes wrong, the request that needs it was not sent."""
        try:
            return self._request_token()
        except (ServiceUnavailable, UnexpectedResponse) as error:
            error.not_sent = True
            raise

    def _request_token(self) -> tuple[str, float]:
        form = {"grant_type": "client_credentials", "client_id": self._key.clientid}
        if not self._key.is_x509:
            form["client_secret"] = self._key.clientsecret
        response = self._retry_policy.run_with_retries(lambda: self._post(form), is_unavailable)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise CredentialsRejected(
                f"The token service {self._key.token_url} rejects the service key.",
                f"It answered 401: the key was deleted or has expired, or its instance is gone.{error_text(response)}",
                f"Create a new service key and give it to the connection. {RENEWED_KEY_HINT}",
            )
        try:
            parsed = decode(response.content, TokenResponse)
        except DecodingError:
            parsed = TokenResponse("")
        if response.status_code != httpx.codes.OK or not BEARER_TOKEN.fullmatch(parsed.access_token):
            raise UnexpectedResponse(
                f"The token service {self._key.token_url} gave no token.",
                f"It answered {response.status_code} ({content_type(response)}).{error_text(response)}",
                "Check the service key's url; if it is right, its subaccount or instance may have been deleted.",
            )
        return parsed.access_token, parsed.lifetime

    def _post(self, form: dict[str, str]) -> httpx.Response:
        return send(self._http, self._http.build_request("POST", self._key.token_url, data=form), self._retry_policy)


def _discard_body(response: httpx.Response) -> None:
    """Spare the body: httpx would read all of it, however large, before it sends the next request."""
    cast("httpx.SyncByteStream", response.stream).close()
    response.stream = httpx.ByteStream(b"")


def _subaccount(token: str) -> str:
    """Read the claim without verifying the token: the service will; here it only guards against a mix-up."""
    try:
        return decode(jwt_payload(token), _Claims).ext_attr.subaccountid
    except ValueError:
        return ""
