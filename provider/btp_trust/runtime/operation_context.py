"""What the operation under way is about: the resource and its subaccount, named in each of its lines and errors."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final, TypeVar

from msgspec import Struct

from btp_trust.errors import TrustError
from btp_trust.snapshot import is_guid, subaccount_label

_MAX_FRAMES: Final = 16
"""Frames between the plugin's server and the beginning of an operation, with some to spare."""
_Error = TypeVar("_Error", bound=TrustError)


class OperationContext(Struct):
    """The resource of one call of the engine, and its subaccount as far as that is known."""

    urn: str = ""
    """Empty outside of Pulumi."""
    subaccount_id: str = ""
    label: str = ""
    """The subaccount in words; empty until the state or a token names it."""
    is_system: bool = False
    """Whether the resource belongs to a communication system in place of a subaccount."""

    def enter_subaccount(self, subaccount_id: str, label: str) -> None:
        """Name the subaccount, now that a token has shown which one it is."""
        self.subaccount_id, self.label = subaccount_id, label

    def enter_system(self, label: str) -> None:
        """Name the communication system that the operation is about, in place of a subaccount."""
        self.subaccount_id, self.label, self.is_system = label, label, True

    def subject(self, line: str, *, with_resource: bool) -> str:
        """Return what to put in front of a line: the resource and the subaccount, unless the line begins with them."""
        names = [self._resource] if with_resource else []
        if not line.startswith(self.label):
            names.append(self.label)
        return f"{', '.join(filter(None, names))}: " if any(names) else ""

    def named(self, error: _Error) -> _Error:
        """Return an error that names the subaccount; Pulumi itself prints the resource with an error."""
        return error.prefixed(self.subject(error.what, with_resource=False))

    @property
    def _resource(self) -> str:
        """Kind and name: `urn:pulumi:stack::project::parent$type::name`."""
        kind, _, name = self.urn.partition("::")[2].partition("::")[2].partition("::")
        return f"{kind.rpartition(':')[2]} {name}".strip()


_context: ContextVar[OperationContext] = ContextVar("operation")


def current() -> OperationContext:
    """Return the context of the operation under way; an empty one outside of operations."""
    return _context.get(None) or OperationContext()


@contextmanager
def outside() -> Iterator[None]:
    """Leave the operation for a moment, for what belongs to no resource."""
    token = _context.set(OperationContext())
    try:
        yield
    finally:
        _context.reset(token)


@contextmanager
def begin(known: Mapping[str, Any] = MappingProxyType({})) -> Iterator[OperationContext]:
    """Begin an operation.

    Args:
        known: The recorded properties, or the arguments of a resource that is new: a command that cannot reach the
            service names the subaccount by them.
    """
    context = OperationContext(_calling_urn(), _text(known, "subaccount_id"), _known_label(known))
    token = _context.set(context)
    try:
        yield context
    finally:
        _context.reset(token)


def _known_label(known: Mapping[str, Any]) -> str:
    label, subaccount_id = _text(known, "subaccount"), _text(known, "subaccount_id")
    # An argument that is no GUID may be a secret.
    return label or (subaccount_label(subaccount_id, _text(known, "display_name")) if is_guid(subaccount_id) else "")


def _text(bag: Mapping[str, Any], name: str) -> str:
    value = bag.get(name)
    return value if isinstance(value, str) else ""


def _calling_urn() -> str:
    """Return the URN of the resource that the engine calls about; an empty text outside of Pulumi.

    Pulumi's plugin receives the URN in every request, and passes it to no provider. An argument of the program could
    hold it only as one more input in each preview. So it is taken from the server's frame, whose local `request` is
    the message of the engine; where another SDK has another name for it, lines lack their resource, and nothing else.
    """
    frame = inspect.currentframe()
    for _ in range(_MAX_FRAMES):
        if frame is None:
            break
        urn = getattr(frame.f_locals.get("request"), "urn", None)
        if isinstance(urn, str):
            return urn
        frame = frame.f_back
    return ""
