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
import time
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
    """Return the command in a process of its own, once it listens; it is gone afterwards."""
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
def test_it_prints_its_address_serves_and_stops_on_a_signal(number: signal.Signals) -> None:
    """One line on stdout, an answer over http, exit status 0."""
    with running() as (process, url):
        assert httpx.get(f"{url}/_emulator/clock").status_code == 200
        process.send_signal(number)
        assert process.wait(TIMEOUT) == 0


def test_a_kill_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    """After SIGKILL, the next one has the subaccount."""
    state = ("--state", str(tmp_path / "state.json"))
    with running(*state) as (process, url):
        created = httpx.post(f"{url}/_emulator/subaccounts", json={"generate": True}).json()
        process.kill()
    with running(*state) as (_, url):
        assert httpx.get(f"{url}/_emulator/subaccounts").json() == {"subaccounts": [created]}


def stop_when_ready(before: Any) -> None:
    """Send SIGTERM to this process as soon as the command has put its handler in place."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        if signal.getsignal(signal.SIGTERM) is not before:
            return os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
    return None


def test_it_is_a_function_too(capsys: pytest.CaptureFixture[str]) -> None:
    """`main` serves until the signal, returns 0, and leaves the handlers of its caller as they were."""
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=stop_when_ready, args=(before,))
    thread.start()
    assert __main__.main(["serve", "--key-size", "1024", "--serial-sign", "negative"]) == 0
    thread.join()
    assert LINE.fullmatch(capsys.readouterr().out)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, and the remedy in the last line."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert __main__.main(["serve", "--port", str(other.getsockname()[1])]) == 2
    assert capsys.readouterr().err.endswith("Use port 0 to get a free one.\n")


def test_a_state_file_in_no_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, no traceback."""
    assert __main__.main(["serve", "--state", str(tmp_path / "missing" / "state.json")]) == 2
    assert "missing" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::1", "example.com"])  # noqa: S104 - refused
def test_it_listens_on_loopback_addresses_only(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reaches it gets service keys."""
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
    """Exit status 2 and the usage."""
    with pytest.raises(SystemExit) as stop:
        __main__.main(arguments)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_its_help_names_every_switch(capsys: pytest.CaptureFixture[str]) -> None:
    """With its choices."""
    with pytest.raises(SystemExit):
        __main__.main(["serve", "--help"])
    text = capsys.readouterr().out
    assert "--metadata-layout {second-key-descriptor,second-x509-data}" in text
    assert "--rotate-without-active {refuse,swap}" in text


def test_a_listener_is_free_of_its_port_afterwards() -> None:
    """The same port can be had twice in a row."""
    with sockets.listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
    with sockets.listen("127.0.0.1", port) as second:
        assert second.getsockname()[1] == port
