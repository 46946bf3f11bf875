"""A SHA-256 fingerprint as tools print it and people copy it. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from btp_trust.parsing.text_decoding import strip_invisible, unescape_line_breaks

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_SHA1: Final = re.compile(r"[0-9a-f]{40}")
_SEPARATORS: Final = re.compile(r"[:\s\u002d\u2010-\u2015\u2212]")
"""Colons, blanks, and every character that looks like a hyphen."""
_FINGERPRINT_WORD: Final = r"(?:(?:finger|thumb)print|fingerabdruck)"
_LABEL: Final = re.compile(
    rf"(?:0x|(?:certificate\s+)?(?:{_FINGERPRINT_WORD}\s*[:=]?\s*)?"
    r"[(\[]?(?P<digest>sha(?:[-_ ]?\d{1,3})?(?:[-_/]\d{3})?|md[-_ ]?\d|blake\d[bsp]?|ripemd[-_ ]?\d{3})[)\]]?"
    r"(?:\(stdin\))?"
    rf"[-_\s]*(?:(?:{_FINGERPRINT_WORD}|digest|hash)\s*[:=]?|[:=]|//|(?<=\s))\s*)",
    re.IGNORECASE | re.ASCII,
)
"""The label before a fingerprint: `sha256 Fingerprint=` (openssl), `SHA256:` and
`Certificate fingerprint (SHA-256):` (keytool), `0x`."""
_LABEL_WITHOUT_DIGEST: Final = re.compile(
    rf"(?:certificate\s+)?{_FINGERPRINT_WORD}\s*[:=]?\s*", re.IGNORECASE | re.ASCII
)
_SURROUNDING_CHARACTERS: Final = " \t\r\n\"'`,;.<>[]"
# `SHA-256` and `SHA2-256`, reduced to letters and digits.
_SHA256_LABELS: Final = ("sha256", "sha2256")


class OtherDigest(ValueError):
    """A fingerprint, but one of another digest than SHA-256. The message is a noun for a sentence."""


def normalize_fingerprint(text: str) -> str:
    """Bring a SHA-256 fingerprint to 64 lower-case hexadecimal digits.

    Accepted are colons, hyphens, blanks, capitals, invisible marks, characters of another width, surrounding
    punctuation, and the label that a tool prints before it.

    Raises:
        OtherDigest: Its label or its length is that of another digest.
        ValueError: `text` is not a SHA-256 fingerprint.
    """
    text = unicodedata.normalize("NFKC", unescape_line_breaks(strip_invisible(text))).strip(_SURROUNDING_CHARACTERS)
    label = _LABEL.match(text) or _LABEL_WITHOUT_DIGEST.match(text)
    digest = label.groupdict().get("digest") if label else None
    if digest is not None and re.sub(r"[^a-z0-9]", "", digest.lower()) not in _SHA256_LABELS:
        raise OtherDigest(f"a fingerprint of {digest.upper()}; one of SHA-256 is needed")
    digits = _SEPARATORS.sub("", text[label.end() if label else 0 :]).lower()
    if _SHA1.fullmatch(digits):
        raise OtherDigest("a SHA-1 fingerprint (40 hexadecimal digits); one of SHA-256 has 64")
    if not _FINGERPRINT.fullmatch(digits):
        raise ValueError("not a SHA-256 fingerprint (64 hexadecimal digits)")
    return digits
