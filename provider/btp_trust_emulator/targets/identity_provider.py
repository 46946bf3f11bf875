"""An identity provider that a subaccount trusts: what XSUAA keeps of it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from btp_trust_emulator.errors import Invalid
from btp_trust_emulator.saml import idp_metadata

if TYPE_CHECKING:
    from datetime import datetime

    from btp_trust_emulator.saml.idp_metadata import IdpMetadata

_parsed = functools.lru_cache(maxsize=64)(idp_metadata.parse)


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """A trusted SAML identity provider; `config` is as it was given, `metaDataLocation` in it the metadata itself."""

    id: str
    origin_key: str
    name: str
    active: bool
    config: dict[str, Any]
    created: float
    last_modified: float
    version: int = 0

    @property
    def metadata(self) -> IdpMetadata:
        """What its metadata says."""
        return _parsed(self.config["metaDataLocation"])

    @property
    def adds_shadow_users(self) -> bool:
        """Whether a user of it who is not known yet becomes one."""
        return self.config.get("addShadowUserOnLogin", True) is not False

    def changed_to(self, other: IdentityProvider) -> IdentityProvider:
        """What it is after an update with `other`: the same one, a version later."""
        return replace(other, id=self.id, created=self.created, version=self.version + 1)


def identity_provider(
    identity: str, origin_key: str, name: str, config: dict[str, Any], now: datetime, *, active: bool
) -> IdentityProvider:
    """A new one.

    Raises:
        Invalid: it has no origin key, or its metadata is none.
    """
    if not origin_key:
        raise Invalid("The identity provider was not taken.", "It has no `originKey`.", "Give one.")
    location = config.get("metaDataLocation")
    if not isinstance(location, str):
        raise Invalid(
            "The identity provider was not taken.",
            "Its `config` has no `metaDataLocation`.",
            "Put the metadata itself there; a URL is not followed here.",
        )
    _parsed(location)
    moment = now.timestamp()
    own = {**config, "idpEntityAlias": origin_key}
    return IdentityProvider(identity, origin_key, name or origin_key, active, own, moment, moment)
