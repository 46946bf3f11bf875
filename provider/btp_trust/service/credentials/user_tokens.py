"""The user's token: resolved as such, printed by a command, or granted by the token service for a logon."""

from __future__ import annotations

import threading
from typing import Final

import httpx
from msgspec import Struct

from btp_trust.errors import NoUserToken
from btp_trust.service.credentials.service_key import ServiceKey
from btp_trust.service.credentials.token_endpoint import parse_token, request_grant
from btp_trust.service.credentials.users import ResolvedUser, UserCredentialsLookup, validate_token
from btp_trust.service.transport.oauth_errors import error_text
from btp_trust.service.transport.retry import RetryPolicy

_COMMAND_TIMEOUT: Final = 30.0
"""Seconds that a command has to print a token."""
_MAX_OUTPUT_BYTES: Final = 64_000
"""Bytes that are read of a command's output."""


class UserToken(Struct, frozen=True):
    """Token of a user, and the user's secrets, which are redacted as well."""

    value: str
    secrets: tuple[str, ...] = ()
    """The name, the password or the assertion that it was granted for."""

    def __repr__(self) -> str:
        """Hide all fields."""
        return "UserToken(…)"


class UserTokens:
    """Gets the token of the user of one connection.

    Args:
        users: Finds the user of the connection.
        connection: The connection's name.
        key: Its service key, whose client requests tokens.
        http: The client for the token service.
        retry_policy: Bounds the attempts to get a token and the time of all requests.
    """

    def __init__(
        self,
        users: UserCredentialsLookup,
        connection: str,
        key: ServiceKey,
        http: httpx.Client,
        retry_policy: RetryPolicy,
    ) -> None:
        self._users = users
        self._connection = connection
        self._key = key
        self._http = http
        self._retry_policy = retry_policy
        self._lock = threading.Lock()
        self._token: UserToken | None = None

    def source(self) -> str:
        """Name the place that has the user; this only reads settings.

        Raises:
            NoUserToken: All places are empty.
            ConfigurationError: The first user that was found is malformed.
        """
        return self._users.find(self._connection).where

    def fetch(self) -> UserToken:
        """Get a token, once for all destinations that one Pulumi command verifies.

        Raises:
            NoUserToken: All places are empty, the user's command fails, or the token service rejects the logon.
            ConfigurationError: The first user that was found is malformed.
            ServiceUnavailable: The token service is down.
        """
        with self._lock:
            self._token = self._token or self._resolve_token()
            return self._token

    def _resolve_token(self) -> UserToken:
        resolved = self._users.find(self._connection)
        if resolved.user.token:
            return UserToken(validate_token(resolved.user.token, resolved.where))
        if resolved.user.command:
            return UserToken(validate_token(self._run_token_command(resolved), resolved.where))
        return self._request_token(resolved)

    def _run_token_command(self, resolved: ResolvedUser) -> str:
        # Imported on use: a preview runs no command.
        from btp_trust.service.credentials.child_process import run_child  # noqa: PLC0415

        seconds = min(_COMMAND_TIMEOUT, self._retry_policy.remaining)
        try:
            done = run_child(resolved.user.argv, self._users.environ, seconds, _MAX_OUTPUT_BYTES)
        except TimeoutError:
            raise _command_failed(resolved, f"It had not ended after {seconds:g} s.") from None
        # ValueError is for a null character in a word, IndexError for an empty command.
        except (OSError, ValueError, IndexError) as error:
            raise _command_failed(resolved, f"It cannot be run: {type(error).__name__}.") from None
        if len(done.output) > _MAX_OUTPUT_BYTES:
            raise _command_failed(resolved, f"It printed more than {_MAX_OUTPUT_BYTES} bytes.")
        if done.status != 0:
            raise _command_failed(resolved, f"It ended with status {done.status}.")
        # A replacement character fails `validate_token`, whose message leaves the output out.
        return done.output.decode("utf-8", errors="replace")

    def _request_token(self, resolved: ResolvedUser) -> UserToken:
        user = resolved.user
        response = request_grant(self._key, self._http, self._retry_policy, user.token_request)
        token = parse_token(response).access_token
        if not token:
            raise NoUserToken(
                f"The token service {self._key.token_url} gave no token for the user.",
                f"It answered {response.status_code} to the logon in {resolved.where}: the user, the password or the "
                "assertion may be wrong, or the service key's client lacks the right to request users' tokens."
                f"{error_text(response)}",
                "Correct the logon, or give a token from another source: btp-trust:userToken, "
                "btp-trust:userTokenCommand.",
            )
        secrets = tuple(text for text in (user.name, user.password, user.assertion) if text)
        return UserToken(validate_token(token, self._key.token_url), secrets)


def _command_failed(resolved: ResolvedUser, why: str) -> NoUserToken:
    return NoUserToken(
        f"The command in {resolved.where} gave no user's token.",
        f"{why} It is run without a shell and a terminal, and its standard error is discarded.",
        "Run it by hand in the same environment, and see that it prints an access token and nothing else.",
    )
