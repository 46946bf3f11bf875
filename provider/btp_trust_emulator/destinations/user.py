"""The user of an assertion, out of the token of whoever asks (SAP's documentation of user propagation)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from btp_trust_emulator.saml.names import EMAIL_ADDRESS, UNSPECIFIED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btp_trust_emulator.destinations.destination import Destination

_CLAIM = {EMAIL_ADDRESS: "email", UNSPECIFIED: "user_name"}
_STEP = re.compile(r"\.?\['([^']+)'\]|\.([^.\[]+)")
_USER_INFO = ("user_id", "user_name", "given_name", "family_name", "email", "sub")


class NoUser(Exception):
    """The token does not tell the user; the text says why."""


@dataclass(frozen=True, slots=True)
class Named:
    """A user as an assertion names one."""

    name_id: str
    name_id_format: str
    attributes: dict[str, list[str]]


def named(claims: Mapping[str, Any], destination: Destination) -> Named:
    """The user in a token, named as the destination wants it.

    Raises:
        NoUser: the claim that is wanted is not there.
    """
    properties = destination.properties
    name_id_format = properties.get("nameIdFormat") or UNSPECIFIED
    source = properties.get("userIdSource")
    if source is None and name_id_format not in _CLAIM:
        raise NoUser(f"the nameIdFormat {name_id_format} is not supported")
    name_id = _found(claims, source or _CLAIM[name_id_format])
    if not isinstance(name_id, str) or not name_id:
        raise NoUser("the user ID could not be determined")
    return Named(name_id, name_id_format, _attributes(claims, destination))


def _found(claims: Mapping[str, Any], source: str) -> Any:
    """A claim by its key, or by a JsonPath of keys alone."""
    if not source.startswith("$"):
        return claims.get(source)
    found: Any = claims
    for bracketed, dotted in _STEP.findall(source):
        found = found.get(bracketed or dotted) if isinstance(found, dict) else None
    return found


def _attributes(claims: Mapping[str, Any], destination: Destination) -> dict[str, list[str]]:
    """What the user information endpoint would tell, the user's UUID and groups."""
    names = _USER_INFO if destination.is_on("skipUserUuidInSAMLAttributes") else (*_USER_INFO, "user_uuid")
    attributes = {name: [str(claims[name])] for name in names if claims.get(name)}
    groups = _found(claims, "$['xs.system.attributes']['xs.saml.groups']")
    return attributes | ({"Groups": [str(each) for each in groups]} if groups else {})
