"""Commands as children: signals in their order, and the end with the process that started them."""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from btp_trust_fleet.stack_run import child
from btp_trust_fleet.stack_run.control import RunControl
from btp_trust_fleet.stack_run.process import Command, Ended, SignalTimes, run_command

TIMES = SignalTimes(until_second_interrupt=0.5, until_kill=0.5)
SELF_INTERRUPTED = child.SIGNALLED + signal.SIGINT


def _command(folder: Path, script: str, seconds: float = 30) -> Command:
    return Command(["sh", "-c", script], folder, {"PATH": os.environ["PATH"]}, folder / "out", folder / "err", seconds)


def _interrupted_once_printed(folder: Path, control: RunControl) -> threading.Thread:
    def interrupt() -> None:
        while not (folder / "out").exists() or b"ready" not in (folder / "out").read_bytes():
            time.sleep(0.02)
        control.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


@pytest.mark.parametrize("by_pipe", [False, True])
def test_command_ends_by_itself(tmp_path: Path, by_pipe: bool) -> None:  # noqa: FBT001 - a parameter
    """Its status and its output are those of the command."""
    ended = run_command(_command(tmp_path, "echo hello; exit 3"), RunControl(), TIMES, by_pipe=by_pipe)
    assert (ended, (tmp_path / "out").read_text()) == (Ended(3), "hello\n")


@pytest.mark.parametrize("by_pipe", [False, True])
@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("trap 'exit 5' INT; echo ready; sleep 60 & wait", {5}),
        ("trap 'trap \"exit 6\" INT' INT; echo ready; while :; do sleep 0.05; done", {6}),
        ("trap '' INT; echo ready; while :; do sleep 0.05; done", {-signal.SIGKILL}),
    ],
)
def test_signals_come_in_order(tmp_path: Path, script: str, status: set[int], by_pipe: bool) -> None:  # noqa: FBT001
    """SIGINT, a second one, and SIGKILL at the very end."""
    control = RunControl()
    thread = _interrupted_once_printed(tmp_path, control)
    ended = run_command(_command(tmp_path, script), control, TIMES, by_pipe=by_pipe)
    thread.join()
    assert ended.was_interrupted
    assert ended.status in status


def test_slow_command_times_out(tmp_path: Path) -> None:
    """The limit interrupts, too."""
    ended = run_command(_command(tmp_path, "sleep 60", 0.3), RunControl(), TIMES)
    assert (ended.timed_out, ended.was_interrupted, ended.status) == (True, False, -signal.SIGINT)


def test_command_replaces_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the signal of Linux, the wrapper becomes the command."""
    became: list[list[str]] = []

    def become(_: str, words: list[str]) -> None:
        became.append(words)
        raise FileNotFoundError

    monkeypatch.setattr(os, "execvp", become)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: _Prctl())
    assert child.main([str(os.getppid()), "-", "pulumi", "up"]) == child.MISSING
    assert became == [["pulumi", "up"]]


def test_wrapper_is_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs by its path: the folder of a program may hold modules of any name."""
    read_end, write_end = os.pipe()
    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "argv", [child.__file__, "1", str(read_end), "true"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(child.__file__, run_name="__main__")
    signal.signal(signal.SIGINT, handler)
    os.close(write_end)
    assert ended.value.code == 0


def test_late_wrapper_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A starter that ended before the wrapper asked for the signal: the command is never begun."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: _Prctl())
    assert child.main(["1", "-", "pulumi", "up"]) == SELF_INTERRUPTED


@pytest.mark.parametrize("pipe", ["-", "0"])
def test_missing_command_has_status(monkeypatch: pytest.MonkeyPatch, pipe: str) -> None:
    """A shell's status says that PATH lacks the command."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: _Prctl())
    handler = signal.getsignal(signal.SIGINT)
    assert child.main([str(os.getppid()), pipe, "no-such-command-anywhere"]) == child.MISSING
    signal.signal(signal.SIGINT, handler)


@pytest.mark.parametrize("pipe", ["-", "0"])
def test_unrunnable_command_has_status(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pipe: str) -> None:
    """A file that the system refuses to run is as good as none: the user sees what to do, and no traceback."""
    (tmp_path / "pulumi").write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: _Prctl())
    handler = signal.getsignal(signal.SIGINT)
    assert child.main([str(os.getppid()), pipe, "pulumi"]) == child.MISSING
    signal.signal(signal.SIGINT, handler)


def test_watcher_interrupts_at_end_of_pipe() -> None:
    """The command is interrupted once the starter's end of the pipe is closed."""
    read_end, write_end = os.pipe()
    handler = signal.getsignal(signal.SIGINT)
    timer = threading.Timer(0.3, os.close, [write_end])
    timer.start()
    assert child.main(["1", str(read_end), "sleep", "60"]) == SELF_INTERRUPTED
    signal.getsignal(signal.SIGINT)(signal.SIGINT, None)  # type: ignore[operator,misc]  # leaves this process alone
    signal.signal(signal.SIGINT, handler)
    os.close(read_end)


def test_watcher_returns_status() -> None:
    """A command that ends by itself has its own status."""
    read_end, write_end = os.pipe()
    handler = signal.getsignal(signal.SIGINT)
    assert child.main(["1", str(read_end), "sh", "-c", "exit 4"]) == 4
    signal.signal(signal.SIGINT, handler)
    os.close(write_end)


@pytest.mark.parametrize("by_pipe", [False, True])
def test_command_ends_with_starter(tmp_path: Path, by_pipe: bool) -> None:  # noqa: FBT001 - a parameter
    """`kill -9` of the starter interrupts the command, which then ends its work."""
    script = "trap 'sleep 0.2; echo saved > saved; exit' INT; echo ready > ready; sleep 60 & wait"
    starter = (
        "import sys\nfrom pathlib import Path\nfrom btp_trust_fleet.stack_run.process import *\n"
        "folder = Path(sys.argv[1])\n"
        "words = ['sh', '-c', sys.argv[2]]\n"
        "command = Command(words, folder, dict(os.environ), folder / 'out', folder / 'err', 60)\n"
        f"run_command(command, RunControl(), by_pipe={by_pipe})\n"
    )
    with subprocess.Popen([sys.executable, "-c", starter, str(tmp_path), script]) as process:
        _wait_until((tmp_path / "ready").exists)
        process.kill()
    _wait_until((tmp_path / "saved").exists)


def _wait_until(happens: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not happens():
        assert time.monotonic() < ends
        time.sleep(0.02)


class _Prctl:
    """The C library, whose call would stay with this process."""

    @staticmethod
    def prctl(*_: int) -> int:
        """Do nothing."""
        return 0
