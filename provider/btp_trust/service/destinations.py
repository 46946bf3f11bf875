"""Destinations: find one as a user, with the token that the service gets for that user, and list a level.

Source: SAP's OpenAPI file of the Destination service, tags "Find a Destination" and "Destinations on … Level".
Their properties may hold other people's passwords, so only five of them are read and the rest is dropped at once.
Tokens stay out of every `repr`, message and log.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote

import httpx
import msgspec

from btp_trust.errors import UnexpectedResponse
from btp_trust.service.credentials.service_key import DESTINATION
from btp_trust.service.responses import BASE_PATH, decode_body, require_authorized, require_documented_not_found
from btp_trust.service.transport.request import MAX_BYTES, USER_TOKEN_HEADER, request_label, send, server_time
from btp_trust.service.transport.retry import RetryPolicy, is_unavailable

MAX_LIST_BYTES: Final = 32_000_000
"""Largest list that is read: a destination has about a kilobyte, and a subaccount may have thousands."""
SAML_ASSERTION: Final = "SAMLAssertion"
SAML_BEARER: Final = "OAuth2SAMLBearerAssertion"


class Level(StrEnum):
    """Where destinations are kept: the value is the path of the list."""

    SUBACCOUNT = "/subaccountDestinations"
    INSTANCE = "/instanceDestinations"


class Destination(
    msgspec.Struct,
    frozen=True,
    rename={
        "name": "Name",
        "type": "Type",
        "authentication": "Authentication",
        "key_store": "KeyStoreLocation",
        "assertion_provider": "SAMLAssertionProvider",
    },
):
    """Properties of a destination that show which key signs its assertions."""

    name: str
    type: str = ""
    authentication: str = ""
    key_store: str = ""
    assertion_provider: str = ""

    @property
    def uses_subaccount_key(self) -> bool:
        """Return True if the service signs an assertion for the destination, with the active certificate."""
        # A key store of its own, or an assertion of the client, leaves the subaccount's key unused.
        signs = self.type in {"", "HTTP"} and self.authentication in {SAML_ASSERTION, SAML_BEARER}
        return signs and not self.key_store and self.assertion_provider != "ClientProvided"


class AuthToken(msgspec.Struct, frozen=True):
    """Token that the service got for the user, or the reason for its absence: then with status 200, and `error` set."""

    value: str | None = None
    error: str | None = None
    expires_in: str | float | None = None
    """Seconds, as a text; None with an error."""

    def __repr__(self) -> str:
        """Hide the token and the target's text."""
        return "AuthToken(…)"


class _FindResponse(msgspec.Struct, rename={"destination": "destinationConfiguration", "tokens": "authTokens"}):
    destination: Destination
    tokens: list[AuthToken] = []


class FoundDestination(msgspec.Struct, frozen=True):
    """Destination as a user finds it."""

    destination: Destination
    token: AuthToken | None
    """The first token, as SAP's own libraries take it."""
    answered_at: datetime | None
    """The service's clock at its response, UTC."""


class DestinationClient:
    """Reads the destinations that a service instance sees: its own, and those of its subaccount.

    All methods raise ServiceUnavailable, CredentialsRejected, NotAuthorized and UnexpectedResponse.

    Args:
        http: Client whose base URL is the service's, and whose auth puts the instance's token on each request.
        retry_policy: Bounds the attempts of a read and the time of all requests.
    """

    def __init__(self, http: httpx.Client, retry_policy: RetryPolicy) -> None:
        self._http = http
        self._retry_policy = retry_policy

    def find(self, name: str, user_token: str, *, skip_token_retrieval: bool) -> FoundDestination | None:
        """GET a destination by name, at the instance or else at the subaccount; None after the documented 404.

        With token retrieval the service may call the target as the user, so that request is sent once.

        Args:
            name: The destination's name.
            user_token: The user's token.
            skip_token_retrieval: Leave the target and the service's token cache alone.
        """
        # A slash in the name must not lead to another path.
        request = self._http.build_request(
            "GET",
            f"{BASE_PATH}/destinations/{quote(name, safe='')}",
            params={"$skipTokenRetrieval": "true"} if skip_token_retrieval else None,
            headers={"Accept": "application/json", USER_TOKEN_HEADER: user_token},
        )
        response = self._send_with_retries(request) if skip_token_retrieval else self._send(request)
        if response.status_code == httpx.codes.NOT_FOUND:
            require_documented_not_found(response)
            return None
        body = decode_body(response, _FindResponse)
        return FoundDestination(body.destination, next(iter(body.tokens), None), server_time(response))

    def list_level(self, level: Level) -> list[Destination]:
        """GET all destinations of a level."""
        request = self._http.build_request("GET", f"{BASE_PATH}{level.value}", headers={"Accept": "application/json"})
        return decode_body(self._send_with_retries(request, MAX_LIST_BYTES), list[Destination])

    def _send_with_retries(self, request: httpx.Request, max_bytes: int = MAX_BYTES) -> httpx.Response:
        return self._retry_policy.run_with_retries(lambda: self._send(request, max_bytes), is_unavailable)

    def _send(self, request: httpx.Request, max_bytes: int = MAX_BYTES) -> httpx.Response:
        response = send(self._http, request, self._retry_policy, max_bytes)
        require_authorized(response, "destinations", DESTINATION)
        # The service answers a user's token that has expired with 400, too.
        if response.status_code == httpx.codes.BAD_REQUEST:
            raise UnexpectedResponse(
                f"{request_label(request)} was refused: 400.",
                "The service rejects the request; a user's token that has expired may be the reason.",
                "Get a fresh token of a user of this subaccount, then run the same command again.",
            )
        return response
