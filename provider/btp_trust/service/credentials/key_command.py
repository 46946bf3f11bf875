"""Credentials that a command prints: that of a vault, of `cf` or `btp`. It is run once for each connection.

The contract is that of kubectl's exec plugins and of `credential_process` of AWS: words without a shell, the key on
standard output, an exit status other than 0 for a failure. Standard error is shown after a failure only, and withheld
if credentials are in it.
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from btp_trust.errors import ConfigurationError, EngineExited, TrustError
from btp_trust.secret_guard.detection import find_secret
from btp_trust.service.credentials import wrong_key
from btp_trust.service.credentials.credentials_by_name import (
    SERVICE_KEY_COMMAND,
    FoundCredentials,
    refuse_misplaced_key,
)
from btp_trust.service.transport.decoding import NO_JSON, DecodingError, decode, find_json_object, to_text
from btp_trust.service.transport.redaction import redact

if TYPE_CHECKING:
    from btp_trust.service.credentials.child_process import ChildOutput

_VARIABLE: Final = "BTP_TRUST_CONNECTION"
_HIDDEN_VARIABLES: Final = ("PULUMI_CONFIG", "PULUMI_CONFIG_SECRET_KEYS")
"""Where Pulumi gives a program the secrets of the stack in the clear: a command has no use for them."""
_TIMEOUT: Final = 60.0
_MAX_OUTPUT_BYTES: Final = 1 << 20
_SHOWN_ERROR_LINES: Final = 5
_AT_ONCE: Final = 8
"""Commands that run at a time: each is a process, and many read one session of a vault's client."""
_turns: Final = threading.BoundedSemaphore(_AT_ONCE)


class Surroundings(Struct, frozen=True):
    """What a command gets, and what ends it."""

    environ: Mapping[str, str]
    folder: Path
    """Where it runs: the folder of Pulumi.yaml."""
    engine_exited: Callable[[], bool] = lambda: False
    seconds_left: Callable[[], float] = lambda: _TIMEOUT
    """How long the operation may still take."""

    def __repr__(self) -> str:
        """Hide the environment, which may hold credentials."""
        return "Surroundings(…)"


class KeyCommand:
    """The command of a stack.

    Args:
        setting: The words, as a JSON list.
        surroundings: Its environment and its limits.
    """

    def __init__(self, setting: str, surroundings: Surroundings) -> None:
        self._setting = setting
        self._surroundings = surroundings
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._results: dict[str, FoundCredentials | TrustError] = {}

    def find(self, name: str) -> FoundCredentials:
        """Return what the command prints for a connection; it is run once, also if it fails.

        Raises:
            ConfigurationError: The setting is malformed, the name looks like an option, or the command fails.
            EngineExited: Pulumi has gone.
        """
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self._results:
                self._results[name] = self._try(name)
            result = self._results[name]
        if isinstance(result, TrustError):
            raise result
        return result

    def _try(self, name: str) -> FoundCredentials | TrustError:
        try:
            argv = [*_parse_words(self._setting), _as_argument(name)]
            done = self._run_in_turn(argv, name)
            _require_success(done, argv[0], name)
            return FoundCredentials(_require_object(done, argv[0], name), f"the output of {argv[0]!r} for {name!r}")
        except TrustError as error:
            return error

    def _run_in_turn(self, argv: list[str], name: str) -> ChildOutput:
        if not _turns.acquire(timeout=self._surroundings.seconds_left()):
            why = f"It was never run: {_AT_ONCE} others were running all the time that the operation had."
            raise _failed(argv[0], name, why, "Run it by hand for these connections, and see why it takes so long.")
        try:
            # It may have ended while others ran.
            if self._surroundings.engine_exited():
                raise _engine_exited(name)
            return self._run(argv, name)
        finally:
            _turns.release()

    def _run(self, argv: list[str], name: str) -> ChildOutput:
        # Imported on use: most stacks have no command.
        from btp_trust.service.credentials.child_process import Stopped, run_child  # noqa: PLC0415

        given, folder = self._surroundings, self._surroundings.folder
        environ = {key: value for key, value in given.environ.items() if key not in _HIDDEN_VARIABLES}
        seconds = min(_TIMEOUT, given.seconds_left())
        shown = argv[0]
        # A relative path counts from the folder on all systems; a bare word is looked for on PATH.
        program = str(folder.resolve() / argv[0]) if Path(argv[0]).name != argv[0] else argv[0]
        try:
            return run_child(
                [program, *argv[1:]],
                {**environ, _VARIABLE: name},
                seconds,
                _MAX_OUTPUT_BYTES,
                folder=folder,
                must_stop=given.engine_exited,
            )
        except TimeoutError:
            why, remedy = f"It had not ended after {seconds:.3g} s, and was stopped.", _RUN_BY_HAND
        except Stopped:
            raise _engine_exited(name) from None
        except (OSError, ValueError) as error:
            shown, why, remedy = _why_not_run(error, argv[0])
        raise _failed(shown, name, why, remedy)


_RUN_BY_HAND: Final = (
    "Run it by hand with the connection's name as its last word, in the folder of Pulumi.yaml: log in where it asks, "
    "and see that it prints the JSON of the key."
)
_NOT_RUN: Final[dict[type[Exception], tuple[str, str]]] = {
    FileNotFoundError: (
        "The command is missing on PATH or as a file, or its first line names a missing interpreter.",
        "Install it, or correct the first word; a relative path counts from the folder of Pulumi.yaml.",
    ),
    PermissionError: (
        "The file lacks the right to be run.",
        "Give it that right: chmod u+x.",
    ),
}


def _why_not_run(error: Exception, program: str) -> tuple[str, str, str]:
    """Return the program for the message, why it was not run, and the remedy."""
    words = program.split()
    if len(words) > 1 and not isinstance(error, PermissionError):
        # A whole command line in one word, maybe with a password: its beginning is enough.
        return (
            f"{words[0]} …",
            f"The first entry of the list has blanks, and as one word it names no program: {type(error).__name__}.",
            'Give each word an entry of its own, as in ["vault", "kv", "get"], or correct the path.',
        )
    why, remedy = _NOT_RUN.get(type(error)) or (
        f"It cannot be run: {type(error).__name__}.",
        "Correct the words; a script begins with a line such as #!/bin/sh.",
    )
    return program, why, remedy


def _parse_words(setting: str) -> list[str]:
    try:
        words = decode(setting, list[str])
    except DecodingError:
        words = []
    if not words or not words[0] or any("\0" in word for word in words):
        raise ConfigurationError(
            f"The config {SERVICE_KEY_COMMAND} must be a list of words.",
            "The program is run directly, without a shell: its words are a JSON list, and the connection's name "
            "becomes the last one.",
            f"Set it again, for example: pulumi config set {SERVICE_KEY_COMMAND} "
            '\'["vault", "kv", "get", "-format=json", "-mount=btp-trust"]\'',
        )
    refuse_misplaced_key(SERVICE_KEY_COMMAND, words[0])
    return words


def _as_argument(name: str) -> str:
    if name.startswith("-") or not name.isprintable() or not name:
        raise ConfigurationError(
            f"The connection name {name!r} is unusable for a command.",
            f"The command of {SERVICE_KEY_COMMAND} gets the name as its last word: one that begins with a dash would "
            "be an option, and control characters would mislead it.",
            "Rename the connection.",
        )
    return name


def _require_success(done: ChildOutput, program: str, name: str) -> None:
    if len(done.output) > _MAX_OUTPUT_BYTES:
        why = f"It printed more than {_MAX_OUTPUT_BYTES >> 20} MiB."
    elif done.status < 0:
        why = f"It was ended by {_signal_name(-done.status)}."
    elif done.status > 0:
        why = f"It ended with status {done.status}."
    elif not done.output.strip():
        why = "It ended with status 0 and printed nothing."
    else:
        return
    raise _failed(program, name, f"{why}{_statement(done)}", _RUN_BY_HAND)


def _require_object(done: ChildOutput, program: str, name: str) -> str:
    """Return the output if there is one JSON object in it: a login prompt or a web page is something else."""
    why = ""
    try:
        find_json_object(done.output)
        return to_text(done.output)
    except DecodingError as error:
        why = str(error)
    if why == NO_JSON:
        why = wrong_key.describe_text(to_text(done.output))
    raise _failed(program, name, f"Its output is hidden. {why}{_statement(done)}", _RUN_BY_HAND)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _statement(done: ChildOutput) -> str:
    """Return the beginning of standard error without private data, as a sentence; empty if nothing was said."""
    text = done.errors.decode("utf-8", errors="replace").strip()
    if not text:
        return ""
    if find_secret(text) is not None:
        return " Its standard error is withheld: credentials are in it."
    lines = "\n".join(text.splitlines()[:_SHOWN_ERROR_LINES])
    # What it printed as a key is also hidden where it says it once more.
    secrets = set(re.findall(r"[^\s\"',:{}\[\]\\]{6,}", done.output.decode("utf-8", errors="replace")))
    return f" It says: {redact(lines, secrets=secrets).rstrip('.')}."


def _failed(program: str, name: str, why: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"The command {program!r} of {SERVICE_KEY_COMMAND} gave no service key for connection {name!r}.", why, remedy
    )


def _engine_exited(name: str) -> EngineExited:
    return EngineExited(
        "Pulumi has ended.",
        f"The command of {SERVICE_KEY_COMMAND} for connection {name!r} was stopped with it, or left out.",
        "Run the same command again.",
    )
