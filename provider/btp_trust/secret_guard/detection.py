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

from btp_trust.parsing.text_decoding import visible

PRIVATE_KEY: Final = "a private key"
TOKEN: Final = "a token"  # noqa: S105 - the name of a kind
CREDENTIALS: Final = "credentials"

_NESTED: Final = 4
"""How often what was decoded is decoded again."""
_NAMES: Final = (
    r"(?:secret(?:[_-]?(?:access)?[_-]?key|[_-]?value)?|passw(?:or)?d|passwort|kennwort|passphrase|passcode|pwd"
    r"|(?:api|access|private|account|subscription)[_-]?key|token)"
)
"""How the name of a field ends that holds something secret."""
_WORD: Final = r"(?!(?:null|none|true|false)\b)[^\s\"'`,;{}\[\]<>]{4}"
_KEY: Final = re.compile(
    r"(?:BEGIN|END)[A-Z0-9 ]*\bPRIVATE KEY|Proc-Type:\s*4,\s*ENCRYPTED|DEK-Info:|PuTTY-User-Key-File|AGE-SECRET-KEY-"
    r"|\"kty\"\s*:(?=.*\"(?:d|k)\"\s*:)|\"(?:d|k)\"\s*:(?=.*\"kty\"\s*:)",
    re.IGNORECASE | re.DOTALL,
)
_JWT: Final = re.compile(r"[\"']alg[\"']\s*:\s*[\"']|[\"'](?:exp|iat|jti)[\"']\s*:|\.eyJ[\w-]{8}")
"""The header of a JWT, its claims, decoded; and how the coded claims begin."""
_ISSUED: Final = re.compile(
    r"\b(?:gh[a-z]_[A-Za-z0-9]{30}|github_pat_\w{30}|glpat-[\w-]{20}|npm_[A-Za-z0-9]{30}|pul-[0-9a-f]{40}|hvs\.[\w-]{24}"
    r"|xox[a-z]-\d+-[\w-]{20}|[0-9a-f]{32}-r\b)"
)
"""Tokens that say whose they are; the last is a refresh token of the UAA."""
_ASSERTION: Final = re.compile(r"<(?:[\w.-]+:)?(?:Encrypted)?Assertion[\s>]")
_FIELD: Final = re.compile(
    rf"{_NAMES}\\*[\"'`]\s*[:=]>?\s*\\*[\"'`](?!\[secret\])[^\"'`]{{3}}"
    rf"|{_NAMES}\\*[\"'`]\s*[:=]>?\s*[\[{{]\s*\\*[\"'`](?:\w+\\*[\"'`]\s*:\s*\\*[\"'`])?(?!\[secret\])[^\"'`]{{3}}"
    rf"|{_NAMES}\\*[\"'`]\s*[:=]>?\s*{_WORD}|{_NAMES}(?:\s*:\s+(?:[|>][+-]?\s+)?|\s*=>?\s*)[\"']?{_WORD}"
    rf"|client[_-]?secret\s*[:=]\s*[\"']?{_WORD}"
    rf"|<(?:[\w.-]*:)?[\w.-]*{_NAMES}\s*>\s*[^<\s]",
    re.IGNORECASE,
)
"""A field that holds a secret, as JSON, YAML, variables and XML have it."""
_CLIENT_SECRET: Final = re.compile(r"[0-9A-Fa-f-]{4}\$[A-Za-z0-9_+/-]{16,}")
"""As XSUAA makes it: a GUID, `$`, base64."""
_USER_OF_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/@:\"'<>]*:[^\s/@\"'<>]+@", re.IGNORECASE)
_AUTHORIZATION: Final = re.compile(r"\b(Bearer|Basic)\s+([A-Za-z0-9._~+/-]{8,})=*", re.IGNORECASE)
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)
_CODED: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}(?![\"'])(?:\s+[A-Za-z0-9+/_-]+={0,2}(?![=\"']))*")
"""Base64, in one line or several; no name before a quoted value."""
_HEXADECIMAL: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){16,}|(?:[0-9A-Fa-f]{2}[:\s-]+){16,}[0-9A-Fa-f]{2}")
_ADDRESS: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://[\w.-]+(?::\d+)?/[^\s\"'<>?#\\]*", re.IGNORECASE)
"""A URL up to its query: what stands in a path was made by whoever made the page, to be passed on."""
_DIGITS: Final = re.compile(
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|(?<![A-Za-z0-9+/=])(?:[0-9a-f]{7,}|[0-9A-F]{7,})(?![A-Za-z0-9+/=])"
)
"""GUIDs, hashes, fingerprints within a longer name."""
_PADDED: Final = re.compile(r"[A-Za-z0-9+/_-]{22,}={1,2}")
_LONG: Final = re.compile(r"(?=.*[A-Za-z0-9]{12})[A-Za-z0-9+/=_-]{40,}")
"""Names that are as long have more hyphens."""
_FINGERPRINT: Final = re.compile(r"\s*(?:[0-9A-Fa-f]{2}[:\s]*){32}")
_HEX_WORD: Final = re.compile(r"[0-9a-fA-F-]{20,}")
_TEXT_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_STORES: Final = (b"openssh-key-v1", b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
"""How keys of OpenSSH and key stores of Java begin."""
_PASSWORD_BASED: Final = (b"\x2a\x86\x48\x86\xf7\x0d\x01\x05", b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01")
"""PKCS#5 and PKCS#12: how an encrypted private key says how it is encrypted."""
_SHORTEST_TOKEN, _SHORTEST_KEY = 20, 60
_INTEGER, _OBJECT_IDENTIFIER, _SEQUENCE, _LONG_FORM = 0x02, 0x06, 0x30, 0x80
_VERSIONS: Final = (b"\x00", b"\x01", b"\x03")
"""Of PKCS#1 and PKCS#8, of SEC1, of PKCS#12. Nothing public begins with a small number."""
_MIXED, _MIXED_IF_PADDED = 0.42, 0.3
"""Of neighbours in random base64, two thirds are of different kinds (capital, small letter, digit); in names, a
fourth. No name ends in `=`."""


def secret_in(value: Any) -> str | None:
    """Say what kind of secret a value holds, lists and maps included; None if none can be seen.

    Args:
        value: Texts, and lists and maps of them; anything else holds none.
    """
    return next(_kinds(value), None)


def _kinds(value: Any) -> Iterator[str]:
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value).decode("latin-1")
    if isinstance(value, str):
        if kind := _kind(value):
            yield kind
    elif isinstance(value, Mapping):
        for name, content in value.items():
            yield from _kinds(name)
            yield from _kinds(content)
            if isinstance(name, str) and _is_secret_field(name, content):
                yield CREDENTIALS
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _kinds(each)


def _is_secret_field(name: str, value: object) -> bool:
    """Whether a map is that of a service key; a target may be called "token" as well, and has a certificate then."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    content = str(value)
    is_public = _FINGERPRINT.match(content) or "BEGIN" in content or "<" in content or _is_certificate(_octets(content))
    return not is_public and _FIELD.search(f'{name}":"{content}') is not None


def _kind(text: str) -> str | None:
    if _FINGERPRINT.fullmatch(text):
        return None
    if _is_private(text.encode("latin-1", "ignore")):
        return PRIVATE_KEY
    return next(filter(None, map(_seen, _readings(text))), None)


def _seen(text: str) -> str | None:
    """Say what stands in a text, taken as it is."""
    if _KEY.search(text) or any(map(_is_private, _coded(text))):
        return PRIVATE_KEY
    if any(pattern.search(text) for pattern in (_JWT, _ISSUED, _ASSERTION)):
        return TOKEN
    if any(map(_authorizes, _AUTHORIZATION.finditer(text))):
        return TOKEN
    if any(pattern.search(text) for pattern in (_FIELD, _CLIENT_SECRET, _USER_OF_URL)):
        return CREDENTIALS
    opaque = next(filter(_is_opaque, _runs(text)), None)
    return None if opaque is None else CREDENTIALS if len(opaque) < _SHORTEST_KEY else PRIVATE_KEY


def _readings(text: str) -> Iterator[str]:
    """Give a text, and what it reads when it is decoded, in any order of encodings."""
    todo = [_legible(text)]
    known = set(todo)
    for _ in range(_NESTED):
        yield from todo
        decoded = {_legible(each) for reading in todo for each in _decoded(reading)}
        todo = sorted(decoded - known)
        known |= decoded
    yield from todo


def _decoded(text: str) -> Iterator[str]:
    yield html.unescape(unquote(text))
    yield _unescaped(text)
    yield text.strip().strip("\"'`")
    for octets in _coded(text):
        if octets[:3].isascii() or not _is_certificate(octets):
            yield octets.decode("utf-8", "ignore")


def _legible(text: str) -> str:
    """Take away marks that nobody sees, and NUL, which UTF-16 has."""
    return text if text.isascii() and "\0" not in text else visible(text)


def _unescaped(text: str) -> str:
    r"""Undo the escapes of JSON, also of JSON within JSON: `\n`, `\u0022`, `\"`."""
    text = re.sub(r"(?<!\\)\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return _in_lines(text).replace("\\", "")


def _in_lines(text: str) -> str:
    """Make line breaks of their escapes: the letter would be taken for one of base64."""
    return re.sub(r"(?<!\\)\\+[nr]", "\n", text)


def _coded(text: str) -> Iterator[bytes]:
    """Decode all that may be base64: lines that belong together, and each word, unless the lines make a text."""
    for found in _CODED.findall(_in_lines(text)):
        octets = _octets(found)
        yield octets
        for word in () if _is_text(octets) else found.split():
            yield _octets(word)
    for digits in _HEXADECIMAL.findall(text):
        yield bytes.fromhex(re.sub(r"[:\s-]", "", digits))


def _octets(text: str) -> bytes:
    """Decode base64 as far as it goes: it may be cut off."""
    digits = re.sub(r"[^A-Za-z0-9+/]", "", text.replace("-", "+").replace("_", "/"))
    whole = digits[: len(digits) - (len(digits) % 4 == 1)]
    return base64.b64decode(whole + "=" * (-len(whole) % 4))


def _is_private(octets: bytes) -> bool:
    """Whether this is the beginning of a private key or of a key store."""
    if octets.startswith(_STORES):
        return True
    content = _content(octets, _SEQUENCE)
    version = _content(content, _INTEGER)
    if content[:2] == b"\x02\x01" and version[:1] in _VERSIONS:
        return content[3:4] in (b"\x02", b"\x04", b"\x30")
    algorithm = _content(_content(content, _SEQUENCE), _OBJECT_IDENTIFIER)
    return algorithm.startswith(_PASSWORD_BASED)


def _is_text(octets: bytes) -> bool:
    """Whether this begins as a text does, as far as it can be told."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(octets[:64])
    except UnicodeDecodeError:
        return octets.startswith(_TEXT_MARKS)
    return True


def _is_certificate(octets: bytes) -> bool:
    """Whether this begins as a certificate, a list of them, or a request for one does."""
    return _content(octets, _SEQUENCE)[:1] in (b"\x30", b"\x06") and not _is_private(octets)


def _content(octets: bytes, tag: int) -> bytes:
    """Take tag and length of a DER value off, empty if it has another tag; its end may be cut off."""
    if len(octets) < 2 or octets[0] != tag:  # noqa: PLR2004 - a tag and a length
        return b""
    return octets[2 + (octets[1] - _LONG_FORM if octets[1] > _LONG_FORM else 0) :]


def _authorizes(found: re.Match[str]) -> bool:
    """Whether a word after `Bearer` or `Basic` is no word of a language."""
    scheme, word = found[1].lower(), found[2]
    if scheme == "basic":
        return b":" in _octets(word) and _octets(word).isascii()
    return len(word) >= _SHORTEST_TOKEN and (_HEX_WORD.fullmatch(word) is not None or _changes(word) > _MIXED)


def _runs(text: str) -> Iterator[str]:
    """Give what may be base64 beside the certificates of a text; in XML and in a broken certificate it is no secret."""
    rest = _in_lines(_DIGITS.sub(" ", _ADDRESS.sub(" ", _CERTIFICATE.sub("", text))))
    if "<" in rest or "BEGIN" in rest:
        return
    for found in _CODED.findall(rest):
        lines = found.split()
        joined = "".join(lines)
        octets = _octets(joined)
        if not _is_certificate(octets) and not _is_text(octets):
            are_lines = len({len(line) for line in lines[:-1]}) == 1 and not _HEX_WORD.fullmatch(lines[0])
            yield from [joined] if are_lines else lines


def _is_opaque(word: str) -> bool:
    """Whether nobody can tell what a word is: the middle of a key, or a client secret alone."""
    has_capital, has_small, has_digit = (any(map(kind, word)) for kind in (str.isupper, str.islower, str.isdigit))
    if not (has_capital and has_small):
        return False
    if _PADDED.fullmatch(word):
        return _changes(word) > _MIXED_IF_PADDED
    return has_digit and _LONG.fullmatch(word) is not None and _changes(word) > _MIXED


def _changes(text: str) -> float:
    """Of all neighbours among the letters and digits, give the part that is of different kinds."""
    kinds = ["A" if each.isupper() else "a" if each.islower() else "0" for each in text if each.isalnum()]
    return sum(one != other for one, other in pairwise(kinds)) / max(1, len(kinds) - 1)
