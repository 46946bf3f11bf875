"""Errors by the answers of SAP's API for communication systems, with the tenant's own words, redacted. Pure."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import msgspec

from btp_trust.errors import NotAuthorized, Refused, ServiceUnavailable, SystemRefused, TrustError, UnexpectedResponse
from btp_trust.service.responses import is_client_error
from btp_trust.service.transport.decoding import DecodingError, decode
from btp_trust.service.transport.redaction import redact
from btp_trust.service.transport.request import content_type, request_label


class _Error(msgspec.Struct):
    code: str | int = ""
    message: str | dict[str, Any] = ""


class _ErrorBody(msgspec.Struct):
    error: _Error


def unknown_system(system: str, host: str) -> Refused:
    """Return the refusal of an ID that only other tenants may have."""
    return Refused(
        f"{host} has no communication system {system!r}.",
        "The communication user sees no system with this ID. IDs are case-sensitive, and a system's name is another "
        "value.",
        "Take the ID from the app Communication Systems of the tenant, column System ID; or create the system there.",
        prop="system",
    )


def not_authorized(response: httpx.Response) -> NotAuthorized:
    """Return the error of a 403."""
    return NotAuthorized(
        f"{request_label(response.request)} was refused: 403.",
        f"The communication user may not do this.{_statement(response)}",
        "Give it the inbound user of a communication arrangement for SAP_COM_0A48, which reads and writes "
        "communication systems.",
    )


def system_refused(response: httpx.Response) -> SystemRefused:
    """Return the error of another 4xx to a write."""
    return SystemRefused(
        f"{request_label(response.request)} was refused: {response.status_code}.",
        f"Nothing was changed.{_statement(response)}",
        "Look at what the system says; if it takes no certificate of this kind, let its administrator upload it.",
        status=response.status_code,
    )


def unexpected_response(response: httpx.Response) -> UnexpectedResponse:
    """Return the error of any other answer: those of this API are its entities and OData errors."""
    evidence = f"Status {response.status_code}, {content_type(response)}, {len(response.content)} bytes."
    return UnexpectedResponse(
        f"{request_label(response.request)} gave an answer that is not that of communication systems.",
        f"{evidence}{_statement(response)}",
        "Check that the connection's url is the address of the tenant's APIs (its host ends with -api before the "
        "first dot), that the tenant has the scenario SAP_COM_0A48, and proxies on the way.",
        client_error=is_client_error(response),
    )


def with_edition_hint(error: ServiceUnavailable) -> TrustError:
    """Name what else a 500 may mean: it is the lasting answer of another edition."""
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
