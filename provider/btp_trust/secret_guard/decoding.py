"""Undo the encodings in which a text may hide a secret: escapes, quotes, URLs, HTML, base64, hexadecimal. Pure.

Decoding is lenient: a paste may begin late, end early, or mix encodings.
"""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from btp_trust.parsing.text_decoding import strip_invisible, unescape_html, unescape_line_breaks
from btp_trust.secret_guard.der import is_certificate

_OPENING_QUOTE: Final = r"[\"'][^\s,;:.)}>\]\\]"
"""What stands after a closing one ends a value, which distinguishes its padding from the `=` before a quoted value."""
ENCODED: Final = re.compile(
    rf"[A-Za-z0-9+/_-]{{16,}}={{0,2}}(?!{_OPENING_QUOTE})(?:\s+[A-Za-z0-9+/_-]+={{0,2}}(?!=|{_OPENING_QUOTE}))*"
)
"""Base64, in one line or several; the lookahead excludes names before quoted values."""
_HEXADECIMAL: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){16,}|(?:[0-9A-Fa-f]{2}[:\s-]+){16,}[0-9A-Fa-f]{2}")
_MAX_DECODINGS: Final = 4
"""How many layers of encoding are undone."""
_TEXT_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decodings(text: str) -> Iterator[str]:
    """Yield the text, and all texts that decoding yields, in any order of encodings."""
    texts = [_strip_invisible_characters(text)]
    known = set(texts)
    for _ in range(_MAX_DECODINGS):
        yield from texts
        decoded = {_strip_invisible_characters(inner) for outer in texts for inner in _decode_once(outer)}
        texts = sorted(decoded - known)
        known |= decoded
    yield from texts


def _decode_once(text: str) -> Iterator[str]:
    yield unescape_html(unquote(text))
    yield _unescape(text)
    yield text.strip().strip("\"'`")
    for octets in decode_encoded(text):
        # The octets of a certificate may resemble a secret; those that begin in ASCII may be text.
        if octets[:3].isascii() or not is_certificate(octets):
            yield octets.decode("utf-8", "ignore")


def _strip_invisible_characters(text: str) -> str:
    """Remove invisible characters, and the NUL of UTF-16."""
    return text if text.isascii() and "\0" not in text else strip_invisible(text)


def _unescape(text: str) -> str:
    r"""Undo the escapes of JSON, also of JSON within JSON: `\n`, `\u0022`, `\"`."""
    text = re.sub(r"(?<!\\)\\+u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
    return unescape_line_breaks(text).replace("\\", "")


def decode_encoded(text: str) -> Iterator[bytes]:
    """Decode all words that may be base64 or hexadecimal; consecutive lines both together and, unless text, singly."""
    # An escaped line break would otherwise lend its letter `n` to the base64 after it.
    for lines in ENCODED.findall(unescape_line_breaks(text)):
        octets = decode_base64(lines)
        yield octets
        for word in () if is_text(octets) else lines.split():
            yield decode_base64(word)
    for digits in _HEXADECIMAL.findall(text):
        yield bytes.fromhex(re.sub(r"[:\s-]", "", digits))


def decode_base64(text: str) -> bytes:
    """Decode base64 in either alphabet as far as possible: the end may be cut off."""
    digits = re.sub(r"[^A-Za-z0-9+/]", "", text.replace("-", "+").replace("_", "/"))
    # One digit behind the groups of four has six bits, which is less than an octet.
    whole = digits[: len(digits) - (len(digits) % 4 == 1)]
    return base64.b64decode(whole + "=" * (-len(whole) % 4))


def is_text(octets: bytes) -> bool:
    """Return True for the beginning of a text in UTF-8, or of one with a byte order mark."""
    try:
        # Incremental, as octet 64 may be in the middle of a character.
        codecs.getincrementaldecoder("utf-8")().decode(octets[:64])
    except UnicodeDecodeError:
        return octets.startswith(_TEXT_MARKS)
    return True
