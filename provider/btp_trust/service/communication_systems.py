"""SAP's API for communication systems (S/4HANA Cloud, ABAP environment): read a system, set what a block trusts.

OData V4. SAP's pages name the scenario SAP_COM_0A48; paths, properties and the shape of errors are those that public
programs use. Nobody was seen with a PATCH on this entity, so `runtime.system_writes` tries it before it is needed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import httpx
import msgspec
from msgspec import Struct

from btp_trust.errors import (
    NotAuthorized,
    Refused,
    ServiceUnavailable,
    SystemRefused,
    TrustError,
    UnexpectedResponse,
)
from btp_trust.service.responses import is_client_error
from btp_trust.service.transport.csrf import FETCH, HEADER
from btp_trust.service.transport.decoding import DecodingError, decode
from btp_trust.service.transport.redaction import redact
from btp_trust.service.transport.request import content_type, request_label, send, server_time
from btp_trust.service.transport.retry import RetryPolicy, is_unavailable

ROOT: Final = "/sap/opu/odata4/sap/aps_com_cs_a4c_odata/srvd_a2x/sap/aps_com_cs_a4c_odata/0001"
"""Path of the service below the tenant's address."""
PARAMS: Final = {"sap-client": "100"}
"""The one client of such a tenant that has communication systems."""
_SYSTEMS: Final = "/CommunicationSystems"


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


class _Error(msgspec.Struct):
    code: str | int = ""
    message: str | dict[str, Any] = ""


class _ErrorBody(msgspec.Struct):
    error: _Error


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
            raise _unexpected_response(response)
        # Compared once more: of a service that ignores the filter, another system must not be taken.
        for entity in entities:
            if entity.get("ID") == system and _text(entity, "UUID"):
                return _trust_of(entity, system, block)
        raise _unknown_system(system, response.request.url.host)

    def fetch_csrf_token(self) -> None:
        """GET the root, so that the next write has a token: it then needs one request."""
        response = self._get("/", {}, {HEADER: FETCH})
        if not response.is_success:
            raise _unexpected_response(response)

    def patch(self, uuid: str, etag: str | None, properties: Mapping[str, str]) -> None:
        """PATCH properties of a communication system.

        Raises:
            SystemRefused: The system answered with a 4xx; the status is 412 if the ETag is out of date.
        """
        headers = {} if etag is None else {"If-Match": etag}
        response = self._send("PATCH", f"{_SYSTEMS}({uuid})", {}, headers, properties)
        if is_client_error(response):
            raise _system_refused(response)
        if not response.is_success:
            raise _unexpected_response(response)

    def _get(self, path: str, params: Mapping[str, str], headers: Mapping[str, str] | None = None) -> httpx.Response:
        try:
            return self._retry_policy.run_with_retries(
                lambda: self._send("GET", path, params, headers or {}), is_unavailable
            )
        except ServiceUnavailable as error:
            raise _with_edition_hint(error) from None

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        body: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        request = self._http.build_request(
            method, path, headers={"Accept": "application/json", **headers}, json=body, params={**PARAMS, **params}
        )
        response = send(self._http, request, self._retry_policy)
        self.server_time = server_time(response) or self.server_time
        if response.status_code == httpx.codes.FORBIDDEN:
            raise _not_authorized(response)
        return response


def _trust_of(entity: Mapping[str, Any], system: str, block: TrustBlock) -> SystemTrust:
    return SystemTrust(
        system=system,
        block=block,
        uuid=_text(entity, "UUID"),
        etag=_text(entity, "@odata.etag") or None,
        is_active=entity.get(f"Is{block.prefix}Active") is True,
        provider_name=_text(entity, f"{block.prefix}Name"),
        subject=_text(entity, block.subject),
        issuer=_text(entity, block.issuer),
        field=_text(entity, block.field),
    )


def _text(entity: Mapping[str, Any], name: str) -> str:
    value = entity.get(name)
    return value if isinstance(value, str) else ""


def _unknown_system(system: str, host: str) -> Refused:
    return Refused(
        f"{host} has no communication system {system!r}.",
        "The communication user sees no system with this ID. IDs are case-sensitive, and a system's name is another "
        "value.",
        "Take the ID from the app Communication Systems of the tenant, column System ID; or create the system there.",
        prop="system",
    )


def _not_authorized(response: httpx.Response) -> NotAuthorized:
    return NotAuthorized(
        f"{request_label(response.request)} was refused: 403.",
        f"The communication user may not do this.{_statement(response)}",
        "Give it the inbound user of a communication arrangement for SAP_COM_0A48, which reads and writes "
        "communication systems.",
    )


def _system_refused(response: httpx.Response) -> SystemRefused:
    return SystemRefused(
        f"{request_label(response.request)} was refused: {response.status_code}.",
        f"Nothing was changed.{_statement(response)}",
        "Look at what the system says; if it takes no certificate of this kind, let its administrator upload it.",
        status=response.status_code,
    )


def _unexpected_response(response: httpx.Response) -> UnexpectedResponse:
    evidence = f"Status {response.status_code}, {content_type(response)}, {len(response.content)} bytes."
    return UnexpectedResponse(
        f"{request_label(response.request)} gave an answer that is not that of communication systems.",
        f"{evidence}{_statement(response)}",
        "Check that the connection's url is the address of the tenant's APIs (its host ends with -api before the "
        "first dot), that the tenant has the scenario SAP_COM_0A48, and proxies on the way.",
        client_error=is_client_error(response),
    )


def _with_edition_hint(error: ServiceUnavailable) -> TrustError:
    """Name what else a 500 may mean: it is the lasting answer of an edition without this service."""
    if error.status == httpx.codes.INTERNAL_SERVER_ERROR:
        error.remedy = (
            f"{error.remedy} If it stays: S/4HANA Cloud Private Edition answers so, as it lacks this service; let an "
            "administrator upload the certificate there."
        )
        error.args = (error.what, error.why, error.remedy)
    return error


def _statement(response: httpx.Response) -> str:
    """Quote an OData error for a place after a sentence, in one short line, redacted; empty if there is none."""
    try:
        error = decode(response.content, _ErrorBody).error
    except DecodingError:
        return ""
    # OData V2 has an object with the text and its language.
    message = error.message if isinstance(error.message, str) else error.message.get("value")
    parts = [str(error.code), message if isinstance(message, str) else ""]
    user, *secrets = _credentials_sent(response.request)
    statement = redact(": ".join(filter(None, parts)), {user} - {""}, secrets)
    return f" It says: {statement.rstrip('.')}." if statement else ""


def _credentials_sent(request: httpx.Request) -> tuple[str, str, str]:
    """Return the user, the password and both as they were sent: a system may repeat them in an error."""
    encoded = request.headers.get("Authorization", "").removeprefix("Basic ")
    user, _, password = base64.b64decode(encoded).decode().partition(":")
    return user, password, encoded
