"""What a token service, or a service that does not take a token, says of a refusal: `error`, `error_description`.

RFC 6749, 5.2, and RFC 6750, 3: JSON with these two texts, as XSUAA and the Cloud Foundry UAA answer.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx

from btp_trust.service.transport.decoding import DecodingError, decode
from btp_trust.service.transport.redaction import redact, user_identifiers

_ERROR_FIELDS: Final = ("error", "error_description")
_SECRET_FIELDS: Final = frozenset({"client_secret", "password", "assertion", "client_assertion"})
_MIN_PART_LENGTH: Final = 6
"""Characters of a secret's beginning or end that are hidden like all of it: some servers show one of them."""
_MAX_PART_LENGTH: Final = 200
"""Characters of a secret whose parts are looked for; a token is told by its form."""
_FORM: Final = "application/x-www-form-urlencoded"


def error_text(response: httpx.Response) -> str:
    """Repeat what a refusal says, for a place between two sentences: ` It says: invalid_client (Bad credentials).`.

    Nothing that its request was sent with is repeated: no secret, no token, no assertion, no user.

    Args:
        response: The answer, with its request.

    Returns:
        A sentence after a blank; empty if it says nothing that can be read.
    """
    try:
        document = decode(response.content, dict[str, Any])
    except DecodingError:
        return ""
    error, description = (text if isinstance(text := document.get(name), str) else "" for name in _ERROR_FIELDS)
    text = f"{error} ({description})" if error and description else error or description
    secrets = set(_secrets_sent(response.request))
    parts = {
        part
        for secret in secrets
        for size in range(_MIN_PART_LENGTH, min(len(secret), _MAX_PART_LENGTH))
        for part in (secret[:size], secret[-size:])
    }
    private = {known for secret in secrets for known in user_identifiers(secret)}
    told = redact(text, private | set(_users_sent(response.request)), secrets | parts)
    return f" It says: {told.rstrip('.')}." if told else ""


def _secrets_sent(request: httpx.Request) -> Iterator[str]:
    """List what proves somebody: as it was sent, and as a log line may have it."""
    tokens = (request.headers.get(name, "") for name in ("Authorization", "X-user-token"))
    yield from (token.removeprefix("Bearer ") for token in tokens if token)
    form = _form_fields(request)
    for name, value in form.items():
        if name in _SECRET_FIELDS and value:
            yield from (value, _base64(value), _base64(f"{form.get('client_id', '')}:{value}"))


def _users_sent(request: httpx.Request) -> Iterator[str]:
    name = _form_fields(request).get("username", "")
    yield from (each for each in (name, name.partition("@")[0]) if each)


def _form_fields(request: httpx.Request) -> dict[str, str]:
    if request.headers.get("Content-Type") != _FORM:
        return {}
    return dict(parse_qsl(request.content.decode("ascii", errors="replace")))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")
