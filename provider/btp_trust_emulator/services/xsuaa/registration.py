"""What a trusting subaccount makes of the body that registers an identity provider.

It follows the open-source UAA; where two versions of it differ, a switch decides. URLs are left alone.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec

from btp_trust_emulator.backend.identity_provider import SAML, IdentityProvider, parse_metadata, saml_config
from btp_trust_emulator.saml.metadata import InvalidMetadata
from btp_trust_emulator.saml.xml import POST_BINDING, REDIRECT_BINDING
from btp_trust_emulator.services.xsuaa.provider_responses import empty_error, json_text_error, text_error
from btp_trust_emulator.switches import IsActive, ProviderMetadata, Switches

if TYPE_CHECKING:
    from datetime import datetime

    from btp_trust_emulator.saml.metadata import IdpMetadata

_MAX_NAME_LENGTH = 255
_MAX_ORIGIN_KEY_LENGTH = 36
_BROWSER_BINDINGS = {POST_BINDING, REDIRECT_BINDING}
_NO_ROLE = "Metadata response is missing the necessary IDPSSODescriptor element"
_NO_CERTIFICATE = "Metadata response is missing verification certificates, necessary for verifying SAML assertions"
_NO_SERVICE = "Metadata response is missing a SingleSignOnService, necessary for sending AuthnRequests"


class _Body(msgspec.Struct, frozen=True):
    type: str | None = None
    originKey: str | None = None  # noqa: N815 - XSUAA's names
    name: str | None = None
    config: Any = None
    version: Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31 - 1)] | None = None
    active: bool | None = None
    isActive: bool | None = None  # noqa: N815 - same


class _Config(msgspec.Struct, frozen=True):
    """The common settings of every type."""

    emailDomain: list[str] | None = None  # noqa: N815 - XSUAA's names
    additionalConfiguration: dict[str, Any] | None = None  # noqa: N815 - same
    providerDescription: str | None = None  # noqa: N815 - same


def is_storable(provider: IdentityProvider) -> bool:
    """Return True if name and origin key fit."""
    name, origin_key = provider.name, provider.origin_key
    return name is not None and len(name) <= _MAX_NAME_LENGTH and len(origin_key) <= _MAX_ORIGIN_KEY_LENGTH


def replacement(old: IdentityProvider, new: IdentityProvider) -> IdentityProvider:
    """Return the provider that replaces an old one; its version is the one that was sent, plus one."""
    return replace(new, id=old.id, created=old.created, version=new.version + 1)


def parse_provider(
    content: bytes, zone: str, now: datetime, switches: Switches, old: IdentityProvider | None
) -> IdentityProvider:
    """Return the provider, without an ID, that a body asks for; an `old` one keeps its origin key.

    Raises:
        ErrorResponse: the body is malformed, or the switches forbid its metadata.
    """
    body = _decode_body(content)
    origin_key = body.originKey if old is None else old.origin_key
    config = _config(body.config)
    if not body.type or not origin_key or config is None:
        raise empty_error(500)
    if body.type == SAML:
        config = saml_config(config, origin_key, zone)
        _check_metadata(config, origin_key, switches.provider_metadata)
    sent = {body.active} | ({body.isActive} if switches.is_active is IsActive.HONORED else set())
    moment = now.timestamp()
    active = False not in sent
    return IdentityProvider("", origin_key, body.name, active, config, moment, moment, body.version or 0, body.type)


def _decode_body(content: bytes) -> _Body:
    try:
        return msgspec.json.decode(content, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise empty_error(400) from exc


def _config(sent: Any) -> dict[str, Any] | None:
    """Return the settings, which may be sent as an object or as a text with one in it; None if they are missing."""
    try:
        content = msgspec.json.decode(sent) if isinstance(sent, str) else sent
        msgspec.convert(content, _Config | None)
    except (msgspec.MsgspecError, UnicodeError) as exc:
        raise empty_error(400) from exc
    return cast("dict[str, Any] | None", content)


def _check_metadata(config: dict[str, Any], origin_key: str, strictness: ProviderMetadata) -> None:
    location = str(config["metaDataLocation"])
    if re.match(r"\s+<\?xml", location):
        raise empty_error(400)
    try:
        metadata = parse_metadata(location)
    except InvalidMetadata as exc:
        if strictness is ProviderMetadata.ANY:
            raise text_error(400, f"Invalid metadata type for alias[{origin_key}]:{location}") from exc
        raise empty_error(500) from exc
    if strictness is ProviderMetadata.COMPLETE:
        _check_completeness(metadata)


def _check_completeness(metadata: IdpMetadata) -> None:
    if not metadata.has_role:
        raise json_text_error(400, _NO_ROLE)
    if metadata.has_broken_certificate:
        raise empty_error(500)
    if not metadata.certificates:
        raise json_text_error(400, _NO_CERTIFICATE)
    if not metadata.services:
        raise json_text_error(400, _NO_SERVICE)
    location = next((location for binding, location in metadata.services if binding in _BROWSER_BINDINGS), None)
    if not location:
        raise empty_error(500)
