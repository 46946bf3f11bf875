"""The one guard against secrets among arguments: it runs before anything else does, in the program and in check.

Pulumi prints the value of a property that is refused, secret or not, keeps arguments in the state and shows them in
previews. So an argument that holds a secret is refused before Pulumi gets it, and where it gets it (an output that
becomes known), the refusal names no property to Pulumi.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import msgspec
import pulumi

from btp_trust.errors import SecretGiven
from btp_trust.secret_guard.detection import CREDENTIALS, PRIVATE_KEY, TOKEN, secret_in

_AS_IT_IS: Final = (str, bytes, bytearray, memoryview, int, float, set, frozenset, pulumi.Output, pulumi.Resource)
_OPTIONS: Final = (pulumi.ResourceOptions, pulumi.Alias, pulumi.CustomTimeouts)
_P = ParamSpec("_P")
_R = TypeVar("_R")
_REMEDIES: Final = {
    PRIVATE_KEY: "Give the certificate alone, or its SHA-256 fingerprint, and keep the key from the program.",
    CREDENTIALS: "A service key is no argument: keep it as the secret btp-trust:serviceKey or in the environment; "
    "connection= takes a name.",
    TOKEN: "A user's token is no argument: keep it as the secret btp-trust:userToken or in the environment.",
}


class _StopsProgram(SecretGiven, pulumi.RunError):
    """Pulumi shows the message of a RunError alone; of others also the line of the program, with what stands in it."""


def refuse_secrets(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that hold a secret, in any depth.

    Args:
        arguments: {name: value}; values are texts, lists, maps, Pulumi's options and what the package makes of them.
            An output or a resource is left alone.

    Raises:
        SecretGiven: One does. It names the argument, never what it holds; it is a pulumi.RunError too.
    """
    for name, value in arguments.items():
        if kind := secret_in(name):
            raise _refusal("The name of an argument", kind)
        if kind := secret_in(_plain(value)):
            raise _refusal(f"`{name}`", kind)


def without_secrets(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Guard a function, or a constructor, that a program calls: nothing of it runs with a secret.

    Raises:
        SecretGiven: An argument holds one.
    """
    names = list(inspect.signature(function).parameters)

    @wraps(function)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        given = dict(zip(names, args, strict=False))
        refuse_secrets({**given, "*args": args[len(names) :], **kwargs})
        return function(*args, **kwargs)

    return guarded


def _plain(value: Any) -> Any:
    """Take paths, options and the package's own values apart; of others take what a message would show of them."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if (parts := _parts(value)) is not None:
        return {name: _plain(content) for name, content in parts.items()}
    return value if isinstance(value, _AS_IT_IS) else repr(value)


def _parts(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return vars(value) if isinstance(value, _OPTIONS) else None


def _refusal(where: str, kind: str) -> SecretGiven:
    return _StopsProgram(
        f"{where} holds {kind}, or a part of one." if kind != CREDENTIALS else f"{where} holds credentials.",
        "Arguments are shown in previews and kept in the state, for all who read them. It is not shown here.",
        f"{_REMEDIES[kind]} If it was shown or stored anywhere before, renew it.",
    )
