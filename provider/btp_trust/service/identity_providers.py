"""XSUAA's API for the identity providers that a subaccount trusts (plan `apiaccess`): list, register, replace, delete.

SAP describes the paths, the parameters and the shape of a provider (OpenAPI file "SAP XSUAA REST API"). What SAP leaves
open, above all the shape of errors, is as in the open-source Cloud Foundry UAA, on which XSUAA is built: a list
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
from btp_trust.service.responses import is_client_error, require_authorized
from btp_trust.service.transport.decoding import DecodingError, decode, split_json_array
from btp_trust.service.transport.redaction import redact
from btp_trust.service.transport.request import content_type, request_label, send, server_time
from btp_trust.service.transport.retry import RetryPolicy, is_unavailable

PATH: Final = "/sap/rest/identity-providers"
_RAW_CONFIG_PARAMS: Final = {"rawConfig": "true"}
_LIST_PARAMS: Final = {**_RAW_CONFIG_PARAMS, "activeOnly": "false", "active_only": "false"}
"""SAP's description has the one name, the UAA the other. Inactive ones are listed, as they count in a conflict."""
# The sentences of the open-source UAA; those of XSUAA are undocumented.
_DUPLICATE: Final = re.compile(r"(?:^|[\s\"'])duplicate entity id\b", re.IGNORECASE)
_NOT_FOUND: Final = re.compile(
    r"(?:identity )?provider (?:was )?not found\b|no (?:such )?identity provider\b", re.IGNORECASE
)
_MARKUP: Final = re.compile(r"\s*<")
_Shape = TypeVar("_Shape")


class DuplicateEntityID(UnexpectedResponse):
    """Another identity provider of the subaccount has the entity ID, so the registration was refused."""


class IdentityProviderClient:
    """Calls the API of the token's subaccount: a write once, a read again while the service is unavailable.

    All methods raise ServiceUnavailable, CredentialsRejected, NotAuthorized and UnexpectedResponse.

    Args:
        http: Client whose base URL is the API's, and whose auth puts a token on each request.
        retry_policy: Bounds the attempts of a read and the time of all requests.
    """

    def __init__(self, http: httpx.Client, retry_policy: RetryPolicy) -> None:
        self._http = http
        self._retry_policy = retry_policy
        self.server_time: datetime | None = None
        """The service's clock at its last response, UTC."""

    def all(self) -> tuple[IdentityProvider, ...]:
        """GET all providers, also inactive ones and those of other types; skip entries without an origin key."""
        response = self._retry_policy.run_with_retries(lambda: self._send("GET", params=_LIST_PARAMS), is_unavailable)
        return tuple(_parse_providers(_decode(response, split_json_array)))

    def register(self, body: Mapping[str, Any]) -> IdentityProvider:
        """POST a new provider; return it as the service has it.

        Raises:
            DuplicateEntityID: Another provider has its entity ID.
        """
        return _decode(self._send("POST", body=body), _parse_provider)

    def replace(self, identity: str, body: Mapping[str, Any]) -> IdentityProvider:
        """PUT a provider; return it as the service has it. Raises as `register`."""
        return _decode(self._send("PUT", f"/{identity}", body), _parse_provider)

    def delete(self, identity: str) -> None:
        """DELETE a provider; the API's own "not found" is a success."""
        response = self._send("DELETE", f"/{identity}")
        # A router answers 404 as well, while the API is down.
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
    """Read the provider in the response to a write."""
    for provider in _parse_providers([content]):
        return provider
    raise DecodingError("It is no identity provider.")


def _parse_providers(documents: Iterable[str | bytes]) -> Iterator[IdentityProvider]:
    """Read each entry by itself, so that one of an unknown shape leaves the others readable."""
    for document in documents:
        try:
            fields = decode(document, dict[str, Any])
        except DecodingError:
            continue
        if origin_key := _to_text(fields.get("originKey")):
            yield IdentityProvider(
                id=_to_text(fields.get("id")),
                origin_key=origin_key,
                type=_to_text(fields.get("type")),
                name=_to_text(fields.get("name")),
                # Without either field a provider is active, as for the UAA.
                active=not any(_is_false(fields.get(name)) for name in ("active", "isActive")),
                config=_parse_config(fields.get("config")),
            )


def _to_text(value: Any) -> str:
    """Read a text, or a number that stands for one."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _is_false(value: Any) -> bool:
    return str(value).lower() == "false" or value == 0


def _parse_config(value: Any) -> Mapping[str, Any] | None:
    """Read the settings: an object, a text with one in it, or empty (also as a text); None for all other values."""
    if isinstance(value, str):
        try:
            # The UAA gives providers of some types the text `null` as settings.
            value = decode(value, object) if value.strip() else None
        except DecodingError:
            return None
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def _error_text(response: httpx.Response) -> str:
    """Return the service's own words about an error, in one short line, redacted."""
    content = _decode_error(response.content)
    if isinstance(content, dict):
        if "originKey" in content:  # the UAA repeats the provider of the request
            is_conflict = response.status_code == httpx.codes.CONFLICT
            return "there is an identity provider with this origin key" if is_conflict else ""
        # The first two are OAuth's fields, which the UAA uses; XSUAA's are undocumented.
        content = " ".join(_to_text(content.get(name)) for name in ("error", "error_description", "message"))
    # A page comes from something on the way, such as a proxy.
    if not isinstance(content, str) or _MARKUP.match(content):
        return ""
    return redact(content)


def _decode_error(content: bytes) -> Any:
    """Decode JSON, or a JSON text that holds JSON; anything else is a text itself."""
    try:
        value: Any = decode(content, object)
        return decode(value, object) if isinstance(value, str) and value.startswith('"') else value
    except DecodingError:
        return content.decode(errors="replace")


def _unexpected_response(response: httpx.Response) -> UnexpectedResponse:
    statement = _error_text(response)
    evidence = f"Status {response.status_code}, {content_type(response)}, {len(response.content)} bytes."
    is_conflict = response.status_code == httpx.codes.CONFLICT and _DUPLICATE.search(statement) is not None
    kind = DuplicateEntityID if is_conflict else UnexpectedResponse
    outcome = "was refused" if response.is_client_error and statement else "gave an answer that is not XSUAA's"
    return kind(
        f"{request_label(response.request)} {outcome}.",
        f"{evidence} It says: {statement.rstrip('.')}." if statement else evidence,
        "Check the key's apiurl, proxies on the way and what the answer says; if all are right, report this as a bug.",
        client_error=is_client_error(response),
    )
