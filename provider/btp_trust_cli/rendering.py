"""Render texts for a terminal or a pipe. Pure."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.text import Text

from btp_trust.errors import TrustError
from btp_trust_cli.exit_codes import Severity

PIPE_WIDTH: Final = 10_000
"""Columns where nothing limits a line: programs read lines whole."""
STYLES: Final = {
    Severity.OK: "green",
    Severity.WARNING: "yellow",
    Severity.CRITICAL: "bold red",
    Severity.UNKNOWN: "magenta",
}


def render(parts: Iterable[RenderableType], *, width: int = PIPE_WIDTH, is_colored: bool = False) -> str:
    """Return the lines of all parts, without colors unless they are asked for."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=is_colored,
        color_system="standard" if is_colored else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for part in parts:
        # A line of text stays as long as it is, so that it can be pasted.
        console.print(part, soft_wrap=isinstance(part, Text))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def indented(paragraph: str, width: int, indent: str = "  ") -> str:
    """Break a paragraph into lines, each with an indent; what a reader may paste stays whole."""
    return textwrap.fill(
        paragraph,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def error_document(error: TrustError | None) -> dict[str, Any] | None:
    """Return an error for other programs."""
    if error is None:
        return None
    return {"kind": type(error).__name__, "what": error.what, "why": error.why, "remedy": error.remedy}
