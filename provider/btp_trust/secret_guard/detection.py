"""Whether a text holds a secret: a private key, a key store, a token, or credentials of a service. Pure.

People paste the wrong file, or half of it, on one line, encoded once more. So a text is looked at as it stands and as
it reads when escapes, base64 and digits are undone; what is public (certificates, metadata, fingerprints, names) is
none. Some things cannot be told from a name: a password, the middle of a hexadecimal secret.
"""

from __future__ import annotations

import base64
import codecs
import html
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final
from urllib.parse import unquote

from btp_trust.parsing.text_decoding import strip_invisible

PRIVATE_KEY: Final = "a private key"
TOKEN: Final = "a token"  # noqa: S105 - the name of a kind
CREDENTIALS: Final = "credentials"

_MAX_DECODINGS: Final = 4
"""How often what was decoded is decoded again."""
_SECRET_FIELD_NAMES: Final = (
    r"(?:secret(?:[_-]?(?:access)?[_-]?key|[_-]?value)?|passw(?:or)?d|passwort|kennwort|passphrase|passcode|pwd"
    r"|(?:api|access|private|account|subscription)[_-]?key|token)"
)
"""How the name of a field ends that holds something secret."""
_SECRET_VALUE: Final = r"(?!(?:null|none|true|false)\b)[^\s\"'`,;{}\[\]<>]{4}"
_KEY: Final = re.compile(
    r"(?:BEGIN|END)[A-Z0-9 ]*\bPRIVATE KEY|Proc-Type:\s*4,\s*ENCRYPTED|DEK-Info:|PuTTY-User-Key-File|AGE-SECRET-KEY-"
    r"|\"kty\"\s*:(?=.*\"(?:d|k)\"\s*:)|\"(?:d|k)\"\s*:(?=.*\"kty\"\s*:)",
    re.IGNORECASE | re.DOTALL,
)
_JWT: Final = re.compile(r"[\"']alg[\"']\s*:\s*[\"']|[\"'](?:exp|iat|jti)[\"']\s*:|\.eyJ[\w-]{8}")
"""The header of a JWT, its claims, decoded; and how the coded claims begin."""
_VENDOR_TOKEN: Final = re.compile(
    r"\b(?:gh[a-z]_[A-Za-z0-9]{30}|github_pat_\w{30}|glpat-[\w-]{20}|npm_[A-Za-z0-9]{30}|pul-[0-9a-f]{40}|hvs\.[\w-]{24}"
    r"|xox[a-z]-\d+-[\w-]{20}|[0-9a-f]{32}-r\b)"
)
"""Tokens that say whose they are; the last is a refresh token of the UAA."""
_ASSERTION: Final = re.compile(r"<(?:[\w.-]+:)?(?:Encrypted)?Assertion[\s>]")
_FIELD: Final = re.compile(
    rf"{_SECRET_FIELD_NAMES}\\*[\"'`]\s*[:=]>?\s*\\*[\"'`](?!\[secret\])[^\"'`]{{3}}"
    rf"|{_SECRET_FIELD_NAMES}\\*[\"'`]\s*[:=]>?\s*[\[{{]\s*\\*[\"'`](?:\w+\\*[\"'`]\s*:\s*\\*[\"'`])?(?!\[secret\])[^\"'`]{{3}}"
    rf"|{_SECRET_FIELD_NAMES}\\*[\"'`]\s*[:=]>?\s*{_SECRET_VALUE}|{_SECRET_FIELD_NAMES}(?:\s*:\s+(?:[|>][+-]?\s+)?|\s*=>?\s*)[\"']?{_SECRET_VALUE}"
    rf"|client[_-]?secret\s*[:=]\s*[\"']?{_SECRET_VALUE}"
    rf"|<(?:[\w.-]*:)?[\w.-]*{_SECRET_FIELD_NAMES}\s*>\s*[^<\s]",
    re.IGNORECASE,
)
"""A field that holds a secret, as JSON, YAML, variables and XML have it."""
_CLIENT_SECRET: Final = re.compile(r"[0-9A-Fa-f-]{4}\$[A-Za-z0-9_+/-]{16,}")
"""As XSUAA makes it: a GUID, `$`, base64."""
_URL_WITH_PASSWORD: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/@:\"'<>]*:[^\s/@\"'<>]+@", re.IGNORECASE)
_AUTHORIZATION: Final = re.compile(r"\b(Bearer|Basic)\s+([A-Za-z0-9._~+/-]{8,})=*", re.IGNORECASE)
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}(?![\"'])(?:\s+[A-Za-z0-9+/_-]+={0,2}(?![=\"']))*")
"""Base64, in one line or several; no name before a quoted value."""
_HEXADECIMAL: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){16,}|(?:[0-9A-Fa-f]{2}[:\s-]+){16,}[0-9A-Fa-f]{2}")
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://[\w.-]+(?::\d+)?/[^\s\"'<>?#\\]*", re.IGNORECASE)
"""A URL up to its query: what stands in a path was made by whoever made the page, to be passed on."""
_PUBLIC_HEXADECIMAL: Final = re.compile(
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|(?<![A-Za-z0-9+/=])(?:[0-9a-f]{7,}|[0-9A-F]{7,})(?![A-Za-z0-9+/=])"
)
"""GUIDs, hashes, fingerprints within a longer name."""
_PADDED: Final = re.compile(r"[A-Za-z0-9+/_-]{22,}={1,2}")
_LONG_WORD: Final = re.compile(r"(?=.*[A-Za-z0-9]{12})[A-Za-z0-9+/=_-]{40,}")
"""Names that are as long have more hyphens."""
_FINGERPRINT: Final = re.compile(r"\s*(?:[0-9A-Fa-f]{2}[:\s]*){32}")
_HEX_WORD: Final = re.compile(r"[0-9a-fA-F-]{20,}")
_TEXT_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_KEY_STORE_HEADERS: Final = (b"openssh-key-v1", b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
"""How keys of OpenSSH and key stores of Java begin."""
_PASSWORD_BASED_OIDS: Final = (b"\x2a\x86\x48\x86\xf7\x0d\x01\x05", b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01")
"""PKCS#5 and PKCS#12: how an encrypted private key says how it is encrypted."""
_SHORTEST_TOKEN, _SHORTEST_KEY = 20, 60
_INTEGER, _OBJECT_IDENTIFIER, _SEQUENCE, _LONG_FORM = 0x02, 0x06, 0x30, 0x80
_PRIVATE_KEY_VERSIONS: Final = (b"\x00", b"\x01", b"\x03")
"""Of PKCS#1 and PKCS#8, of SEC1, of PKCS#12. Nothing public begins with a small number."""
_MIN_CHANGE_RATIO, _MIN_CHANGE_RATIO_PADDED = 0.42, 0.3
"""Of neighbours in random base64, two thirds are of different kinds (capital, small letter, digit); in names, a
fourth. No name ends in `=`."""


def find_secret(value: Any) -> str | None:
    """Say what kind of secret a value holds, lists and maps included; None if none can be seen.

    Args:
        value: Texts, and lists and maps of them; anything else holds none.
    """
    return next(_secret_kinds(value), None)


def _secret_kinds(value: Any) -> Iterator[str]:
    if isinstance(value, bytes | bytearray | memoryview):
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
        for each in value:
            yield from _secret_kinds(each)


def _is_secret_field(name: str, value: object) -> bool:
    """Whether a map is that of a service key; a target may be called "token" as well, and has a certificate then."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    content = str(value)
    is_public = (
        _FINGERPRINT.match(content) or "BEGIN" in content or "<" in content or _is_certificate(_decode_base64(content))
    )
    return not is_public and _FIELD.search(f'{name}":"{content}') is not None


def _secret_kind(text: str) -> str | None:
    if _FINGERPRINT.fullmatch(text):
        return None
    if _is_private_key(text.encode("latin-1", "ignore")):
        return PRIVATE_KEY
    return next(filter(None, map(_find_in_text, _decodings(text))), None)


def _find_in_text(text: str) -> str | None:
    """Say what stands in a text, taken as it is."""
    if _KEY.search(text) or any(map(_is_private_key, _decode_encoded(text))):
        return PRIVATE_KEY
    if any(pattern.search(text) for pattern in (_JWT, _VENDOR_TOKEN, _ASSERTION)):
        return TOKEN
    if any(map(_is_authorization, _AUTHORIZATION.finditer(text))):
        return TOKEN
    if any(pattern.search(text) for pattern in (_FIELD, _CLIENT_SECRET, _URL_WITH_PASSWORD)):
        return CREDENTIALS
    opaque = next(filter(_is_opaque, _encoded_words(text)), None)
    return None if opaque is None else CREDENTIALS if len(opaque) < _SHORTEST_KEY else PRIVATE_KEY


def _decodings(text: str) -> Iterator[str]:
    """Give a text, and what it reads when it is decoded, in any order of encodings."""
    todo = [_strip_invisible_characters(text)]
    known = set(todo)
    for _ in range(_MAX_DECODINGS):
        yield from todo
        decoded = {_strip_invisible_characters(each) for reading in todo for each in _decode_once(reading)}
        todo = sorted(decoded - known)
        known |= decoded
    yield from todo


def _decode_once(text: str) -> Iterator[str]:
    yield html.unescape(unquote(text))
    yield _unescape(text)
    yield text.strip().strip("\"'`")
    for octets in _decode_encoded(text):
        if octets[:3].isascii() or not _is_certificate(octets):
            yield octets.decode("utf-8", "ignore")


def _strip_invisible_characters(text: str) -> str:
    """Take away marks that nobody sees, and NUL, which UTF-16 has."""
    return text if text.isascii() and "\0" not in text else strip_invisible(text)


def _unescape(text: str) -> str:
    r"""Undo the escapes of JSON, also of JSON within JSON: `\n`, `\u0022`, `\"`."""
    text = re.sub(r"(?<!\\)\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return _unescape_line_breaks(text).replace("\\", "")


def _unescape_line_breaks(text: str) -> str:
    """Make line breaks of their escapes: the letter would be taken for one of base64."""
    return re.sub(r"(?<!\\)\\+[nr]", "\n", text)


def _decode_encoded(text: str) -> Iterator[bytes]:
    """Decode all that may be base64: lines that belong together, and each word, unless the lines make a text."""
    for found in _ENCODED.findall(_unescape_line_breaks(text)):
        octets = _decode_base64(found)
        yield octets
        for word in () if _is_text(octets) else found.split():
            yield _decode_base64(word)
    for digits in _HEXADECIMAL.findall(text):
        yield bytes.fromhex(re.sub(r"[:\s-]", "", digits))


def _decode_base64(text: str) -> bytes:
    """Decode base64 as far as it goes: it may be cut off."""
    digits = re.sub(r"[^A-Za-z0-9+/]", "", text.replace("-", "+").replace("_", "/"))
    whole = digits[: len(digits) - (len(digits) % 4 == 1)]
    return base64.b64decode(whole + "=" * (-len(whole) % 4))


def _is_private_key(octets: bytes) -> bool:
    """Whether this is the beginning of a private key or of a key store."""
    if octets.startswith(_KEY_STORE_HEADERS):
        return True
    content = _der_content(octets, _SEQUENCE)
    version = _der_content(content, _INTEGER)
    if content[:2] == b"\x02\x01" and version[:1] in _PRIVATE_KEY_VERSIONS:
        return content[3:4] in (b"\x02", b"\x04", b"\x30")
    algorithm = _der_content(_der_content(content, _SEQUENCE), _OBJECT_IDENTIFIER)
    return algorithm.startswith(_PASSWORD_BASED_OIDS)


def _is_text(octets: bytes) -> bool:
    """Whether this begins as a text does, as far as it can be told."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(octets[:64])
    except UnicodeDecodeError:
        return octets.startswith(_TEXT_MARKS)
    return True


def _is_certificate(octets: bytes) -> bool:
    """Whether this begins as a certificate, a list of them, or a request for one does."""
    return _der_content(octets, _SEQUENCE)[:1] in (b"\x30", b"\x06") and not _is_private_key(octets)


def _der_content(octets: bytes, tag: int) -> bytes:
    """Take tag and length of a DER value off, empty if it has another tag; its end may be cut off."""
    if len(octets) < 2 or octets[0] != tag:  # noqa: PLR2004 - a tag and a length
        return b""
    return octets[2 + (octets[1] - _LONG_FORM if octets[1] > _LONG_FORM else 0) :]


def _is_authorization(found: re.Match[str]) -> bool:
    """Whether a word after `Bearer` or `Basic` is no word of a language."""
    scheme, word = found[1].lower(), found[2]
    if scheme == "basic":
        return b":" in _decode_base64(word) and _decode_base64(word).isascii()
    return len(word) >= _SHORTEST_TOKEN and (
        _HEX_WORD.fullmatch(word) is not None or _class_change_ratio(word) > _MIN_CHANGE_RATIO
    )


def _encoded_words(text: str) -> Iterator[str]:
    """Give what may be base64 beside the certificates of a text; in XML and in a broken certificate it is no secret."""
    rest = _unescape_line_breaks(_PUBLIC_HEXADECIMAL.sub(" ", _URL.sub(" ", _CERTIFICATE.sub("", text))))
    if "<" in rest or "BEGIN" in rest:
        return
    for found in _ENCODED.findall(rest):
        lines = found.split()
        joined = "".join(lines)
        octets = _decode_base64(joined)
        if not _is_certificate(octets) and not _is_text(octets):
            are_lines = len({len(line) for line in lines[:-1]}) == 1 and not _HEX_WORD.fullmatch(lines[0])
            yield from [joined] if are_lines else lines


def _is_opaque(word: str) -> bool:
    """Whether nobody can tell what a word is: the middle of a key, or a client secret alone."""
    has_capital, has_small, has_digit = (any(map(kind, word)) for kind in (str.isupper, str.islower, str.isdigit))
    if not (has_capital and has_small):
        return False
    if _PADDED.fullmatch(word):
        return _class_change_ratio(word) > _MIN_CHANGE_RATIO_PADDED
    return has_digit and _LONG_WORD.fullmatch(word) is not None and _class_change_ratio(word) > _MIN_CHANGE_RATIO


def _class_change_ratio(text: str) -> float:
    """Of all neighbours among the letters and digits, give the part that is of different kinds."""
    kinds = ["A" if each.isupper() else "a" if each.islower() else "0" for each in text if each.isalnum()]
    return sum(one != other for one, other in pairwise(kinds)) / max(1, len(kinds) - 1)
