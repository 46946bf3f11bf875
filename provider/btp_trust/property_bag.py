"""Pulumi's property bags, and the values that they become: nobody else sees a dict.

`…Args` is what the program gave, `…Checked` what check made of it (Pulumi calls them inputs, and shows their
differences in a preview), `…State` what create and update returned (outputs).
Numbers arrive as floats, None vanishes, and in a preview a value may be unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self, TypeVar, get_type_hints

import msgspec
from msgspec.structs import replace
from pulumi.output import Unknown
from pulumi.runtime import rpc

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused, UnreadableState
from btp_trust.formatting import format_rfc3339
from btp_trust.parsing.fingerprint import normalize_fingerprint
from btp_trust.secret_guard.detection import find_secret
from btp_trust.service.credentials.environment import DEFAULT_CONNECTION
from btp_trust.snapshot import Snapshot

UNKNOWN: Final[str] = rpc.UNKNOWN
"""What stands for an unknown value, in Pulumi's messages as in our plans."""
_SENTINELS: Final = (
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
        return any(mark in value for mark in _SENTINELS)
    return isinstance(value, Unknown)


PropertyBag = dict[str, Any]
_PROVIDER = "__provider"
_FOUND_BY_CHECK: Final = ("subaccount_id", "source_subaccount_id", "entity_id")
"""Arguments that check finds out where they are not given."""
_NEVER_EMPTY: Final = (
    "connection",
    "subaccount_id",
    "source_connection",
    "source_subaccount_id",
    "origin_key",
    "entity_id",
    "verify_now",
    "adopt",
)
_MAY_BE_UNKNOWN: Final = ("rotation", "verify_now", "passive")
"""Arguments without which a preview shows all that changes what signs; of any other, nobody could review the value."""
_URN: Final = "resource_urn"
"""What no program gives, so that nobody could write it down."""
_SUBACCOUNTS: Final = ("subaccount_id", "source_subaccount_id")
_Shape = TypeVar("_Shape", bound=msgspec.Struct)
_Args = TypeVar("_Args", bound="ResourceArgs")


class SignerSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """A certificate in a preview: what tells it from another one at a glance."""

    fingerprint: str
    not_after: str | None = None

    @classmethod
    def of(cls, certificate: Certificate) -> SignerSummary:
        """Take both from a certificate."""
        return cls(certificate.fingerprint, format_rfc3339(certificate.not_after))


class ResourceArgs(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of every resource."""

    connection: str = DEFAULT_CONNECTION
    subaccount_id: str | None = None

    def normalized(self) -> Self:
        """Return the arguments in the one form that is compared and recorded.

        Raises:
            Refused: An argument is given and empty.
        """
        for name in _NEVER_EMPTY:
            if getattr(self, name, None) == "":
                raise _malformed(f"Expected a text or nothing, got an empty one - at `$.{name}`")
        given = {name: getattr(self, name, None) for name in _SUBACCOUNTS}
        return replace(self, **{name: text.lower() for name, text in given.items() if text is not None})


def certificate_outputs(certificate: Certificate, snapshot: Snapshot) -> PropertyBag:
    """Write the outputs that every resource with a certificate has."""
    return {
        "fingerprint": certificate.fingerprint,
        "certificate": certificate.pem,
        "certificate_body": certificate.body,
        "metadata": certificate.metadata,
        "issuer_name": certificate.issuer_name,
        "serial_number": certificate.serial_number,
        "not_before": format_rfc3339(certificate.not_before),
        "not_after": format_rfc3339(certificate.not_after),
        "role": snapshot.role(certificate.fingerprint),
    }


def with_changes(shape: type[_Shape], args: ResourceArgs, **more: Any) -> _Shape:
    """Add to the arguments what check found out."""
    given = {name: getattr(args, name) for name in args.__struct_fields__}
    return shape(**{**given, **more})


def same_arguments(args: ResourceArgs, other: ResourceArgs, shape: type[ResourceArgs], *without: str) -> bool:
    """Whether both hold the same arguments of this shape; what is recorded need not be given."""
    return all(
        getattr(args, name) == getattr(other, name)
        for name in shape.__struct_fields__
        if name not in without
        if name not in _FOUND_BY_CHECK or None not in (getattr(args, name), getattr(other, name))
    )


def to_bag(value: msgspec.Struct, *without: str) -> PropertyBag:
    """Write a value as a property bag; what has its default is left out."""
    bag: PropertyBag = msgspec.to_builtins(value)
    defaults = {field.name: field.default for field in msgspec.structs.fields(value)}
    return {name: content for name, content in bag.items() if name not in without and content != defaults[name]}


def from_bag(bag: Mapping[str, Any], shape: type[_Shape]) -> _Shape:
    """Read a value from a property bag that this provider wrote; properties of other versions are ignored.

    Raises:
        UnreadableState: It did not write it.
    """
    try:
        return msgspec.convert(normalize_bag(bag), shape)
    except msgspec.ValidationError as error:
        raise UnreadableState(
            "What the state holds of a resource cannot be read.",
            f"{_without_secret(str(error))}. This version of btp-trust does not write that: the state was changed by "
            "hand, or by another version.",
            "Restore the state from a backup (`pulumi stack import`), or use the version that deployed the stack last.",
        ) from None


def from_program(bag: Mapping[str, Any], shape: type[_Args]) -> _Args:
    """Read what the program gave.

    Raises:
        Refused: An argument is unknown in the preview and has to be known, is of the wrong type, or empty.
    """
    own = {name: value for name, value in own_properties(bag).items() if name != _URN or not is_unknown(value)}
    for name in shape.__struct_fields__:
        if is_unknown(own.get(name)) and name not in _MAY_BE_UNKNOWN:
            raise _must_be_known(name)
    try:
        value = msgspec.convert({name: _normalize_value(value) for name, value in own.items()}, shape)
    except msgspec.ValidationError as error:
        raise _malformed(str(error), shape) from None
    return value.normalized()


def with_recorded_subaccount(bag: PropertyBag, recorded: Mapping[str, Any]) -> PropertyBag:
    """Take a subaccount that is unknown for the recorded one: a resource stays in its own one, or is refused later."""
    lasting = (*_SUBACCOUNTS, _URN)
    again = {name: recorded[name] for name in lasting if name in recorded and is_unknown(bag.get(name))}
    return {**bag, **again}


def subaccount_is_unknown(bag: Mapping[str, Any]) -> bool:
    """Whether the subaccount itself, or the one whose certificates are meant, is to be made by the same command."""
    return any(is_unknown(bag.get(name)) for name in _SUBACCOUNTS)


def unplanned_inputs(bag: Mapping[str, Any]) -> PropertyBag:
    """Give the arguments back as they are, unknown ones as unknown: nothing can be planned yet."""
    return {
        name: UNKNOWN if is_unknown(value) else value
        for name, value in own_properties(bag).items()
        if name != "candidate"
    }


def known(bag: Mapping[str, Any]) -> PropertyBag:
    """Leave out what is not known: nobody has recorded it."""
    return {name: value for name, value in bag.items() if not is_unknown(value)}


def normalize_bag(bag: Mapping[str, Any]) -> PropertyBag:
    """Write a property bag as it was before it was sent: check's answer and what diff gets of it are then equal."""
    return {name: _normalize_value(content) for name, content in own_properties(bag).items()}


def own_properties(bag: Mapping[str, Any]) -> PropertyBag:
    """Leave out what is Pulumi's own, and what is not given."""
    return {name: value for name, value in bag.items() if name != _PROVIDER and value is not None}


def _without_secret(text: str) -> str:
    """Keep a decoder's message, which repeats names and values, unless it repeats a secret."""
    return text if find_secret(text) is None else "A value is of another kind"


def _normalize_value(value: Any) -> Any:
    """Turn whole floats back into integers: the wire knows only doubles."""
    if isinstance(value, Mapping):
        return {name: _normalize_value(content) for name, content in value.items()}
    if isinstance(value, list):
        return [_normalize_value(content) for content in value]
    if is_unknown(value):
        return UNKNOWN
    return int(value) if isinstance(value, float) and value.is_integer() else value


def fingerprint_argument(text: str, prop: str) -> str:
    """Normalize an argument that names a certificate.

    Raises:
        Refused: `text` is no SHA-256 fingerprint.
    """
    try:
        return normalize_fingerprint(text)
    except ValueError as error:
        raise Refused(
            f"`{prop}` is {error}.",
            "Certificates are told apart by the SHA-256 fingerprint of their DER.",
            "Take it from an output `fingerprint`, or: openssl x509 -noout -fingerprint -sha256 -in <file>.",
            prop=prop,
        ) from None


def check_generation_name(name: str, prop: str) -> None:
    """Refuse a name that a reader of a preview could mistake, or not type again.

    Raises:
        Refused: `name` is empty, has blanks at its ends, or characters that are not printable.
    """
    if not name or name != name.strip() or not name.isprintable():
        raise Refused(
            f"{name!r} is no name for a generation.",
            "A generation's name is read in previews and typed again in later years.",
            'Give it a short printable name without blanks at its ends, such as "2028-11".',
            prop=prop,
        )


def _must_be_known(prop: str) -> Refused:
    return Refused(
        f"`{prop}` is not known in this preview.",
        "It depends on a resource that will change, so nobody could review what it leads to.",
        "Write the value down, or deploy the resource that it comes from first.",
        prop=prop,
    )


def _malformed(error: str, shape: type[msgspec.Struct] = ResourceArgs) -> Refused:
    text, _, path = error.partition(" - at `$.")
    prop = path.rstrip("`").split("[")[0] or error.partition("`")[2].partition("`")[0]
    if text.startswith("Invalid enum value"):  # the value stands there, and may be a secret that Pulumi does not show
        text = f"It is {' or '.join(each.value for each in get_type_hints(shape)[prop])}"
    return Refused(
        f"The argument `{prop}` cannot be used.",
        f"{text}.",
        "Correct it; the resource's docstring says which values it takes.",
        prop=prop,
    )
