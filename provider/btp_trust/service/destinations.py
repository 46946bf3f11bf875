"""Destinations: found as a user, with the token that the service gets for that user, and listed by level.

Source: SAP's OpenAPI file of the Destination service, tags "Find a Destination" and "Destinations on … Level".
Their properties may hold other people's passwords, so only five of them are read and the rest is dropped at once.
Of what the service gets for a user, nothing is ever shown: no `repr`, message or log holds a token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote

import httpx
import msgspec

from btp_trust.errors import RENEWED_KEY_HINT, CredentialsRejected, NotAuthorized, UnexpectedResponse
from btp_trust.service.responses import BASE_PATH, decode_body, require_documented_not_found
from btp_trust.service.transport.request import MAX_BYTES, request_label, send, server_time
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
    """What matters of a destination here."""

    name: str
    type: str = ""
    authentication: str = ""
    key_store: str = ""
    assertion_provider: str = ""

    @property
    def uses_subaccount_key(self) -> bool:
        """Whether the service signs an assertion for it, and with the certificate that a rotation changes."""
        signs = self.type in {"", "HTTP"} and self.authentication in {SAML_ASSERTION, SAML_BEARER}
        return signs and not self.key_store and self.assertion_provider != "ClientProvided"


class AuthToken(msgspec.Struct, frozen=True):
    """What the service got for the user, or why it got nothing: then with status 200, and `error` set."""

    value: str | None = None
    error: str | None = None
    expires_in: str | float | None = None
    """Seconds, as a text; nothing with an error."""

    def __repr__(self) -> str:
        """Show neither the token nor the target's text."""
        return "AuthToken(…)"


class _FindResponse(msgspec.Struct, rename={"destination": "destinationConfiguration", "tokens": "authTokens"}):
    destination: Destination
    tokens: list[AuthToken] = []


@dataclass(frozen=True, slots=True)
class FoundDestination:
    """A destination as a user finds it."""

    destination: Destination
    token: AuthToken | None = field(repr=False)
    """The first token, as SAP's own libraries take it."""
    answered_at: datetime | None
    """The service's clock at its answer, UTC."""


class DestinationClient:
    """Reads the destinations that a service instance sees: its own, and those of its subaccount.

    Both raise ServiceUnavailable, CredentialsRejected, NotAuthorized and UnexpectedResponse.

    Args:
        http: Client whose base URL is the service's, and whose auth puts the instance's token on each request.
        patience: How often a read is repeated, and how long everything may take.
    """

    def __init__(self, http: httpx.Client, retry_policy: RetryPolicy) -> None:
        self._http = http
        self._retry_policy = retry_policy

    def find(self, name: str, user_token: str, *, skip_token_retrieval: bool) -> FoundDestination | None:
        """GET a destination by name, at the instance or else at the subaccount; None if there is none.

        With token retrieval the service may call the target as the user, so that is sent once.

        Args:
            name: The destination's name.
            user_token: The user's token.
            skip_token_retrieval: Leave the target alone: no token is fetched, and so none is kept for later.
        """
        request = self._http.build_request(
            "GET",
            f"{BASE_PATH}/destinations/{quote(name, safe='')}",
            params={"$skipTokenRetrieval": "true"} if skip_token_retrieval else None,
            headers={"Accept": "application/json", "X-user-token": user_token},
        )
        response = self._send_with_retries(request) if skip_token_retrieval else self._send(request)
        if response.status_code == httpx.codes.NOT_FOUND:
            require_documented_not_found(response)
            return None
        found = decode_body(response, _FindResponse)
        return FoundDestination(found.destination, next(iter(found.tokens), None), server_time(response))

    def list_level(self, level: Level) -> list[Destination]:
        """GET all destinations of a level."""
        request = self._http.build_request("GET", f"{BASE_PATH}{level.value}", headers={"Accept": "application/json"})
        return decode_body(self._send_with_retries(request, MAX_LIST_BYTES), list[Destination])

    def _send_with_retries(self, request: httpx.Request, max_bytes: int = MAX_BYTES) -> httpx.Response:
        return self._retry_policy.run_with_retries(lambda: self._send(request, max_bytes), is_unavailable)

    def _send(self, request: httpx.Request, max_bytes: int = MAX_BYTES) -> httpx.Response:
        response = send(self._http, request, self._retry_policy, max_bytes)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise CredentialsRejected(
                f"{request_label(request)} was refused: 401.",
                "The service accepts no token of this service key, a fresh one included, or not the user's.",
                f"Try another user's token; if it is refused as well, create a new service key. {RENEWED_KEY_HINT}",
            )
        if response.status_code == httpx.codes.FORBIDDEN:
            raise NotAuthorized(
                f"{request_label(request)} was refused: 403.",
                "The service key may not read these destinations.",
                "Use a service key of a destination service instance in that subaccount.",
            )
        if response.status_code == httpx.codes.BAD_REQUEST:
            raise UnexpectedResponse(
                f"{request_label(request)} was refused: 400.",
                "The service does not take the request; a user's token that has expired may be the reason.",
                "Get a fresh token of a user of this subaccount, then run the same command again.",
            )
        return response
