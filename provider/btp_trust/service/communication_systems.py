"""SAP's API for communication systems (S/4HANA Cloud, ABAP environment): read a system, set what a block trusts.

OData V4. SAP's pages name the scenario SAP_COM_0A48; paths, properties and the shape of errors are those that public
programs use. Nobody was seen with a PATCH on this entity, so `runtime.system_writes` tries it before it is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
import msgspec
from msgspec import UNSET, Struct

from btp_trust.errors import ServiceUnavailable
from btp_trust.service import communication_system_errors as system_errors
from btp_trust.service.responses import is_client_error
from btp_trust.service.transport.csrf import FETCH, HEADER
from btp_trust.service.transport.decoding import DecodingError, decode
from btp_trust.service.transport.request import send, server_time
from btp_trust.service.transport.retry import RetryPolicy, is_unavailable

ROOT: Final = "/sap/opu/odata4/sap/aps_com_cs_a4c_odata/srvd_a2x/sap/aps_com_cs_a4c_odata/0001"
"""Path of the service below the tenant's address."""
PARAMS: Final = {"sap-client": "100"}
"""The one client of such a tenant that has communication systems."""
_SYSTEMS: Final = "/CommunicationSystems"
_GUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_ETAG: Final = re.compile(r'(W/)?"[\x21\x23-\x7e]*"')
"""RFC 9110, 8.8.3, without the characters beyond ASCII, which a header cannot carry reliably."""


class TrustBlock(StrEnum):
    """The blocks of a communication system that trust a certificate."""

    OAUTH2 = "oauth2"
    """OAuth 2.0 Identity Provider: for destinations with OAuth2SAMLBearerAssertion."""
    SAML_BEARER = "saml-bearer"
    """SAML Bearer Assertion Provider: for destinations with SAMLAssertion."""

    @property
    def prefix(self) -> str:
        """Begins the names of the block's properties."""
        return "OAuth2IdentityProvider" if self is TrustBlock.OAUTH2 else "SAMLBearerAssertionProvider"

    @property
    def field(self) -> str:
        """The property that holds the certificate."""
        return f"{self.prefix}CertificatePublicKeyBase64"

    @property
    def subject(self) -> str:
        """The property that holds the name of its subject."""
        return f"{self.prefix}CertificateSubject"

    @property
    def issuer(self) -> str:
        """The property that holds the name of its issuer."""
        return f"{self.prefix}CertificateIssuer"


class SystemTrust(Struct, frozen=True):
    """What one block of one communication system trusts, as a reading found it."""

    system: str
    """ID of the communication system."""
    block: TrustBlock
    uuid: str
    etag: str | None
    is_active: bool
    provider_name: str
    subject: str
    """Name of the certificate's subject; empty where the system has none."""
    issuer: str
    field: str
    """The certificate field, see `certificate_field`; empty where it holds nothing."""


class _Entities(msgspec.Struct):
    value: list[dict[str, Any]]


class CommunicationSystemClient:
    """Calls the API of one tenant: a write once, a read again while the service is unavailable.

    All methods raise ServiceUnavailable, CredentialsRejected, NotAuthorized and UnexpectedResponse.

    Args:
        http: Client whose base URL is the service's, and whose auth is a `CsrfSession`.
        retry_policy: Bounds the attempts of a read and the time of all requests.
    """

    def __init__(self, http: httpx.Client, retry_policy: RetryPolicy) -> None:
        self._http = http
        self._retry_policy = retry_policy
        self.server_time: datetime | None = None
        """The service's clock at its last response, UTC."""

    def read(self, system: str, block: TrustBlock) -> SystemTrust:
        """GET a communication system by its ID.

        Raises:
            Refused: The tenant has no such system.
        """
        quoted = system.replace("'", "''")
        response = self._get(_SYSTEMS, {"$filter": f"ID eq '{quoted}'"})
        try:
            entities = decode(response.content, _Entities).value if response.is_success else None
        except DecodingError:
            entities = None
        if entities is None:
            raise system_errors.unexpected_response(response)
        # Compared once more: of a service that ignores the filter, another system must not be taken.
        entity = next((entity for entity in entities if entity.get("ID") == system), None)
        if entity is None:
            raise system_errors.unknown_system(system, response.request.url.host)
        if not _has_block(entity, block):
            raise system_errors.unexpected_response(response)
        return _trust_of(entity, system, block)

    def fetch_csrf_token(self) -> None:
        """GET the root, so that the next write has a token: it then needs one request."""
        response = self._get("/", {}, {HEADER: FETCH})
        if not response.is_success:
            raise system_errors.unexpected_response(response)

    def patch(self, uuid: str, etag: str | None, properties: Mapping[str, str]) -> None:
        """PATCH properties of a communication system.

        Raises:
            SystemRefused: The system answered with a 4xx; the status is 412 if the ETag is out of date.
        """
        headers = {} if etag is None else {"If-Match": etag}
        response = self._send("PATCH", f"{_SYSTEMS}({uuid})", {}, headers, properties)
        if is_client_error(response):
            raise system_errors.system_refused(response)
        if not response.is_success:
            raise system_errors.unexpected_response(response)

    def _get(self, path: str, params: Mapping[str, str], headers: Mapping[str, str] | None = None) -> httpx.Response:
        try:
            return self._retry_policy.run_with_retries(
                lambda: self._send("GET", path, params, headers or {}), is_unavailable
            )
        except ServiceUnavailable as error:
            raise system_errors.with_edition_hint(error) from None

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        body: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        # OData decodes percent signs alone: the plus signs that httpx writes for blanks would stay in the filter.
        query = urlencode({**PARAMS, **params}, quote_via=quote)
        request = self._http.build_request(
            method, f"{path}?{query}", headers={"Accept": "application/json", **headers}, json=body
        )
        response = send(self._http, request, self._retry_policy)
        self.server_time = server_time(response) or self.server_time
        if response.status_code == httpx.codes.FORBIDDEN:
            raise system_errors.not_authorized(response)
        return response


def _has_block(entity: Mapping[str, Any], block: TrustBlock) -> bool:
    """Return True if an entity has a key for the URL of its writes, and a certificate field.

    A field without a value is null (OData JSON 4.0, 4.5.1). One that is left out belongs to another version of the
    service: taken for an empty one, it would show a system that trusts no certificate.
    """
    field = entity.get(block.field, UNSET)
    return bool(_GUID.fullmatch(_text(entity, "UUID"))) and (field is None or isinstance(field, str))


def _trust_of(entity: Mapping[str, Any], system: str, block: TrustBlock) -> SystemTrust:
    return SystemTrust(
        system=system,
        block=block,
        uuid=_text(entity, "UUID"),
        etag=tag if _ETAG.fullmatch(tag := _text(entity, "@odata.etag")) else None,
        is_active=entity.get(f"Is{block.prefix}Active") is True,
        provider_name=_text(entity, f"{block.prefix}Name"),
        subject=_text(entity, block.subject),
        issuer=_text(entity, block.issuer),
        field=_text(entity, block.field),
    )


def _text(entity: Mapping[str, Any], name: str) -> str:
    value = entity.get(name)
    return value if isinstance(value, str) else ""
