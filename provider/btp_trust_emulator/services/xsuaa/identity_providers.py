"""XSUAA's API for the identity providers that a subaccount trusts: `/sap/rest/identity-providers` (plan `apiaccess`).

Paths and parameters are those of SAP's API description. Where it is silent, above all on errors, the API follows the
open-source UAA, on which XSUAA is built. Where the two differ, or two versions of the latter, a switch decides.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from btp_trust_emulator.backend.identity_provider import SAML
from btp_trust_emulator.faults.request import RequestEffect
from btp_trust_emulator.messages import NOT_FOUND, Request, Response, json
from btp_trust_emulator.services import authorization
from btp_trust_emulator.services.operations import Operation, operations_at
from btp_trust_emulator.services.xsuaa import provider_responses, registration
from btp_trust_emulator.services.xsuaa.provider_responses import ErrorResponse
from btp_trust_emulator.switches import ActiveFilter, InactiveProviders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.identity_provider import IdentityProvider
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.faults.request import Override

    Handler = Callable[["IdentityProviderService", "ProviderRequest"], Response]

_SCOPES = {"GET": "xs_idp.read", "POST": "xs_idp.write", "PUT": "xs_idp.write", "DELETE": "xs_idp.write"}
_FILTERS = [parameter.value for parameter in (ActiveFilter.UAA, ActiveFilter.SAP)]
_BOOLEANS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class IdentityProviderService:
    """The identity providers of the subaccount in the token."""

    landscape: Landscape

    def subaccount(self, request: Request) -> str | None:
        """Return the GUID in a genuine token, expired or not."""
        claims = authorization.claims_for_any_instance(self.landscape, request)
        return claims.subaccount if claims else None

    def effect(self, _: Request) -> RequestEffect:
        """Return an empty effect: the slots stay as they are."""
        return RequestEffect()

    def handle(self, request: Request, _: Override) -> Response:
        """Authenticate, then act."""
        operations = operations_at(OPERATIONS, request.path)
        if not operations:
            return NOT_FOUND
        try:
            account = self._authorize(request, operations)
            operation = operations[request.method]
            parameters = operation.parameters(request.path) or {}
            return operation.handler(self, ProviderRequest(account, request.body, Query(request.query), parameters))
        except ErrorResponse as refusal:
            return refusal.response

    def _authorize(self, request: Request, methods: Iterable[str]) -> Account:
        """Return the subaccount whose token allows the request."""
        if "authorization" not in request.headers:
            raise provider_responses.oauth_error(
                "unauthorized", "Full authentication is required to access this resource"
            )
        claims = authorization.claims_for_any_instance(self.landscape, request)
        account = authorization.authorized_account(self.landscape, claims)
        if claims is None or account is None:
            raise provider_responses.oauth_error("invalid_token", "The token is not a valid token of this server")
        if request.method == "HEAD" or (
            request.method in methods and _SCOPES[request.method] not in claims.all["scope"]
        ):
            raise provider_responses.empty_error(403)
        if request.method not in methods:
            raise ErrorResponse(
                replace(provider_responses.empty_error(405).response, headers={"allow": ", ".join(methods)})
            )
        return account

    def list_providers(self, call: ProviderRequest) -> Response:
        """Return the identity providers that the query selects."""
        providers = self._select_providers(call.account, call.query)
        return json(200, [self._provider_json(provider, call) for provider in providers])

    def register(self, call: ProviderRequest) -> Response:
        """Register an identity provider under a free entity ID and origin key."""
        new = self._parse_provider(call)
        self._refuse_duplicate_entity_id(call.account, new)
        if call.account.identity_provider(new.origin_key):
            raise ErrorResponse(json(409, self._provider_json(new, call)))
        self._refuse_unstorable(call, new)
        stored = replace(new, id=str(uuid.uuid4()))
        self._store(call.account, stored)
        return json(201, self._provider_json(stored, call), note=_note(stored))

    def read(self, call: ProviderRequest) -> Response:
        """Return one identity provider."""
        return json(200, self._provider_json(call.provider, call))

    def update(self, call: ProviderRequest) -> Response:
        """Replace one identity provider; its ID and its origin key stay."""
        new = registration.replacement(call.provider, self._parse_provider(call, call.provider))
        self._refuse_duplicate_entity_id(call.account, new)
        self._refuse_unstorable(call, new)
        self._store(call.account, new)
        return json(200, self._provider_json(new, call), note=_note(new))

    def delete(self, call: ProviderRequest) -> Response:
        """Delete one identity provider and its users."""
        old = call.provider
        note = f"{old.origin_key} is deleted, and its {len(call.account.users_of(old.origin_key))} users"
        self.landscape.change(call.account.guid, lambda account: account.without_identity_provider(old))
        return json(200, self._provider_json(old, call), note=note)

    def _select_providers(self, account: Account, query: Query) -> list[IdentityProvider]:
        """Return what a list shows; an unknown or inactive provider that is asked for by its origin key is 404."""
        if origin_key := query.text("originKey"):
            provider = account.identity_provider(origin_key)
            if provider is None or not provider.active:
                raise provider_responses.NOT_FOUND
            return [provider]
        choice = self.landscape.switches.active_filter
        names = _FILTERS if choice is ActiveFilter.EITHER else [choice.value]
        asked = [query.flag(name, default=False) for name in names if query.text(name)]
        hidden = any(asked) if asked else self.landscape.switches.inactive_providers is InactiveProviders.HIDDEN
        return [provider for provider in account.identity_providers if provider.active or not hidden]

    def _parse_provider(self, call: ProviderRequest, old: IdentityProvider | None = None) -> IdentityProvider:
        now = self.landscape.clock.now()
        return registration.parse_provider(call.body, call.account.guid, now, self.landscape.switches, old)

    def _refuse_unstorable(self, call: ProviderRequest, new: IdentityProvider) -> None:
        if not registration.is_storable(new):
            raise ErrorResponse(json(500, self._provider_json(new, call)))

    def _store(self, account: Account, new: IdentityProvider) -> None:
        self.landscape.change(account.guid, lambda old: old.with_identity_provider(new))

    @staticmethod
    def _refuse_duplicate_entity_id(account: Account, new: IdentityProvider) -> None:
        others = {other.metadata.entity_id for other in account.saml_providers if other.id != new.id}
        if new.type == SAML and new.metadata.entity_id in others:
            raise provider_responses.duplicate_entity_id(new.metadata.entity_id)

    def _provider_json(self, provider: IdentityProvider, call: ProviderRequest) -> dict[str, object]:
        raw = call.query.flag("rawConfig", default=False)
        return provider_responses.provider_json(
            provider, call.account.guid, raw=raw, is_active=self.landscape.switches.is_active
        )


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """An authorized request: the subaccount, the body, the query, and the parameters in the path."""

    account: Account
    body: bytes
    query: Query
    parameters: Mapping[str, str]

    @property
    def provider(self) -> IdentityProvider:
        """The identity provider in the path.

        Raises:
            ErrorResponse: the subaccount has no such identity provider.
        """
        providers = self.account.identity_providers
        ids = {provider.id: provider for provider in providers}
        origin_keys = {provider.origin_key: provider for provider in providers}
        name = self.parameters.get("id")
        provider = origin_keys.get(unquote(self.parameters["originKey"])) if name is None else ids.get(unquote(name))
        if provider is None:
            raise provider_responses.NOT_FOUND
        return provider


class Query:
    """The query of a request; of a repeated parameter, the first counts."""

    def __init__(self, text: str) -> None:
        self._parameters: Mapping[str, list[str]] = parse_qs(text, keep_blank_values=True)

    def text(self, name: str) -> str:
        """Return a parameter; empty if it is missing."""
        return self._parameters.get(name, [""])[0]

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a parameter that is true or false.

        Raises:
            ErrorResponse: the parameter is neither.
        """
        given = self.text(name).lower()
        if not given:
            return default
        if given not in _BOOLEANS:
            raise provider_responses.empty_error(400)
        return _BOOLEANS[given]


def _note(provider: IdentityProvider) -> str | None:
    return provider_responses.trust_note(provider) if provider.type == SAML else None


_PATH = "/uaa-api/sap/rest/identity-providers"
OPERATIONS: tuple[Operation[Handler], ...] = (
    Operation("GET", _PATH, IdentityProviderService.list_providers),
    Operation("POST", _PATH, IdentityProviderService.register),
    Operation("GET", f"{_PATH}/{{id}}", IdentityProviderService.read),
    Operation("PUT", f"{_PATH}/{{id}}", IdentityProviderService.update),
    Operation("DELETE", f"{_PATH}/{{id}}", IdentityProviderService.delete),
    Operation("DELETE", f"{_PATH}/originKey/{{originKey}}", IdentityProviderService.delete),
)
"""The operations on identity providers."""
