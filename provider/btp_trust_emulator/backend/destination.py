"""What a destination is: properties, all of them text, at one of two levels. Free of HTTP and clock."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from btp_trust_emulator.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES = ("HTTP", "RFC", "MAIL", "LDAP")
_MAX_NAME_LENGTH = 200


class Level(Enum):
    """The level at which a destination is kept."""

    SUBACCOUNT = "subaccount"
    INSTANCE = "instance"


class Authentication(Enum):
    """The authentication types that the emulator acts on."""

    BASIC = "BasicAuthentication"
    SAML_ASSERTION = "SAMLAssertion"
    SAML_BEARER = "OAuth2SAMLBearerAssertion"


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination; its properties may hold passwords."""

    level: Level
    properties: dict[str, str] = field(repr=False)

    @property
    def name(self) -> str:
        """Its name, unique at its level."""
        return self.properties["Name"]

    @property
    def authentication(self) -> Authentication | None:
        """Its authentication type, None for those that are only a property here."""
        value = self.properties.get("Authentication")
        return next((member for member in Authentication if member.value == value), None)

    @property
    def etag(self) -> str:
        """A digest of its properties."""
        return hashlib.sha256(msgspec.json.encode(self.properties, order="sorted")).hexdigest()

    @property
    def client_provides_assertion(self) -> bool:
        """True if the client brings the assertion, so that the service signs none."""
        return self.properties.get("SAMLAssertionProvider") == "ClientProvided"

    @property
    def signs_assertion(self) -> bool:
        """True if finding it may sign an assertion with the subaccount's key."""
        signing = self.authentication in {Authentication.SAML_ASSERTION, Authentication.SAML_BEARER}
        return signing and not self.client_provides_assertion and "KeyStoreLocation" not in self.properties

    def is_true(self, name: str) -> bool:
        """Return True if a property says `true`."""
        return self.properties.get(name, "").lower() == "true"

    def without_prefix(self, prefix: str) -> dict[str, str]:
        """Return the properties whose names have a prefix, without it."""
        return {name.removeprefix(prefix): value for name, value in self.properties.items() if name.startswith(prefix)}


def parse_destination(level: Level, properties: Mapping[str, str]) -> Destination:
    """Return a destination with these properties.

    Raises:
        Invalid: `Name` is missing or malformed, or `Type` is unknown.
    """
    name, kind = properties.get("Name", ""), properties.get("Type")
    if not 0 < len(name) <= _MAX_NAME_LENGTH or "/" in name:
        raise _invalid(f"Its `Name` must be 1 to {_MAX_NAME_LENGTH} characters other than a slash.")
    if kind not in _TYPES:
        raise _invalid(f"Its `Type` is {kind!r}.")
    return Destination(level, dict(properties))


def _invalid(why: str) -> Invalid:
    return Invalid(
        "The destination was not created.", why, f"Give `Name`, and a `Type` of {', '.join(_TYPES)}, as text."
    )
