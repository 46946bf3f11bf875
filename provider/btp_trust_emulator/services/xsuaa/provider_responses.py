"""Responses of the API for identity providers, as the open-source UAA gives them.

Their media type is that of JSON, even where the body is plain text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from btp_trust_emulator.messages import Response, json
from btp_trust_emulator.switches import IsActive

if TYPE_CHECKING:
    from btp_trust_emulator.backend.identity_provider import IdentityProvider


class ErrorResponse(Exception):
    """The API rejects a request; `response` says so."""

    def __init__(self, response: Response) -> None:
        super().__init__(response)
        self.response = response


def text_error(status: int, content: str) -> ErrorResponse:
    """Return a rejection whose body is plain text."""
    return ErrorResponse(Response(status, content.encode(errors="replace"), "application/json"))


def json_text_error(status: int, content: str) -> ErrorResponse:
    """Return a rejection whose body is a text in JSON."""
    return ErrorResponse(json(status, content))


def empty_error(status: int) -> ErrorResponse:
    """Return a rejection whose body is an empty object."""
    return ErrorResponse(json(status, {}))


def oauth_error(error: str, description: str) -> ErrorResponse:
    """Return the rejection of a token, or of a request without one."""
    challenge = f'Bearer realm="UAA/oauth", error="{error}", error_description="{description}"'
    content = {"error": error, "error_description": description}
    return ErrorResponse(json(401, content, {"www-authenticate": challenge}))


NOT_FOUND = text_error(404, "Provider not found.")


def duplicate_entity_id(entity_id: str) -> ErrorResponse:
    """Return the rejection of an entity ID that another identity provider has."""
    return text_error(409, f"Duplicate entity ID:{entity_id}")


def provider_json(provider: IdentityProvider, zone: str, *, raw: bool, is_active: IsActive) -> dict[str, object]:
    """Return a provider as it is shown; its `config` is a text that contains JSON, unless `raw`."""
    content: dict[str, object] = {
        "type": provider.type,
        "config": provider.config if raw else msgspec.json.encode(provider.config).decode(),
        "id": provider.id or None,
        "originKey": provider.origin_key,
        "name": provider.name,
        "version": provider.version,
        "created": round(provider.created * 1000),
        "last_modified": round(provider.last_modified * 1000),
        "active": provider.active,
        "identityZoneId": zone,
        "aliasId": None,
        "aliasZid": None,
    }
    return content | ({"isActive": provider.active} if is_active is IsActive.HONORED else {})


def trust_note(provider: IdentityProvider) -> str:
    """Return what the journal says of a SAML identity provider."""
    trusted = ", ".join(provider.metadata.fingerprints) or "no certificate"
    return f"{provider.origin_key} is trusted with {trusted}"
