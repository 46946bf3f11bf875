"""One command of Pulumi as a child: its output goes to files, and it ends with this process.

An interrupted command gets SIGINT, as by ctrl-C: Pulumi lets running operations end, saves the state and gives the lock
back. A second SIGINT gives up these operations, so it comes late; SIGKILL leaves the lock, so it comes last.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from btp_trust_fleet.stack_run.control import RunControl

_CHILD: Final = str(Path(__file__).with_name("child.py"))
_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class SignalTimes:
    """Seconds between the signals to a command that has to end."""

    until_second_interrupt: float = 180.0
    """Longer than an operation of the provider: a verification, and the rollback after it."""
    until_kill: float = 60.0


SIGNAL_TIMES: Final = SignalTimes()


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and where its output goes."""

    words: Sequence[str]
    folder: Path
    environ: Mapping[str, str]
    stdout: Path
    stderr: Path
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command has ended."""

    status: int
    was_interrupted: bool = False
    """By the control: somebody wanted the end."""
    timed_out: bool = False


def run_command(
    command: Command,
    control: RunControl,
    signal_times: SignalTimes = SIGNAL_TIMES,
    *,
    by_pipe: bool = sys.platform != "linux",
) -> Ended:
    """Run a command to its end, by itself or by the signals.

    Args:
        command: The command.
        control: Interrupts it.
        signal_times: Times between the signals.
        by_pipe: Watch the starter's end by a pipe, where the signal of Linux is missing.

    Raises:
        OSError: The folder is missing, or an output file cannot be written.
    """
    with _started(command, by_pipe=by_pipe) as process:
        ended = _wait(process, control, command.timeout_seconds)
        if ended is None:
            interrupted = control.is_interrupted
            _end(process, signal_times)
            return Ended(process.returncode, was_interrupted=interrupted, timed_out=not interrupted)
        return ended


@contextmanager
def _started(command: Command, *, by_pipe: bool) -> Iterator[subprocess.Popen[bytes]]:
    """Start the command in a group of its own: a ctrl-C at the terminal is for this process, which decides."""
    read_end, write_end = os.pipe()
    wrapper = [sys.executable, "-I", "-S", _CHILD, str(os.getpid()), str(read_end) if by_pipe else "-"]
    try:
        with command.stdout.open("wb") as stdout, command.stderr.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603 - the user's own command line, run directly
                [*wrapper, *command.words],
                cwd=command.folder,
                env=dict(command.environ),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                pass_fds=[read_end] if by_pipe else [],
            )
        with process:
            yield process
    finally:
        os.close(read_end)
        os.close(write_end)


def _wait(process: subprocess.Popen[bytes], control: RunControl, seconds: float) -> Ended | None:
    """Wait for the end; return None as soon as the command has to be ended."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not control.is_interrupted:
        with suppress(subprocess.TimeoutExpired):
            return Ended(process.wait(_POLL_SECONDS))
    return None


def _end(process: subprocess.Popen[bytes], signal_times: SignalTimes) -> None:
    signals = ((signal.SIGINT, signal_times.until_second_interrupt), (signal.SIGINT, signal_times.until_kill))
    for number, seconds in signals:
        _signal_group(process, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
