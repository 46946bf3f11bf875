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
from btp_trust.secret_guard.detection import CREDENTIALS, PRIVATE_KEY, TOKEN, find_secret

_LEAF_TYPES: Final = (str, bytes, bytearray, memoryview, int, float, set, frozenset, pulumi.Output, pulumi.Resource)
_OPTION_TYPES: Final = (pulumi.ResourceOptions, pulumi.Alias, pulumi.CustomTimeouts)
_P = ParamSpec("_P")
_R = TypeVar("_R")
_REMEDIES: Final = {
    PRIVATE_KEY: "Give the certificate alone, or its SHA-256 fingerprint, and keep the key from the program.",
    CREDENTIALS: "A service key is no argument: keep it as the secret btp-trust:serviceKey or in the environment; "
    "connection= takes a name.",
    TOKEN: "A user's token is no argument: keep it as the secret btp-trust:userToken or in the environment.",
}


class _SecretGivenRunError(SecretGiven, pulumi.RunError):
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
        if kind := find_secret(name):
            raise _secret_given("The name of an argument", kind)
        if kind := find_secret(_to_plain_data(value)):
            raise _secret_given(f"`{name}`", kind)


def refuses_secret_arguments(function: Callable[_P, _R]) -> Callable[_P, _R]:
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


def _to_plain_data(value: Any) -> Any:
    """Take paths, options and the package's own values apart; of others take what a message would show of them."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        return [_to_plain_data(each) for each in value]
    if (parts := _fields_of(value)) is not None:
        return {name: _to_plain_data(content) for name, content in parts.items()}
    return value if isinstance(value, _LEAF_TYPES) else repr(value)


def _fields_of(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return vars(value) if isinstance(value, _OPTION_TYPES) else None


def _secret_given(where: str, kind: str) -> SecretGiven:
    return _SecretGivenRunError(
        f"{where} holds {kind}, or a part of one." if kind != CREDENTIALS else f"{where} holds credentials.",
        "Arguments are shown in previews and kept in the state, for all who read them. It is not shown here.",
        f"{_REMEDIES[kind]} If it was shown or stored anywhere before, renew it.",
    )
