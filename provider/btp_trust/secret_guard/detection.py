"""Detect secrets in values: private keys, key stores, tokens, credentials of a service. Pure.

People paste the wrong file, or half of it, on one line, or encoded once more. So a text is searched as it stands and
after its encodings are undone. Public data (certificates, metadata, fingerprints, names) passes. Passwords and the
middle of a hexadecimal secret pass too, for they look like names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any, Final

from btp_trust.parsing.text_decoding import unescape_line_breaks
from btp_trust.secret_guard.decoding import ENCODED, decode_base64, decode_encoded, decodings, is_text
from btp_trust.secret_guard.der import is_certificate, is_private_key

PRIVATE_KEY: Final = "a private key"
TOKEN: Final = "a token"  # noqa: S105 - the name of a kind
CREDENTIALS: Final = "credentials"

_SENSITIVE_NAMES: Final = (
    r"(?:secret(?:[_-]?(?:access)?[_-]?key|[_-]?value)?|passw(?:or)?d|passwort|kennwort|passphrase|passcode|pwd"
    r"|(?:api|access|private|account|subscription)[_-]?key|token)"
)
"""Endings of the names of secret fields."""
_SENSITIVE_VALUE: Final = r"(?!(?:null|none|true|false)\b)[^\s\"'`,;{}\[\]<>]{4}"
_KEY: Final = re.compile(
    r"(?:BEGIN|END)[A-Z0-9 ]*\bPRIVATE KEY|Proc-Type:\s*4,\s*ENCRYPTED|DEK-Info:|PuTTY-User-Key-File|AGE-SECRET-KEY-"
    r"|\"kty\"\s*:(?=.*\"(?:d|k)\"\s*:)|\"(?:d|k)\"\s*:(?=.*\"kty\"\s*:)",
    re.IGNORECASE | re.DOTALL,
)
_JWT: Final = re.compile(r"[\"']alg[\"']\s*:\s*[\"']|[\"'](?:exp|iat|jti)[\"']\s*:|\.eyJ[\w-]{8}")
"""The header or the claims of a JWT, decoded; and the beginning of encoded claims."""
_VENDOR_TOKEN: Final = re.compile(
    r"\b(?:gh[a-z]_[A-Za-z0-9]{30}|github_pat_\w{30}|glpat-[\w-]{20}|npm_[A-Za-z0-9]{30}|pul-[0-9a-f]{40}|hvs\.[\w-]{24}"
    r"|xox[a-z]-\d+-[\w-]{20}|[0-9a-f]{32}-r\b)"
)
"""Tokens with the prefix of a vendor; the last is a refresh token of the UAA."""
_ASSERTION: Final = re.compile(r"<(?:[\w.-]+:)?(?:Encrypted)?Assertion[\s>]")
_FIELD: Final = (
    rf"{_SENSITIVE_NAMES}\\*[\"'`]\s*[:=]>?\s*\\*[\"'`](?!\[secret\])[^\"'`]{{3}}"
    rf"|{_SENSITIVE_NAMES}\\*[\"'`]\s*[:=]>?\s*[\[{{]\s*\\*[\"'`](?:\w+\\*[\"'`]\s*:\s*\\*[\"'`])?(?!\[secret\])[^\"'`]{{3}}"
    rf"|{_SENSITIVE_NAMES}\\*[\"'`]\s*[:=]>?\s*{_SENSITIVE_VALUE}|{_SENSITIVE_NAMES}(?:\s*:\s+(?:[|>][+-]?\s+)?|\s*=>?\s*)[\"']?{_SENSITIVE_VALUE}"
    rf"|client[_-]?secret\s*[:=]\s*[\"']?{_SENSITIVE_VALUE}"
    rf"|<(?:[\w.-]*:)?[\w.-]*{_SENSITIVE_NAMES}\s*>\s*[^<\s]"
)
"""A secret field with its value in JSON, YAML, variables or XML."""
_FIELD_WORDS: Final = ("secret", "passw", "kennwort", "passphrase", "passcode", "pwd", "key", "token")
"""One of them is in each of these names."""
_CLIENT_SECRET: Final = re.compile(r"[0-9A-Fa-f-]{4}\$[A-Za-z0-9_+/-]{16,}")
"""A client secret of XSUAA: a GUID, `$`, base64."""
_URL_WITH_PASSWORD: Final = re.compile(
    r"\b[a-z][a-z0-9+.-]*://[^\s/@:\"'<>]*:(?:[^\s/@\"'<>]+|\\*\"[^\"\n]+\"|\\*'[^'\n]+')@", re.IGNORECASE
)
_AUTHORIZATION: Final = re.compile(r"\b(Bearer|Basic)\s+([A-Za-z0-9._~+/-]{8,})=*", re.IGNORECASE)
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://[\w.-]+(?::\d+)?/[^\s\"'<>?#\\]*", re.IGNORECASE)
"""A URL up to its query: identifiers in a path are made for sharing."""
_PUBLIC_HEXADECIMAL: Final = re.compile(
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|(?<![A-Za-z0-9+/=])(?:[0-9a-f]{7,}|[0-9A-F]{7,})(?![A-Za-z0-9+/=])"
)
"""GUIDs, hashes and fingerprints within a longer name."""
_PADDED: Final = re.compile(r"[A-Za-z0-9+/_-]{22,}={1,2}")
_LONG_WORD: Final = re.compile(r"(?=.*[A-Za-z0-9]{12})[A-Za-z0-9+/=_-]{40,}")
"""A word without the hyphens that names of this length have."""
_FINGERPRINT: Final = re.compile(r"\s*(?:[0-9A-Fa-f]{2}[:\s]*){32}")
_HEX_WORD: Final = re.compile(r"[0-9a-fA-F-]{20,}")
_SHORTEST_TOKEN, _SHORTEST_KEY = 20, 60
_MIN_CHANGE_RATIO, _MIN_CHANGE_RATIO_PADDED = 0.42, 0.3
"""Share of neighbours of different classes (capital, small letter, digit): two thirds in random base64, a fourth in
names. A padded word is suspect earlier, because names lack `=`."""


def find_secret(value: Any) -> str | None:
    """Return the kind of the first secret in a value, lists and maps included; None if all of it looks public.

    Args:
        value: Texts, octets, and lists and maps of them; values of other types count as public.
    """
    return next(_secret_kinds(value), None)


def _secret_kinds(value: Any) -> Iterator[str]:
    if isinstance(value, bytes | bytearray | memoryview):
        # Latin-1 maps each octet to one character, so that DER survives as text.
        value = bytes(value).decode("latin-1")
    if isinstance(value, str):
        if kind := _secret_kind(value):
            yield kind
    elif isinstance(value, Mapping):
        for name, content in value.items():
            yield from _secret_kinds(name)
            yield from _secret_kinds(content)
            if isinstance(name, str) and _is_secret_field(name, content):
                yield CREDENTIALS
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _secret_kinds(item)


def _is_secret_field(name: str, value: object) -> bool:
    """Return True for a secret field of a map, such as a service key. A target may be named "token" as well."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    content = str(value)
    is_public = (
        _FINGERPRINT.match(content) or "BEGIN" in content or "<" in content or is_certificate(decode_base64(content))
    )
    return not is_public and _has_secret_field(f'{name}":"{content}')


def _secret_kind(text: str) -> str | None:
    if _FINGERPRINT.fullmatch(text):
        return None
    if is_private_key(text.encode("latin-1", "ignore")):
        return PRIVATE_KEY
    return next(filter(None, map(_find_in_text, decodings(text))), None)


def _find_in_text(text: str) -> str | None:
    """Return the kind of secret in a text, without decoding it further."""
    if _KEY.search(text) or any(map(is_private_key, decode_encoded(text))):
        return PRIVATE_KEY
    if any(pattern.search(text) for pattern in (_JWT, _VENDOR_TOKEN, _ASSERTION)):
        return TOKEN
    if any(map(_is_authorization, _AUTHORIZATION.finditer(text))):
        return TOKEN
    if _has_secret_field(text) or any(pattern.search(text) for pattern in (_CLIENT_SECRET, _URL_WITH_PASSWORD)):
        return CREDENTIALS
    opaque = next(filter(_is_opaque, _encoded_words(text)), None)
    # A line of a key in PEM has 64 digits; a shorter word is more likely a client secret.
    return None if opaque is None else CREDENTIALS if len(opaque) < _SHORTEST_KEY else PRIVATE_KEY


def _has_secret_field(text: str) -> bool:
    folded = text.casefold()
    return any(word in folded for word in _FIELD_WORDS) and _field_pattern().search(text) is not None


@cache
def _field_pattern() -> re.Pattern[str]:
    """Compile the pattern on first use: that takes milliseconds, and most arguments lack these words."""
    return re.compile(_FIELD, re.IGNORECASE)


def _is_authorization(match: re.Match[str]) -> bool:
    """Return True if the word after `Bearer` or `Basic` is a credential instead of prose."""
    scheme, word = match[1].lower(), match[2]
    if scheme == "basic":
        return b":" in decode_base64(word) and decode_base64(word).isascii()
    return len(word) >= _SHORTEST_TOKEN and (
        _HEX_WORD.fullmatch(word) is not None or _class_change_ratio(word) > _MIN_CHANGE_RATIO
    )


def _encoded_words(text: str) -> Iterator[str]:
    """Yield the words of a text that may be base64, except its certificates."""
    rest = unescape_line_breaks(_PUBLIC_HEXADECIMAL.sub(" ", _URL.sub(" ", _CERTIFICATE.sub("", text))))
    if "<" in rest or "BEGIN" in rest:  # XML, or a certificate that is cut off
        return
    for words in ENCODED.findall(rest):
        lines = words.split()
        joined = "".join(lines)
        octets = decode_base64(joined)
        if not is_certificate(octets) and not is_text(octets):
            # Lines of one length are one text; words of different lengths are judged singly.
            are_lines = len({len(line) for line in lines[:-1]}) == 1 and not _HEX_WORD.fullmatch(lines[0])
            yield from [joined] if are_lines else lines


def _is_opaque(word: str) -> bool:
    """Return True for random base64: the middle of a key, or a client secret alone."""
    has_capital, has_small, has_digit = (
        any(map(is_class, word)) for is_class in (str.isupper, str.islower, str.isdigit)
    )
    if not (has_capital and has_small):
        return False
    if _PADDED.fullmatch(word):
        return _class_change_ratio(word) > _MIN_CHANGE_RATIO_PADDED
    return has_digit and _LONG_WORD.fullmatch(word) is not None and _class_change_ratio(word) > _MIN_CHANGE_RATIO


def _class_change_ratio(text: str) -> float:
    """Return the share of neighbours among the letters and digits that belong to different classes."""
    classes = [
        "A" if character.isupper() else "a" if character.islower() else "0" for character in text if character.isalnum()
    ]
    return sum(first != second for first, second in pairwise(classes)) / max(1, len(classes) - 1)
