"""When destinations are tried, whether a refusal leads back, and what is said then. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from btp_trust.errors import Refused
from btp_trust.formatting import brief, moment_of, rfc3339
from btp_trust.rotation.evidence import Evidence, OnVerificationFailure, Verdict
from btp_trust.rotation.verification.verdict import PASSED_ON, Again, Judgement
from btp_trust.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Occasion:
    """What happened to the certificate that shall sign, and does."""

    swapped: bool = False
    """This command has swapped it in."""
    found: bool = False
    """It signs, and another one was recorded or declared: a run was killed after its swap, or somebody else swapped."""
    approved: bool = False
    """With `found`: the program asks for that, by another generation than before or by restoring."""
    open: tuple[str, ...] = ()
    """Destinations of which an earlier command could not tell."""
    asked: bool = False
    """The program asks to try all once more."""


@dataclass(frozen=True, slots=True)
class Task:
    """Destinations to try."""

    names: tuple[str, ...]
    confirms: tuple[str, ...]
    """Those by which a step is confirmed: what stays open is tried again by the next command, a refusal leads back."""


def task(declared: Sequence[str], occasion: Occasion) -> Task | None:
    """Decide what to try. A changed list is no occasion by itself."""
    is_step = occasion.swapped or (occasion.found and occasion.approved)
    everything = occasion.swapped or occasion.found or occasion.asked
    names = tuple(name for name in declared if everything or name in occasion.open)
    return Task(names, names if is_step else occasion.open) if names else None


def leads_back(step: Snapshot, previous: str | None, policy: OnVerificationFailure) -> bool:
    """Whether a refusal swaps back: to exactly what signed before, and never away from what was rolled back to.

    Args:
        step: The slots since the step.
        previous: Fingerprint of what signed before it.
        policy: What the program says.
    """
    if step.active is None or step.passive is None or policy is not OnVerificationFailure.ROLLBACK:
        return False
    return step.passive.fingerprint == previous and not is_roll_back(step)


def is_roll_back(step: Snapshot) -> bool:
    """Whether what signs since a step is older than what it displaced: somebody had a reason to go back there."""
    return step.active is not None and step.passive is not None and step.active.not_before < step.passive.not_before


def refused(evidence: Mapping[str, Evidence]) -> list[str]:
    """Name the destinations whose targets refused."""
    return [name for name, found in evidence.items() if found.verdict is Verdict.REFUSED]


def still_open(judged: Mapping[str, Judgement], since: datetime | None) -> list[str]:
    """Name the destinations of which nobody could tell, and of which a later deployment may.

    A target that accepts what nobody knows the signer of is asked once more when the swap is a minute old; then a
    further try would tell no more, and what is missing is a destination that shows who signs.

    Args:
        judged: What was found out.
        since: When the certificate began to sign, UTC; None if it was not this stack that saw it begin.
    """
    return [
        name
        for name, found in judged.items()
        if found.evidence.verdict is Verdict.INCONCLUSIVE
        if found.again is not Again.SIGNER or _is_fresh(found.evidence, since)
    ]


def _is_fresh(found: Evidence, since: datetime | None) -> bool:
    return since is not None and moment_of(found.at) - since < PASSED_ON


def failure(generation: str, earlier: str | None, evidence: Mapping[str, Evidence], back: Snapshot) -> Refused:
    """Explain a step that a target refused and that was undone.

    Args:
        generation: The generation that was refused.
        earlier: Name of the generation that signs again, if it has one.
        evidence: What was found out about each destination, with `way_back`.
        back: The slots since the swap back.
    """
    names = ", ".join(refused(evidence))
    tried = next(iter(evidence.values())).fingerprint
    signing = back.slots.active or ""
    known_as = f" ({earlier})" if earlier else ""
    told = "\n".join(f"  {name}: {found}; after the swap back: {found.way_back}" for name, found in evidence.items())
    both = [name for name in refused(evidence) if (evidence[name].way_back or "").startswith(Verdict.REFUSED.value)]
    doubt = f"\n{', '.join(both)} refused the earlier certificate as well, so the new one may not be the cause."
    return Refused(
        f"Generation {generation!r} was refused by the target of {names}, and was swapped back.",
        f"{signing}{known_as} signs again; {tried} does not:\n{told}{doubt if both else ''}",
        f"Revert the change of `generation` ({_declare(earlier)}), let the owner of {names} trust "
        f"{brief(tried)}, deploy; then declare {generation!r} again. Until then this generation is refused.",
    )


def unconfirmed(
    generation: str, evidence: Mapping[str, Evidence], tried: Snapshot, lost: str, *, until: datetime
) -> Refused:
    """Explain a step that a target refused, and of which nobody knows whether it was undone.

    Args:
        generation: The generation that was refused.
        evidence: What was found out about each destination.
        tried: The slots since the step.
        lost: What became of the request, one sentence.
        until: When readings are no more behind it, UTC.
    """
    names, told = ", ".join(refused(evidence)), "\n".join(f"  {name}: {found}" for name, found in evidence.items())
    return Refused(
        f"Generation {generation!r} was refused by the target of {names}. The swap back was sent, and nobody knows "
        "whether it was done: users may be refused now.",
        f"Before the swap back: {tried.slots}.\n{told}\n{lost} Then the slots could not be read.",
        f"Wait until {rfc3339(until)}, then run `pulumi up` again: it reads the slots. If {tried.slots.active} signs "
        f"after all, it tries the destinations, and swaps back if they are still refused. If {tried.slots.passive} "
        "signs, all is undone, and this generation stays refused until `generation` is reverted. If users are refused "
        f"meanwhile: swap in the cockpit (Connectivity > Destination Trust), so that {tried.slots.passive} signs.",
    )


def _declare(earlier: str | None) -> str:
    return f'generation="{earlier}"' if earlier else "to a name of what signs now"
