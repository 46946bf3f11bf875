"""The keys of Pulumi's configuration in the namespace `btp-trust`, and the check of a stack's settings. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final

from msgspec import Struct

from btp_trust.secret_guard.detection import find_secret

NAMESPACE: Final = "btp-trust"


class Privilege(Enum):
    """What a key gives to its reader, and what to do once it was readable."""

    NONE = ("", "")
    SERVICE = ("control over all destinations of the subaccount", "renew the service key")
    USER = ("the rights of that user in every target system", "change the user's password or revoke the token")
    UNKNOWN = ("everything that this secret opens", "renew it")


KEYS: Final = {
    "serviceKey": Privilege.SERVICE,
    "connections": Privilege.SERVICE,
    "connectionsFile": Privilege.NONE,
    "serviceKeyCommand": Privilege.NONE,
    "userToken": Privilege.USER,
    "userTokenCommand": Privilege.NONE,
    "user": Privilege.USER,
    "users": Privilege.USER,
    "offline": Privilege.NONE,
    "strict": Privilege.NONE,
    "expiryWarning": Privilege.NONE,
    "expiryFailure": Privilege.NONE,
    "caBundle": Privilege.NONE,
    "connectTimeout": Privilege.NONE,
    "readTimeout": Privilege.NONE,
    "resolveTimeout": Privilege.NONE,
    "operationTimeout": Privilege.NONE,
    "readAhead": Privilege.NONE,
    "partial": Privilege.NONE,
}
"""{key: privilege}: those with a privilege must be secrets."""
_NAMESPACE_SIMILARITY: Final = 0.82
"""Ratio of difflib from which a namespace counts as ours misspelt: letters exchanged, one missing or added."""
_KEY_SIMILARITY: Final = 0.6
"""The same for a key: the default of difflib."""


class Setting(Struct, frozen=True):
    """A key that is set, with its value."""

    key: str
    """With its namespace, if there is one."""
    value: object
    is_secret: bool
    """Whether Pulumi keeps it encrypted."""

    @property
    def namespace(self) -> str:
        """The part before the colon."""
        return self.key.rpartition(":")[0]

    @property
    def name(self) -> str:
        """The part after the colon."""
        return self.key.rpartition(":")[2]

    @property
    def display_key(self) -> str:
        """The key for a message; masked where a secret was given as a key."""
        return self.key if find_secret(self.key) is None else f"{NAMESPACE}:***"

    @property
    def is_known(self) -> bool:
        """Return True if the provider reads the key."""
        return self.namespace == NAMESPACE and self.name in KEYS

    @property
    def closest_key(self) -> str | None:
        """The known key that was probably meant."""
        if self.name in KEYS:
            return self.name
        names = {name.lower(): name for name in KEYS}
        match = _closest(_normalize(self.name), names, _KEY_SIMILARITY)
        return None if match is None else names[match]

    @property
    def exposed_privilege(self) -> Privilege:
        """What the setting gives to its readers; NONE if it is encrypted or harmless."""
        if self.is_secret:
            return Privilege.NONE
        # By the closest key: a secret under a misspelt key is as readable.
        privilege = KEYS.get(self.closest_key or "", Privilege.NONE)
        return Privilege.UNKNOWN if privilege is Privilege.NONE and find_secret(self.value) else privilege

    def is_ours(self, project: str) -> bool:
        """Return True if the setting was meant for this provider."""
        # The namespace of a project's own keys is its name, which may equal ours or resemble it.
        if self.namespace == project:
            return self.namespace == NAMESPACE and (self.is_known or self.closest_key is not None)
        namespace, ours = _normalize(self.namespace), _normalize(NAMESPACE)
        return namespace == ours or (
            _closest(namespace, [ours], _NAMESPACE_SIMILARITY) is not None and self.closest_key is not None
        )


def _normalize(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


def _closest(word: str, words: Iterable[str], similarity: float) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415 - most stacks have every name spelt right

    return next(iter(get_close_matches(word, words, n=1, cutoff=similarity)), None)


def invalid_settings(
    settings: Iterable[Setting], project: str, *, is_provider: bool = False
) -> Iterator[tuple[str, str, str]]:
    """Describe each invalid setting in three parts: what, why, what to do. The parts repeat no value.

    Args:
        settings: The settings; keys of other namespaces are skipped.
        project: Name of the Pulumi project.
        is_provider: True for the properties of an explicit provider, False for the stack's configuration.
    """
    for setting in settings:
        if not setting.is_ours(project):
            continue
        # A readable secret is reported first: it must be renewed, a misspelt key only corrected.
        if setting.exposed_privilege is not Privilege.NONE:
            yield _plain_text_message(setting, is_provider=is_provider)
        elif not setting.is_known:
            yield _unknown_key_message(setting, is_provider=is_provider)


def _plain_text_message(setting: Setting, *, is_provider: bool) -> tuple[str, str, str]:
    privilege, renewal = setting.exposed_privilege.value
    kind, readable = ("property", "state") if is_provider else ("config", "stack's settings")
    key = f"{NAMESPACE}:{setting.closest_key or 'serviceKey'}"
    command = f'{{"{key}": pulumi.Output.secret(…)}}' if is_provider else f"pulumi config set --secret {key} …"
    problem = "is in plain text." if setting.is_known else f"is in plain text, and {_unknown_key(setting)}"
    removal = "" if setting.is_known else _removal(setting, is_provider=is_provider)
    return (
        f"The {kind} {setting.display_key} {problem}",
        f"Everybody who reads the {readable} gets {privilege}.",
        f"{removal}Set it again as a secret, and {renewal}: {command}",
    )


def _unknown_key_message(setting: Setting, *, is_provider: bool) -> tuple[str, str, str]:
    return (
        f"The {'property' if is_provider else 'config'} {setting.display_key} {_unknown_key(setting)}",
        "Nothing reads it, so it has no effect.",
        f"{_removal(setting, is_provider=is_provider)}There are: {', '.join(KEYS)}.",
    )


def _unknown_key(setting: Setting) -> str:
    suggestion = "." if setting.closest_key is None else f": did you mean {setting.closest_key}?"
    return f"is no setting of btp-trust{suggestion}"


def _removal(setting: Setting, *, is_provider: bool) -> str:
    return "Remove it. " if is_provider else f"Remove it (pulumi config rm {setting.display_key}). "
