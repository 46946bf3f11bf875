"""What all token endpoints share: forms, client credentials, answers and refusals (RFC 6749, sections 2.3 and 5)."""

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
    """The fields of the form in the body; none if it is no form."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        return {}
    return dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))


def client_credentials(request: Request, fields: Mapping[str, str]) -> tuple[str, str]:
    """Client ID and secret by the Basic scheme or by form fields; empty ones if there are none."""
    return _basic(request) or (fields.get("client_id", ""), fields.get("client_secret", ""))


def is_same_secret(given: str, secret: str) -> bool:
    """Whether a secret is the one that it should be."""
    return secrets.compare_digest(given.encode(), secret.encode())


def _basic(request: Request) -> tuple[str, str] | None:
    """Client ID and secret of the Basic scheme; empty ones if they are malformed, None if there are none."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, client_secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, client_secret


def token_response(content: Mapping[str, object], note: str | None = None) -> Response:
    """The answer with a token."""
    return json(200, content, _NO_STORE, note)


def unauthorized_response(error: str, description: str, *, note: str | None = None) -> Response:
    """The refusal of a client, or of a user, with a challenge; the description may repeat what was sent."""
    challenge = _CHALLENGE.format(error=error)
    return error_response(401, error, description, headers={"www-authenticate": challenge}, note=note)


def error_response(
    status: int, error: str, description: str, *, headers: Mapping[str, str] | None = None, note: str | None = None
) -> Response:
    """A refusal with an error code of OAuth 2.0."""
    content = {"error": error, "error_description": description}
    return json(status, content, {**_NO_STORE, **(headers or {})}, note)
