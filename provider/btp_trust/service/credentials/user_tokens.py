"""The user's token: as it was given, as a command prints it, or as the token service grants it for a logon."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from io import BufferedReader
from typing import Final

import httpx

from btp_trust.errors import NoUserToken
from btp_trust.service.credentials.client_credentials import TokenResponse
from btp_trust.service.credentials.service_key import ServiceKey
from btp_trust.service.credentials.users import ResolvedUser, UserCredentialsLookup, validate_token
from btp_trust.service.transport.decoding import DecodingError, decode
from btp_trust.service.transport.oauth_errors import error_text
from btp_trust.service.transport.request import send
from btp_trust.service.transport.retry import RetryPolicy, is_unavailable

_COMMAND_TIMEOUT: Final = 30.0
"""How long a command may take to print a token."""
_MAX_OUTPUT_BYTES: Final = 64_000
"""Bytes that are read of what it prints."""
_OUTPUT_GRACE: Final = 1.0
"""Seconds in which its output must have been read once it has ended."""


@dataclass(frozen=True, slots=True, repr=False)
class UserToken:
    """A token, and what must not show of its user besides."""

    value: str
    secrets: tuple[str, ...] = ()
    """The name, the password or the assertion that it was granted for."""


class UserTokens:
    """Gets the token of the user of one connection.

    Args:
        users: Where users are looked for.
        connection: The connection's name.
        key: Its service key, whose client asks for tokens.
        http: The client for the token service.
        patience: How often a token is asked for, and how long everything may take.
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
        """Name the place that says who the user is; nothing is asked and nothing is run.

        Raises:
            NoUserToken: None does.
            ConfigurationError: What was found is malformed.
        """
        return self._users.find(self._connection).where

    def fetch(self) -> UserToken:
        """Get a token, once for all that a command tries.

        Raises:
            NoUserToken: No user is named, the command fails, or the token service grants none.
            ConfigurationError: What was found is malformed.
            ServiceUnavailable: The token service is down.
        """
        with self._lock:
            self._token = self._token or self._resolve_token()
            return self._token

    def _resolve_token(self) -> UserToken:
        given = self._users.find(self._connection)
        if given.user.token:
            return UserToken(validate_token(given.user.token, given.where))
        if given.user.command:
            return UserToken(validate_token(self._run_token_command(given), given.where))
        return self._request_token(given)

    def _run_token_command(self, given: ResolvedUser) -> str:
        seconds = min(_COMMAND_TIMEOUT, self._retry_policy.remaining)
        try:
            status, output = run_command(given.user.argv, dict(self._users.environ), seconds)
        except TimeoutError:
            raise _command_failed(given, f"It had not ended after {seconds:g} s.") from None
        except (OSError, ValueError, IndexError) as error:
            raise _command_failed(given, f"It cannot be run: {type(error).__name__}.") from None
        if len(output) > _MAX_OUTPUT_BYTES:
            raise _command_failed(given, f"It printed more than {_MAX_OUTPUT_BYTES} bytes.")
        if status != 0:
            raise _command_failed(given, f"It ended with status {status}.")
        return output.decode("utf-8", errors="replace")

    def _request_token(self, given: ResolvedUser) -> UserToken:
        user = given.user
        form = {**user.token_request, "client_id": self._key.clientid}
        if not self._key.is_x509:
            form["client_secret"] = self._key.clientsecret
        response = self._retry_policy.run_with_retries(lambda: self._post(form), is_unavailable)
        try:
            granted = decode(response.content, TokenResponse).access_token
        except DecodingError:
            granted = ""
        if response.status_code != httpx.codes.OK or not granted:
            raise NoUserToken(
                f"The token service {self._key.token_url} gave no token for the user.",
                f"It answered {response.status_code} to the logon in {given.where}: the user, the password or the "
                f"assertion may be wrong, or the service key's client may not ask for users' tokens.{error_text(response)}",
                "Correct it, or give a token that was got in another way: btp-trust:userToken, "
                "btp-trust:userTokenCommand.",
            )
        private = tuple(text for text in (user.name, user.password, user.assertion) if text)
        return UserToken(validate_token(granted, self._key.token_url), private)

    def _post(self, form: dict[str, str]) -> httpx.Response:
        return send(self._http, self._http.build_request("POST", self._key.token_url, data=form), self._retry_policy)


def run_command(argv: list[str], environ: dict[str, str], seconds: float) -> tuple[int, bytes]:
    """Run a command without a shell, and read what it prints, but not more than is of use.

    Its standard input is empty; what it writes to standard error is nobody's business but its own. What counts is
    printed before it ends: a process that it leaves behind goes on, and is not waited for.

    Returns:
        Its exit status, and at most one byte more than is allowed.

    Raises:
        TimeoutError: It had not ended in time; it was stopped, with all that it had started.
        OSError: It cannot be run.
    """
    output = bytearray()
    process = subprocess.Popen(  # noqa: S603 - the user's own command, given in the stack's configuration
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
        start_new_session=True,
    )
    reader = threading.Thread(target=_read_output, args=(process.stdout, output), daemon=True)
    reader.start()
    try:
        status = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        _stop(process)
    reader.join(_OUTPUT_GRACE)  # a process that it left behind may hold the pipe for ever
    return status, bytes(output)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a command that has not ended, and what it has started: together they are a group of processes."""
    if process.returncode is None:  # so its number is still its own, and that of its group
        with contextlib.suppress(OSError):  # it has just ended
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
        process.wait()


def _read_output(pipe: BufferedReader, output: bytearray) -> None:
    """Take what is printed as it comes: the end of the pipe may come long after that of the command, or never."""
    with pipe:
        while len(output) <= _MAX_OUTPUT_BYTES and (piece := pipe.read1(_MAX_OUTPUT_BYTES + 1 - len(output))):
            output += piece


def _command_failed(given: ResolvedUser, why: str) -> NoUserToken:
    return NoUserToken(
        f"The command in {given.where} gave no user's token.",
        f"{why} It is run without a shell and without a terminal; what it writes to standard error is not shown.",
        "Run it by hand in the same environment, and see that it prints an access token and nothing else.",
    )
