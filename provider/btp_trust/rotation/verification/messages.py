"""Errors after a target's rejection: what it answered, which certificate signs, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from btp_trust.errors import Refused, RollbackFailed, TrustError
from btp_trust.formatting import format_rfc3339, short_fingerprint
from btp_trust.rotation.evidence import Evidence, Verdict, evidence_lines
from btp_trust.rotation.verification.policy import rejecting_destinations
from btp_trust.rotation.verification.refusal_times import SigningStart, refused_since, refused_until
from btp_trust.snapshot import Snapshot


def rollback_error(
    generation: str,
    earlier: str | None,
    evidence: Mapping[str, Evidence],
    after_rollback: Snapshot,
    *,
    since: SigningStart,
) -> Refused:
    """Explain a step that a target rejected and that was rolled back.

    Args:
        generation: The rejected generation.
        earlier: Name of the generation that signs again, if it has one.
        evidence: Evidence by destination, with `after_rollback`.
        after_rollback: The slots since the rollback.
        since: When the rejected certificate began to sign.
    """
    rejecting = rejecting_destinations(evidence)
    names = ", ".join(rejecting)
    rejected = next(iter(evidence.values())).fingerprint
    still = _rejecting_both(evidence, rejecting)
    freed = [name for name in rejecting if name not in still]
    window = f"\n{refused_until(freed, since, after_rollback.now)}" if freed else ""
    known_as = f" ({earlier})" if earlier else ""
    return Refused(
        f"Generation {generation!r} was rejected by the target of {names}, and was rolled back.",
        f"{after_rollback.slots.active or ''}{known_as} signs again instead of {rejected}:\n"
        f"{evidence_lines(evidence, with_rollback=True)}{window}{_doubt(still, since)}",
        f"Revert the change of `generation` ({_declaration_of(earlier)}), let the owner of {names} trust "
        f"{short_fingerprint(rejected)}, deploy; then declare {generation!r} again; an attestation counts if it is "
        "later than this rejection. Until then this generation is refused.",
    )


def unknown_rollback_outcome_error(
    generation: str,
    evidence: Mapping[str, Evidence],
    step: Snapshot,
    what_failed: str,
    *,
    since: SigningStart,
    until: datetime,
) -> Refused:
    """Explain a step that a target rejected and whose rollback has an unknown outcome.

    Args:
        generation: The rejected generation.
        evidence: Evidence by destination.
        step: The slots since the step.
        what_failed: What became of the request, one sentence.
        since: When the rejected certificate began to sign.
        until: When readings have caught up with the rollback, UTC.
    """
    rejecting = rejecting_destinations(evidence)
    names = ", ".join(rejecting)
    return Refused(
        f"Generation {generation!r} was rejected by the target of {names}. The rollback was sent, and its outcome is "
        "unknown: users may be rejected now.",
        f"Before the rollback: {step.slots}.\n{evidence_lines(evidence)}\n{what_failed} Then reading the slots failed. "
        f"{refused_since(rejecting, since)[:-1]}, unless the rollback was applied.",
        f"Wait until {format_rfc3339(until)}, then run `pulumi up` again: it reads the slots. If {step.slots.active} "
        f"signs after all, it verifies the destinations, and rolls back if they still reject. If {step.slots.passive} "
        "signs, all is undone, and this generation stays refused until `generation` is reverted. If users are rejected "
        f"meanwhile: swap in the cockpit (Connectivity > Destination Trust), so that {step.slots.passive} signs.",
    )


def rollback_impossible_error(
    generation: str, fingerprint: str, step: Snapshot, evidence: Mapping[str, Evidence], *, since: SigningStart
) -> RollbackFailed:
    """Explain a step that a target rejects, while the previous signer is gone from the passive slot.

    Args:
        generation: The rejected generation.
        fingerprint: The certificate of the generation.
        step: The slots since the step.
        evidence: Evidence by destination.
        since: When the rejected certificate began to sign.
    """
    rejecting = rejecting_destinations(evidence)
    names = ", ".join(rejecting)
    return RollbackFailed(
        f"Generation {generation!r} is rejected by the target of {names}, and a rollback is impossible: users are "
        "rejected now.",
        f"The passive slot no longer holds the previous signer. {step.slots}.\n{evidence_lines(evidence, rejecting)}\n"
        f"{refused_since(rejecting, since)}",
        f"Let the owner of {names} trust {fingerprint} at once, then run `pulumi up` again. To deploy other things "
        'meanwhile: on_verification_failure="report".',
    )


def rollback_failed_error(
    generation: str, step: Snapshot, evidence: Mapping[str, Evidence], error: TrustError, *, since: SigningStart
) -> RollbackFailed:
    """Explain a step that a target rejected and whose rollback failed.

    Args:
        generation: The rejected generation.
        step: The slots since the step.
        evidence: Evidence by destination.
        error: Why the rollback failed.
        since: When the rejected certificate began to sign.
    """
    rejecting = rejecting_destinations(evidence)
    return RollbackFailed(
        f"Generation {generation!r} was rejected by the target of {', '.join(rejecting)}, and the rollback failed: "
        "users may be rejected now.",
        f"After the swap: {step.slots}.\n{evidence_lines(evidence, rejecting)}\n"
        f"{refused_since(rejecting, since)[:-1]}, unless another client has swapped since.\n"
        f"The rollback: {error.what} {error.why}",
        "Run `pulumi up` again at once: it reads the slots, verifies the destinations, and rolls back if they still "
        f"reject. By hand: swap in the cockpit (Connectivity > Destination Trust), so that {step.slots.passive} "
        "signs, then revert the change of `generation`.",
    )


def _rejecting_both(evidence: Mapping[str, Evidence], rejecting: list[str]) -> list[str]:
    """List the destinations whose targets rejected the earlier certificate too."""
    # `after_rollback` is the text of an Evidence, which begins with its verdict.
    rejected = f"{Verdict.REJECTED.value}:"
    return [name for name in rejecting if (evidence[name].after_rollback or "").startswith(rejected)]


def _doubt(both: list[str], since: SigningStart) -> str:
    """Name the targets that rejected both certificates: the new one may not be the cause."""
    if not both:
        return ""
    return (
        f"\n{', '.join(both)} rejected the earlier certificate as well, so the new one may not be the cause. "
        f"{refused_since(both, since)}"
    )


def _declaration_of(earlier: str | None) -> str:
    return f'generation="{earlier}"' if earlier else "to a name of the present signer"
