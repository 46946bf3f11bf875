"""Client-credentials tokens of the XSUAA token service, one for all threads of a process."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator
from typing import Any, Final

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
from btp_trust.service.credentials.token_endpoint import parse_token, request_grant
from btp_trust.service.transport.bearer import BEARER_TOKEN, jwt_payload
from btp_trust.service.transport.decoding import decode
from btp_trust.service.transport.oauth_errors import error_text
from btp_trust.service.transport.request import begin_request, content_type, discard_body
from btp_trust.service.transport.retry import RetryPolicy

_EXPIRY_MARGIN: Final = 60.0
"""Seconds before its end at which a token is replaced."""
_SUBDOMAIN: Final = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z.-]{0,61}[0-9A-Za-z])?")
"""A label of DNS, and dots."""


class _Attributes(msgspec.Struct):
    subaccountid: str = ""
    zdn: Any = None
    """The subdomain. Of any type: a token is good without a name for people."""


class _Claims(msgspec.Struct):
    ext_attr: _Attributes = msgspec.field(default_factory=_Attributes)


class ClientCredentials(httpx.Auth):
    """Puts a token on each request; fetches one fresh token after a 401, once.

    All tokens are for one subaccount, that of the first: a token for another one is refused before any request has it.

    Args:
        key: The service key.
        http: The client for the token service.
        retry_policy: Bounds the attempts to get a token and the time of all requests.
        monotonic: Seconds of a monotonic clock.
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
        self._subdomain: str | None = None
        self._expires_at = float("-inf")

    def __repr__(self) -> str:
        """Hide key and token."""
        return f"ClientCredentials({self._key.token_url})"

    @property
    def subaccount_id(self) -> str:
        """The subaccount that the token is for: claim `ext_attr.subaccountid`. Fetches the first token if need be.

        Raises:
            UnexpectedResponse: The token is without this claim.
        """
        self._current_token()
        if not self._subaccount:
            raise UnexpectedResponse(
                f"The token from {self._key.token_url} does not say which subaccount it is for.",
                "Without its claim ext_attr.subaccountid a change could reach another subaccount.",
                "Use the service key of a destination service instance (its tokens come from XSUAA).",
            )
        return self._subaccount

    @property
    def subaccount_name(self) -> str | None:
        """The subdomain by which people know the subaccount: claim `ext_attr.zdn`; None if it is missing or no name."""
        self._current_token()
        return self._subdomain

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send with a token; after a 401, which leaves everything as it was, once more with a fresh token."""
        token = self._current_token()
        response = yield self._authorize(token, request)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            # SAP's advice for a 401: drop the cached token, and try once more.
            discard_body(response)
            yield self._authorize(self._current_token(instead_of=token), request)

    def _authorize(self, token: str, request: httpx.Request) -> httpx.Request:
        """Put a token on a request, whose timeouts begin now: getting the token took its time."""
        begin_request(request, self._retry_policy)
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    def _current_token(self, instead_of: str | None = None) -> str:
        """Return a token with enough lifetime left; threads that ask at once share one request."""
        # The lock is held during the request, so that other threads wait for its token instead of requesting their own.
        with self._lock:
            # A rejected token is replaced once: another thread may have fetched its successor meanwhile.
            if self._token == instead_of or self._monotonic() >= self._expires_at:
                token, lifetime = self._fetch_token()
                attributes = _attributes_of(token)
                self._require_same_subaccount(attributes.subaccountid)
                self._subdomain = _subdomain_of(attributes)
                self._token, self._expires_at = token, self._monotonic() + lifetime - _EXPIRY_MARGIN
            return self._token

    def _require_same_subaccount(self, subaccount: str) -> None:
        """Refuse a token for another subaccount than the first one's, to which the resources were compared."""
        if self._subaccount is None:
            self._subaccount = subaccount
        if self._subaccount != subaccount:
            raise WrongSubaccount(
                f"The token service {self._key.token_url} gave a token for another subaccount than before.",
                f"This command is about {self._subaccount}, the new token about {subaccount or 'none'}. The token "
                "was used for no request.",
                "Run the same command again; if it ends like this again, create a new service key and report this.",
            )

    def _fetch_token(self) -> tuple[str, float]:
        """Request a token; mark each failure as `not_sent`, because the request that needs the token was held back."""
        try:
            return self._request_token()
        except (ServiceUnavailable, UnexpectedResponse) as error:
            error.not_sent = True
            raise

    def _request_token(self) -> tuple[str, float]:
        response = request_grant(self._key, self._http, self._retry_policy, {"grant_type": "client_credentials"})
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise CredentialsRejected(
                f"The token service {self._key.token_url} rejects the service key.",
                f"It answered 401: the key was deleted or has expired, or its instance is gone.{error_text(response)}",
                f"Create a new service key and give it to the connection. {RENEWED_KEY_HINT}",
            )
        parsed = parse_token(response)
        # Other characters would break the header, and the error of httpx would show the token.
        if not BEARER_TOKEN.fullmatch(parsed.access_token):
            raise UnexpectedResponse(
                f"The token service {self._key.token_url} gave no token.",
                f"It answered {response.status_code} ({content_type(response)}).{error_text(response)}",
                "Check the service key's url; if it is right, its subaccount or instance may have been deleted.",
            )
        return parsed.access_token, parsed.lifetime


def _attributes_of(token: str) -> _Attributes:
    """Read the claims; the service verifies the token, and the claims only guard against a mix-up here."""
    try:
        return decode(jwt_payload(token), _Claims).ext_attr
    except ValueError:
        return _Attributes()


def _subdomain_of(attributes: _Attributes) -> str | None:
    """Return the subdomain if it has the form of one: messages and inputs repeat it."""
    is_name = isinstance(attributes.zdn, str) and _SUBDOMAIN.fullmatch(attributes.zdn) is not None
    return attributes.zdn if is_name else None
