"""JSON from outside: read it into a shape, or say that it cannot be read, never showing what it holds."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final, TypeVar

import msgspec

from btp_trust.parsing import text_decoding

_T = TypeVar("_T")
NO_JSON: Final = "It is not JSON."
_MAX_NESTING: Final = 6
"""How often a document may be wrapped into text."""
_OBJECT_START: Final = re.compile(r"\{(?=\s*(?:[\"}]|(?P<escape>\\)))")
"""A brace that begins an object: others are a sentence's."""
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_URL_SAFE: Final = str.maketrans("+/", "-_")


class DecodingError(ValueError):
    """Not JSON, or JSON of another shape. The message names fields, never values."""


def decode(document: str | bytes, shape: type[_T]) -> _T:
    """Read a JSON document into a shape that msgspec knows.

    Raises:
        Unreadable: It cannot be.
    """
    try:
        return msgspec.json.decode(document, type=shape)
    except msgspec.ValidationError as error:
        why = str(error)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        why = NO_JSON
    # Not raised within the handler: the error of an encoder holds the whole document.
    raise DecodingError(why)


def find_json_object(document: str | bytes) -> dict[str, Any]:
    """Read the one JSON object in what a tool printed or a shell stored.

    Taken off are: a byte order mark and UTF-16; sentences around it (`cf service-key` prints one before it, and a hint
    to upgrade itself after it); a JSON text that holds it, escaped once or more often; base64, as Kubernetes has it.

    Raises:
        Unreadable: There is no object, or there are several.
    """
    text = to_text(document)
    for _ in range(_MAX_NESTING):
        value = _find_object_or_text(text) if "{" in text else _decode_base64(text)
        if isinstance(value, dict):
            return value
        if value is None:
            break
        text = value
    raise DecodingError(NO_JSON)


def to_text(document: str | bytes) -> str:
    """Return the text of a document, without what is left of its encoding.

    Raises:
        Unreadable: It is no text.
    """
    if isinstance(document, str):
        return text_decoding.strip_byte_order_mark(document)
    try:
        return text_decoding.decode(document)
    except ValueError:
        raise DecodingError("It is not JSON, and no text.") from None


def _find_object_or_text(text: str) -> dict[str, Any] | str | None:
    """Read the one object in a text, or the text of one whose quotation marks are escaped."""
    begin = _OBJECT_START.search(text)
    if begin is not None and begin["escape"] and (escaped := _unescape_text(text[begin.start() :])) is not None:
        return escaped
    found = _find_objects(text) or _find_objects(
        text_decoding.strip_invisible(text_decoding.unescape_line_breaks(text))
    )
    if len(found) > 1:
        raise DecodingError("There are several JSON objects in it.")
    return found[0] if found else None


def _unescape_text(text: str) -> str | None:
    value, _ = _first_value(f'"{text[: text.rfind("}") + 1]}"')
    return value if isinstance(value, str) and _OBJECT_START.match(value) else None


def _find_objects(text: str) -> list[dict[str, Any]]:
    """Read the objects in a text, without those in them; a brace before no quotation mark begins none."""
    found: list[dict[str, Any]] = []
    position = 0
    while (begin := _OBJECT_START.search(text, position)) is not None:
        value, length = _first_value(text[begin.start() :])
        if not isinstance(value, dict):
            break
        found.append(value)
        position = begin.start() + length
    return list(filter(None, found)) or found[:1]


def _first_value(text: str) -> tuple[Any, int]:
    """Read the JSON value at the beginning, and tell its length; line breaks within texts are accepted."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return None, 0  # the error would hold the whole document


def _decode_base64(text: str) -> str | None:
    """Read base64, in lines or not, with quotation marks or not, in either alphabet."""
    word = "".join(text_decoding.strip_invisible(text).split()).strip("\"'")
    if not _BASE64.fullmatch(word):
        return None
    word = word.rstrip("=").translate(_URL_SAFE)
    try:
        return text_decoding.decode(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
    except ValueError:
        return None


def split_json_array(document: bytes) -> list[str]:
    """Split a JSON array into the documents of its entries: what one of them holds does not spoil the others.

    Raises:
        Unreadable: It is no JSON array.
    """
    try:
        found = json.loads(document.decode(errors="replace"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise DecodingError("It is no JSON array.")
    return [json.dumps(each) for each in found]
