"""Finding one destination for one user: the response, with the token if there is one to get."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from btp_trust_emulator.backend.destination import Authentication, Level
from btp_trust_emulator.messages import Response, UpstreamRequest, json
from btp_trust_emulator.saml import assertion
from btp_trust_emulator.services.destinations import propagation
from btp_trust_emulator.switches import TokenCache

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.destination import Destination
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.messages import UpstreamResponse
    from btp_trust_emulator.services.destinations.propagation import AuthToken


Key = tuple[str, str, str, str]
"""GUID, level and ETag of the destination, and the user."""


@dataclass(frozen=True, slots=True)
class _CacheEntry:
    token: AuthToken
    until: datetime


class Cache:
    """Tokens by destination and user, each until it expires."""

    def __init__(self, switch: TokenCache) -> None:
        self._is_on = switch is TokenCache.UNTIL_EXPIRY
        self._entries: dict[Key, _CacheEntry] = {}

    def token(self, key: Key, now: datetime) -> AuthToken | None:
        """Return the token, with the rest of its lifetime, if it is still valid."""
        entry = self._entries.get(key)
        if entry is None or entry.until <= now:
            return None
        if entry.token.expires_in is None:
            return entry.token
        return replace(entry.token, expires_in=int((entry.until - now).total_seconds()))

    def store(self, key: Key, token: AuthToken, now: datetime, seconds: float | None) -> None:
        """Store a token that is valid for so long; errors, and tokens without an end, are left out."""
        if self._is_on and token.error is None and seconds is not None:
            self._entries[key] = _CacheEntry(token, now + timedelta(seconds=seconds))


_SECRETS = ("password", "secret")
_MAX_CONNECT_SECONDS, _MAX_READ_SECONDS = 60, 600


@dataclass(frozen=True, slots=True)
class FoundDestination:
    """A destination that was found, for the user in a token (`claims`).

    `given` is the assertion that the client brought.
    """

    landscape: Landscape
    cache: Cache
    account: Account
    destination: Destination
    claims: Mapping[str, Any] = field(repr=False)
    given: str | None = field(repr=False)
    skip_credentials: bool

    def response_without_token(self) -> Response:
        """Return the properties alone, as asked for."""
        return self._response(None)

    def response_with_token(self) -> Response | UpstreamRequest:
        """Return the response with the token, or the upstream request that gets the token."""
        try:
            match self.destination.authentication:
                case Authentication.BASIC:
                    return self._response(propagation.basic_token(self.destination))
                case Authentication.SAML_ASSERTION:
                    return self._cached_response() or self._assertion_response()
                case Authentication.SAML_BEARER:
                    return self._cached_response() or self._token_service_request()
                case _:
                    return self._response(None)
        except propagation.CannotSign as exc:
            return self._response(propagation.failed_token(str(exc)), f"signed nothing: {exc}")

    def _assertion_response(self) -> Response:
        now = self.landscape.clock.now()
        signed = propagation.sign_assertion(self.account, self.destination, self.claims, now)
        token = propagation.saml2_token(signed.octets)
        self.cache.store(self._key, token, now, assertion.LIFETIME.total_seconds())
        return self._response(token, f"signed with {signed.fingerprint}")

    def _token_service_request(self) -> UpstreamRequest:
        text, note = self._assertion_text()
        request = propagation.token_request(self.destination, text)

        def on_response(upstream_response: UpstreamResponse) -> Response:
            token = propagation.parse_token_response(upstream_response)
            # The key of the cache lacks the client's own assertion, so a token for one must stay out of it.
            if not self.destination.client_provides_assertion:
                self.cache.store(self._key, token, self.landscape.clock.now(), token.expires_in)
            answer = upstream_response.status or "nothing"
            return self._response(token, f"{note}; the token service answered {answer}")

        connect = propagation.timeout_seconds(self.destination, "Connection", _MAX_CONNECT_SECONDS)
        return UpstreamRequest(
            request,
            connect,
            propagation.timeout_seconds(self.destination, "SocketRead", _MAX_READ_SECONDS),
            on_response,
        )

    def _assertion_text(self) -> tuple[str, str]:
        """Return the assertion for the token service, and its note in the journal."""
        if not self.destination.client_provides_assertion:
            signed = propagation.sign_assertion(self.account, self.destination, self.claims, self.landscape.clock.now())
            return propagation.encode_assertion(signed.octets, self.destination), f"signed with {signed.fingerprint}"
        if not self.given:
            raise propagation.CannotSign("the header X-samlAssertion is missing")
        return self.given, "the client brought the assertion"

    def _cached_response(self) -> Response | None:
        token = self.cache.token(self._key, self.landscape.clock.now())
        return self._response(token, "from the cache") if token else None

    @property
    def _key(self) -> Key:
        destination = self.destination
        return self.account.guid, destination.level.value, destination.etag, str(self.claims.get("sub"))

    def _response(self, token: AuthToken | None, note: str | None = None) -> Response:
        properties = self.destination.properties
        if self.skip_credentials:
            properties = {name: value for name, value in properties.items() if not name.lower().endswith(_SECRETS)}
        instance_id = self.account.instance_id if self.destination.level is Level.INSTANCE else None
        content: dict[str, object] = {
            "owner": {"SubaccountId": self.account.guid, "InstanceId": instance_id},
            "destinationConfiguration": properties,
        }
        if token:
            content["authTokens"] = [token.to_json()]
        return json(200, content, {"etag": self.destination.etag}, note)
