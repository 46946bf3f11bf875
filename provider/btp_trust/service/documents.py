"""JSON from outside: read it into a shape, or say that it cannot be read, never showing what it holds."""

from __future__ import annotations

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
