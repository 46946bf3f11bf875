"""An identity provider that a subaccount trusts, as XSUAA stores it."""

from __future__ import annotations

import functools
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from btp_trust_emulator.saml.metadata import parse_idp_metadata

if TYPE_CHECKING:
    from datetime import datetime

    from btp_trust_emulator.saml.metadata import IdpMetadata

DEFAULT_ORIGIN = "sap.default"
"""The origin of users that the subaccount's own identity provider knows."""


SAML = "saml"
parse_metadata = functools.lru_cache(maxsize=64)(parse_idp_metadata)
"""Parse metadata, once for each text. Raises: see `parse_idp_metadata`."""

_ABSTRACT: dict[str, Any] = {"emailDomain": None, "additionalConfiguration": None, "providerDescription": None}
_SAML_CONFIG: dict[str, Any] = {
    **_ABSTRACT,
    "externalGroupsWhitelist": [],
    "attributeMappings": {},
    "addShadowUserOnLogin": True,
    "storeCustomAttributes": True,
    "metaDataLocation": None,
    "idpEntityAlias": None,
    "zoneId": None,
    "nameID": None,
    "assertionConsumerIndex": 0,
    "metadataTrustCheck": False,
    "showSamlLink": False,
    "linkText": None,
    "iconUrl": None,
    "groupMappingMode": "EXPLICITLY_MAPPED",
    "skipSslValidation": False,
    "authnContext": None,
    "socketFactoryClassName": None,
}
"""The twenty settings that the UAA shows of every SAML identity provider, with their defaults."""


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """A trusted identity provider; a SAML one has the metadata itself in its `config`, as `metaDataLocation`."""

    id: str
    origin_key: str
    name: str | None
    active: bool
    config: dict[str, Any] | None
    created: float
    last_modified: float
    version: int = 0
    type: str = SAML

    @property
    def metadata(self) -> IdpMetadata:
        """The parsed metadata of a SAML identity provider."""
        return parse_metadata((self.config or {})["metaDataLocation"])

    @property
    def adds_shadow_users(self) -> bool:
        """True if an unknown user of this identity provider becomes a shadow user."""
        return (self.config or {}).get("addShadowUserOnLogin", True) is not False


def saml_config(given: dict[str, Any], origin_key: str, zone: str) -> dict[str, Any]:
    """Return the settings as the UAA stores them: missing ones have their defaults, unknown ones are dropped."""
    known = {name: given.get(name, default) for name, default in _SAML_CONFIG.items()}
    return {**known, "idpEntityAlias": origin_key, "zoneId": zone}


def built_in(now: datetime) -> tuple[IdentityProvider, ...]:
    """Return what a new subaccount has: SAP's own identity provider, the UAA's own users, and one that is inactive.

    The first two are documented; the others are those of the zone that a UAA makes for itself, some without `config`.
    """
    moment = now.timestamp()

    def provider(origin_key: str, kind: str, name: str, config: dict[str, Any] | None, **more: Any) -> IdentityProvider:
        return IdentityProvider(
            str(uuid.uuid4()), origin_key, name, more.get("active", True), config, moment, moment, type=kind
        )

    default = {**_ABSTRACT, "issuer": "https://accounts.sap.com", "addShadowUserOnLogin": True}
    own = {**_ABSTRACT, "passwordPolicy": None, "lockoutPolicy": None, "disableInternalUserManagement": False}
    return (
        provider(DEFAULT_ORIGIN, "oidc1.0", "Default Identity Provider", default),
        provider("uaa", "uaa", "uaa", own),
        provider("keystone", "keystone", "UAA Keystone Provider", None),
        provider("ldap", "ldap", "UAA LDAP Provider", None, active=False),
    )
