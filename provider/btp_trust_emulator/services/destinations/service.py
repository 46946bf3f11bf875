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
from btp_trust_emulator.faults.request import RequestEffect, RequestType
from btp_trust_emulator.messages import Request, Response, json, not_allowed, plain
from btp_trust_emulator.services import authorization
from btp_trust_emulator.services.destinations import listing
from btp_trust_emulator.services.destinations.finding import Cache, FoundDestination
from btp_trust_emulator.services.operations import Operation, operations_at, parameters_at
from btp_trust_emulator.services.xsuaa import tokens
from btp_trust_emulator.slots import Slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.destination import Destination
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.faults.request import Override
    from btp_trust_emulator.messages import UpstreamRequest
    from btp_trust_emulator.services.xsuaa.tokens import Claims

    Handler = Callable[["DestinationService", Request, Account, Claims], Response | UpstreamRequest]

_BASE = "/destination-configuration/v1"
_FIND_PATH = f"{_BASE}/destinations/"
_LIST_SUBACCOUNT, _LIST_INSTANCE = f"{_BASE}/subaccountDestinations", f"{_BASE}/instanceDestinations"
_LIST_LEVELS = {_LIST_SUBACCOUNT: Level.SUBACCOUNT, _LIST_INSTANCE: Level.INSTANCE}
_SIGNING_READ = RequestEffect(frozenset({RequestType.READ}), frozenset({Slot.ACTIVE}))
_BOOLEAN = {"true": True, "false": False}
_NOT_FOUND_TEXT = "Configuration with the specified name was not found"


def is_destination_path(path: str) -> bool:
    """Return True if a path is one of destinations."""
    return parameters_at(OPERATIONS, path) is not None


@dataclass(frozen=True, slots=True)
class DestinationService:
    """The destinations of the subaccount, and of the service instance, that the token speaks for."""

    landscape: Landscape
    cache: Cache = field(init=False)

    def __post_init__(self) -> None:
        """Begin with an empty cache."""
        object.__setattr__(self, "cache", Cache(self.landscape.switches.token_cache))

    def subaccount(self, request: Request) -> str | None:
        """The GUID in a genuine token, be it expired."""
        claims = authorization.destination_claims(self.landscape, request)
        return claims.subaccount if claims else None

    def effect(self, request: Request) -> RequestEffect:
        """A read of the active slot, if an assertion may be signed."""
        account = authorization.authorized_account(
            self.landscape, authorization.destination_claims(self.landscape, request)
        )
        found = _destination(account, request) if account and request.method == "GET" else None
        signs_assertion = (
            found is not None and found.signs_assertion and _query_flags(request).get("$skipTokenRetrieval") is not True
        )
        return _SIGNING_READ if signs_assertion else RequestEffect()

    def handle(self, request: Request, override: Override) -> Response | UpstreamRequest:
        """Authenticate, then list or find."""
        operation = operations_at(OPERATIONS, request.path).get(request.method)
        if operation is None:
            return not_allowed("GET")
        claims = authorization.destination_claims(self.landscape, request)
        account = authorization.authorized_account(self.landscape, claims)
        if account is None or claims is None:
            return authorization.unauthorized_response(request)
        return operation.handler(self, request, self.landscape.history.before(account, override.stale), claims)

    def list_destinations(self, request: Request, account: Account, _: Claims) -> Response:
        """Return the destinations at one level."""
        level = _LIST_LEVELS[request.path]
        destinations = [destination for destination in account.destinations if destination.level is level]
        return listing.list_response(destinations, request.path.removeprefix(_BASE), request.query)

    def find(self, request: Request, account: Account, caller: Claims) -> Response | UpstreamRequest:
        """Return one destination, with its token if there is one to get."""
        if refusal := _request_error(request):
            return plain(400, refusal)
        user = self._user(request, caller)
        if user is None:
            return plain(401, "Unauthorized")
        destination = _destination(account, request)
        if destination is None:
            return json(404, {"ErrorMessage": _NOT_FOUND_TEXT})
        if unchanged := _precondition_failure(request, destination):
            return unchanged
        asked = _query_flags(request)
        skip_credentials = asked.get("$skipCredentials", False) is True
        given = request.headers.get("x-samlassertion")
        finding = FoundDestination(self.landscape, self.cache, account, destination, user.all, given, skip_credentials)
        return finding.response_without_token() if asked.get("$skipTokenRetrieval") else finding.response_with_token()

    def _user(self, request: Request, caller: Claims) -> Claims | None:
        """The claims of the token for the user; those of the caller's own if there is no other."""
        text = request.headers.get("x-user-token")
        if text is None:
            return caller
        claims = tokens.parse_token(self.landscape.token_key, text)
        return claims if claims and claims.expires > self.landscape.clock.now() else None


def _destination(account: Account, request: Request) -> Destination | None:
    """The first with this name: at the level of the instance, then of the subaccount."""
    name = request.path.removeprefix(_FIND_PATH)
    return account.destination(Level.INSTANCE, name) or account.destination(Level.SUBACCOUNT, name)


def _query_flags(request: Request) -> dict[str, bool | None]:
    """What the query switches; None where it says neither true nor false."""
    given = dict(parse_qsl(request.query, keep_blank_values=True))
    return {name: _BOOLEAN.get(given[name]) for name in ("$skipCredentials", "$skipTokenRetrieval") if name in given}


def _request_error(request: Request) -> str | None:
    """What is wrong with the request, apart from its tokens and its destination."""
    headers = request.headers
    if None in _query_flags(request).values():
        return "A switch is neither true nor false."
    if "x-user-token" in headers and "x-tenant" in headers:
        return "X-user-token and X-tenant cannot be combined."
    if "x-chain-name" in headers:
        return "Destination chains are not emulated."
    if "x-fragment-name" in headers and headers.get("x-fragment-optional") != "true":
        return "There is no such fragment: fragments are not emulated."
    return None


def _precondition_failure(request: Request, destination: Destination) -> Response | None:
    """The answer if the client's conditions (ETags) do not hold."""
    tag = {"etag": destination.etag}
    if request.headers.get("if-match", destination.etag) != destination.etag:
        return Response(412, headers=tag)
    if request.headers.get("if-none-match") == destination.etag:
        return Response(304, headers=tag)
    return None


OPERATIONS: tuple[Operation[Handler], ...] = (
    Operation("GET", f"{_FIND_PATH}{{name:path}}", DestinationService.find, _SIGNING_READ),
    Operation("GET", _LIST_SUBACCOUNT, DestinationService.list_destinations),
    Operation("GET", _LIST_INSTANCE, DestinationService.list_destinations),
)
"""The operations on destinations; finding one has its effect only if it may sign an assertion."""
