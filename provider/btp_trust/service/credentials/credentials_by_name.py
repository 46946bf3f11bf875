"""Credentials of several connections in one JSON object, by their names."""

from __future__ import annotations

import json
import re
from typing import Final

from msgspec import Struct

from btp_trust.errors import ConfigurationError
from btp_trust.secret_guard.detection import find_secret
from btp_trust.service.transport.decoding import AmbiguousName, DecodingError, find_json_object

CONNECTIONS_FILE: Final = "btp-trust:connectionsFile"
SERVICE_KEY_COMMAND: Final = "btp-trust:serviceKeyCommand"
_OBJECT: Final = re.compile(r"[\s\"'`@]*\{")
"""The beginning of a JSON object, also if a shell took its quotation marks away: any word may be a password then."""


class FoundCredentials(Struct, frozen=True):
    """The credentials of a connection, in any notation, with the place that has them."""

    text: str
    where: str

    def __repr__(self) -> str:
        """Name the place; hide the credentials."""
        return f"FoundCredentials({self.where})"


def parse_credentials(text: str, where: str, remedy: str) -> dict[str, str]:
    """Return the credentials of each connection as JSON.

    Args:
        text: The JSON object, in the notations of common tools.
        where: Its place, for messages.
        remedy: What to do if it is something else.

    Raises:
        ConfigurationError: It is no JSON object of objects. The message leaves the content out.
    """
    why = "It must be one JSON object that maps connection names to service keys, as objects and not as text."
    try:
        keys = find_json_object(text)
    except AmbiguousName as error:
        # The last one would count, and that may be the key of another subaccount.
        keys, why = {"": None}, f"It has the name {error.name!r} twice, with different values."
    except DecodingError:
        # Fails the check below, whose message is for both mistakes.
        keys = {"": None}
    # Objects only: `pulumi config set --path` stores texts, and whether those are secret is invisible here.
    if not all(isinstance(key, dict) for key in keys.values()):
        raise ConfigurationError(f"The {where} cannot be read.", why, remedy)
    return {name: json.dumps(key) for name, key in keys.items()}


def refuse_misplaced_key(setting: str, text: str) -> None:
    """Refuse credentials in a setting that is shown in messages and kept in plain text.

    The program refuses them as well, but `pulumi refresh` and `pulumi destroy` run no program.

    Raises:
        ConfigurationError: There are some. The message leaves them out.
    """
    if find_secret(text) is not None or _OBJECT.match(text):
        raise ConfigurationError(
            f"The config {setting} holds credentials.",
            "It is kept in plain text, so everybody who reads the stack's settings gets them.",
            f"Renew these credentials, and take them out of the setting: pulumi config rm {setting}",
        )
