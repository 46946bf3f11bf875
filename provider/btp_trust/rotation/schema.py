"""What RotationTrigger takes, plans and records, and its candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import msgspec
from msgspec.structs import replace

from btp_trust.arguments import check_generation_name, fingerprint_argument, malformed_argument, unknown_argument
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
from btp_trust.rotation.declaration import OnDrift
from btp_trust.rotation.evidence import Evidence, OnVerificationFailure
from btp_trust.snapshot import Slots
from btp_trust.trusted_by.parsing import TrustedBy, trusted_by_from_program
from btp_trust.trusted_by.statements import TrustStatement


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


class RotationArgs(ResourceArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Arguments of RotationTrigger that are kept."""

    generation: str
    known_generations: dict[str, str] = {}
    on_drift: OnDrift = OnDrift.REPORT
    trusted_by: dict[str, TrustStatement] = {}
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
        destinations = distinct_destinations(self.verify_destinations)
        return replace(super().normalized(), known_generations=written, verify_destinations=destinations)


class SlotPair(msgspec.Struct, frozen=True, omit_defaults=True):
    """Both slots as found."""

    active: str | None = None
    passive: str | None = None

    @classmethod
    def of(cls, slots: Slots) -> SlotPair:
        """Take both fingerprints."""
        return cls(slots.active, slots.passive)

    @property
    def slots(self) -> Slots:
        """The pair to compare with."""
        return Slots(self.active, self.passive)


class RotationInputs(RotationArgs, frozen=True, omit_defaults=True, kw_only=True):
    """RotationTrigger after check."""

    generations: dict[str, str] = {}
    signer: SignerSummary | None = None
    """Who shall sign; None only for a trigger that is planned offline before anything signs by it."""
    candidate: str | None = None
    """Generation of the candidate, so that the next command notices when it is taken away."""
    candidate_retained: bool = False
    """Its `retain_on_delete`: to take it away then deletes nothing."""
    swap_number: int | None = None
    step: str | None = None
    slots_before: SlotPair | None = None
    targets: dict[str, str] = {}
    """{target: whether it trusts what is about to sign}, with `swaps`."""
    rollback_to: str | None = None
    """What signed before and does not now: check is not told the outputs. Kept with `trusted_by` only."""
    drift: str | None = None
    affects: list[str] | None = None
    """Destinations whose assertions are signed with another certificate after the step."""

    @property
    def declared_fingerprint(self) -> str:
        """Fingerprint of who shall sign."""
        return "" if self.signer is None else self.signer.fingerprint


class RotationState(RotationArgs, frozen=True, omit_defaults=True, kw_only=True):
    """Outputs of RotationTrigger, as far as the next command reads them."""

    fingerprint: str
    signer: SignerSummary | None = None
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
    rolled_back_at: str | None = None
    restored_at: str | None = None
    """When the last swap was, if it led to what the state said already: a drift, or a refused generation, undone."""
    rollback_unconfirmed: str | None = None
    """Why nobody knows whether that was done: three parts, a line for the first and for the last."""

    def __post_init__(self) -> None:
        """Refuse a moment that cannot be compared with the service's time."""
        for moment in (self.rotated_at, self.rolled_back_at, self.restored_at):
            if moment is not None:
                parse_rfc3339(moment)

    @property
    def declared_fingerprint(self) -> str:
        """Fingerprint of who should sign by the last deployment."""
        return self.fingerprint if self.signer is None else self.signer.fingerprint


def args_from_bag(bag: PropertyBag, old: RotationInputs | None) -> tuple[RotationArgs, Candidate | None, TrustedBy]:
    """Read the arguments of the program: those that are kept, the candidate, and the targets' statements."""
    candidate = candidate_from_program(bag.get("candidate"), old.candidate if old else None)
    trusted_by = trusted_by_from_program(bag.get("trusted_by"))
    own = {name: value for name, value in bag.items() if name not in ("candidate", "trusted_by")}
    return from_program(own, RotationArgs), candidate, trusted_by


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
        raise unknown_argument("candidate")
    if isinstance(value, str) and value == recorded:
        return Candidate(generation=value, generations={}, is_ignored=True)
    if not isinstance(value, Mapping):
        raise _no_candidate()
    try:
        found = msgspec.convert(known(value), Candidate)
        return found if found.adopt is None else replace(found, adopt=fingerprint_argument(found.adopt, "adopt"))
    except msgspec.ValidationError:
        raise _no_candidate() from None


def _no_candidate() -> Refused:
    return malformed_argument("Expected a PassiveTrustCertificate - at `$.candidate`")


MAX_DESTINATIONS: Final = 12
"""Destinations that one trigger tries: each may take seven requests, and an operation has a bound of a hundred."""
_MAX_NAME_LENGTH: Final = 200
"""Characters of a destination's name, as the service takes them."""


def distinct_destinations(names: Sequence[str]) -> list[str]:
    """Take each destination once, in the order in which they are given.

    Raises:
        Refused: One has no possible name, or they are too many.
    """
    for name in names:
        if not 0 < len(name) <= _MAX_NAME_LENGTH or not name.isprintable() or "/" in name or name.strip(". ") == "":
            raise Refused(
                f"{name[:_MAX_NAME_LENGTH]!r} is no name of a destination.",
                "It becomes a part of the address that is asked.",
                "Give the names as the cockpit shows them (Connectivity > Destinations).",
                prop="verify_destinations",
            )
    found = list(dict.fromkeys(names))
    if len(found) > MAX_DESTINATIONS:
        raise Refused(
            f"{len(found)} destinations are to be tried; at most {MAX_DESTINATIONS} are.",
            "Each of them is tried several times if need be, while users may be refused.",
            "Name those that stand for one target system each.",
            prop="verify_destinations",
        )
    return found
