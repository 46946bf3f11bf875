"""Terminals and pipes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from btp_trust.errors import ConfigurationError
from btp_trust_cli.rendering import PIPE_WIDTH
from btp_trust_cli.terminal import Terminal
from support.terminals import pipes, printed, screen


@pytest.mark.parametrize(
    ("terminal", "is_colored"),
    [
        (pipes(), False),
        (screen(), True),
        (screen({"TERM": "dumb"}), False),
        (screen({"NO_COLOR": "1"}), False),
        (screen({"NO_COLOR": "", "TERM": "xterm"}), True),
    ],
)
def test_colors_need_a_terminal(terminal: Terminal, *, is_colored: bool) -> None:
    """NO_COLOR turns them off, unless it is empty (no-color.org)."""
    assert terminal.is_colored is is_colored


def test_pipe_has_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal has columns."""
    monkeypatch.setenv("COLUMNS", "72")
    assert pipes().width == PIPE_WIDTH
    assert screen().width == 72


@pytest.mark.parametrize(
    ("terminal", "total", "shows"), [(pipes(), 3, False), (screen(), 0, False), (screen(), 3, True)]
)
def test_bar_is_on_a_terminal(terminal: Terminal, total: int, *, shows: bool) -> None:
    """The bar goes to stderr, so that stdout can be piped."""
    with terminal.progress(total) as advance:
        for _ in range(total):
            advance()
    assert isinstance(terminal.stderr, io.StringIO)
    assert isinstance(terminal.stdout, io.StringIO)
    assert ("Reading subaccounts" in terminal.stderr.getvalue()) is shows
    assert terminal.stdout.getvalue() == ""


def test_process_has_its_streams() -> None:
    """The streams of the command are those of the process."""
    assert Terminal.of_process().width > 0


def run_command(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run code with this module in a process of its own, whose stdout the test chooses."""
    program = f"import sys; from btp_trust_cli.terminal import Terminal\n{code}"
    return subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, check=False, **options)


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_closed_pipe_is_quiet(size: int) -> None:
    """`btp-trust status | head -1` keeps its exit code, whether the text fits into the buffer or not."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = run_command(f"Terminal.of_process().show('a' * {size}); sys.exit(2)", stdout=write_end)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_full_disk_is_an_error(size: int) -> None:
    """The error comes once: the end of the process is quiet."""
    code = f"""
from btp_trust.errors import ConfigurationError
try:
    Terminal.of_process().show('a' * {size})
except ConfigurationError as error:
    sys.exit(error.why)
"""
    with Path("/dev/full").open("w") as full:
        done = run_command(code, stdout=full)
    assert (done.returncode, done.stderr) == (1, "OSError: No space left on device.\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_pipe_is_utf8(encoding: str) -> None:
    """JSON and pages are, in each locale."""
    code = "Terminal.of_process().show('Zürich ✖ \\udcff')"
    environ = {**os.environ, "PYTHONIOENCODING": encoding}
    done = run_command(code, stdout=subprocess.PIPE, env=environ, encoding="utf-8")
    assert (done.stdout, done.stderr) == ("Zürich ✖ \\udcff", "")


def test_terminal_keeps_its_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a terminal lacks is spelt out."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", stream)
    Terminal.of_process().show("ü")
    assert raw.getvalue() == b"\\xfc"


def test_closed_streams_take_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service manager may start the command without them; a caller in Python may have streams of its own."""
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", stderr)
    terminal = Terminal.of_process()
    terminal.show("a")
    assert printed(terminal) == "a"
    assert terminal.stderr is stderr


class BrokenStream(io.StringIO):
    """A stream of a full disk, or of a reader that has gone."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, _: str) -> int:
        """Refuse the text."""
        raise self.error


def test_broken_stream_is_named() -> None:
    """A full disk has a remedy; a reader that has gone is fine."""
    full = Terminal(BrokenStream(OSError(28, "No space left on device")), io.StringIO(), {})
    with pytest.raises(ConfigurationError, match="The output cannot be written") as raised:
        full.show("a")
    assert raised.value.why == "OSError: No space left on device."
    Terminal(BrokenStream(BrokenPipeError()), io.StringIO(), {}).show("a")
