"""Common parts of all token endpoints: forms, client credentials, responses (RFC 6749, sections 2.3 and 5)."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from btp_trust_emulator.messages import Request, Response, json

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENT_CREDENTIALS = "client_credentials"
PASSWORD = "password"  # noqa: S105 - the name of a grant
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SAML2_BEARER = "urn:ietf:params:oauth:grant-type:saml2-bearer"

_FORM = "application/x-www-form-urlencoded"
_NO_STORE = {"cache-control": "no-store"}
_CHALLENGE = 'Basic realm="UAA/client", error="{error}"'


def form_fields(request: Request) -> dict[str, str]:
    """Return the fields of the form in the body; empty for another media type."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        return {}
    return dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))


def client_credentials(request: Request, fields: Mapping[str, str]) -> tuple[str, str]:
    """Return client ID and secret of the Basic scheme or of form fields; empty ones if they are missing."""
    return _basic(request) or (fields.get("client_id", ""), fields.get("client_secret", ""))


def is_same_secret(given: str, secret: str) -> bool:
    """Return True if both secrets are the same, in constant time."""
    return secrets.compare_digest(given.encode(), secret.encode())


def _basic(request: Request) -> tuple[str, str] | None:
    """Return client ID and secret of the Basic scheme; empty ones if malformed, None for another scheme."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, client_secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, client_secret


def token_response(content: Mapping[str, object], note: str | None = None) -> Response:
    """Return the response with a token."""
    return json(200, content, _NO_STORE, note)


def unauthorized_response(error: str, description: str, *, note: str | None = None) -> Response:
    """Return the rejection of a client, or of a user, with a challenge; the description may repeat what was sent."""
    challenge = _CHALLENGE.format(error=error)
    return error_response(401, error, description, headers={"www-authenticate": challenge}, note=note)


def error_response(
    status: int, error: str, description: str, *, headers: Mapping[str, str] | None = None, note: str | None = None
) -> Response:
    """Return a rejection with an error code of OAuth 2.0."""
    content = {"error": error, "error_description": description}
    return json(status, content, {**_NO_STORE, **(headers or {})}, note)
