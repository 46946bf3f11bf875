"""JSON from outside: decode it into a shape. Errors name fields and leave values out."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Final, TypeVar

import msgspec

from btp_trust.parsing import structs, text_decoding

_T = TypeVar("_T")
NO_JSON: Final = "It is not JSON."
_MAX_NESTING: Final = 6
"""Levels of text around a document: escaped JSON, base64."""
_OBJECT_START: Final = re.compile(r"\{(?=\s*(?:[\"}]|(?P<escape>\\)))")
"""A brace that begins an object: others belong to a sentence."""
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_URL_SAFE: Final = str.maketrans("+/", "-_")


class DecodingError(ValueError):
    """The document is another format than JSON, or JSON of another shape. The message names fields only."""


class AmbiguousName(DecodingError):
    """A JSON object has a name twice, with different values; JSON leaves open which of them counts."""

    def __init__(self, name: str) -> None:
        super().__init__("A name is in it twice, with different values.")
        self.name = name


def decode(document: str | bytes, shape: type[_T]) -> _T:
    """Decode a JSON document into a shape that msgspec knows.

    Raises:
        DecodingError: `document` is not JSON, or JSON of another shape.
    """
    try:
        return structs.decode(document, shape)
    except msgspec.ValidationError as error:
        why = str(error)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        why = NO_JSON
    # Raised after the handler: the codec's error holds the whole document and would become the context.
    raise DecodingError(why)


def find_json_object(document: str | bytes) -> dict[str, Any]:
    """Return the one JSON object in the output of a tool, or in a variable that a shell has set.

    Removed are: a byte order mark and UTF-16; sentences around the object (`cf service-key` prints one before it, and a
    hint to upgrade after it); a JSON text that holds it, escaped once or more often; base64, as in Kubernetes.

    Raises:
        AmbiguousName: An object in it has a name twice.
        DecodingError: `document` holds several JSON objects, or none.
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
    """Return the text of a document without its byte order mark.

    Raises:
        DecodingError: `document` is binary.
    """
    if isinstance(document, str):
        return text_decoding.strip_byte_order_mark(document)
    try:
        return text_decoding.decode(document)
    except ValueError:
        raise DecodingError("It is binary; JSON is needed.") from None


def _find_object_or_text(text: str) -> dict[str, Any] | str | None:
    """Read the one object in a text, or the text of one whose quotation marks are escaped."""
    # A backslash after the brace shows that the whole object is an escaped text.
    begin = _OBJECT_START.search(text)
    if begin is not None and begin["escape"] and (unescaped := _unescape_text(text[begin.start() :])) is not None:
        return unescaped
    # The second attempt is for line breaks that a tool wrote as letters, and for other kinds of blanks.
    objects = _find_objects(text) or _find_objects(
        text_decoding.strip_invisible(text_decoding.unescape_line_breaks(text))
    )
    if len(objects) > 1:
        raise DecodingError("There are several JSON objects in it.")
    return objects[0] if objects else None


def _unescape_text(text: str) -> str | None:
    value, _ = _first_value(f'"{text[: text.rfind("}") + 1]}"')
    return value if isinstance(value, str) and _OBJECT_START.match(value) else None


def _find_objects(text: str) -> list[dict[str, Any]]:
    """Read the outermost objects in a text; empty ones count only if all are empty."""
    objects: list[dict[str, Any]] = []
    position = 0
    while (begin := _OBJECT_START.search(text, position)) is not None:
        value, position = _first_value(text, begin.start())
        # The search ends here: an object inside of a damaged one would pass for the whole key.
        if not isinstance(value, dict):
            break
        objects.append(value)
    return list(filter(None, objects)) or objects[:1]


def _first_value(text: str, begin: int = 0) -> tuple[Any, int]:
    """Return the JSON value that begins here, and where it ends; line breaks within texts are accepted."""
    try:
        return json.JSONDecoder(strict=False, object_pairs_hook=_to_object).raw_decode(text, begin)
    except AmbiguousName:
        raise
    except (ValueError, RecursionError):
        return None, 0  # the error would hold the whole document


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    for name, value in pairs if len(found) < len(pairs) else ():
        if found[name] != value:
            raise AmbiguousName(name)
    return found


def _decode_base64(text: str) -> str | None:
    """Decode base64: in one or more lines, with or without quotation marks, in either alphabet."""
    word = "".join(text_decoding.strip_invisible(text).split()).strip("\"'")
    if not _BASE64.fullmatch(word):
        return None
    word = word.rstrip("=").translate(_URL_SAFE)
    try:
        return text_decoding.decode(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
    except ValueError:
        return None


def split_json_array(document: bytes) -> list[str]:
    """Split a JSON array into the documents of its entries, so that a malformed entry leaves the others readable.

    Raises:
        DecodingError: `document` is not a JSON array.
    """
    try:
        # Replaced octets damage one entry only, and the others stay readable.
        array = json.loads(document.decode(errors="replace"))
    except (ValueError, RecursionError):
        array = None
    if not isinstance(array, list):
        raise DecodingError("It is no JSON array.")
    return [json.dumps(entry) for entry in array]
