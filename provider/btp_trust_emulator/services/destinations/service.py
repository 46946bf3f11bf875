"""Finding and listing destinations over HTTP: paths, status codes and bodies of SAP's API description.

Finding gets the token: for `OAuth2SAMLBearerAssertion` and `SAMLAssertion` an assertion is signed, and for the former
sent to the token service; if that fails, the status is still 200, and `authTokens` say why. `BasicAuthentication` is
answered with its token, all other types of authentication with their properties. Fragments and chains are left out.
The response to an invalid user token is undocumented; here it is 401.
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
    """The destinations of the subaccount, and of the service instance, in the token."""

    landscape: Landscape
    cache: Cache = field(init=False)

    def __post_init__(self) -> None:
        """Begin with an empty cache."""
        object.__setattr__(self, "cache", Cache(self.landscape.switches.token_cache))

    def subaccount(self, request: Request) -> str | None:
        """Return the GUID in a genuine token, expired or not."""
        claims = authorization.destination_claims(self.landscape, request)
        return claims.subaccount if claims else None

    def effect(self, request: Request) -> RequestEffect:
        """Return the effect of reading the active slot, if an assertion may be signed."""
        operation = operations_at(OPERATIONS, request.path).get(request.method)
        account = authorization.authorized_account(
            self.landscape, authorization.destination_claims(self.landscape, request)
        )
        destination = _destination(account, request) if account and operation else None
        if operation is None or destination is None or not destination.signs_assertion:
            return RequestEffect()
        return RequestEffect() if _query_flags(request).get("$skipTokenRetrieval") else operation.effect

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
        """Return the claims of the token for the user; those of the caller if it is missing."""
        text = request.headers.get("x-user-token")
        if text is None:
            return caller
        claims = tokens.parse_token(self.landscape.token_key, text)
        return claims if claims and claims.expires > self.landscape.clock.now() else None


def _destination(account: Account, request: Request) -> Destination | None:
    """Return the first destination with this name: at the level of the instance, then of the subaccount."""
    name = request.path.removeprefix(_FIND_PATH)
    return account.destination(Level.INSTANCE, name) or account.destination(Level.SUBACCOUNT, name)


def _query_flags(request: Request) -> dict[str, bool | None]:
    """Return the flags in the query; None for a malformed one."""
    given = dict(parse_qsl(request.query, keep_blank_values=True))
    return {name: _BOOLEAN.get(given[name]) for name in ("$skipCredentials", "$skipTokenRetrieval") if name in given}


def _request_error(request: Request) -> str | None:
    """Return what is wrong with the request, apart from its tokens and its destination."""
    headers = request.headers
    if None in _query_flags(request).values():
        return "A flag must be true or false."
    if "x-user-token" in headers and "x-tenant" in headers:
        return "X-user-token and X-tenant exclude each other."
    if "x-chain-name" in headers:
        return "Destination chains are outside of the emulation."
    if "x-fragment-name" in headers and headers.get("x-fragment-optional") != "true":
        return "The fragment is missing: fragments are outside of the emulation."
    return None


def _precondition_failure(request: Request, destination: Destination) -> Response | None:
    """Return the response if the client's conditions (ETags) fail, or else None."""
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
