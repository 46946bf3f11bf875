"""Single arguments: a default, checks, and the refusals of unusable ones."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, get_args, get_type_hints

import msgspec

from btp_trust.errors import Refused
from btp_trust.parsing.fingerprint import normalize_fingerprint

DEFAULT_CONNECTION: Final = "default"
"""The connection where a resource omits it; the environment variables of all others end with their names."""
ANNOUNCED: Final = "announced_connections"
"""An input that only travels from the program to `check`: JSON of {connection: number of resources}."""

_MAX_DISPLAY_NAME: Final = 100
"""Characters of a subaccount's name for people."""
_MAX_REASON: Final = 100
"""Characters of a reason that a program gives."""


def fingerprint_argument(text: str, prop: str) -> str:
    """Normalize an argument that names a certificate.

    Raises:
        Refused: `text` is not a SHA-256 fingerprint.
    """
    try:
        return normalize_fingerprint(text)
    except ValueError as error:
        raise Refused(
            f"`{prop}` is {error}.",
            "Certificates are identified by the SHA-256 fingerprint of their DER.",
            "Take it from an output `fingerprint`, or: openssl x509 -noout -fingerprint -sha256 -in <file>.",
            prop=prop,
        ) from None


def check_generation_name(name: str, prop: str) -> None:
    """Refuse a name that a reader of a preview could mistake, or would type differently.

    Raises:
        Refused: `name` is empty, has blanks at its ends, or holds an unprintable character.
    """
    if not name or name != name.strip() or not name.isprintable():
        raise Refused(
            f"{name!r} cannot be the name of a generation.",
            "A generation's name is read in previews and typed again in later years.",
            'Give it a short printable name that begins and ends with a visible character, such as "2028-11".',
            prop=prop,
        )


def check_reasons(reasons: Mapping[str, str], prop: str) -> None:
    """Refuse reasons that could not be printed in a line, each under the name of a generation.

    Raises:
        Refused: A name is impossible; or a reason is empty, too long, or holds an unprintable character.
    """
    for name, reason in reasons.items():
        check_generation_name(name, prop)
        if not reason.strip() or len(reason) > _MAX_REASON or not reason.isprintable():
            raise Refused(
                f"`{prop}` needs a usable reason for generation {name!r}.",
                f"Previews and errors show it, so it has 1 to {_MAX_REASON} printable characters.",
                f'Say why in a few words, such as {prop}={{"{name}": "INC-4711"}}.',
                prop=prop,
            )


def check_display_name(name: str) -> None:
    """Refuse a name for people that could not be printed in each line about a subaccount.

    Raises:
        Refused: `name` is too long, has blanks at its ends, or holds an unprintable character.
    """
    if len(name) > _MAX_DISPLAY_NAME or name != name.strip() or not name.isprintable():
        raise Refused(
            f"{name[:_MAX_DISPLAY_NAME]!r} cannot be the name of a subaccount.",
            f"Each line and error about the subaccount begins with it, so it has {_MAX_DISPLAY_NAME} printable "
            "characters at most.",
            'Give it a short name, such as display_name="acme-prod"; or omit it: lines then name the subdomain.',
            prop="display_name",
        )


def unknown_argument(prop: str) -> Refused:
    """Return the refusal of an argument that must be known in a preview."""
    return Refused(
        f"`{prop}` is not known in this preview.",
        "It depends on a resource that will change, and a reviewer of this preview would not see the value.",
        "Write the value into the program, or deploy the resource that it comes from first.",
        prop=prop,
    )


def malformed_argument(error: str, shape: type[msgspec.Struct] = msgspec.Struct) -> Refused:
    """Return the refusal of an argument by the message of its decoder.

    Args:
        error: The message: a sentence, and the path of the argument.
        shape: The arguments of the resource, for the values of an enum.
    """
    text, _, path = error.partition(" - at `$.")
    # msgspec names a missing field within its sentence, other fields by the path at the end.
    prop = path.rstrip("`").split("[")[0] or error.partition("`")[2].partition("`")[0]
    if text.startswith("Invalid enum value"):  # the message repeats the value, which may be a secret
        nested = path.rstrip("`").rpartition(".")[2] if "." in path else ""
        values = " or ".join(member.value for member in _members(shape, path.rstrip("`")))
        text = f"Its `{nested}` is {values}" if nested else f"It is {values}"
    return Refused(
        f"The argument `{prop}` cannot be used.",
        f"{text}.",
        "Correct it; the resource's docstring says which values it takes.",
        prop=prop,
    )


def _members(shape: type[msgspec.Struct], path: str) -> list[Enum]:
    """Return the values of the enum at a path such as `switches[0].block`."""
    kinds: list[Any] = [shape]
    for part in path.split("."):
        name = part.partition("[")[0]
        kinds = [kind for owner in kinds for kind in _kinds(get_type_hints(owner).get(name, str))]
    return [member for kind in kinds if issubclass(kind, Enum) for member in kind]


def _kinds(hint: Any) -> list[type]:
    """Return the types in a hint: an optional one is a union, and a sequence has its elements'."""
    return [kind for part in get_args(hint) for kind in _kinds(part)] if get_args(hint) else [hint]
