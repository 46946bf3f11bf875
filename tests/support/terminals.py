"""Streams for commands: a pipe, or a terminal."""

from __future__ import annotations

import io
from collections.abc import Mapping

from btp_trust_cli.terminal import Terminal


class TerminalStream(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def pipes() -> Terminal:
    """Return pipes."""
    return Terminal(io.StringIO(), io.StringIO(), {})


def screen(environ: Mapping[str, str] | None = None) -> Terminal:
    """Return a terminal."""
    return Terminal(TerminalStream(), TerminalStream(), environ or {"TERM": "xterm"})


def printed(terminal: Terminal) -> str:
    """Return what was printed to stdout."""
    assert isinstance(terminal.stdout, io.StringIO)
    return terminal.stdout.getvalue()
