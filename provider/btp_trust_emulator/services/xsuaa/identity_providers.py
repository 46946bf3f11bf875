"""XSUAA's API for the identity providers that a subaccount trusts: `/sap/rest/identity-providers` (plan `apiaccess`).

Paths and parameters are those of SAP's API description; what it leaves open, above all what is refused and how, is as
in the open-source UAA, on which XSUAA is built. Where the two differ, or two versions of the latter, a switch decides.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from btp_trust_emulator.backend import registration
from btp_trust_emulator.backend.identity_provider import SAML
from btp_trust_emulator.faults.request import RequestEffect
from btp_trust_emulator.messages import NOT_FOUND, Request, Response, json
from btp_trust_emulator.services import authorization
from btp_trust_emulator.services.xsuaa import provider_responses
from btp_trust_emulator.services.xsuaa.provider_responses import ErrorResponse
from btp_trust_emulator.switches import ActiveFilter, InactiveProviders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.identity_provider import IdentityProvider
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.faults.request import Override

_PATH = re.compile("/uaa-api/sap/rest/identity-providers(?:/(?P<origin>originKey/)?(?P<name>[^/]+))?")
_COLLECTION, _ONE, _BY_ORIGIN_KEY = ("GET", "POST"), ("GET", "PUT", "DELETE"), ("DELETE",)
_SCOPES = {"GET": "xs_idp.read", "POST": "xs_idp.write", "PUT": "xs_idp.write", "DELETE": "xs_idp.write"}
_FILTERS = [each.value for each in (ActiveFilter.UAA, ActiveFilter.SAP)]
_BOOLEANS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class IdentityProviderService:
    """The identity providers of the subaccount that the token speaks for."""

    landscape: Landscape

    def subaccount(self, request: Request) -> str | None:
        """The GUID in a genuine token, be it expired."""
        claims = authorization.claims_for_any_instance(self.landscape, request)
        return claims.subaccount if claims else None

    def effect(self, _: Request) -> RequestEffect:
        """Nothing to do with the slots."""
        return RequestEffect()

    def handle(self, request: Request, _: Override) -> Response:
        """Authenticate, then act."""
        match = _PATH.fullmatch(request.path)
        if match is None:
            return NOT_FOUND
        methods = _COLLECTION if match["name"] is None else _BY_ORIGIN_KEY if match["origin"] else _ONE
        try:
            account = self._authorize(request, methods)
            query = Query(request.query)
            if match["name"] is None:
                return self._handle_collection(request, account, query)
            found = self._get_provider(account, unquote(match["name"]), by_origin_key=match["origin"] is not None)
            return self._handle_one(request, account, query, found)
        except ErrorResponse as refusal:
            return refusal.response

    def _authorize(self, request: Request, methods: Iterable[str]) -> Account:
        """The subaccount whose token allows the call."""
        if "authorization" not in request.headers:
            raise provider_responses.oauth_error(
                "unauthorized", "Full authentication is required to access this resource"
            )
        claims = authorization.claims_for_any_instance(self.landscape, request)
        account = authorization.account(self.landscape, claims)
        if claims is None or account is None:
            raise provider_responses.oauth_error("invalid_token", "The token is no valid token of this server")
        if request.method == "HEAD" or (
            request.method in methods and _SCOPES[request.method] not in claims.all["scope"]
        ):
            raise provider_responses.empty(403)
        if request.method not in methods:
            raise ErrorResponse(replace(provider_responses.empty(405).response, headers={"allow": ", ".join(methods)}))
        return account

    def _handle_collection(self, request: Request, account: Account, query: Query) -> Response:
        if request.method == "GET":
            return json(
                200, [self._provider_json(each, account, query) for each in self._select_providers(account, query)]
            )
        wanted = self._parse_provider(request, account)
        self._refuse_duplicate_entity_id(account, wanted)
        if account.identity_provider(wanted.origin_key):
            raise ErrorResponse(json(409, self._provider_json(wanted, account, query)))
        self._refuse_unstorable(account, query, wanted)
        new = replace(wanted, id=str(uuid.uuid4()))
        self._store(account, new)
        return json(201, self._provider_json(new, account, query), note=_note(new))

    def _select_providers(self, account: Account, query: Query) -> list[IdentityProvider]:
        """What a list shows; an unknown or inactive one that is asked for by its origin key is not found."""
        if origin_key := query.text("originKey"):
            found = account.identity_provider(origin_key)
            if found is None or not found.active:
                raise provider_responses.NOT_FOUND
            return [found]
        heeded = self.landscape.switches.active_filter
        names = _FILTERS if heeded is ActiveFilter.EITHER else [heeded.value]
        asked = [query.flag(name, default=False) for name in names if query.text(name)]
        hidden = any(asked) if asked else self.landscape.switches.inactive_providers is InactiveProviders.HIDDEN
        return [each for each in account.identity_providers if each.active or not hidden]

    def _get_provider(self, account: Account, name: str, *, by_origin_key: bool) -> IdentityProvider:
        providers = account.identity_providers
        found = next((each for each in providers if (each.origin_key if by_origin_key else each.id) == name), None)
        if found is None:
            raise provider_responses.NOT_FOUND
        return found

    def _handle_one(self, request: Request, account: Account, query: Query, found: IdentityProvider) -> Response:
        note = None
        if request.method == "PUT":
            wanted = registration.replacement(found, self._parse_provider(request, account, found))
            self._refuse_duplicate_entity_id(account, wanted)
            self._refuse_unstorable(account, query, wanted)
            self._store(account, found := wanted)
            note = _note(found)
        elif request.method == "DELETE":
            note = f"{found.origin_key} is deleted, and its {len(account.users_of(found.origin_key))} users"
            self.landscape.change(account.guid, lambda old: old.without_identity_provider(found))
        return json(200, self._provider_json(found, account, query), note=note)

    def _parse_provider(
        self, request: Request, account: Account, old: IdentityProvider | None = None
    ) -> IdentityProvider:
        return registration.read(request.body, account.guid, self.landscape.clock.now(), self.landscape.switches, old)

    def _refuse_unstorable(self, account: Account, query: Query, new: IdentityProvider) -> None:
        if not registration.is_storable(new):
            raise ErrorResponse(json(500, self._provider_json(new, account, query)))

    def _store(self, account: Account, new: IdentityProvider) -> None:
        self.landscape.change(account.guid, lambda old: old.with_identity_provider(new))

    @staticmethod
    def _refuse_duplicate_entity_id(account: Account, new: IdentityProvider) -> None:
        others = {each.metadata.entity_id for each in account.saml_providers if each.id != new.id}
        if new.type == SAML and new.metadata.entity_id in others:
            raise provider_responses.duplicate_entity_id(new.metadata.entity_id)

    def _provider_json(self, provider: IdentityProvider, account: Account, query: Query) -> dict[str, object]:
        raw = query.flag("rawConfig", default=False)
        return provider_responses.provider_json(
            provider, account.guid, raw=raw, is_active=self.landscape.switches.is_active
        )


class Query:
    """The query of a call; of a parameter that is there twice, the first counts."""

    def __init__(self, text: str) -> None:
        self._parameters: Mapping[str, list[str]] = parse_qs(text, keep_blank_values=True)

    def text(self, name: str) -> str:
        """A parameter; empty if it is not there."""
        return self._parameters.get(name, [""])[0]

    def flag(self, name: str, *, default: bool) -> bool:
        """A parameter that is true or false.

        Raises:
            Refusal: it is neither.
        """
        given = self.text(name).lower()
        if not given:
            return default
        if given not in _BOOLEANS:
            raise provider_responses.empty(400)
        return _BOOLEANS[given]


def _note(provider: IdentityProvider) -> str | None:
    return provider_responses.note(provider) if provider.type == SAML else None
