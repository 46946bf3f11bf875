"""Talk to the person at the terminal, and show that a long command is alive.

All of it goes to stderr: stdout belongs to answers such as the one of `make pulumi-path`.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from bootstrap.machine import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PROGRESS_SECONDS = 15.0
LAST_LINES = 15


def print_message(message: str) -> None:
    """Print a line for the person who waits."""
    print(message, file=sys.stderr, flush=True)


def format_duration(seconds: float) -> str:
    """Write a duration as a person would: `45 s`, `3 min 05 s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def last_lines(log: Path) -> str:
    """Return the end of a log, indented."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-LAST_LINES:])


def run_with_progress(  # the keyword arguments are those of subprocess
    what: str, command: Sequence[str | Path], *, log: Path, cwd: Path, env: Mapping[str, str]
) -> None:
    """Run a long command with its output in a log and a line of progress now and then.

    Raises:
        CannotGoOnError: The command could not be started or failed; the message ends with its last lines.
    """
    print_message(f"  $ {shlex.join(str(part) for part in command)}")
    started = time.monotonic()
    try:
        with (
            log.open("wb") as file,
            subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file) as child,
        ):
            _wait(child, what, log, started)
    except OSError as error:
        raise SetupError(f"{what}: `{command[0]}` fails to start: {error}") from error
    if child.returncode != 0:
        raise SetupError(f"{what} ended with {child.returncode}:\n{last_lines(log)}")
    print_message(f"  {what}: done after {format_duration(time.monotonic() - started)}")


def _wait(child: subprocess.Popen[bytes], what: str, log: Path, started: float) -> None:
    """Wait for the child, with a sign of life at every beat; end it if the wait is interrupted."""
    try:
        while True:
            try:
                child.wait(PROGRESS_SECONDS)
            except subprocess.TimeoutExpired:
                steps = log.read_bytes().count(b"\n")
                print_message(f"  {what}: {format_duration(time.monotonic() - started)}, {steps} steps so far ...")
            else:
                return
    except BaseException:
        child.terminate()
        raise
