"""XSUAA's API for the identity providers that a subaccount trusts (plan `apiaccess`): list, register, replace, delete.

Documented by SAP: the paths, and the body of a POST. What answers hold is as in the Cloud Foundry UAA, on which XSUAA
is built; so both `active`, which it has, and `isActive`, which SAP's example has, are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import httpx
import msgspec

from btp_trust.errors import UnexpectedResponse
from btp_trust.plan.scrub import scrub
from btp_trust.saml import IdentityProvider
from btp_trust.service.client import unless_refused
from btp_trust.service.documents import Unreadable, decode
from btp_trust.service.http import content_type, send, server_time, where
from btp_trust.service.key import XSUAA
from btp_trust.service.patience import Patience, is_unavailable

PATH: Final = "/sap/rest/identity-providers"
_Shape = TypeVar("_Shape")


class _Shown(msgspec.Struct, rename="camel"):
    id: str
    origin_key: str
    type: str = ""
    name: str = ""
    active: bool | None = None
    is_active: bool | None = None
    config: dict[str, Any] | None = None

    @property
    def provider(self) -> IdentityProvider:
        active = False not in (self.active, self.is_active)
        return IdentityProvider(self.id, self.origin_key, self.type, self.name, active, self.config or {})


class _Error(msgspec.Struct):
    error: str = ""
    error_description: str = ""


class IdentityProviderClient:
    """Calls the API of the subaccount that the token is for. A write is sent once; a read again if need be.

    All raise ServiceUnavailable, CredentialsRejected, NotAuthorized and UnexpectedResponse.

    Args:
        http: Client whose base URL is the API's, and whose auth puts a token on each request.
        patience: How often a read is repeated, and how long everything may take.
    """

    def __init__(self, http: httpx.Client, patience: Patience) -> None:
        self._http = http
        self._patience = patience
        self.server_time: datetime | None = None
        """The service's clock at its last answer, UTC."""

    def all(self) -> tuple[IdentityProvider, ...]:
        """GET all of them."""
        response = self._patience.repeat(lambda: self._send("GET"), is_unavailable)
        return tuple(each.provider for each in _body(response, list[_Shown]))

    def register(self, body: Mapping[str, Any]) -> IdentityProvider:
        """POST a new one; returns it."""
        return _body(self._send("POST", body=body), _Shown).provider

    def replace(self, identity: str, body: Mapping[str, Any]) -> IdentityProvider:
        """PUT one; returns it."""
        return _body(self._send("PUT", f"/{identity}", body), _Shown).provider

    def delete(self, identity: str) -> None:
        """DELETE one; one that is gone already is a success, if it is the API that says so."""
        response = self._send("DELETE", f"/{identity}")
        if response.status_code == httpx.codes.NOT_FOUND and _told(response):
            return
        if not response.is_success:
            raise _unexpected(response)

    def _send(self, method: str, path: str = "", body: Mapping[str, Any] | None = None) -> httpx.Response:
        headers = {"Accept": "application/json"}
        request = self._http.build_request(method, f"{PATH}{path}", headers=headers, json=body)
        response = send(self._http, request, self._patience)
        self.server_time = server_time(response) or self.server_time
        return unless_refused(response, "identity providers", XSUAA)


def _body(response: httpx.Response, shape: type[_Shape]) -> _Shape:
    if not response.is_success:
        raise _unexpected(response)
    try:
        return decode(response.content, shape)
    except Unreadable:
        raise _unexpected(response) from None


def _told(response: httpx.Response) -> str:
    """What the service says of a refusal: one short line, without what it repeats of the request or tells of a user."""
    try:
        error = decode(response.content, _Error)
    except Unreadable:
        return ""
    return scrub(f"{error.error} {error.error_description}")


def _unexpected(response: httpx.Response) -> UnexpectedResponse:
    told = _told(response)
    evidence = f"Status {response.status_code}, {content_type(response)}, {len(response.content)} bytes."
    outcome = "was refused" if response.is_client_error and told else "gave an answer that is not XSUAA's"
    return UnexpectedResponse(
        f"{where(response.request)} {outcome}.",
        f"{evidence} It says: {told}." if told else evidence,
        "Check the key's apiurl, proxies on the way and what the answer says; if all are right, report this as a bug.",
        refused=response.is_client_error and response.status_code != httpx.codes.REQUEST_TIMEOUT,
    )
