"""Render texts for a terminal or a pipe. Pure."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.text import Text

from btp_trust.errors import TrustError
from btp_trust.parsing.urls import hide_credentials
from btp_trust_cli.exit_codes import Severity

PIPE_WIDTH: Final = 10_000
"""Columns where nothing limits a line: programs read lines whole."""
STYLES: Final = {
    Severity.OK: "green",
    Severity.WARNING: "yellow",
    Severity.CRITICAL: "bold red",
    Severity.UNKNOWN: "magenta",
}
_UNPRINTABLE: Final = re.compile(
    r"(?P<color>\x1b\[[0-9;]*m)|[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What commands a terminal, or turns the order of a line around; names and messages of others may hold that."""


def printable(text: str, *, is_colored: bool = False) -> str:
    """Spell out what a terminal would obey instead of show, and hide secrets of URLs.

    Line feeds stay, and colors that were asked for.
    """

    def spell(match: re.Match[str]) -> str:
        return match[0] if is_colored and match["color"] else match[0].encode("unicode_escape").decode()

    return _UNPRINTABLE.sub(spell, hide_credentials(text))


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
    text = printable(stream.getvalue(), is_colored=is_colored)
    return "".join(f"{line.rstrip()}\n" for line in text.removesuffix("\n").split("\n"))


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
