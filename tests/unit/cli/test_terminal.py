"""Terminals and pipes."""

from __future__ import annotations

import io

import pytest

from btp_trust_cli.rendering import PIPE_WIDTH
from btp_trust_cli.terminal import Terminal
from support.terminals import pipes, screen


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
