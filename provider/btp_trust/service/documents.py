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
        raise Unreadable(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Unreadable("It is not JSON.") from None
