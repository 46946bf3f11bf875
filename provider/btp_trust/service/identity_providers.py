"""XSUAA's API for the identity providers that a subaccount trusts (plan `apiaccess`): list, register, replace, delete.

SAP describes the paths, the parameters and the shape of a provider (OpenAPI file "SAP XSUAA REST API"). What SAP leaves
open, above all how something is refused, is as in the open-source Cloud Foundry UAA, on which XSUAA is built: a list
holds providers of all types, `config` is a text unless `rawConfig` asks for an object, and an error is an object, a
text in JSON or a text. Where the two differ, both are sent and both are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import httpx

from btp_trust.errors import UnexpectedResponse
from btp_trust.saml.metadata import IdentityProvider
from btp_trust.service.credentials.service_key import XSUAA
from btp_trust.service.responses import require_authorized
from btp_trust.service.transport.decoding import DecodingError, decode, split_json_array
from btp_trust.service.transport.redaction import redact
from btp_trust.service.transport.request import content_type, request_label, send, server_time
from btp_trust.service.transport.retry import RetryPolicy, is_unavailable

PATH: Final = "/sap/rest/identity-providers"
_RAW_CONFIG_PARAMS: Final = {"rawConfig": "true"}
_LIST_PARAMS: Final = {**_RAW_CONFIG_PARAMS, "activeOnly": "false", "active_only": "false"}
"""SAP's description has the one name, the UAA the other: inactive ones have to be seen, as they count in a conflict."""
_DUPLICATE: Final = re.compile(r"(?:^|[\s\"'])duplicate entity id\b", re.IGNORECASE)
_NOT_FOUND: Final = re.compile(
    r"(?:identity )?provider (?:was )?not found\b|no (?:such )?identity provider\b", re.IGNORECASE
)
_MARKUP: Final = re.compile(r"\s*<")
_Shape = TypeVar("_Shape")


class DuplicateEntityID(UnexpectedResponse):
    """A registration was refused, as another identity provider of the subaccount has the entity ID."""


class IdentityProviderClient:
    """Calls the API of the subaccount that the token is for. A write is sent once; a read again if need be.

    All raise ServiceUnavailable, CredentialsRejected, NotAuthorized and UnexpectedResponse.

    Args:
        http: Client whose base URL is the API's, and whose auth puts a token on each request.
        patience: How often a read is repeated, and how long everything may take.
    """

    def __init__(self, http: httpx.Client, retry_policy: RetryPolicy) -> None:
        self._http = http
        self._retry_policy = retry_policy
        self.server_time: datetime | None = None
        """The service's clock at its last answer, UTC."""

    def all(self) -> tuple[IdentityProvider, ...]:
        """GET all of them, also inactive ones and those of other types; what cannot be told apart is left out."""
        response = self._retry_policy.run_with_retries(lambda: self._send("GET", params=_LIST_PARAMS), is_unavailable)
        return tuple(_parse_providers(_decode(response, split_json_array)))

    def register(self, body: Mapping[str, Any]) -> IdentityProvider:
        """POST a new one; returns it.

        Raises:
            DuplicateEntityID: Another one has its entity ID.
        """
        return _decode(self._send("POST", body=body), _parse_provider)

    def replace(self, identity: str, body: Mapping[str, Any]) -> IdentityProvider:
        """PUT one; returns it. Raises as `register`."""
        return _decode(self._send("PUT", f"/{identity}", body), _parse_provider)

    def delete(self, identity: str) -> None:
        """DELETE one; one that is gone already is a success, if it is the API that says so."""
        response = self._send("DELETE", f"/{identity}")
        if response.status_code == httpx.codes.NOT_FOUND and _NOT_FOUND.match(_error_text(response)):
            return
        if not response.is_success:
            raise _unexpected_response(response)

    def _send(
        self,
        method: str,
        path: str = "",
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] = _RAW_CONFIG_PARAMS,
    ) -> httpx.Response:
        headers = {"Accept": "application/json"}
        request = self._http.build_request(method, f"{PATH}{path}", headers=headers, json=body, params=params)
        response = send(self._http, request, self._retry_policy)
        self.server_time = server_time(response) or self.server_time
        return require_authorized(response, "identity providers", XSUAA)


def _decode(response: httpx.Response, reader: Callable[[bytes], _Shape]) -> _Shape:
    if not response.is_success:
        raise _unexpected_response(response)
    try:
        return reader(response.content)
    except DecodingError:
        raise _unexpected_response(response) from None


def _parse_provider(content: bytes) -> IdentityProvider:
    """Read the provider that a write is answered with."""
    for found in _parse_providers([content]):
        return found
    raise DecodingError("It is no identity provider.")


def _parse_providers(documents: Iterable[str | bytes]) -> Iterator[IdentityProvider]:
    """Read each by itself: one that is no provider, or of a type nobody knows, says nothing about the others."""
    for document in documents:
        try:
            shown = decode(document, dict[str, Any])
        except DecodingError:
            continue
        if origin_key := _to_text(shown.get("originKey")):
            yield IdentityProvider(
                id=_to_text(shown.get("id")),
                origin_key=origin_key,
                type=_to_text(shown.get("type")),
                name=_to_text(shown.get("name")),
                active=not any(_is_false(shown.get(name)) for name in ("active", "isActive")),
                config=_parse_config(shown.get("config")),
            )


def _to_text(value: Any) -> str:
    """Read a text, or a number that stands for one."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _is_false(value: Any) -> bool:
    return str(value).lower() == "false" or value == 0


def _parse_config(value: Any) -> Mapping[str, Any] | None:
    """Read the settings: an object, a text with one in it, nothing (also as a text); None if they cannot be read."""
    if isinstance(value, str):
        try:
            value = decode(value, object) if value.strip() else None
        except DecodingError:
            return None
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def _error_text(response: httpx.Response) -> str:
    """What the service says of a refusal: one short line, without what it repeats of the request or tells of a user."""
    try:
        said: Any = decode(response.content, object)
        said = decode(said, object) if isinstance(said, str) and said.startswith('"') else said
    except DecodingError:
        said = response.content.decode(errors="replace")
    if isinstance(said, dict):
        if "originKey" in said:  # the UAA repeats what was sent
            is_conflict = response.status_code == httpx.codes.CONFLICT
            return "there is an identity provider with this origin key" if is_conflict else ""
        said = " ".join(_to_text(said.get(name)) for name in ("error", "error_description", "message"))
    if not isinstance(said, str) or _MARKUP.match(said):
        return ""
    return redact(said)


def _unexpected_response(response: httpx.Response) -> UnexpectedResponse:
    told = _error_text(response)
    evidence = f"Status {response.status_code}, {content_type(response)}, {len(response.content)} bytes."
    is_conflict = response.status_code == httpx.codes.CONFLICT and _DUPLICATE.search(told) is not None
    kind = DuplicateEntityID if is_conflict else UnexpectedResponse
    outcome = "was refused" if response.is_client_error and told else "gave an answer that is not XSUAA's"
    return kind(
        f"{request_label(response.request)} {outcome}.",
        f"{evidence} It says: {told.rstrip('.')}." if told else evidence,
        "Check the key's apiurl, proxies on the way and what the answer says; if all are right, report this as a bug.",
        client_error=response.is_client_error and response.status_code != httpx.codes.REQUEST_TIMEOUT,
    )
