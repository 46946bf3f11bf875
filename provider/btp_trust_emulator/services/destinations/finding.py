"""Finding one destination for one user: the answer, with the token if there is one to get."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from btp_trust_emulator.backend.destination import Authentication, Level
from btp_trust_emulator.messages import Answer, Errand, json
from btp_trust_emulator.saml import assertion
from btp_trust_emulator.services.destinations import propagation
from btp_trust_emulator.switches import TokenCache

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.destination import Destination
    from btp_trust_emulator.backend.landscape import World
    from btp_trust_emulator.messages import Reply
    from btp_trust_emulator.services.destinations.propagation import AuthToken


Key = tuple[str, str, str, str]
"""GUID, level and ETag of the destination, and the user."""


@dataclass(frozen=True, slots=True)
class _Kept:
    token: AuthToken
    until: datetime


class Cache:
    """Tokens by destination and user, each until it expires."""

    def __init__(self, switch: TokenCache) -> None:
        self._is_on = switch is TokenCache.UNTIL_EXPIRY
        self._kept: dict[Key, _Kept] = {}

    def token(self, key: Key, now: datetime) -> AuthToken | None:
        """The token, with what is left of its time, if it has not expired."""
        kept = self._kept.get(key)
        if kept is None or kept.until <= now:
            return None
        if kept.token.expires_in is None:
            return kept.token
        return replace(kept.token, expires_in=int((kept.until - now).total_seconds()))

    def keep(self, key: Key, token: AuthToken, now: datetime, seconds: float | None) -> None:
        """Remember a token that is good for so long; one that failed, or that has no end, is not remembered."""
        if self._is_on and token.error is None and seconds is not None:
            self._kept[key] = _Kept(token, now + timedelta(seconds=seconds))


_SECRETS = ("password", "secret")
_CONNECT_MOST, _READ_MOST = 60, 600


@dataclass(frozen=True, slots=True)
class Finding:
    """A destination that was found, for the user in a token (`claims`).

    `given` is the assertion that the client brought along, None if it brought none.
    """

    world: World
    cache: Cache
    account: Account
    destination: Destination
    claims: Mapping[str, Any] = field(repr=False)
    given: str | None = field(repr=False)
    skip_credentials: bool

    def without_token(self) -> Answer:
        """The answer to whoever asked for no token."""
        return self._answer(None)

    def with_token(self) -> Answer | Errand:
        """The answer with the token, or the errand to get it."""
        try:
            match self.destination.authentication:
                case Authentication.BASIC:
                    return self._answer(propagation.basic(self.destination))
                case Authentication.SAML_ASSERTION:
                    return self._cached() or self._with_assertion()
                case Authentication.SAML_BEARER:
                    return self._cached() or self._errand()
                case _:
                    return self._answer(None)
        except propagation.CannotSign as exc:
            return self._answer(propagation.failed(str(exc)), f"signed nothing: {exc}")

    def _with_assertion(self) -> Answer:
        now = self.world.clock.now()
        signed = propagation.signed(self.account, self.destination, self.claims, now)
        token = propagation.plainly(signed.octets)
        self.cache.keep(self._key, token, now, assertion.LIFETIME.total_seconds())
        return self._answer(token, f"signed with {signed.fingerprint}")

    def _errand(self) -> Errand:
        text, done = self._encoded()
        request = propagation.token_request(self.destination, text)

        def then(reply: Reply) -> Answer:
            token = propagation.received(reply)
            if not self.destination.brings_assertion:
                self.cache.keep(self._key, token, self.world.clock.now(), token.expires_in)
            return self._answer(token, f"{done}; the token service answered {reply.status or 'nothing'}")

        connect = propagation.seconds(self.destination, "Connection", _CONNECT_MOST)
        return Errand(request, connect, propagation.seconds(self.destination, "SocketRead", _READ_MOST), then)

    def _encoded(self) -> tuple[str, str]:
        """The assertion for the token service, and what the journal says of it."""
        if not self.destination.brings_assertion:
            signed = propagation.signed(self.account, self.destination, self.claims, self.world.clock.now())
            return propagation.encoded(signed.octets, self.destination), f"signed with {signed.fingerprint}"
        if not self.given:
            raise propagation.CannotSign("the header X-samlAssertion is missing")
        return self.given, "the client brought the assertion"

    def _cached(self) -> Answer | None:
        token = self.cache.token(self._key, self.world.clock.now())
        return self._answer(token, "from the cache") if token else None

    @property
    def _key(self) -> Key:
        destination = self.destination
        return self.account.guid, destination.level.value, destination.etag, str(self.claims.get("sub"))

    def _answer(self, token: AuthToken | None, note: str | None = None) -> Answer:
        properties = self.destination.properties
        if self.skip_credentials:
            properties = {name: value for name, value in properties.items() if not name.lower().endswith(_SECRETS)}
        instance_id = self.account.instance_id if self.destination.level is Level.INSTANCE else None
        content: dict[str, object] = {
            "owner": {"SubaccountId": self.account.guid, "InstanceId": instance_id},
            "destinationConfiguration": properties,
        }
        if token:
            content["authTokens"] = [token.shown()]
        return json(200, content, {"etag": self.destination.etag}, note)
