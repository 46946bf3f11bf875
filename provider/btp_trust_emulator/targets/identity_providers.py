"""XSUAA's API for the identity providers that a subaccount trusts: `/sap/rest/identity-providers` (plan `apiaccess`).

Documented are the paths, the body of a `POST` and its success; the other bodies are those of the Cloud Foundry UAA,
on which XSUAA is built. Requests may say `isActive`, as SAP's examples do, or `active`, as answers do.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from btp_trust_emulator import authorization
from btp_trust_emulator.errors import Conflict, Invalid
from btp_trust_emulator.exchange import NOT_FOUND, Answer, Call, json, not_allowed
from btp_trust_emulator.occasion import Purpose
from btp_trust_emulator.targets.identity_provider import IdentityProvider, identity_provider

if TYPE_CHECKING:
    from btp_trust_emulator.occasion import Twist
    from btp_trust_emulator.state import Account
    from btp_trust_emulator.world import World

_PATH = re.compile("/uaa-api/sap/rest/identity-providers(?:/([^/]+))?")
_NOT_TAKEN = "The identity provider was not taken."
_COLLECTION, _ONE = ("GET", "POST"), ("GET", "PUT", "DELETE")


class _Body(msgspec.Struct, frozen=True):
    type: str
    originKey: str  # noqa: N815 - XSUAA's names
    config: dict[str, Any]
    name: str = ""
    isActive: bool | None = None  # noqa: N815 - same
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class IdentityProviderService:
    """The identity providers of the subaccount that the token speaks for."""

    world: World

    def subaccount(self, call: Call) -> str | None:
        """The GUID in a genuine token, be it expired."""
        claims = authorization.api_claims(self.world, call)
        return claims.subaccount if claims else None

    def purpose(self, _: Call) -> Purpose:
        """Nothing to do with the slots."""
        return Purpose()

    def answer(self, call: Call, _: Twist) -> Answer:
        """Authenticate, then act."""
        match = _PATH.fullmatch(call.path)
        if match is None:
            return NOT_FOUND
        allowed = _COLLECTION if match[1] is None else _ONE
        if call.method not in allowed:
            return not_allowed(*allowed)
        account = authorization.account(self.world, authorization.api_claims(self.world, call))
        if account is None:
            return authorization.refusal(call)
        try:
            return self._collection(call, account) if match[1] is None else self._one(call, account, match[1])
        except Invalid as refusal:
            return _error(400, "invalid_idp", f"{refusal.what} {refusal.why}")
        except Conflict as refusal:
            return _error(409, "idp_exists", f"{refusal.what} {refusal.why}")

    def _collection(self, call: Call, account: Account) -> Answer:
        if call.method == "GET":
            return json(200, [_shown(each, account) for each in account.identity_providers])
        new = self._given(call, str(uuid.uuid4()))
        self._put(account, new)
        return json(201, _shown(new, account), note=_note(new))

    def _one(self, call: Call, account: Account, identity: str) -> Answer:
        found = next((each for each in account.identity_providers if each.id == identity), None)
        if found is None:
            return _error(404, "not_found", "There is no identity provider with this ID.")
        note = None
        if call.method == "PUT":
            found = found.changed_to(self._given(call, identity))
            self._put(account, found)
            note = _note(found)
        elif call.method == "DELETE":
            self._keep(account, [each for each in account.identity_providers if each.id != identity])
        return json(200, _shown(found, account), note=note)

    def _given(self, call: Call, identity: str) -> IdentityProvider:
        try:
            body = msgspec.json.decode(call.body, type=_Body)
        except msgspec.DecodeError as exc:
            raise Invalid(
                "The identity provider was not taken.", f"{exc}.", "Send what SAP's documentation has."
            ) from exc
        if body.type != "saml":
            raise Invalid("The identity provider was not taken.", "Its type is not `saml`.", "Only SAML is emulated.")
        active = False not in {body.isActive, body.active}
        return identity_provider(
            identity, body.originKey, body.name, body.config, self.world.clock.now(), active=active
        )

    def _put(self, account: Account, new: IdentityProvider) -> None:
        others = [each for each in account.identity_providers if each.id != new.id]
        for each in others:
            if each.origin_key == new.origin_key or each.metadata.entity_id == new.metadata.entity_id:
                raise Conflict(
                    _NOT_TAKEN,
                    f"{each.origin_key} has its origin key or its entity ID already.",
                    "Update that one.",
                )
        self._keep(account, [*others, new])

    def _keep(self, account: Account, providers: list[IdentityProvider]) -> None:
        self.world.change(account.guid, lambda old: replace(old, identity_providers=tuple(providers)))


def _shown(provider: IdentityProvider, account: Account) -> dict[str, object]:
    return {
        "id": provider.id,
        "type": "saml",
        "originKey": provider.origin_key,
        "name": provider.name,
        "active": provider.active,
        "config": provider.config,
        "identityZoneId": account.guid,
        "version": provider.version,
        "created": round(provider.created * 1000),
        "last_modified": round(provider.last_modified * 1000),
    }


def _note(provider: IdentityProvider) -> str:
    trusted = ", ".join(provider.metadata.fingerprints)
    return f"{provider.origin_key} is trusted with {trusted}"


def _error(status: int, error: str, description: str) -> Answer:
    return json(status, {"error": error, "error_description": description})
