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

from btp_trust.certificate import Certificate
from btp_trust.errors import Refused, UnreadableState
from btp_trust.fingerprint import normalize_fingerprint
from btp_trust.model import Slots, Snapshot, moment_of, rfc3339
from btp_trust.plan.confirmation import distinct
from btp_trust.plan.declaration import OnDrift
from btp_trust.plan.identity_provider import OnDelete
from btp_trust.plan.trust import Told
from btp_trust.plan.verification import Evidence, OnVerificationFailure
from btp_trust.saml import Layout
from btp_trust.secret_detection import secret_in
from btp_trust.service.environment import DEFAULT
from btp_trust.unknown import UNKNOWN, is_unknown

PropertyBag = dict[str, Any]
_PROVIDER = "__provider"
_RECORDED: Final = ("subaccount_id", "source_subaccount_id", "entity_id")
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


class Signing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A certificate in a preview: what tells it from another one at a glance."""

    fingerprint: str
    not_after: str | None = None

    @classmethod
    def of(cls, certificate: Certificate) -> Signing:
        """Take both from a certificate."""
        return cls(certificate.fingerprint, rfc3339(certificate.not_after))


class ResourceArgs(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of every resource."""

    connection: str = DEFAULT
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


class ActiveArgs(ResourceArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of ActiveTrustCertificate."""

    rotation: str | None = None
    """The generation that the RotationTrigger of `rotation=` declares; UNKNOWN while a preview does not know it."""
    generate: bool = False
    renew_fingerprint: str | None = None
    accept_outage: bool = False

    def normalized(self) -> Self:
        """Write the fingerprint as certificates have it."""
        text = self.renew_fingerprint
        renewed = None if text is None else fingerprint_argument(text, "renew_fingerprint")
        return replace(super().normalized(), renew_fingerprint=renewed)


class ActiveChecked(ActiveArgs, frozen=True, omit_defaults=True, kw_only=True):
    """ActiveTrustCertificate after check."""

    signing: Signing | None = None
    step: str | None = None


class ActiveState(ActiveArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Outputs of ActiveTrustCertificate, as far as the next command reads them."""

    fingerprint: str
    observed_at: str | None = None


class PassiveArgs(ResourceArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of PassiveTrustCertificate."""

    generation: str
    adopt: str | None = None
    replace: str | None = None
    resource_urn: str | None = None
    """So that a deletion that fails can name it: Pulumi does not tell a provider."""

    def normalized(self) -> Self:
        """Write the fingerprints as certificates have them."""
        given = {"adopt": self.adopt, "replace": self.replace}
        written = {prop: fingerprint_argument(text, prop) for prop, text in given.items() if text is not None}
        check_generation_name(self.generation, "generation")
        return replace(super().normalized(), **written)


class PassiveChecked(PassiveArgs, frozen=True, omit_defaults=True, kw_only=True):
    """PassiveTrustCertificate after check."""

    earlier_generations: list[str] = []
    passive_slot: Signing | None = None
    replaces: str | None = None
    step: str | None = None


class PassiveState(PassiveArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Outputs of PassiveTrustCertificate, as far as the next command reads them."""

    fingerprint: str
    observed_at: str | None = None
    generations: dict[str, str] = {}


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """What a RotationTrigger is told of its candidate."""

    generation: str
    generations: dict[str, str] | None = None
    """Name and fingerprint count as a pair from its outputs; None while a preview does not know them."""
    subaccount_id: str | None = None
    adopt: str | None = None
    """The certificate that the program names for it."""
    retain_on_delete: bool = False
    """Whether Pulumi leaves its certificate alone when the resource is removed."""
    is_ignored: bool = False
    """Whether `ignore_changes` has put what the last deployment recorded in its place: nothing new is learned."""


class TriggerArgs(ResourceArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of RotationTrigger that are kept."""

    generation: str
    known_generations: dict[str, str] = {}
    on_drift: OnDrift = OnDrift.REPORT
    trusted_by: dict[str, Told] = {}
    verify_destinations: list[str] = []
    on_verification_failure: OnVerificationFailure = OnVerificationFailure.ROLLBACK
    verify_now: str | None = None
    """UNKNOWN while a preview does not know it: it changes nothing that anybody has to review."""
    list_affected: bool = False

    def normalized(self) -> Self:
        """Write the fingerprints as certificates have them, and each destination once."""
        known = self.known_generations
        written = {name: fingerprint_argument(text, "known_generations") for name, text in known.items()}
        check_generation_name(self.generation, "generation")
        for name in known:
            check_generation_name(name, "known_generations")
        destinations = distinct(self.verify_destinations)
        return replace(super().normalized(), known_generations=written, verify_destinations=destinations)


class SwapSlots(msgspec.Struct, frozen=True, omit_defaults=True):
    """Both slots as found."""

    active: str | None = None
    passive: str | None = None

    @classmethod
    def of(cls, slots: Slots) -> SwapSlots:
        """Take both fingerprints."""
        return cls(slots.active, slots.passive)

    @property
    def slots(self) -> Slots:
        """The pair to compare with."""
        return Slots(self.active, self.passive)


class TriggerChecked(TriggerArgs, frozen=True, omit_defaults=True, kw_only=True):
    """RotationTrigger after check."""

    generations: dict[str, str] = {}
    signing: Signing | None = None
    """Who shall sign; None only for a trigger that is planned offline before anything signs by it."""
    candidate: str | None = None
    """Generation of the candidate, so that the next command notices when it is taken away."""
    candidate_retained: bool = False
    """Its `retain_on_delete`: to take it away then deletes nothing."""
    swap_number: int | None = None
    step: str | None = None
    swaps: SwapSlots | None = None
    targets: dict[str, str] = {}
    """{target: whether it trusts what is about to sign}, with `swaps`."""
    way_back: str | None = None
    """What signed before and does not now: check is not told the outputs. Kept with `trusted_by` only."""
    drift: str | None = None
    affects: list[str] | None = None
    """Destinations whose assertions are signed with another certificate after the step."""

    @property
    def wanted(self) -> str:
        """Fingerprint of who shall sign."""
        return "" if self.signing is None else self.signing.fingerprint


class TriggerState(TriggerArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Outputs of RotationTrigger, as far as the next command reads them."""

    fingerprint: str
    signing: Signing | None = None
    """Who should sign by the last deployment: a refresh follows the slots, and leaves this."""
    observed_at: str | None = None
    previous_fingerprint: str | None = None
    rotated_at: str | None = None
    verified: dict[str, Evidence] = {}
    unverified: list[str] = []
    """Destinations of which the last step's check could not tell."""
    failed_generation: str | None = None
    """A generation that was swapped in, refused by a target, and swapped back."""
    failure: str = ""
    """What was found out then: three parts, a line for the first and for the last."""
    swapped_back_at: str | None = None
    restored_at: str | None = None
    """When the last swap was, if it led to what the state said already: a drift, or a refused generation, undone."""
    rollback_unconfirmed: str | None = None
    """Why nobody knows whether that was done: three parts, a line for the first and for the last."""

    def __post_init__(self) -> None:
        """Refuse a moment that cannot be compared with the service's time."""
        for moment in (self.rotated_at, self.swapped_back_at, self.restored_at):
            if moment is not None:
                moment_of(moment)

    @property
    def declared(self) -> str:
        """Fingerprint of who should sign by the last deployment."""
        return self.fingerprint if self.signing is None else self.signing.fingerprint


class IdentityProviderArgs(ResourceArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of TrustedIdentityProvider; connection and subaccount are the target's."""

    connection: str
    origin_key: str
    source_connection: str = DEFAULT
    source_subaccount_id: str | None = None
    passive: str | None = None
    """Fingerprint of the PassiveTrustCertificate; UNKNOWN while a preview does not know it."""
    name: str | None = None
    entity_id: str | None = None
    metadata_layout: Layout = Layout.KEY_DESCRIPTORS
    adopt: str | None = None
    """ID of an identity provider that somebody else made."""
    on_delete: OnDelete = OnDelete.DELETE

    @property
    def source(self) -> ResourceArgs:
        """Where the certificates are."""
        return ResourceArgs(connection=self.source_connection, subaccount_id=self.source_subaccount_id)


class IdentityProviderChecked(IdentityProviderArgs, frozen=True, omit_defaults=True, kw_only=True):
    """TrustedIdentityProvider after check."""

    certificates: list[str] | str = []
    """Fingerprints that the target shall hold, sorted; UNKNOWN while one of them is to be generated."""
    held: list[str] | None = None
    """What it held, while there is a step."""
    step: str | None = None
    preexisting: str | None = None
    """Its ID, if it was there before the resource, which adopted it without `adopt`."""
    removal: str | None = None
    """What becomes of it when the resource is removed: the preview of a removal shows the inputs."""


class IdentityProviderState(IdentityProviderArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Outputs of TrustedIdentityProvider, as far as the next command reads them."""

    trusted: list[str] = []
    identity_provider_id: str | None = None
    preexisting: str | None = None
    observed_at: str | None = None


def certificate_outputs(certificate: Certificate, snapshot: Snapshot) -> PropertyBag:
    """Write the outputs that every resource with a certificate has."""
    return {
        "fingerprint": certificate.fingerprint,
        "certificate": certificate.pem,
        "certificate_body": certificate.body,
        "metadata": certificate.metadata,
        "issuer_name": certificate.issuer_name,
        "serial_number": certificate.serial_number,
        "not_before": rfc3339(certificate.not_before),
        "not_after": rfc3339(certificate.not_after),
        "role": snapshot.role(certificate.fingerprint),
    }


def checked(shape: type[_Shape], args: ResourceArgs, **more: Any) -> _Shape:
    """Add to the arguments what check found out."""
    given = {name: getattr(args, name) for name in args.__struct_fields__}
    return shape(**{**given, **more})


def same_arguments(args: ResourceArgs, other: ResourceArgs, shape: type[ResourceArgs], *without: str) -> bool:
    """Whether both hold the same arguments of this shape; what is recorded need not be given."""
    return all(
        getattr(args, name) == getattr(other, name)
        for name in shape.__struct_fields__
        if name not in without
        if name not in _RECORDED or None not in (getattr(args, name), getattr(other, name))
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
        return msgspec.convert(plain(bag), shape)
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
        value = msgspec.convert({name: _plain(value) for name, value in own.items()}, shape)
    except msgspec.ValidationError as error:
        raise _malformed(str(error), shape) from None
    return value.normalized()


def candidate_from_program(value: Any, recorded: str | None = None) -> Candidate | None:
    """Read the candidate of a RotationTrigger; its outputs are unknown while it is to be minted.

    Args:
        value: What the program gave; or, by `ignore_changes`, what check wrote of it in the last deployment.
        recorded: What check wrote: the generation.

    Raises:
        Refused: It is no PassiveTrustCertificate.
    """
    if value is None:
        return None
    if is_unknown(value if not isinstance(value, Mapping) else value.get("generation")):
        raise _must_be_known("candidate")
    if isinstance(value, str) and value == recorded:
        return Candidate(generation=value, generations={}, is_ignored=True)
    if not isinstance(value, Mapping):
        raise _no_candidate()
    try:
        found = msgspec.convert(known(value), Candidate)
        return found if found.adopt is None else replace(found, adopt=fingerprint_argument(found.adopt, "adopt"))
    except msgspec.ValidationError:
        raise _no_candidate() from None


def with_recorded(bag: PropertyBag, recorded: Mapping[str, Any]) -> PropertyBag:
    """Take a subaccount that is unknown for the recorded one: a resource stays in its own one, or is refused later."""
    lasting = (*_SUBACCOUNTS, _URN)
    again = {name: recorded[name] for name in lasting if name in recorded and is_unknown(bag.get(name))}
    return {**bag, **again}


def subaccount_is_unknown(bag: Mapping[str, Any]) -> bool:
    """Whether the subaccount itself, or the one whose certificates are meant, is to be made by the same command."""
    return any(is_unknown(bag.get(name)) for name in _SUBACCOUNTS)


def unplanned(bag: Mapping[str, Any]) -> PropertyBag:
    """Give the arguments back as they are, unknown ones as unknown: nothing can be planned yet."""
    return {
        name: UNKNOWN if is_unknown(value) else value
        for name, value in own_properties(bag).items()
        if name != "candidate"
    }


def known(bag: Mapping[str, Any]) -> PropertyBag:
    """Leave out what is not known: nobody has recorded it."""
    return {name: value for name, value in bag.items() if not is_unknown(value)}


def plain(bag: Mapping[str, Any]) -> PropertyBag:
    """Write a property bag as it was before it was sent: check's answer and what diff gets of it are then equal."""
    return {name: _plain(content) for name, content in own_properties(bag).items()}


def own_properties(bag: Mapping[str, Any]) -> PropertyBag:
    """Leave out what is Pulumi's own, and what is not given."""
    return {name: value for name, value in bag.items() if name != _PROVIDER and value is not None}


def _without_secret(text: str) -> str:
    """Keep a decoder's message, which repeats names and values, unless it repeats a secret."""
    return text if secret_in(text) is None else "A value is of another kind"


def _plain(value: Any) -> Any:
    """Turn whole floats back into integers: the wire knows only doubles."""
    if isinstance(value, Mapping):
        return {name: _plain(content) for name, content in value.items()}
    if isinstance(value, list):
        return [_plain(content) for content in value]
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


def _no_candidate() -> Refused:
    return _malformed("Expected a PassiveTrustCertificate - at `$.candidate`")


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
