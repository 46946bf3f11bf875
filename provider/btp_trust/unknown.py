"""Values that nobody knows yet, because a resource that they come from is still to be changed.

A preview has them, and so has a real update: before Pulumi deletes a resource to replace it, it asks `diff` of every
dependent what would be if the values from it were others (`calculateDependentReplacements` of its engine). To be
unknown means that a value may change: it is no name, no GUID, no fingerprint and no list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi.output import Unknown
from pulumi.runtime import rpc

UNKNOWN: Final[str] = rpc.UNKNOWN
"""What stands for an unknown value, in Pulumi's messages as in our plans."""
_MARKS: Final = (
    UNKNOWN,
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
    "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
    "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # a map
)
"""The engine has one for each type (`plugin/rpc.go` of its SDK); Pulumi's Python SDK reads the first one only."""


def is_unknown(value: Any) -> bool:
    """Whether a value, or anything in it, is not known."""
    if isinstance(value, Mapping):
        return any(is_unknown(content) for content in value.values())
    if isinstance(value, list | tuple):
        return any(is_unknown(content) for content in value)
    if isinstance(value, str):
        return any(mark in value for mark in _MARKS)
    return isinstance(value, Unknown)
