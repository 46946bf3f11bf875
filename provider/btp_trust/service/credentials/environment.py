"""Environment variables of a connection: the variable's name ends with the connection's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from btp_trust.arguments import DEFAULT_CONNECTION
from btp_trust.errors import ConfigurationError
from btp_trust.parsing.text_decoding import decode


class ConnectionVariables:
    """Reads variables such as `BTP_TRUST_SERVICE_KEY_PROD`; each belongs to one connection.

    Args:
        environ: The environment.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._owners: dict[str, tuple[str, str]] = {}

    def name(self, prefix: str, connection: str) -> str:
        """Return the name of a connection's variable.

        Raises:
            ConfigurationError: Another connection has this variable.
        """
        suffix = re.sub(r"[^A-Z0-9]", "_", connection.upper())
        variable = prefix if connection == DEFAULT_CONNECTION else f"{prefix}_{suffix}"
        # The prefix belongs to it: connection `token` makes BTP_TRUST_USER the same variable as BTP_TRUST_USER_TOKEN.
        owner = self._owners.setdefault(variable, (prefix, connection))
        if owner != (prefix, connection):
            raise ConfigurationError(
                f"The connections {owner[1]!r} and {connection!r} share the environment variable {variable}.",
                "One of them would be used with the other's subaccount.",
                "Rename one of the connections.",
            )
        return variable

    def get(self, prefix: str, connection: str) -> str | None:
        """Read a connection's variable, None if it is empty; `@` and a path stand for the content of that file.

        Raises:
            ConfigurationError: The file is unreadable, or another connection has this variable.
        """
        variable = self.name(prefix, connection)
        value = self._environ.get(variable)
        if not value or not value.startswith("@"):
            return value or None
        try:
            return decode(Path(value[1:].strip()).read_bytes())
        except (OSError, ValueError) as error:
            reason = type(error).__name__
        # Raised after the handler: the decoder's error holds the file's content.
        raise ConfigurationError(
            f"The file that {variable} names cannot be read.",
            f"{reason} for the path after the @.",
            f"Correct the path after the @ in {variable}, or set the variable to the file's content.",
        )
