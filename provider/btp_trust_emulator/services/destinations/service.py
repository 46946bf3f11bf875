"""Finding and listing destinations over HTTP: paths, status codes and bodies of SAP's API description.

Finding gets the token: for `OAuth2SAMLBearerAssertion` and `SAMLAssertion` an assertion is signed, and for the former
sent to the token service; when that fails the answer is still 200, and its `authTokens` say why. All other types of
authentication are answered with their properties, `BasicAuthentication` with its token besides. There are no fragments
and no chains; what a user token that is no good is answered with is not documented, here it is 401.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from btp_trust_emulator.backend.destination import Level
from btp_trust_emulator.faults.request import Purpose, Target
from btp_trust_emulator.messages import Answer, Call, json, not_allowed, plain
from btp_trust_emulator.services import authorization
from btp_trust_emulator.services.destinations import listing
from btp_trust_emulator.services.destinations.finding import Cache, Finding
from btp_trust_emulator.services.xsuaa import tokens
from btp_trust_emulator.slots import Slot

if TYPE_CHECKING:
    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.destination import Destination
    from btp_trust_emulator.backend.landscape import World
    from btp_trust_emulator.faults.request import Twist
    from btp_trust_emulator.messages import Errand
    from btp_trust_emulator.services.xsuaa.tokens import Claims

_BASE = "/destination-configuration/v1"
_FIND = f"{_BASE}/destinations/"
_LISTS = {
    f"{_BASE}/subaccountDestinations": Level.SUBACCOUNT,
    f"{_BASE}/instanceDestinations": Level.INSTANCE,
}
_SIGNS = Purpose(frozenset({Target.READ}), frozenset({Slot.ACTIVE}))
_BOOLEAN = {"true": True, "false": False}
_CONFIGURATION = "Configuration with the specified name was not found"


def is_here(path: str) -> bool:
    """Whether a path is one of destinations."""
    return path in _LISTS or path.startswith(_FIND)


@dataclass(frozen=True, slots=True)
class DestinationService:
    """The destinations of the subaccount, and of the service instance, that the token speaks for."""

    world: World
    cache: Cache = field(init=False)

    def __post_init__(self) -> None:
        """Begin with an empty cache."""
        object.__setattr__(self, "cache", Cache(self.world.switches.token_cache))

    def subaccount(self, call: Call) -> str | None:
        """The GUID in a genuine token, be it expired."""
        claims = authorization.claims(self.world, call)
        return claims.subaccount if claims else None

    def purpose(self, call: Call) -> Purpose:
        """A read of the active slot, if an assertion may be signed."""
        account = authorization.account(self.world, authorization.claims(self.world, call))
        found = _destination(account, call) if account and call.method == "GET" else None
        signs = found is not None and found.signs and _switches(call).get("$skipTokenRetrieval") is not True
        return _SIGNS if signs else Purpose()

    def answer(self, call: Call, twist: Twist) -> Answer | Errand:
        """Authenticate, then list or find."""
        if call.method != "GET":
            return not_allowed("GET")
        claims = authorization.claims(self.world, call)
        account = authorization.account(self.world, claims)
        if account is None or claims is None:
            return authorization.refusal(call)
        level = _LISTS.get(call.path)
        if level is None:
            return self._find(call, self.world.history.before(account, twist.stale), claims)
        destinations = [each for each in account.destinations if each.level is level]
        return listing.answer(destinations, call.path.removeprefix(_BASE), call.query)

    def _find(self, call: Call, account: Account, caller: Claims) -> Answer | Errand:
        if refusal := _malformed(call):
            return plain(400, refusal)
        user = self._user(call, caller)
        if user is None:
            return plain(401, "Unauthorized")
        destination = _destination(account, call)
        if destination is None:
            return json(404, {"ErrorMessage": _CONFIGURATION})
        if unchanged := _conditions(call, destination):
            return unchanged
        asked = _switches(call)
        skip_credentials = asked.get("$skipCredentials", False) is True
        given = call.headers.get("x-samlassertion")
        finding = Finding(self.world, self.cache, account, destination, user.all, given, skip_credentials)
        return finding.without_token() if asked.get("$skipTokenRetrieval") else finding.with_token()

    def _user(self, call: Call, caller: Claims) -> Claims | None:
        """The claims of the token for the user; those of the caller's own if there is no other."""
        text = call.headers.get("x-user-token")
        if text is None:
            return caller
        claims = tokens.read(self.world.token_key, text)
        return claims if claims and claims.expires > self.world.clock.now() else None


def _destination(account: Account, call: Call) -> Destination | None:
    """The first with this name: at the level of the instance, then of the subaccount."""
    name = call.path.removeprefix(_FIND)
    return account.destination(Level.INSTANCE, name) or account.destination(Level.SUBACCOUNT, name)


def _switches(call: Call) -> dict[str, bool | None]:
    """What the query switches; None where it says neither true nor false."""
    given = dict(parse_qsl(call.query, keep_blank_values=True))
    return {name: _BOOLEAN.get(given[name]) for name in ("$skipCredentials", "$skipTokenRetrieval") if name in given}


def _malformed(call: Call) -> str | None:
    """What is wrong with the request, apart from its tokens and its destination."""
    headers = call.headers
    if None in _switches(call).values():
        return "A switch is neither true nor false."
    if "x-user-token" in headers and "x-tenant" in headers:
        return "X-user-token and X-tenant cannot be combined."
    if "x-chain-name" in headers:
        return "Destination chains are not emulated."
    if "x-fragment-name" in headers and headers.get("x-fragment-optional") != "true":
        return "There is no such fragment: fragments are not emulated."
    return None


def _conditions(call: Call, destination: Destination) -> Answer | None:
    """The answer if the client's conditions (ETags) do not hold."""
    tag = {"etag": destination.etag}
    if call.headers.get("if-match", destination.etag) != destination.etag:
        return Answer(412, headers=tag)
    if call.headers.get("if-none-match") == destination.etag:
        return Answer(304, headers=tag)
    return None
