"""When destinations are tried, whether a refusal leads back, and what is said then. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from btp_trust.errors import Refused
from btp_trust.formatting import format_rfc3339, parse_rfc3339, short_fingerprint
from btp_trust.rotation.evidence import Evidence, OnVerificationFailure, Verdict
from btp_trust.rotation.verification.verdict import PROPAGATION_TIME, ProbeResult, RetryCause
from btp_trust.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class VerificationCause:
    """What happened to the certificate that shall sign, and does."""

    swapped: bool = False
    """This command has swapped it in."""
    found: bool = False
    """It signs, and another one was recorded or declared: a run was killed after its swap, or somebody else swapped."""
    is_approved: bool = False
    """With `found`: the program asks for that, by another generation than before or by restoring."""
    open_destinations: tuple[str, ...] = ()
    """Destinations of which an earlier command could not tell."""
    requested: bool = False
    """The program asks to try all once more."""


@dataclass(frozen=True, slots=True)
class VerificationRun:
    """Destinations to try."""

    names: tuple[str, ...]
    decisive: tuple[str, ...]
    """Those by which a step is confirmed: what stays open is tried again by the next command, a refusal leads back."""


def select_destinations(declared: Sequence[str], cause: VerificationCause) -> VerificationRun | None:
    """Decide what to try. A changed list is no occasion by itself."""
    is_step = cause.swapped or (cause.found and cause.is_approved)
    everything = cause.swapped or cause.found or cause.requested
    names = tuple(name for name in declared if everything or name in cause.open_destinations)
    return VerificationRun(names, names if is_step else cause.open_destinations) if names else None


def rolls_back(step: Snapshot, previous: str | None, policy: OnVerificationFailure) -> bool:
    """Whether a refusal swaps back: to exactly what signed before, and never away from what was rolled back to.

    Args:
        step: The slots since the step.
        previous: Fingerprint of what signed before it.
        policy: What the program says.
    """
    if step.active is None or step.passive is None or policy is not OnVerificationFailure.ROLLBACK:
        return False
    return step.passive.fingerprint == previous and not is_rollback(step)


def is_rollback(step: Snapshot) -> bool:
    """Whether what signs since a step is older than what it displaced: somebody had a reason to go back there."""
    return step.active is not None and step.passive is not None and step.active.not_before < step.passive.not_before


def rejecting_destinations(evidence: Mapping[str, Evidence]) -> list[str]:
    """Name the destinations whose targets refused."""
    return [name for name, found in evidence.items() if found.verdict is Verdict.REJECTED]


def inconclusive_destinations(results: Mapping[str, ProbeResult], since: datetime | None) -> list[str]:
    """Name the destinations of which nobody could tell, and of which a later deployment may.

    A target that accepts what nobody knows the signer of is asked once more when the swap is a minute old; then a
    further try would tell no more, and what is missing is a destination that shows who signs.

    Args:
        results: What was found out.
        since: When the certificate began to sign, UTC; None if it was not this stack that saw it begin.
    """
    return [
        name
        for name, found in results.items()
        if found.evidence.verdict is Verdict.INCONCLUSIVE
        if found.retry_cause is not RetryCause.UNKNOWN_SIGNER or _is_soon_after(found.evidence, since)
    ]


def _is_soon_after(found: Evidence, since: datetime | None) -> bool:
    return since is not None and parse_rfc3339(found.at) - since < PROPAGATION_TIME


def rollback_error(
    generation: str, earlier: str | None, evidence: Mapping[str, Evidence], after_rollback: Snapshot
) -> Refused:
    """Explain a step that a target refused and that was undone.

    Args:
        generation: The generation that was refused.
        earlier: Name of the generation that signs again, if it has one.
        evidence: What was found out about each destination, with `way_back`.
        after_rollback: The slots since the swap back.
    """
    names = ", ".join(rejecting_destinations(evidence))
    tried = next(iter(evidence.values())).fingerprint
    signing = after_rollback.slots.active or ""
    known_as = f" ({earlier})" if earlier else ""
    told = "\n".join(
        f"  {name}: {found}; after the swap back: {found.after_rollback}" for name, found in evidence.items()
    )
    both = [
        name
        for name in rejecting_destinations(evidence)
        if (evidence[name].after_rollback or "").startswith(Verdict.REJECTED.value)
    ]
    doubt = f"\n{', '.join(both)} refused the earlier certificate as well, so the new one may not be the cause."
    return Refused(
        f"Generation {generation!r} was refused by the target of {names}, and was swapped back.",
        f"{signing}{known_as} signs again; {tried} does not:\n{told}{doubt if both else ''}",
        f"Revert the change of `generation` ({_declaration_of(earlier)}), let the owner of {names} trust "
        f"{short_fingerprint(tried)}, deploy; then declare {generation!r} again. Until then this generation is refused.",
    )


def unconfirmed_rollback_error(
    generation: str, evidence: Mapping[str, Evidence], tried: Snapshot, what_failed: str, *, until: datetime
) -> Refused:
    """Explain a step that a target refused, and of which nobody knows whether it was undone.

    Args:
        generation: The generation that was refused.
        evidence: What was found out about each destination.
        tried: The slots since the step.
        what_failed: What became of the request, one sentence.
        until: When readings are no more behind it, UTC.
    """
    names, told = (
        ", ".join(rejecting_destinations(evidence)),
        "\n".join(f"  {name}: {found}" for name, found in evidence.items()),
    )
    return Refused(
        f"Generation {generation!r} was refused by the target of {names}. The swap back was sent, and nobody knows "
        "whether it was done: users may be refused now.",
        f"Before the swap back: {tried.slots}.\n{told}\n{what_failed} Then the slots could not be read.",
        f"Wait until {format_rfc3339(until)}, then run `pulumi up` again: it reads the slots. If {tried.slots.active} signs "
        f"after all, it tries the destinations, and swaps back if they are still refused. If {tried.slots.passive} "
        "signs, all is undone, and this generation stays refused until `generation` is reverted. If users are refused "
        f"meanwhile: swap in the cockpit (Connectivity > Destination Trust), so that {tried.slots.passive} signs.",
    )


def _declaration_of(earlier: str | None) -> str:
    return f'generation="{earlier}"' if earlier else "to a name of what signs now"
