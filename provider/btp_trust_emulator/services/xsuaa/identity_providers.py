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
from btp_trust_emulator.faults.request import Purpose
from btp_trust_emulator.messages import NOT_FOUND, Answer, Call, json
from btp_trust_emulator.services import authorization
from btp_trust_emulator.services.xsuaa import provider_responses
from btp_trust_emulator.services.xsuaa.provider_responses import Refusal
from btp_trust_emulator.switches import ActiveFilter, InactiveProviders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.identity_provider import IdentityProvider
    from btp_trust_emulator.backend.landscape import World
    from btp_trust_emulator.faults.request import Twist

_PATH = re.compile("/uaa-api/sap/rest/identity-providers(?:/(?P<origin>originKey/)?(?P<name>[^/]+))?")
_COLLECTION, _ONE, _BY_ORIGIN_KEY = ("GET", "POST"), ("GET", "PUT", "DELETE"), ("DELETE",)
_SCOPES = {"GET": "xs_idp.read", "POST": "xs_idp.write", "PUT": "xs_idp.write", "DELETE": "xs_idp.write"}
_FILTERS = [each.value for each in (ActiveFilter.UAA, ActiveFilter.SAP)]
_BOOLEANS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class IdentityProviderService:
    """The identity providers of the subaccount that the token speaks for."""

    world: World

    def subaccount(self, call: Call) -> str | None:
        """The GUID in a genuine token, be it expired."""
        claims = authorization.any_claims(self.world, call)
        return claims.subaccount if claims else None

    def purpose(self, _: Call) -> Purpose:
        """Nothing to do with the slots."""
        return Purpose()

    def answer(self, call: Call, _: Twist) -> Answer:
        """Authenticate, then act."""
        match = _PATH.fullmatch(call.path)
        if match is None:
            return NOT_FOUND
        methods = _COLLECTION if match["name"] is None else _BY_ORIGIN_KEY if match["origin"] else _ONE
        try:
            account = self._authorized(call, methods)
            query = Query(call.query)
            if match["name"] is None:
                return self._collection(call, account, query)
            found = self._found(account, unquote(match["name"]), by_origin_key=match["origin"] is not None)
            return self._one(call, account, query, found)
        except Refusal as refusal:
            return refusal.answer

    def _authorized(self, call: Call, methods: Iterable[str]) -> Account:
        """The subaccount whose token allows the call."""
        if "authorization" not in call.headers:
            raise provider_responses.oauth_error(
                "unauthorized", "Full authentication is required to access this resource"
            )
        claims = authorization.any_claims(self.world, call)
        account = authorization.account(self.world, claims)
        if claims is None or account is None:
            raise provider_responses.oauth_error("invalid_token", "The token is no valid token of this server")
        if call.method == "HEAD" or (call.method in methods and _SCOPES[call.method] not in claims.all["scope"]):
            raise provider_responses.empty(403)
        if call.method not in methods:
            raise Refusal(replace(provider_responses.empty(405).answer, headers={"allow": ", ".join(methods)}))
        return account

    def _collection(self, call: Call, account: Account, query: Query) -> Answer:
        if call.method == "GET":
            return json(200, [self._shown(each, account, query) for each in self._listed(account, query)])
        wanted = self._read(call, account)
        self._refuse_entity_of_another(account, wanted)
        if account.identity_provider(wanted.origin_key):
            raise Refusal(json(409, self._shown(wanted, account, query)))
        self._refuse_unstorable(account, query, wanted)
        new = replace(wanted, id=str(uuid.uuid4()))
        self._keep(account, new)
        return json(201, self._shown(new, account, query), note=_note(new))

    def _listed(self, account: Account, query: Query) -> list[IdentityProvider]:
        """What a list shows; an unknown or inactive one that is asked for by its origin key is not found."""
        if origin_key := query.text("originKey"):
            found = account.identity_provider(origin_key)
            if found is None or not found.active:
                raise provider_responses.NOT_FOUND
            return [found]
        heeded = self.world.switches.active_filter
        names = _FILTERS if heeded is ActiveFilter.EITHER else [heeded.value]
        asked = [query.flag(name, otherwise=False) for name in names if query.text(name)]
        hidden = any(asked) if asked else self.world.switches.inactive_providers is InactiveProviders.HIDDEN
        return [each for each in account.identity_providers if each.active or not hidden]

    def _found(self, account: Account, name: str, *, by_origin_key: bool) -> IdentityProvider:
        providers = account.identity_providers
        found = next((each for each in providers if (each.origin_key if by_origin_key else each.id) == name), None)
        if found is None:
            raise provider_responses.NOT_FOUND
        return found

    def _one(self, call: Call, account: Account, query: Query, found: IdentityProvider) -> Answer:
        note = None
        if call.method == "PUT":
            wanted = registration.replacing(found, self._read(call, account, found))
            self._refuse_entity_of_another(account, wanted)
            self._refuse_unstorable(account, query, wanted)
            self._keep(account, found := wanted)
            note = _note(found)
        elif call.method == "DELETE":
            note = f"{found.origin_key} is deleted, and its {len(account.users_of(found.origin_key))} users"
            self.world.change(account.guid, lambda old: old.without_identity_provider(found))
        return json(200, self._shown(found, account, query), note=note)

    def _read(self, call: Call, account: Account, old: IdentityProvider | None = None) -> IdentityProvider:
        return registration.read(call.body, account.guid, self.world.clock.now(), self.world.switches, old)

    def _refuse_unstorable(self, account: Account, query: Query, new: IdentityProvider) -> None:
        if not registration.is_storable(new):
            raise Refusal(json(500, self._shown(new, account, query)))

    def _keep(self, account: Account, new: IdentityProvider) -> None:
        self.world.change(account.guid, lambda old: old.with_identity_provider(new))

    @staticmethod
    def _refuse_entity_of_another(account: Account, new: IdentityProvider) -> None:
        others = {each.metadata.entity_id for each in account.saml_providers if each.id != new.id}
        if new.type == SAML and new.metadata.entity_id in others:
            raise provider_responses.duplicate(new.metadata.entity_id)

    def _shown(self, provider: IdentityProvider, account: Account, query: Query) -> dict[str, object]:
        raw = query.flag("rawConfig", otherwise=False)
        return provider_responses.shown(provider, account.guid, raw=raw, is_active=self.world.switches.is_active)


class Query:
    """The query of a call; of a parameter that is there twice, the first counts."""

    def __init__(self, text: str) -> None:
        self._parameters: Mapping[str, list[str]] = parse_qs(text, keep_blank_values=True)

    def text(self, name: str) -> str:
        """A parameter; empty if it is not there."""
        return self._parameters.get(name, [""])[0]

    def flag(self, name: str, *, otherwise: bool) -> bool:
        """A parameter that is true or false.

        Raises:
            Refusal: it is neither.
        """
        given = self.text(name).lower()
        if not given:
            return otherwise
        if given not in _BOOLEANS:
            raise provider_responses.empty(400)
        return _BOOLEANS[given]


def _note(provider: IdentityProvider) -> str | None:
    return provider_responses.note(provider) if provider.type == SAML else None
