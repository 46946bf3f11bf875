"""PEM as other programs hand it over: its blocks, whatever became of the line breaks, and the base64 in them. Pure."""

from __future__ import annotations

import base64
import re
import textwrap
from dataclasses import dataclass
from typing import Final

from btp_trust.parsing.text_decoding import strip_invisible, unescape_line_breaks

_BLOCK: Final = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----(?P<body>(?:[^-]|-(?!----))*)-----END (?P=label)-----"
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=\s]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class PemBlock:
    """One block of PEM."""

    label: str
    """What stands after BEGIN, such as CERTIFICATE."""
    body: str
    """Base64 in lines of 64 columns; as it was given if it is more than base64, or none."""

    @property
    def text(self) -> str:
        """The block on lines of its own."""
        return f"-----BEGIN {self.label}-----\n{self.body}\n-----END {self.label}-----\n"


def find_blocks(text: str) -> list[PemBlock]:
    r"""Find the blocks of a PEM text, whatever became of its line breaks.

    Args:
        text: PEM with line feeds of any system, with none at all (also between the certificates of a chain), or with
            a backslash and an n or r for each, as exports and SAP's own examples have them, once or twice escaped.
    """
    found = _BLOCK.finditer(unescape_line_breaks(strip_invisible(text)))
    return [PemBlock(each["label"], _wrap(each["body"])) for each in found]


def _wrap(body: str) -> str:
    """Break base64 into lines; an encrypted key of the old form has headers before it."""
    return "\n".join(textwrap.wrap("".join(body.split()), 64)) if _BASE64.fullmatch(body) else body.strip()


def decode_base64(text: str) -> bytes:
    """Decode base64, in lines or not.

    Raises:
        ValueError: It is none. No part of the text is in the error, nor in one behind it.
    """
    if not text.isascii():  # else the encoder's error, which holds all of it, would be behind ours
        raise ValueError("it is not base64")
    return base64.b64decode("".join(text.split()), validate=True)
