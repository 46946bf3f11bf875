"""Error texts of a token service, or of a service that rejects a token: `error`, `error_description`.

RFC 6749, 5.2, and RFC 6750, 3: JSON with these two texts, as XSUAA and the Cloud Foundry UAA answer.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx

from btp_trust.service.transport.decoding import DecodingError, decode
from btp_trust.service.transport.redaction import redact, user_identifiers
from btp_trust.service.transport.request import USER_TOKEN_HEADER

_ERROR_FIELDS: Final = ("error", "error_description")
_SECRET_FIELDS: Final = frozenset({"client_secret", "password", "assertion", "client_assertion"})
_MIN_PART_LENGTH: Final = 6
"""Characters of a secret's beginning or end that are redacted like all of it: some servers show one of them."""
_MAX_PART_LENGTH: Final = 200
"""Characters of the longest part that is searched for; longer ones, such as tokens, are recognized by their form."""
_FORM: Final = "application/x-www-form-urlencoded"


def error_text(response: httpx.Response) -> str:
    """Quote an OAuth error, for a place between two sentences: ` It says: invalid_client (Bad credentials).`.

    All that the request was sent with is redacted: secrets, tokens, assertions, users.

    Args:
        response: The response, with its request.

    Returns:
        A sentence after a blank; empty if the response has none of the two texts.
    """
    try:
        document = decode(response.content, dict[str, Any])
    except DecodingError:
        return ""
    error, description = (text if isinstance(text := document.get(name), str) else "" for name in _ERROR_FIELDS)
    text = f"{error} ({description})" if error and description else error or description
    secrets = set(_secrets_sent(response.request))
    identifiers = {identifier for secret in secrets for identifier in user_identifiers(secret)}
    statement = redact(text, identifiers | set(_users_sent(response.request)), secrets | set(_parts_of(secrets)))
    return f" It says: {statement.rstrip('.')}." if statement else ""


def _parts_of(secrets: Iterable[str]) -> Iterator[str]:
    """List beginnings and ends: servers abbreviate what they repeat."""
    for secret in secrets:
        for size in range(_MIN_PART_LENGTH, min(len(secret), _MAX_PART_LENGTH)):
            yield from (secret[:size], secret[-size:])


def _secrets_sent(request: httpx.Request) -> Iterator[str]:
    """List the credentials in a request: as they were sent, and as a log line may have them."""
    tokens = (request.headers.get(name, "") for name in ("Authorization", USER_TOKEN_HEADER))
    yield from (token.removeprefix("Bearer ") for token in tokens if token)
    form = _form_fields(request)
    for name, value in form.items():
        if name in _SECRET_FIELDS and value:
            # The third form is the one that a header `Authorization: Basic` has.
            yield from (value, _base64(value), _base64(f"{form.get('client_id', '')}:{value}"))


def _users_sent(request: httpx.Request) -> Iterator[str]:
    name = _form_fields(request).get("username", "")
    yield from filter(None, (name, name.partition("@")[0]))


def _form_fields(request: httpx.Request) -> dict[str, str]:
    if request.headers.get("Content-Type") != _FORM:
        return {}
    return dict(parse_qsl(request.content.decode("ascii", errors="replace")))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")
