"""The lifecycle of one resource: the functions that the plugin calls, and the shapes of their property bags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from btp_trust.property_bag import CommonArgs, PropertyBag, from_program
from btp_trust.runtime.comparison import Comparison
from btp_trust.runtime.session import Session

_Shape = TypeVar("_Shape", bound=CommonArgs)
_Args = TypeVar("_Args")
_Inputs = TypeVar("_Inputs", bound=msgspec.Struct)
_State = TypeVar("_State", bound=msgspec.Struct)


def args_as(shape: type[_Shape]) -> Callable[[PropertyBag, object], _Shape]:
    """Return the reader of arguments that are one shape."""

    def read(bag: PropertyBag, _old: object) -> _Shape:
        return from_program(bag, shape)

    return read


def call_nothing(_session: Session, _state: object) -> None:
    """Delete a resource that is only a declaration: the service keeps all that it has."""


class Lifecycle(Struct, Generic[_Args, _Inputs, _State], frozen=True):
    """One resource, as `btp_trust.providers` runs it: `lifecycle.LIFECYCLE` of its folder."""

    args: Callable[[PropertyBag, _Inputs | None], _Args]
    """Reads the arguments of the program; the inputs of the last deployment are given where there was one."""
    inputs: type[_Inputs]
    """Shape of the inputs: the arguments, and the plan that check adds."""
    state: type[_State]
    """Shape of the outputs, as far as a command reads them."""
    check: Callable[[Session, _Args, _Inputs | None], _Inputs]
    """Plan."""
    diff: Callable[[Session, _State, _Inputs], Comparison]
    """Compare; print nothing."""
    create: Callable[[Session, _Inputs], tuple[str, PropertyBag]]
    """Return the ID and the outputs."""
    update: Callable[[Session, PropertyBag, _Inputs], PropertyBag]
    """Turn the recorded outputs into the new ones; both are whole."""
    read: Callable[[Session, PropertyBag], PropertyBag]
    """The same for a refresh."""
    delete: Callable[[Session, _State], None] = call_nothing
