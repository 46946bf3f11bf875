"""User for the verification of destinations: the places that may have it, in the documented order.

A token, a command that prints one, or a logon (a name with a password, or an assertion) for which the token service
grants one. All of them stay out of inputs, outputs and messages.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from btp_trust.arguments import DEFAULT_CONNECTION
from btp_trust.errors import ConfigurationError, NoUserToken
from btp_trust.service.credentials.environment import ConnectionVariables
from btp_trust.service.transport.bearer import BEARER_TOKEN
from btp_trust.service.transport.decoding import DecodingError, decode

_Shape = TypeVar("_Shape")
_COMMAND: Final = "btp-trust:userTokenCommand"
_MAX_TOKEN_LENGTH: Final = 16_000
"""Characters of a token that servers accept in a header."""
_FIELD_SETS: Final = (("token",), ("command",), ("name", "password"), ("assertion",))
_VARIABLES: Final = ("BTP_TRUST_USER_TOKEN", "BTP_TRUST_USER_TOKEN_COMMAND", "BTP_TRUST_USER")
"""A token, a command, a logon as JSON; for connections other than `default` followed by their name."""


class UserCredentials(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One of: a token, a command that prints one, a name with a password, an assertion (JWT)."""

    token: str = ""
    command: str | list[str] = ""
    name: str = ""
    password: str = ""
    assertion: str = ""

    def __repr__(self) -> str:
        """Hide all fields."""
        return "UserCredentials(…)"

    @property
    def argv(self) -> list[str]:
        """Words of the command."""
        return shlex.split(self.command) if isinstance(self.command, str) else self.command

    @property
    def token_request(self) -> dict[str, str]:
        """Form fields of the grant for a logon."""
        if self.assertion:
            return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self.assertion}
        return {"grant_type": "password", "username": self.name, "password": self.password}


class ResolvedUser(Struct, frozen=True):
    """User of a connection, with the place that has it."""

    user: UserCredentials
    where: str


class UserCredentialsLookup:
    """Looks up users by connection; the first place that has one wins.

    Args:
        config: Reads a key of Pulumi's configuration, with its namespace; None if it is unset.
        environ: The environment.
    """

    def __init__(self, config: Callable[[str], str | None], environ: Mapping[str, str]) -> None:
        self.environ = environ
        """The environment, which a user's command inherits."""
        self._config = config
        self._variables = ConnectionVariables(environ)

    def find(self, connection: str) -> ResolvedUser:
        """Find the user of a connection.

        Raises:
            NoUserToken: All places are empty.
            ConfigurationError: The first user is malformed, or two connections share an environment variable.
        """
        user = next(self._sources(connection), None)
        if user is None:
            places = "; ".join(self._searched_places(connection))
            raise NoUserToken(
                f"No user's token was found for connection {connection!r}.",
                f"Destinations are verified as a user. Searched, in this order: {places}.",
                f"Set one: pulumi config set --secret {_config_command(connection)}",
            )
        return user

    def _sources(self, connection: str) -> Iterator[ResolvedUser]:
        if connection == DEFAULT_CONNECTION:
            yield from self._default_config_sources()
        if text := self._config("btp-trust:users"):
            users = _parse_users(text, dict[str, UserCredentials], "config btp-trust:users")
            if connection in users:
                yield _resolve(users[connection], f"config btp-trust:users, {connection!r}")
        yield from self._variable_sources(connection)

    def _default_config_sources(self) -> Iterator[ResolvedUser]:
        if text := self._config("btp-trust:userToken"):
            yield _resolve(UserCredentials(token=text), "config btp-trust:userToken")
        if text := self._config(_COMMAND):
            yield _resolve(UserCredentials(command=_parse_command(text, _COMMAND)), f"config {_COMMAND}")
        if text := self._config("btp-trust:user"):
            yield _resolve(_parse_users(text, UserCredentials, "config btp-trust:user"), "config btp-trust:user")

    def _variable_sources(self, connection: str) -> Iterator[ResolvedUser]:
        # All three names are claimed together, so that a shared name is an error even if another variable is set.
        token, command, logon = (self._variables.name(prefix, connection) for prefix in _VARIABLES)
        if text := self._variables.get(_VARIABLES[0], connection):
            yield _resolve(UserCredentials(token=text), token)
        if text := self._variables.get(_VARIABLES[1], connection):
            yield _resolve(UserCredentials(command=_parse_command(text, command)), command)
        if text := self._variables.get(_VARIABLES[2], connection):
            yield _resolve(_parse_users(text, UserCredentials, logon), logon)

    def _searched_places(self, connection: str) -> list[str]:
        keys = ["btp-trust:userToken", _COMMAND, "btp-trust:user"] if connection == DEFAULT_CONNECTION else []
        names = [self._variables.name(variable, connection) for variable in _VARIABLES]
        return [
            *(f"config {key}" for key in keys),
            f"config btp-trust:users with {connection!r}",
            f"environment variables {', '.join(names)}",
        ]


def validate_token(text: str, where: str) -> str:
    """Return the token without blanks around it.

    Raises:
        ConfigurationError: `text` is not a bearer token. The message leaves it out.
    """
    token = text.strip()
    if not BEARER_TOKEN.fullmatch(token) or len(token) > _MAX_TOKEN_LENGTH:
        raise ConfigurationError(
            f"The text from {where} is no token.",
            f"A bearer token is one word of letters, digits and -._~+/= with at most {_MAX_TOKEN_LENGTH} characters.",
            "Give the access token itself, without `Bearer` and without quotation marks.",
        )
    return token


def _resolve(user: UserCredentials, where: str) -> ResolvedUser:
    """Require exactly one of the four ways to give a user."""
    names = {name for name in user.__struct_fields__ if getattr(user, name)}
    # Two ways could stand for two users.
    if names not in map(set, _FIELD_SETS):
        raise ConfigurationError(
            f"The user in {where} cannot be used.",
            "It is one of: `token`; `command`; `name` and `password`; `assertion`.",
            'Set it again, for example: {"name": "<user>", "password": "<password>"}',
        )
    return ResolvedUser(user, where)


def _parse_users(text: str, shape: type[_Shape], where: str) -> _Shape:
    try:
        return decode(text, shape)
    except DecodingError:
        raise ConfigurationError(
            f"The users in {where} cannot be read.",
            "A user is a JSON object with one of: `token`; `command`; `name` and `password`; `assertion`. Users of "
            "several connections are an object that maps connection names to such objects.",
            f"Correct {where}.",
        ) from None


def _parse_command(text: str, where: str) -> str | list[str]:
    """Check a command: words as a shell would split them, or a JSON list of them."""
    try:
        if text.lstrip().startswith("["):
            return decode(text, list[str])
        # Split for its error alone: `argv` splits the text once more.
        shlex.split(text)
    except ValueError:
        raise ConfigurationError(
            f"The command in {where} cannot be read.",
            "It must be words with matching quotation marks, or a JSON list of words; no shell is involved.",
            'Set it again, for example: ["security-tool", "print-token"]',
        ) from None
    return text


def _config_command(connection: str) -> str:
    if connection == DEFAULT_CONNECTION:
        return "btp-trust:userToken '<access token of a user>'"
    return f"btp-trust:users '{json.dumps({connection: {'token': '<access token of a user>'}})}'"
