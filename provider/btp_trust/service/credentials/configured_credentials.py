"""Credentials of connections by the stack's configuration: in itself, in files that it names, printed by its command.

One process shares one of these: service keys and communication users are found in the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final

from btp_trust.service.credentials.credentials_by_name import (
    CONNECTIONS_FILE,
    SERVICE_KEY_COMMAND,
    FoundCredentials,
    parse_credentials,
)

if TYPE_CHECKING:
    from btp_trust.service.credentials.key_command import KeyCommand, Surroundings
    from btp_trust.service.credentials.key_files import KeyFiles

CONNECTIONS: Final = "btp-trust:connections"


class ConfiguredCredentials:
    """Looks up credentials, in the documented order.

    Args:
        config: Reads a key of Pulumi's configuration, with its namespace; None if it is unset.
        surroundings: What a command gets, and the folder of the project.
        warn: Warns of a file that others can read: what, why, remedy; raises in strict mode.
    """

    def __init__(
        self,
        config: Callable[[str], str | None],
        surroundings: Callable[[], Surroundings],
        warn: Callable[[str, str, str], None] = lambda *_: None,
    ) -> None:
        self._config = config
        self._files: KeyFiles | None = None
        self._command: KeyCommand | None = None
        # Each is loaded where it is configured: most stacks have neither, and every command would wait for both.
        if path := config(CONNECTIONS_FILE):
            from btp_trust.service.credentials.key_files import KeyFiles  # noqa: PLC0415 - see above

            self._files = KeyFiles(path, surroundings().folder, warn)
        if command := config(SERVICE_KEY_COMMAND):
            from btp_trust.service.credentials.key_command import KeyCommand  # noqa: PLC0415 - see above

            self._command = KeyCommand(command, surroundings())

    def sources(self, name: str) -> Iterator[FoundCredentials]:
        """Give the credentials of a connection, each place only when it is asked for.

        Raises:
            ConfigurationError: A place is unusable, or the command fails.
        """
        yield from self.stored(name)
        if self._command is not None:
            yield self._command.find(name)

    def stored(self, name: str) -> Iterator[FoundCredentials]:
        """Give the credentials of a connection that no command has to print. Raises as `sources`."""
        if (key := self.secrets.get(name)) is not None:
            yield FoundCredentials(key, f"config {CONNECTIONS}, {name!r}")
        if self._files is not None and (found := self._files.find(name)) is not None:
            yield found

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The credentials of `btp-trust:connections` by connection; parsed once, as there may be a thousand.

        Raises:
            ConfigurationError: It is no JSON object of objects.
        """
        text = self._config(CONNECTIONS)
        example = f"Set it again: pulumi config set --secret {CONNECTIONS} '{{\"<name>\": <service key>, …}}'"
        return parse_credentials(text, f"config {CONNECTIONS}", example) if text else {}

    def file_names(self) -> list[str]:
        """List the connections of the files.

        Raises:
            ConfigurationError: The path is unusable.
        """
        return [] if self._files is None else self._files.names()

    def searched_places(self, name: str) -> list[str]:
        """Describe the places, for the error of a connection that has no credentials."""
        file = [] if self._files is None else [f"config {CONNECTIONS_FILE}"]
        return [f"config {CONNECTIONS} with {name!r}", *file]
