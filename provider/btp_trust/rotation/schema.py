"""Schema of RotationTrigger: its arguments, its inputs after check, its state, and its candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

import msgspec
from msgspec.structs import replace

from btp_trust.arguments import (
    check_generation_name,
    check_reasons,
    fingerprint_argument,
    malformed_argument,
    unknown_argument,
)
from btp_trust.errors import Refused
from btp_trust.formatting import parse_rfc3339
from btp_trust.property_bag import (
    PropertyBag,
    ResourceArgs,
    SignerSummary,
    from_program,
    is_unknown,
    known,
)
from btp_trust.rotation.evidence import Evidence, OnVerificationFailure
from btp_trust.rotation.planned_swap import PlannedSwap
from btp_trust.rotation.switchover.schema import OnSwitchFailure, PlannedSwitchover, Switch, refuse_second_switch
from btp_trust.rotation.time_limits import Freeze, check_freezes, duration_argument
from btp_trust.rotation.window import Window, check_window
from btp_trust.trusted_by.parsing import TrustedBy, trusted_by_from_program
from btp_trust.trusted_by.statements import Sighting, TrustStatement

MAX_DESTINATIONS: Final = 12
"""Destinations that one trigger verifies: each may take seven requests, and an operation is limited to a hundred."""
_MAX_NAME_LENGTH: Final = 200
"""Characters of a destination's name, as the service takes them."""
PREVIEW_ONLY: Final = (
    "swap",
    "switchover",
    "step",
    "rollback_to",
    "earlier_attestations",
    "drift",
    "candidate",
    "candidate_retained",
    "generations",
)
"""Inputs that are no outputs: check writes them for the preview, and for the check of the next command."""


class OnDrift(StrEnum):
    """What to do when somebody else swapped the slots."""

    REPORT = "report"
    RESTORE = "restore"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """What a RotationTrigger knows of its candidate."""

    generation: str
    generations: dict[str, str] | None = None
    """The names that its outputs bind; None while a preview lacks the outputs."""
    subaccount_id: str | None = None
    adopt: str | None = None
    """The certificate that the program names for it."""
    retain_on_delete: bool = False
    """Pulumi leaves its certificate alone when the resource is removed."""
    is_ignored: bool = False
    """`ignore_changes` has put the recorded generation in its place, so that it binds no new name."""


class RotationArgs(ResourceArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of RotationTrigger that are recorded. A new argument is one more field here."""

    never_empty: ClassVar = (*ResourceArgs.never_empty, "verify_now")
    may_be_unknown: ClassVar = ("verify_now",)
    other_resources: ClassVar = ("candidate",)

    generation: str
    known_generations: dict[str, str] = {}
    on_drift: OnDrift = OnDrift.REPORT
    trusted_by: dict[str, TrustStatement] = {}
    verify_destinations: list[str] = []
    on_verification_failure: OnVerificationFailure = OnVerificationFailure.ROLLBACK
    verify_now: str | None = None
    """UNKNOWN while a preview lacks it: a reviewer needs none of it."""
    list_affected: bool = False
    revoked: dict[str, str] = {}
    """{generation: why it never signs again}."""
    soak: str | int | None = None
    """How long a certificate exists before it may sign; a number of days becomes a text."""
    freeze: list[Freeze] = []
    window: Window | None = None
    break_glass: dict[str, str] = {}
    """{generation: why it may sign at any time}."""
    switches: list[Switch] = []
    on_switch_failure: OnSwitchFailure = OnSwitchFailure.ROLLBACK

    @property
    def limits_time(self) -> bool:
        """Return True if a rotation may have to wait."""
        return bool(self.freeze) or self.soak is not None or self.window is not None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments alone, by name, for the shapes that hold them besides other fields."""
        return {name: getattr(self, name) for name in RotationArgs.__struct_fields__}

    def normalized(self) -> Self:
        """Write the fingerprints as certificates have them, and each destination once."""
        generations = {
            name: fingerprint_argument(text, "known_generations") for name, text in self.known_generations.items()
        }
        check_generation_name(self.generation, "generation")
        for name in generations:
            check_generation_name(name, "known_generations")
        destinations = distinct_destinations(self.verify_destinations)
        refuse_second_switch(self.switches)
        check_reasons(self.revoked, "revoked")
        check_reasons(self.break_glass, "break_glass")
        check_freezes(self.freeze)
        if self.window is not None:
            check_window(self.window)
        soak = None if self.soak is None else duration_argument(self.soak, "soak")
        changes = {"known_generations": generations, "verify_destinations": destinations, "soak": soak}
        return replace(super().normalized(), **changes)


class RotationInputs(RotationArgs, frozen=True, omit_defaults=True, kw_only=True):
    """RotationTrigger after check."""

    generations: dict[str, str] = {}
    signer: SignerSummary | None = None
    """The declared signer; None only for a trigger that is created offline."""
    candidate: str | None = None
    """Generation of the candidate, so that the next command notices its removal."""
    candidate_retained: bool = False
    """Its `retain_on_delete`: its removal then deletes no certificate."""
    swap: PlannedSwap | None = None
    """The last swap that was planned: see there."""
    switchover: PlannedSwitchover | None = None
    """The last switchover of systems that was planned: see there."""
    step: str | None = None
    """What a deployment would do, in a plan that is made without a reading of the slots."""
    rollback_to: str | None = None
    """Fingerprint of the signer before the present one, for check, which gets no outputs; where `swap` lacks it."""
    earlier_attestations: dict[str, dict[str, Sighting]] = {}
    """{target: {fingerprint: the attestation of it that an earlier deployment recorded, and a later one left out}}, for
    certificates in the slots: check gets no other history."""
    drift: str | None = None

    @property
    def declared_fingerprint(self) -> str:
        """Fingerprint of the declared signer."""
        return "" if self.signer is None else self.signer.fingerprint


class RotationState(RotationArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Outputs of RotationTrigger, as far as the next command reads them."""

    fingerprint: str
    not_after: str | None = None
    recorded_signer: str | None = None
    """The signer of the last deployment, while a refresh has found another one."""
    signer: SignerSummary | None = None
    """The signer that the last deployment declared: a refresh follows the slots, and leaves this."""
    observed_at: str | None = None
    previous_fingerprint: str | None = None
    rotated_at: str | None = None
    verified: dict[str, Evidence] = {}
    unswitched: list[str] = []
    """Systems that the last step has left behind, with `on_switch_failure="continue"`."""
    unverified: list[str] = []
    """Destinations for which the verification of the last step was inconclusive."""
    rejections: dict[str, dict[str, str]] = {}
    """{fingerprint: {destination: when its target rejected the certificate}}, while the certificate is in a slot."""
    failed_generation: str | None = None
    """A generation that was rotated to, rejected by a target, and rolled back."""
    failure: str = ""
    """What the verification found then: three parts, a line for the first and for the last."""
    rolled_back_at: str | None = None
    restored_at: str | None = None
    """When the last swap was, if it restored the recorded signer: after a drift, or after a rollback."""
    rollback_outcome_unknown: str | None = None
    """Why the outcome of the rollback is unknown: three parts, a line for the first and for the last."""

    def __post_init__(self) -> None:
        """Refuse a moment that cannot be compared with the service's time."""
        rejected_at = [moment for found in self.rejections.values() for moment in found.values()]
        for moment in (self.rotated_at, self.rolled_back_at, self.restored_at, *rejected_at):
            if moment is not None:
                parse_rfc3339(moment)

    @property
    def declared_fingerprint(self) -> str:
        """Fingerprint of the signer that the last deployment declared."""
        return self.fingerprint if self.signer is None else self.signer.fingerprint

    @property
    def deployed_signer(self) -> str:
        """Fingerprint of the active certificate that the last deployment recorded."""
        return self.recorded_signer or self.fingerprint


def args_from_bag(bag: PropertyBag, old: RotationInputs | None) -> tuple[RotationArgs, Candidate | None, TrustedBy]:
    """Read the arguments of the program: those that are kept, the candidate, and the targets' statements."""
    candidate = candidate_from_program(bag.get("candidate"), old.candidate if old else None)
    trusted_by = trusted_by_from_program(bag.get("trusted_by"), old.trusted_by if old else {})
    own = {name: value for name, value in bag.items() if name not in ("candidate", "trusted_by")}
    return from_program(own, RotationArgs), candidate, trusted_by


def candidate_from_program(value: Any, recorded: str | None = None) -> Candidate | None:
    """Read the candidate of a RotationTrigger; its outputs are unknown until its certificate exists.

    Args:
        value: The program's value; or, by `ignore_changes`, the generation that check wrote in the last deployment.
        recorded: The generation that check wrote.

    Raises:
        Refused: `value` is something else than a PassiveTrustCertificate.
    """
    if value is None:
        return None
    # The name must be in a preview, as it decides which certificate signs; the certificate may follow.
    if is_unknown(value if not isinstance(value, Mapping) else value.get("generation")):
        raise unknown_argument("candidate")
    if isinstance(value, str) and value == recorded:
        return Candidate(generation=value, generations={}, is_ignored=True)
    if not isinstance(value, Mapping):
        raise _malformed_candidate()
    try:
        candidate = msgspec.convert(known(value), Candidate)
    except msgspec.ValidationError:
        raise _malformed_candidate() from None
    if candidate.adopt is None:
        return candidate
    return replace(candidate, adopt=fingerprint_argument(candidate.adopt, "adopt"))


def _malformed_candidate() -> Refused:
    return malformed_argument("Expected a PassiveTrustCertificate - at `$.candidate`")


def distinct_destinations(names: Sequence[str]) -> list[str]:
    """Return each destination once, in the order of the argument.

    Raises:
        Refused: A name is impossible, or there are too many of them.
    """
    for name in names:
        # A slash, or ".." alone, would lead to another path of the API.
        if not 0 < len(name) <= _MAX_NAME_LENGTH or not name.isprintable() or "/" in name or name.strip(". ") == "":
            raise Refused(
                f"{name[:_MAX_NAME_LENGTH]!r} cannot be the name of a destination.",
                "The name becomes a part of the address of the request.",
                "Give the names as the cockpit shows them (Connectivity > Destinations).",
                prop="verify_destinations",
            )
    destinations = list(dict.fromkeys(names))
    if len(destinations) > MAX_DESTINATIONS:
        raise Refused(
            f"verify_destinations has {len(destinations)} destinations; the maximum is {MAX_DESTINATIONS}.",
            "Each of them takes several probes, while targets may be rejecting users.",
            "Name those that stand for one target system each.",
            prop="verify_destinations",
        )
    return destinations
