r"""Text as other programs write it: encodings, invisible marks, line breaks written as letters. Pure.

Windows PowerShell writes UTF-16 with a byte order mark for `>`; dialogs and web pages put marks of direction and
soft hyphens into what is copied from them; exports write a line feed as a backslash and an n, once or twice escaped.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import Final

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks: that of UTF-32 begins like that of UTF-16."""
_BINARY_CONTENT: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
"""Control characters that texts lack: content with one is a key store or a picture."""
# The look-behind keeps a long run of backslashes linear.
_LINE_BREAK: Final = re.compile(r"(?<!\\)(?:(?:\\+r|\\+u000[dD])(?:\\+n|\\+u000[aA])|\\+(?:[nr]|u000[aAdD]))")
_LEADING_MARKS: Final = re.compile("\\A(?:\ufeff|\ufffe|\ufffd|\u00ef\u00bb\u00bf|[\udc80-\udcff])+")
"""Byte order marks as they are, of UTF-8 in Latin-1, as what replaces bytes, or as an environment has bytes."""
_VARIATION_SELECTORS: Final = re.compile("[\ufe00-\ufe0f]")


def decode(octets: bytes) -> str:
    """Read a file's content: UTF-8 or UTF-16, with or without a byte order mark, or Latin-1.

    Raises:
        ValueError: `octets` is binary. The message leaves it out.
    """
    encodings = _candidate_encodings(octets)
    for encoding in encodings:
        try:
            return strip_byte_order_mark(octets.decode(encoding))
        except UnicodeDecodeError:
            continue
    raise ValueError("it is no text")


def _candidate_encodings(octets: bytes) -> tuple[str, ...]:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if octets.startswith(mark):
            return (encoding,)
    if octets[1:2] == b"\0":  # an ASCII character in two bytes
        return ("utf-16-le",)
    if octets[:1] == b"\0":
        return ("utf-16-be",)
    # Latin-1 decodes any octets, so it is last, and for texts alone.
    return ("utf-8",) if _BINARY_CONTENT.search(octets) else ("utf-8", "latin-1")


def strip_byte_order_mark(text: str) -> str:
    """Remove the remains of an encoding that a program misread: byte order marks in front, and NUL."""
    return _LEADING_MARKS.sub("", text.replace("\0", ""))


def strip_invisible(text: str) -> str:
    """Remove invisible characters (byte order marks, zero width, marks of direction); make unusual blanks usual."""
    if text.isascii():
        return text.replace("\0", "")
    return "".join(_visible_character(character) for character in _VARIATION_SELECTORS.sub("", text))


def _visible_character(character: str) -> str:
    if character.isascii():
        return "" if character == "\0" else character
    category = unicodedata.category(character)
    return "" if category == "Cf" else " " if category.startswith("Z") else character


def unescape_line_breaks(text: str) -> str:
    r"""Turn `\n`, `\r` and `\u000a` into line feeds, also where the backslash was escaped several times."""
    return _LINE_BREAK.sub("\n", text)


def unescape_html(text: str) -> str:
    """Undo the escapes of HTML and XML: `&quot;`, `&#64;`."""
    if "&" not in text:
        return text
    import html  # noqa: PLC0415 - its table of 2,000 names takes milliseconds, and few texts need it

    return html.unescape(text)
