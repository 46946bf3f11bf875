"""Schema of RotationTrigger: its arguments, its inputs after check, its state, and its candidate."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

from msgspec.structs import replace

from btp_trust.arguments import (
    check_generation_name,
    check_reasons,
    fingerprint_argument,
)
from btp_trust.errors import Refused
from btp_trust.formatting import parse_rfc3339
from btp_trust.property_bag import (
    PropertyBag,
    ResourceArgs,
    SignerSummary,
    from_program,
)
from btp_trust.rotation.candidate import Candidate, candidate_from_program
from btp_trust.rotation.events import Event
from btp_trust.rotation.evidence import Evidence, OnVerificationFailure
from btp_trust.rotation.planned_swap import PlannedSwap
from btp_trust.rotation.switchover.schema import OnSwitchFailure, PlannedSwitchover, Switch, refuse_second_switch
from btp_trust.rotation.time_args import TimeArgs
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


class RotationArgs(TimeArgs, frozen=True, omit_defaults=True, kw_only=True):
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
    switches: list[Switch] = []
    on_switch_failure: OnSwitchFailure = OnSwitchFailure.ROLLBACK

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
        return replace(super().normalized(), known_generations=generations, verify_destinations=destinations)


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
    history: list[Event] = []
    """The latest events, the oldest first."""

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
