"""The user's token: resolved as such, printed by a command, or granted by the token service for a logon."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from io import BufferedReader
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
_OUTPUT_GRACE: Final = 1.0
"""Seconds to read the rest of the output after the command has ended."""


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
        seconds = min(_COMMAND_TIMEOUT, self._retry_policy.remaining)
        try:
            status, output = run_command(resolved.user.argv, dict(self._users.environ), seconds)
        except TimeoutError:
            raise _command_failed(resolved, f"It had not ended after {seconds:g} s.") from None
        # ValueError is for a null character in a word, IndexError for an empty command.
        except (OSError, ValueError, IndexError) as error:
            raise _command_failed(resolved, f"It cannot be run: {type(error).__name__}.") from None
        if len(output) > _MAX_OUTPUT_BYTES:
            raise _command_failed(resolved, f"It printed more than {_MAX_OUTPUT_BYTES} bytes.")
        if status != 0:
            raise _command_failed(resolved, f"It ended with status {status}.")
        # A replacement character fails `validate_token`, whose message leaves the output out.
        return output.decode("utf-8", errors="replace")

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


def run_command(argv: list[str], environ: dict[str, str], seconds: float) -> tuple[int, bytes]:
    """Run a command without a shell, and read the beginning of its output.

    Standard input is empty and standard error is discarded. Only output from before the command's end counts:
    a process that the command leaves behind keeps running.

    Returns:
        The exit status, and the output up to one byte more than is allowed.

    Raises:
        TimeoutError: The command ran too long. It was stopped, with all processes that it had started.
        OSError: The command cannot be run.
    """
    output = bytearray()
    process = subprocess.Popen(  # noqa: S603 - the user's own command, resolved in the stack's configuration
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
        start_new_session=True,  # a process group of its own, which can be stopped whole
    )
    # A daemon, so that a pipe that stays open keeps neither this call nor the plugin waiting.
    reader = threading.Thread(target=_read_output, args=(process.stdout, output), daemon=True)
    reader.start()
    try:
        status = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        _stop(process)
    reader.join(_OUTPUT_GRACE)  # a process that it left behind may hold the pipe open indefinitely
    return status, bytes(output)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a running command with the processes that it has started: together they are a process group."""
    if process.returncode is None:  # so its ID is still its own, and that of its group
        with contextlib.suppress(OSError):  # it has just ended
            # Windows lacks `killpg`: there the command alone is stopped.
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
        process.wait()


def _read_output(pipe: BufferedReader, output: bytearray) -> None:
    """Read output as it comes: a process that is left behind may hold the pipe open long after the command's end."""
    with pipe:
        while len(output) <= _MAX_OUTPUT_BYTES and (piece := pipe.read1(_MAX_OUTPUT_BYTES + 1 - len(output))):
            output += piece


def _command_failed(resolved: ResolvedUser, why: str) -> NoUserToken:
    return NoUserToken(
        f"The command in {resolved.where} gave no user's token.",
        f"{why} It is run without a shell and a terminal, and its standard error is discarded.",
        "Run it by hand in the same environment, and see that it prints an access token and nothing else.",
    )
