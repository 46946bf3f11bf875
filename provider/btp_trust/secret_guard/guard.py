"""Refuse arguments that hold a secret, before anything else runs: in the program, and in check.

Pulumi keeps arguments in the state, shows them in previews, and prints the value of a refused property. So a secret is
refused before Pulumi gets it. Where Pulumi has it already (an output that became known), the refusal leaves out the
name of the property.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import pulumi

from btp_trust.errors import SecretGiven
from btp_trust.secret_guard.detection import CREDENTIALS, PRIVATE_KEY, TOKEN, find_secret

_LEAF_TYPES: Final = (str, bytes, bytearray, memoryview, int, float, set, frozenset, pulumi.Output, pulumi.Resource)
_OPTION_TYPES: Final = (pulumi.ResourceOptions, pulumi.Alias, pulumi.CustomTimeouts)
_P = ParamSpec("_P")
_R = TypeVar("_R")
_REMEDIES: Final = {
    PRIVATE_KEY: "Give the certificate alone, or its SHA-256 fingerprint, and keep the key out of the program.",
    CREDENTIALS: "Keep a service key as the secret btp-trust:serviceKey or in the environment; "
    "connection= takes a name.",
    TOKEN: "Keep a user's token as the secret btp-trust:userToken or in the environment.",
}


class _SecretGivenRunError(SecretGiven, pulumi.RunError):
    """Pulumi shows only the message of a RunError; for other errors, it also prints the line of the program."""


def refuse_secrets(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that hold a secret, in any depth.

    Args:
        arguments: {name: value}; values are texts, lists, maps, Pulumi's options and the package's own types.
            Outputs and resources pass.

    Raises:
        SecretGiven: An argument holds a secret. The message names the argument only. Also a pulumi.RunError.
    """
    for name, value in arguments.items():
        # Names first, as the message about a value shows its name.
        if kind := find_secret(name):
            raise _secret_given("The name of an argument", kind)
        if kind := find_secret(_to_plain_data(value)):
            raise _secret_given(f"`{name}`", kind)


def refuses_secret_arguments(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a function or a constructor of the public interface to refuse secrets before it runs.

    Raises:
        SecretGiven: An argument holds a secret.
    """
    names = list(inspect.signature(function).parameters)

    @wraps(function)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        positional = dict(zip(names, args, strict=False))
        # Misspelt and surplus arguments are searched too: Python's TypeError would show the line of the program.
        refuse_secrets({**positional, "*args": args[len(names) :], **kwargs})
        return function(*args, **kwargs)

    return guarded


def _to_plain_data(value: Any) -> Any:
    """Convert paths, options and the package's own values to texts, lists and maps; other values to their `repr`."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        return [_to_plain_data(item) for item in value]
    if (parts := _fields_of(value)) is not None:
        return {name: _to_plain_data(content) for name, content in parts.items()}
    return value if isinstance(value, _LEAF_TYPES) else repr(value)


def _fields_of(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, Mapping):
        return value
    names = getattr(type(value), "__struct_fields__", None)
    if isinstance(names, tuple):  # a struct of msgspec, which is not imported here: a program may do without it
        return {name: getattr(value, name) for name in names}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return vars(value) if isinstance(value, _OPTION_TYPES) else None


def _secret_given(where: str, kind: str) -> SecretGiven:
    return _SecretGivenRunError(
        f"{where} holds {kind}, or a part of one." if kind != CREDENTIALS else f"{where} holds credentials.",
        "Arguments are shown in previews and kept in the state, for all who read them. This message hides it.",
        f"{_REMEDIES[kind]} If it was shown or stored anywhere before, renew it.",
    )
