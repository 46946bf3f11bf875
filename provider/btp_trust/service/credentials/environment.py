"""Environment variables of a connection: the connection's name is part of theirs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from btp_trust.errors import ConfigurationError
from btp_trust.parsing.text_decoding import decode

DEFAULT_CONNECTION: Final = "default"
"""The connection whose variables have no suffix."""


class ConnectionVariables:
    """Reads variables such as `BTP_TRUST_SERVICE_KEY_PROD`; two connections must not share one.

    Args:
        environ: The environment.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._owners: dict[str, tuple[str, str]] = {}

    def name(self, prefix: str, connection: str) -> str:
        """Return the variable of a connection.

        Raises:
            ConfigurationError: Another connection has it already.
        """
        suffix = re.sub(r"[^A-Z0-9]", "_", connection.upper())
        variable = prefix if connection == DEFAULT_CONNECTION else f"{prefix}_{suffix}"
        owner = self._owners.setdefault(variable, (prefix, connection))
        if owner != (prefix, connection):
            raise ConfigurationError(
                f"The connections {owner[1]!r} and {connection!r} share the environment variable {variable}.",
                "One of them would be used with the other's subaccount.",
                "Rename one of the connections.",
            )
        return variable

    def get(self, prefix: str, connection: str) -> str | None:
        """Read the variable of a connection, None if it is empty; `@` and a path stand for what is in that file.

        Raises:
            ConfigurationError: The file cannot be read, or another connection has the variable already.
        """
        variable = self.name(prefix, connection)
        value = self._environ.get(variable)
        if not value or not value.startswith("@"):
            return value or None
        try:
            return decode(Path(value[1:].strip()).read_bytes())
        except (OSError, ValueError) as error:
            kind = type(error).__name__
        # Not raised within the handler: the error of a decoder holds the file's content.
        raise ConfigurationError(
            f"The file that {variable} names cannot be read.",
            f"{kind} for the path after the @.",
            f"Correct the path after the @ in {variable}, or put what the file holds there.",
        )
