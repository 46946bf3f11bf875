"""Operations of the emulated services: one record for each, and the choice among them by path."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from btp_trust_emulator.faults.request import RequestEffect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_Handler = TypeVar("_Handler")


@dataclass(frozen=True, slots=True)
class Operation(Generic[_Handler]):
    """An operation: method, path, handler, and what a good request does.

    A `{parameter}` in the path is one segment, a `{parameter:path}` all that is left.

    With `documents_400`, SAP's description has a 400 for it.
    """

    method: str
    path: str
    handler: _Handler
    effect: RequestEffect = field(default_factory=RequestEffect)
    documents_400: bool = True

    def parameters(self, path: str) -> Mapping[str, str] | None:
        """Return the parameters in a path, or None if the path belongs to other operations."""
        match = _pattern(self.path).fullmatch(path)
        return match.groupdict() if match else None


@functools.lru_cache(maxsize=64)
def _pattern(template: str) -> re.Pattern[str]:
    # DOTALL, because a decoded path may contain line breaks.
    parameter = re.compile(r"\\\{(\w+)(:path)?\\\}")
    pattern = parameter.sub(lambda match: f"(?P<{match[1]}>{'.*' if match[2] else '[^/]+'})", re.escape(template))
    return re.compile(pattern, re.DOTALL)


def operations_at(operations: Iterable[Operation[_Handler]], path: str) -> dict[str, Operation[_Handler]]:
    """Return the operations at a path, by method."""
    return {operation.method: operation for operation in operations if operation.parameters(path) is not None}


def parameters_at(operations: Iterable[Operation[_Handler]], path: str) -> Mapping[str, str] | None:
    """Return the parameters in a path of one of the operations, or None."""
    return next((operation.parameters(path) for operation in operations_at(operations, path).values()), None)
