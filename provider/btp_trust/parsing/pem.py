"""PEM as other programs write it: its blocks, with damaged line breaks too, and the base64 in them. Pure."""

from __future__ import annotations

import base64
import re
import textwrap
from typing import Final

from msgspec import Struct

from btp_trust.parsing.text_decoding import strip_invisible, unescape_line_breaks

# The body ends before five hyphens: a block that is cut off must not swallow the next one.
_BLOCK: Final = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----(?P<body>(?:[^-]|-(?!----))*)-----END (?P=label)-----"
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=\s]+", re.ASCII)


class PemBlock(Struct, frozen=True):
    """One block of PEM."""

    label: str
    """The words after BEGIN, such as CERTIFICATE."""
    body: str
    """Base64 in lines of 64 columns; any other content as it was given."""

    @property
    def text(self) -> str:
        """The block on lines of its own."""
        return f"-----BEGIN {self.label}-----\n{self.body}\n-----END {self.label}-----\n"


def find_blocks(text: str) -> list[PemBlock]:
    r"""Find the blocks of a PEM text, also where its line breaks were changed or lost.

    Args:
        text: PEM with line feeds of any system, on a single line (also the certificates of a chain), or with
            a backslash and an n or r for each, as exports and SAP's own examples have them, once or twice escaped.
    """
    matches = _BLOCK.finditer(unescape_line_breaks(strip_invisible(text)))
    return [PemBlock(match["label"], _wrap(match["body"])) for match in matches]


def _wrap(body: str) -> str:
    """Break base64 into lines; an encrypted key of the old form has headers before it."""
    return "\n".join(textwrap.wrap("".join(body.split()), 64)) if _BASE64.fullmatch(body) else body.strip()


def decode_base64(text: str) -> bytes:
    """Decode base64 of one line or several.

    Raises:
        ValueError: `text` is not base64. The error and its causes leave the text out.
    """
    if not text.isascii():  # else the encoder's error, which holds all of it, would be behind ours
        raise ValueError("it is not base64")
    return base64.b64decode("".join(text.split()), validate=True)
