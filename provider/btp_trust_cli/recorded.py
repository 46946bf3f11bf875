"""What the state of a stack records of each subaccount, from `pulumi stack export`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from btp_trust.active.schema import ActiveState
from btp_trust.arguments import DEFAULT_CONNECTION
from btp_trust.errors import Refused, UnreadableState
from btp_trust.passive.schema import PassiveState
from btp_trust.property_bag import from_bag
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.schema import OnDrift, RotationState
from btp_trust.rotation.signer_warnings import declaration_of_state, recorded_change, recorded_expiry_context
from btp_trust.rotation.target_status import target_statuses
from btp_trust.rotation.time_limits import check_freezes
from btp_trust.rotation.window import check_window
from btp_trust.runtime.expiry import ExpiryContext, successor_of
from btp_trust.runtime.signer_warnings import SignerChange
from btp_trust.snapshot import Snapshot, has_fingerprint, subaccount_label
from btp_trust.trusted_by.statements import TargetStatus

_TYPE_PREFIX: Final = "pulumi-python:dynamic/btp-trust:"
"""Begins the types of this provider's resources in a state."""
_SECRET: Final = "4dabf18193072939515e22adb298388d"  # noqa: S105 - Pulumi's mark of an encrypted value
_REGISTRATION: Final = f"{_TYPE_PREFIX}TrustedIdentityProvider"


class _BoundNames(msgspec.Struct):
    """What is read of the inputs of a RotationTrigger."""

    generations: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between the slots and the state."""

    what: str
    why: str
    is_undone: bool = False
    """The next deployment undoes it by itself."""

    @property
    def remedy(self) -> str:
        """What to do."""
        return "The next `pulumi up` undoes that." if self.is_undone else "Run `pulumi preview`: it says what to do."


@dataclass(frozen=True, slots=True)
class RecordedSubaccount:
    """The resources of one subaccount in the state of a stack."""

    subaccount_id: str
    connection: str
    display_name: str | None = None
    rotation: RotationState | None = None
    passive: PassiveState | None = None
    active: ActiveState | None = None
    bound_names: Mapping[str, str] = field(default_factory=dict)
    """{generation: fingerprint} that the inputs of a RotationTrigger and the outputs of the others bind."""
    recorded_label: str | None = None
    """The output `subaccount`: its name for people, and eight digits of its GUID."""

    @property
    def label(self) -> str:
        """The subaccount in words: as the state has them, or by its GUID."""
        return self.recorded_label or subaccount_label(self.subaccount_id, self.display_name)

    @property
    def names(self) -> dict[str, str]:
        """All names that the stack knows: {generation: fingerprint}."""
        return dict(self._declaration.generations) if self._declaration else dict(self.bound_names)

    def expiry_context(self, snapshot: Snapshot) -> ExpiryContext:
        """Return what the resource of the stack that warns of the expiry knows."""
        if self._declaration is not None:
            return recorded_expiry_context(self._declaration, snapshot)
        return ExpiryContext(names=self.bound_names, is_prepared_enough=self.passive is not None)

    def drifts(self, snapshot: Snapshot) -> tuple[Drift, ...]:
        """Return all differences between the slots and the state."""
        return tuple(self._find_drifts(snapshot))

    def targets(self, snapshot: Snapshot) -> tuple[TargetStatus, ...]:
        """Return what is known of each target, about the successor of the signer, or else about the signer."""
        certificate = successor_of(snapshot) or snapshot.active
        if self._declaration is None or certificate is None:
            return ()
        return target_statuses(self._declaration, certificate, snapshot)

    @property
    def _declaration(self) -> Declaration | None:
        return None if self.rotation is None else declaration_of_state(self.rotation, self.bound_names)

    @property
    def _signer(self) -> str | None:
        """Fingerprint of the signer that the last deployment declared or recorded."""
        if self.rotation is not None:
            return self.rotation.declared_fingerprint
        return None if self.active is None else self.active.deployed_signer

    def _find_drifts(self, snapshot: Snapshot) -> Iterator[Drift]:
        if snapshot.active is None and self._signer is not None:
            yield Drift(f"The active slot is empty; this stack recorded {self._signer} there.", snapshot.slots_sentence)
        if (change := self._change(snapshot)) is not None:
            is_undone = self.rotation is not None and self.rotation.on_drift is OnDrift.RESTORE and change.was_swapped
            yield Drift(change.what, change.why, is_undone)
        if self.passive is not None and snapshot.find(self.passive.fingerprint) is None:
            what = (
                f"The certificate of generation {self.passive.generation!r} ({self.passive.fingerprint}) is in no slot."
            )
            yield Drift(what, snapshot.slots_sentence)

    def _change(self, snapshot: Snapshot) -> SignerChange | None:
        if self.rotation is not None and self._declaration is not None:
            return recorded_change(self._declaration, self.rotation, snapshot)
        if self.active is None or snapshot.active is None:
            return None
        if has_fingerprint(snapshot.active, self.active.deployed_signer):
            return None
        recorded = self.active
        return SignerChange(recorded.deployed_signer, snapshot.active, snapshot, recorded.observed_at, self.bound_names)


def parse_stack(resources: Iterable[Mapping[str, Any]]) -> dict[str, RecordedSubaccount]:
    """Return {GUID: what the state records of that subaccount}.

    Args:
        resources: `deployment.resources` of `pulumi stack export`.

    Raises:
        UnreadableState: A resource has another form than this provider writes, or what is read of it is encrypted.
    """
    found: dict[str, RecordedSubaccount] = {}
    for resource in resources:
        kind = str(resource.get("type", "")).removeprefix(_TYPE_PREFIX)
        outputs, inputs = _properties(resource, "outputs"), _properties(resource, "inputs")
        guid = outputs.get("subaccount_id")
        # A GUID that the program made a secret is encrypted: its subaccount is read by the configuration alone.
        if kind in _READERS and resource.get("type") != kind and isinstance(guid, str):
            _refuse_encrypted(kind, inputs, outputs)
            before = found.get(guid) or RecordedSubaccount(guid, str(inputs.get("connection") or DEFAULT_CONNECTION))
            named = replace(
                before,
                display_name=_text(inputs, "display_name") or before.display_name,
                recorded_label=_text(outputs, "subaccount") or before.recorded_label,
            )
            found[guid] = _READERS[kind](named, inputs, outputs)
    return found


def registration_connections(resources: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the connections of all TrustedIdentityProviders, each once."""
    inputs = (_properties(resource, "inputs") for resource in resources if resource.get("type") == _REGISTRATION)
    names = (_text(given, "connection") for given in inputs)
    return tuple(dict.fromkeys(name for name in names if name))


def project_of(resources: Iterable[Mapping[str, Any]]) -> str:
    """Return the name of the project, by the URNs; empty for a stack without resources."""
    urns = (str(resource.get("urn")).split("::") for resource in resources)
    return next((parts[1] for parts in urns if len(parts) > 1), "")


def _properties(resource: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    properties = resource.get(name)
    return properties if isinstance(properties, Mapping) else {}


def _text(properties: Mapping[str, Any], name: str) -> str | None:
    """Return a text for people; a secret one is encrypted, and something else takes its place."""
    value = properties.get(name)
    return value if isinstance(value, str) else None


def _refuse_encrypted(kind: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
    """Refuse secrets in what is read: an encrypted map of targets would pass for two targets."""
    read = [("connection", inputs), ("generations", inputs), *((name, outputs) for name in _SHAPES[kind])]
    encrypted = sorted({name for name, properties in read if _is_encrypted(properties.get(name))})
    if encrypted:
        raise UnreadableState(
            f"The state of a {kind} is encrypted in part: {', '.join(encrypted)}.",
            "The program gives a secret there (pulumi.Output.secret, or an output of a stack that has secrets).",
            f"These values are public: give {kind} plain ones (pulumi.Output.unsecret), and deploy with `pulumi up`.",
        )


def _is_encrypted(value: Any) -> bool:
    if isinstance(value, Mapping):
        return _SECRET in value or any(map(_is_encrypted, value.values()))
    return isinstance(value, list) and any(map(_is_encrypted, value))


def _with_rotation(
    before: RecordedSubaccount, inputs: Mapping[str, Any], outputs: Mapping[str, Any]
) -> RecordedSubaccount:
    rotation, bound = from_bag(outputs, RotationState), from_bag(inputs, _BoundNames)
    _check_times(rotation)
    return replace(before, rotation=rotation, bound_names={**before.bound_names, **bound.generations})


def _check_times(rotation: RotationState) -> None:
    """Refuse times that a state changed by hand has, and a time zone that this machine lacks: a calendar reads both."""
    try:
        check_freezes(rotation.freeze)
        if rotation.window is not None:
            check_window(rotation.window)
    except Refused as error:
        remedy = "Correct it in the program and run `pulumi up`, or restore the state from a backup."
        raise UnreadableState(error.what, error.why, remedy) from None


def _with_passive(
    before: RecordedSubaccount, _inputs: Mapping[str, Any], outputs: Mapping[str, Any]
) -> RecordedSubaccount:
    passive = from_bag(outputs, PassiveState)
    names = {**before.bound_names, **passive.generations, passive.generation: passive.fingerprint}
    return replace(before, passive=passive, bound_names=names)


def _with_active(
    before: RecordedSubaccount, _inputs: Mapping[str, Any], outputs: Mapping[str, Any]
) -> RecordedSubaccount:
    return replace(before, active=from_bag(outputs, ActiveState))


_SHAPES: Final = {
    "RotationTrigger": RotationState.__struct_fields__,
    "PassiveTrustCertificate": PassiveState.__struct_fields__,
    "ActiveTrustCertificate": ActiveState.__struct_fields__,
}
"""{resource: the outputs that are read}"""
_READERS: Final = {
    "RotationTrigger": _with_rotation,
    "PassiveTrustCertificate": _with_passive,
    "ActiveTrustCertificate": _with_active,
}
"""{resource: what reads it}; a TrustedIdentityProvider belongs to a target, whose certificates are another matter."""
