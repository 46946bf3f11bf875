"""The command `btp-trust-emulator`."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from btp_trust_emulator import __main__
from btp_trust_emulator.server import sockets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE = re.compile(r"btp-trust-emulator listens on (http://127\.0\.0\.1:\d+)\n")
TIMEOUT = 30


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Provide the command in a process of its own, once it listens; end the process afterwards."""
    command = [sys.executable, "-m", "btp_trust_emulator", "serve", "--key-size", "1024", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            match = LINE.fullmatch(process.stdout.readline())
            assert match is not None
            yield process, match[1]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_serves_until_signal(number: signal.Signals) -> None:
    """The command prints its address, answers over http, and exits with 0."""
    with running() as (process, url):
        assert httpx.get(f"{url}/_emulator/clock").status_code == 200
        process.send_signal(number)
        assert process.wait(TIMEOUT) == 0


def test_kill_loses_no_answered_write(tmp_path: Path) -> None:
    """After SIGKILL, the next process has the subaccount."""
    state = ("--state", str(tmp_path / "state.json"))
    with running(*state) as (process, url):
        created = httpx.post(f"{url}/_emulator/subaccounts", json={"generate": True}).json()
        process.kill()
    with running(*state) as (_, url):
        assert httpx.get(f"{url}/_emulator/subaccounts").json() == {"subaccounts": [created]}


def stop_when_ready(before: Any, ended: threading.Event) -> None:
    """Send SIGTERM to this process as soon as the command has put its handler in place, however long that takes."""
    while not ended.wait(0.01):
        if signal.getsignal(signal.SIGTERM) is not before:
            return os.kill(os.getpid(), signal.SIGTERM)
    return None


def test_main_can_be_called(capsys: pytest.CaptureFixture[str]) -> None:
    """`main` serves until the signal, returns 0, and leaves the handlers of its caller as they were."""
    before, ended = signal.getsignal(signal.SIGTERM), threading.Event()
    thread = threading.Thread(target=stop_when_ready, args=(before, ended))
    thread.start()
    try:
        assert __main__.main(["serve", "--key-size", "1024", "--serial-sign", "negative"]) == 0
    finally:
        ended.set()
        thread.join()
    assert LINE.fullmatch(capsys.readouterr().out)
    assert signal.getsignal(signal.SIGTERM) is before


def test_taken_port_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """A taken port exits with 2, and the last line has the remedy."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert __main__.main(["serve", "--port", str(other.getsockname()[1])]) == 2
    assert capsys.readouterr().err.endswith("Use port 0 to get a free one.\n")


def test_state_file_needs_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing folder exits with 2, and without a traceback."""
    assert __main__.main(["serve", "--state", str(tmp_path / "missing" / "state.json")]) == 2
    assert "missing" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::1", "example.com"])  # noqa: S104 - refused
def test_address_must_be_loopback(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Other addresses are refused, because a client gets service keys."""
    assert __main__.main(["serve", "--host", host]) == 2
    assert "loopback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no command"),
        pytest.param(["serve", "--key-size", "512"], id="a key too small"),
        pytest.param(["serve", "--serial-sign", "none"], id="a switch that has no such choice"),
    ],
)
def test_wrong_use_is_explained(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments exit with 2 and show the usage."""
    with pytest.raises(SystemExit) as stop:
        __main__.main(arguments)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_help_names_every_switch(capsys: pytest.CaptureFixture[str]) -> None:
    """The help shows every switch with its values."""
    with pytest.raises(SystemExit):
        __main__.main(["serve", "--help"])
    text = capsys.readouterr().out
    assert "--metadata-layout {second-key-descriptor,second-x509-data}" in text
    assert "--rotate-without-active {refuse,swap}" in text


def test_stopped_listener_frees_its_port() -> None:
    """The same port can be used twice in a row."""
    with sockets.listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
    with sockets.listen("127.0.0.1", port) as second:
        assert second.getsockname()[1] == port
