"""The keys of Pulumi's configuration in the namespace `btp-trust`: the one list of them, and what is amiss. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Final

from btp_trust.secret_guard.detection import find_secret

NAMESPACE: Final = "btp-trust"


class Privilege(Enum):
    """What a key of the configuration is good for, and what to do if it was seen."""

    NONE = ("", "")
    SERVICE = ("control over all destinations of the subaccount", "renew the service key")
    USER = ("the rights of that user in every target system", "change the user's password or revoke the token")
    UNKNOWN = ("whatever that secret opens", "renew what was in it")


KEYS: Final = {
    "serviceKey": Privilege.SERVICE,
    "connections": Privilege.SERVICE,
    "userToken": Privilege.USER,
    "userTokenCommand": Privilege.NONE,
    "user": Privilege.USER,
    "users": Privilege.USER,
    "offline": Privilege.NONE,
    "strict": Privilege.NONE,
    "caBundle": Privilege.NONE,
    "connectTimeout": Privilege.NONE,
    "readTimeout": Privilege.NONE,
    "settleTimeout": Privilege.NONE,
    "operationTimeout": Privilege.NONE,
}
"""{key: what it is good for}: those that are good for something must be secrets."""


_NAMESPACE_SIMILARITY: Final = 0.82
"""How much of another namespace is ours where two letters were exchanged, one was left out or added."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A key that is set, and where."""

    key: str
    """With its namespace, if it has one."""
    value: object
    is_secret: bool
    """Whether Pulumi keeps it encrypted."""

    @property
    def namespace(self) -> str:
        """What stands before the colon."""
        return self.key.rpartition(":")[0]

    @property
    def name(self) -> str:
        """What stands behind it."""
        return self.key.rpartition(":")[2]

    @property
    def display_key(self) -> str:
        """The key for a message, unless it is a value by mistake."""
        return self.key if find_secret(self.key) is None else f"{NAMESPACE}:***"

    @property
    def is_known(self) -> bool:
        """Whether the provider reads it."""
        return self.namespace == NAMESPACE and self.name in KEYS

    @property
    def closest_key(self) -> str | None:
        """The key that was probably meant."""
        names = {name.lower(): name for name in KEYS}
        found = get_close_matches(_normalize(self.name), names, n=1)
        return names[found[0]] if found else None

    @property
    def exposed_privilege(self) -> Privilege:
        """What it gives to whoever reads it; NONE for a secret, and for what is no secret."""
        if self.is_secret:
            return Privilege.NONE
        power = KEYS.get(self.closest_key or "", Privilege.NONE)
        return Privilege.UNKNOWN if power is Privilege.NONE and find_secret(self.value) else power

    def is_ours(self, project: str) -> bool:
        """Whether it was set for us. A project's own keys have its name as namespace, which may be ours."""
        if self.namespace == project:
            return self.namespace == NAMESPACE and (self.is_known or self.closest_key is not None)
        namespace, ours = _normalize(self.namespace), _normalize(NAMESPACE)
        is_near = (
            bool(get_close_matches(namespace, [ours], cutoff=_NAMESPACE_SIMILARITY)) and self.closest_key is not None
        )
        return namespace == ours or is_near


def _normalize(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


def invalid_settings(
    settings: Iterable[Setting], project: str, *, is_provider: bool = False
) -> Iterator[tuple[str, str, str]]:
    """Say what is amiss, in three parts each: what, why, what to do. No value is repeated.

    Args:
        settings: What is set; keys of other namespaces are passed over.
        project: Name of the Pulumi project.
        is_provider: Whether they are properties of an explicit provider, and none of the stack's configuration.
    """
    kind, readers = ("property", "state") if is_provider else ("config", "stack's settings")
    for setting in settings:
        if not setting.is_ours(project):
            continue
        power, renew = setting.exposed_privilege.value
        meant = f"{NAMESPACE}:{setting.closest_key or 'serviceKey'}"
        command = f'{{"{meant}": pulumi.Output.secret(…)}}' if is_provider else f"pulumi config set --secret {meant} …"
        removal = "Remove it. " if is_provider else f"Remove it (pulumi config rm {setting.display_key}). "
        remove = "" if setting.is_known else removal
        unknown = f"is no setting of btp-trust{'' if setting.closest_key is None else f': did you mean {setting.closest_key}?'}"
        if power:
            what = "is in plain text" if setting.is_known else f"is in plain text, and {unknown}"
            yield (
                f"The {kind} {setting.display_key} {what}{'' if what.endswith('?') else '.'}",
                f"It gives whoever reads the {readers} {power}.",
                f"{remove}Set it anew as a secret, and {renew}: {command}",
            )
        elif not setting.is_known:
            yield (
                f"The {kind} {setting.display_key} {unknown}{'' if unknown.endswith('?') else '.'}",
                "Nothing reads it, so what was meant to be set is not.",
                f"{remove}There are: {', '.join(KEYS)}.",
            )
