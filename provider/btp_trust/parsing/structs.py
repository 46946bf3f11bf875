"""Python values and JSON to structs of msgspec, in any thread."""

from __future__ import annotations

import threading
from typing import Final, TypeVar

import msgspec

_T = TypeVar("_T")
_describing: Final = threading.Lock()
_described: Final[set[object]] = set()


def convert(value: object, shape: type[_T]) -> _T:
    """Convert a value of dicts and lists. Raises what `msgspec.convert` raises."""
    _describe(shape)
    return msgspec.convert(value, shape)


def decode(document: str | bytes, shape: type[_T]) -> _T:
    """Decode a JSON document. Raises what `msgspec.json.decode` raises."""
    _describe(shape)
    return msgspec.json.decode(document, type=shape)


def _describe(shape: object) -> None:
    """Let msgspec describe a struct, and all structs in it, before it is used.

    msgspec up to 0.22 does so at the first use, and another thread that finds the description half done ends the
    process with a segmentation fault. Pulumi calls the plugin from four threads, and the command line reads in 64.
    """
    if shape not in _described:
        with _describing:
            msgspec.json.Decoder(shape)
        _described.add(shape)
