"""JSON from outside: read it into a shape, or say that it cannot be read, never showing what it holds."""

from __future__ import annotations

import json
from typing import TypeVar

import msgspec

_T = TypeVar("_T")


class Unreadable(ValueError):
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
        why = "It is not JSON."
    # Not raised within the handler: the error of an encoder holds the whole document.
    raise Unreadable(why)


def entries(document: bytes) -> list[str]:
    """Split a JSON array into the documents of its entries: what one of them holds does not spoil the others.

    Raises:
        Unreadable: It is no JSON array.
    """
    try:
        found = json.loads(document.decode(errors="replace"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise Unreadable("It is no JSON array.")
    return [json.dumps(each) for each in found]
