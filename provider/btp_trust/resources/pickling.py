"""Leave Python's pickler as it is while Pulumi's SDK pickles a provider."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_REPLACED: Final = ("_batch_setitems", "save_dict")
"""Methods that the SDK replaces, so that equal providers have equal pickles."""


@contextmanager
def pickler_kept() -> Iterator[None]:
    """Undo what the SDK does to Python's pickler in the block.

    The SDK wraps a method around itself for each dynamic resource and leaves it there. After some 150 resources, the
    next provider of the program's own would end in a RecursionError: ours are pickled by reference, others by value.
    """
    pickler = pickle._Pickler  # noqa: SLF001 - the one that the SDK changes
    methods = {name: getattr(pickler, name) for name in _REPLACED}
    try:
        yield
    finally:
        for name, method in methods.items():
            setattr(pickler, name, method)
