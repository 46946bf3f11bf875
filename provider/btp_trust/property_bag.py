"""Pulumi's property bags, and the structs that they become.

`…Args` are the arguments of the program; `…Inputs` adds the plan of check, whose differences a preview shows; `…State`
is the part of the outputs that a later command reads.
Numbers arrive as floats, None vanishes, and in a preview a value may be unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Final, Self, TypeVar

import msgspec
from msgspec.structs import replace
from pulumi.output import Unknown
from pulumi.runtime import rpc

from btp_trust.arguments import DEFAULT_CONNECTION, check_display_name, malformed_argument, unknown_argument
from btp_trust.certificate import Certificate
from btp_trust.errors import UnreadableState
from btp_trust.formatting import format_rfc3339
from btp_trust.parsing import structs
from btp_trust.secret_guard.detection import find_secret

UNKNOWN: Final[str] = rpc.UNKNOWN
"""Stands for an unknown value, in Pulumi's messages as in our plans."""
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
_SENTINEL_LENGTH: Final = min(map(len, _SENTINELS))


def is_unknown(value: Any) -> bool:
    """Return True if a value is unknown, or holds an unknown one at any depth."""
    if isinstance(value, str):
        # Also inside of a longer text: a program may build a name of an unknown value.
        return len(value) >= _SENTINEL_LENGTH and any(mark in value for mark in _SENTINELS)
    if isinstance(value, Mapping):
        return any(is_unknown(content) for content in value.values())
    if isinstance(value, list | tuple):
        return any(is_unknown(content) for content in value)
    return isinstance(value, Unknown)


PropertyBag = dict[str, Any]
_PROVIDER = "__provider"
_DEVELOPMENT_KEYS: Final = (
    "signing",
    "swaps",
    "way_back",
    "swapped_back_at",
    "held",
    "rollback_unconfirmed",
    "slots_before",
    "certificates_before",
    "passive_slot",
)
"""Properties that only versions before the first release wrote; each was renamed, so it would be ignored unseen."""
_DEVELOPMENT_VERDICTS: Final = ("proved", "refused")
"""The same for the verdicts of `verified`."""
_Shape = TypeVar("_Shape", bound=msgspec.Struct)
_Args = TypeVar("_Args", bound="CommonArgs")


class SignerSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """A certificate in a preview: enough to tell two of them apart at a glance."""

    fingerprint: str
    not_after: str | None = None

    @classmethod
    def of(cls, certificate: Certificate) -> SignerSummary:
        """Take both from a certificate."""
        return cls(certificate.fingerprint, format_rfc3339(certificate.not_after))


class CommonArgs(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of every resource; a class variable names those of one kind."""

    never_empty: ClassVar[tuple[str, ...]] = ("connection",)
    """Texts that a program gives whole or omits."""
    may_be_unknown: ClassVar[tuple[str, ...]] = ()
    """Arguments that a reviewer can do without: the preview shows each change of the signer all the same."""
    subaccounts: ClassVar[tuple[str, ...]] = ()
    """GUIDs of subaccounts: check adds one that a program omits, and the resource keeps it."""
    found_by_check: ClassVar[tuple[str, ...]] = ()
    """Other arguments that check adds where a program omits them."""
    set_by_resource: ClassVar[tuple[str, ...]] = ()
    """Arguments that the resource sets, so that a program could not give a value in place of an unknown one."""
    other_resources: ClassVar[tuple[str, ...]] = ()
    """Other resources that the program passes: the inputs have what a plan needs of them."""

    connection: str = DEFAULT_CONNECTION

    def normalized(self) -> Self:
        """Return the arguments in the one form that is compared and recorded.

        Raises:
            Refused: An argument is an empty text.
        """
        # An empty text often comes from an unset variable; an empty `subaccount_id` would skip its comparison.
        for name in self.never_empty:
            if getattr(self, name) == "":
                raise malformed_argument(f"Expected a text or nothing, got an empty one - at `$.{name}`")
        return self


class ResourceArgs(CommonArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of every resource of a subaccount."""

    never_empty: ClassVar[tuple[str, ...]] = ("connection", "subaccount_id", "display_name")
    subaccounts: ClassVar[tuple[str, ...]] = ("subaccount_id",)

    subaccount_id: str | None = None
    display_name: str | None = None

    def normalized(self) -> Self:
        """Return the arguments in the one form that is compared and recorded.

        Raises:
            Refused: An argument is an empty text, or the name for people cannot be printed.
        """
        args = super().normalized()
        if args.display_name is not None:
            check_display_name(args.display_name)
        given = {name: getattr(args, name) for name in args.subaccounts}
        # A GUID in capitals is the same subaccount.
        return replace(args, **{name: text.lower() for name, text in given.items() if text is not None})


def certificate_outputs(certificate: Certificate) -> PropertyBag:
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
    }


def with_changes(shape: type[_Shape], args: CommonArgs, **more: Any) -> _Shape:
    """Return the arguments in another shape, with more fields set."""
    given = {name: getattr(args, name) for name in args.__struct_fields__}
    return shape(**{**given, **more})


def same_arguments(args: CommonArgs, other: CommonArgs, shape: type[CommonArgs], *without: str) -> bool:
    """Return True if both hold the same arguments of this shape; the program may omit those that check adds."""
    return all(
        getattr(args, name) == getattr(other, name)
        for name in shape.__struct_fields__
        if name not in without
        if name not in (*shape.subaccounts, *shape.found_by_check)
        or None not in (getattr(args, name), getattr(other, name))
    )


def to_bag(value: msgspec.Struct, *without: str) -> PropertyBag:
    """Write a value as a property bag; fields that have their default are left out."""
    bag: PropertyBag = msgspec.to_builtins(value)
    defaults = _defaults(type(value))
    # So an upgrade that adds a field leaves the recorded inputs of a stack equal.
    return {name: content for name, content in bag.items() if name not in without and content != defaults[name]}


@cache
def _defaults(shape: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.default for field in msgspec.structs.fields(shape)}


def from_bag(bag: Mapping[str, Any], shape: type[_Shape]) -> _Shape:
    """Read a value from a property bag that this provider wrote; properties of other releases are ignored.

    Raises:
        UnreadableState: The bag has another form, or a development version wrote it.
    """
    if (prop := _development_property(bag)) is not None:
        raise _development_state(prop)
    try:
        return structs.convert(normalize_bag(bag), shape)
    except msgspec.ValidationError as error:
        raise UnreadableState(
            "The state of a resource cannot be read.",
            f"{_without_secret(str(error))}. This version of btp-trust writes another form: the state was changed by "
            "hand, or by another version.",
            "Restore the state from a backup (`pulumi stack import`), or use the version that deployed the stack last.",
        ) from None


def _development_property(bag: Mapping[str, Any]) -> str | None:
    """Return the path of a property that only a development version wrote, or None."""
    verified = bag.get("verified")
    for evidence in verified.values() if isinstance(verified, Mapping) else ():
        if isinstance(evidence, Mapping) and "way_back" in evidence:
            return "verified.*.way_back"
        if isinstance(evidence, Mapping) and evidence.get("verdict") in _DEVELOPMENT_VERDICTS:
            return f'verified.*.verdict = "{evidence["verdict"]}"'
    return next((name for name in _DEVELOPMENT_KEYS if name in bag), None)


def _development_state(prop: str) -> UnreadableState:
    return UnreadableState(
        "The state of a resource was written by a development version of btp-trust, before its first release.",
        f"It holds `{prop}`, which the releases call by another name. Nothing was read from the service or written.",
        "Start over. Remove each btp-trust resource from the state, those that depend on others first: "
        "`pulumi stack --show-urns`, then `pulumi state delete '<URN>'`. This changes nothing in the subaccount. Then "
        "adopt the certificates again as docs/how-to/first-adoption.md says.",
    )


def from_program(bag: Mapping[str, Any], shape: type[_Args]) -> _Args:
    """Read the arguments of the program.

    Raises:
        Refused: An argument is unknown in the preview and has to be known, is of the wrong type, or empty.
    """
    own = {
        name: value
        for name, value in own_properties(bag).items()
        if name not in shape.set_by_resource or not is_unknown(value)
    }
    for name in shape.__struct_fields__:
        if is_unknown(own.get(name)) and name not in shape.may_be_unknown:
            raise unknown_argument(name)
    try:
        value = structs.convert({name: _normalize_value(value) for name, value in own.items()}, shape)
    except msgspec.ValidationError as error:
        raise malformed_argument(str(error), shape) from None
    return value.normalized()


def with_recorded_subaccount(bag: PropertyBag, recorded: Mapping[str, Any], shape: type[CommonArgs]) -> PropertyBag:
    """Replace an unknown subaccount by the recorded one: a resource stays in its own, or is refused later."""
    lasting = (*shape.subaccounts, *shape.set_by_resource)
    again = {name: recorded[name] for name in lasting if name in recorded and is_unknown(bag.get(name))}
    return {**bag, **again}


def subaccount_is_unknown(bag: Mapping[str, Any], shape: type[CommonArgs]) -> bool:
    """Return True if the same command creates the subaccount of the resource, or that of its certificates."""
    return any(is_unknown(bag.get(name)) for name in shape.subaccounts)


def unplanned_inputs(bag: Mapping[str, Any], shape: type[CommonArgs]) -> PropertyBag:
    """Return the arguments of a resource that cannot be planned yet, unknown ones as unknown."""
    return {
        name: UNKNOWN if is_unknown(value) else value
        for name, value in own_properties(bag).items()
        if name not in shape.other_resources
    }


def known(bag: Mapping[str, Any]) -> PropertyBag:
    """Return the properties whose value is known."""
    return {name: value for name, value in bag.items() if not is_unknown(value)}


def normalize_bag(bag: Mapping[str, Any]) -> PropertyBag:
    """Undo what sending changed in a property bag: what check returned then equals what diff gets of it."""
    return {name: _normalize_value(content) for name, content in own_properties(bag).items()}


def own_properties(bag: Mapping[str, Any]) -> PropertyBag:
    """Return the properties of the resource: Pulumi's own and empty ones are left out."""
    return {name: value for name, value in bag.items() if name != _PROVIDER and value is not None}


def _without_secret(text: str) -> str:
    """Return the message of a decoder, which repeats names and values, in a form that shows no secret."""
    return text if find_secret(text) is None else "A value is of another kind"


def _normalize_value(value: Any) -> Any:
    """Turn whole floats back into integers: the wire knows only doubles."""
    if isinstance(value, Mapping):
        return {name: _normalize_value(content) for name, content in value.items()}
    if isinstance(value, list):
        return [_normalize_value(content) for content in value]
    # The engine has a placeholder for each type; one stands for all of them in comparisons.
    if is_unknown(value):
        return UNKNOWN
    return int(value) if isinstance(value, float) and value.is_integer() else value
