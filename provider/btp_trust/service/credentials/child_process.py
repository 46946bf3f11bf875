"""A command of the user, without a shell: bounded in time and output, and stopped with all that it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

_OUTPUT_GRACE: Final = 1.0
"""Seconds to read the rest of the output after the command has ended."""
_POLL: Final = 0.1
"""Seconds between two looks at whether the command must be stopped."""
_MAX_ERROR_BYTES: Final = 16_000
"""Bytes that are kept of standard error."""

_running: set[subprocess.Popen[bytes]] = set()
_starting: Final = threading.Lock()
"""Held from the start of a command until it is among the running ones, so that `stop_all` misses none."""


class Stopped(Exception):
    """The caller wanted the command to be stopped."""


class ChildOutput(Struct, frozen=True):
    """What a command that has ended left behind."""

    status: int
    """The exit status; the negative number of a signal that ended it."""
    output: bytes
    """Its output, up to one byte more than is allowed."""
    errors: bytes
    """The beginning of its standard error."""

    def __repr__(self) -> str:
        """Hide what was printed."""
        return f"ChildOutput({self.status}, …)"


def run_child(
    argv: list[str],
    environ: Mapping[str, str],
    seconds: float,
    max_bytes: int,
    *,
    folder: Path | None = None,
    must_stop: Callable[[], bool] = lambda: False,
) -> ChildOutput:
    """Run a command, with an empty standard input. Only output from before its end counts.

    A process that the command leaves behind when it ends keeps running.

    Raises:
        TimeoutError: The command ran too long. It was stopped, with all processes that it had started.
        Stopped: `must_stop` said so. The same holds.
        OSError: The command cannot be run.
    """
    output, errors = bytearray(), bytearray()
    process = _start(argv, environ, folder)
    readers = [
        _read_in_background(process.stdout, lambda pipe: _read_output(pipe, output, max_bytes)),
        _read_in_background(process.stderr, lambda pipe: _drain(pipe, errors)),
    ]
    try:
        status = _await_end(process, seconds, must_stop)
    finally:
        _stop(process)
        _running.discard(process)
    for reader in readers:
        reader.join(_OUTPUT_GRACE)  # a process that it left behind may hold a pipe open indefinitely
    return ChildOutput(status, bytes(output), bytes(errors))


def stop_all() -> None:
    """Stop the commands that are running: this process is about to end without waiting for its threads."""
    with _starting:
        for process in tuple(_running):
            _kill_group(process)


def _start(argv: list[str], environ: Mapping[str, str], folder: Path | None) -> subprocess.Popen[bytes]:
    with _starting:
        process = subprocess.Popen(  # noqa: S603 - the user's own command, from the stack's configuration
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environ,
            cwd=folder,
            start_new_session=True,  # a process group of its own, which can be stopped whole
        )
        _running.add(process)
    return process


def _await_end(process: subprocess.Popen[bytes], seconds: float, must_stop: Callable[[], bool]) -> int:
    left = seconds
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=min(left, _POLL))
        left -= _POLL
        if must_stop():
            raise Stopped
        if left <= 0:
            raise TimeoutError


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a running command with the processes that it has started: together they are a process group."""
    if process.returncode is None:  # so its ID is still its own, and that of its group
        _kill_group(process)
        process.wait()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):  # it has just ended
        # Windows lacks `killpg`: there the command alone is stopped.
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()


def _read_in_background(pipe: IO[bytes] | None, read: Callable[..., None]) -> threading.Thread:
    # A daemon, so that a pipe that stays open keeps neither the call nor the plugin waiting.
    reader = threading.Thread(target=read, args=(pipe,), daemon=True)
    reader.start()
    return reader


def _read_output(pipe: BufferedReader, output: bytearray, max_bytes: int) -> None:
    """Read output as it comes, up to one byte too much; a command that prints on then gets SIGPIPE."""
    with pipe:
        while len(output) <= max_bytes and (piece := pipe.read1(max_bytes + 1 - len(output))):
            output += piece


def _drain(pipe: BufferedReader, errors: bytearray) -> None:
    """Read standard error to its end, so that the command can go on, and keep the beginning."""
    with pipe:
        while piece := pipe.read1(_MAX_ERROR_BYTES):
            errors += piece[: _MAX_ERROR_BYTES - len(errors)]
