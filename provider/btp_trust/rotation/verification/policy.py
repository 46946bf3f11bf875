"""Verification policy: which destinations are verified, and what a rejection does. Pure.

| Cause                                              | Verified                      | A rejection           |
|----------------------------------------------------|-------------------------------|-----------------------|
| swap of this command                               | the whole list                | rolls back the swap   |
| swap of a killed run, or by hand, and approved now | the whole list                | rolls back the swap   |
| swap of a killed run, or by hand, unapproved       | the whole list                | is reported           |
| verify_now has a new text                          | the whole list                | is reported           |
| an earlier step was inconclusive                   | its inconclusive destinations | rolls back the step   |
| the list of destinations was edited                | nothing                       | -                     |

Approved: the program declares another generation, or restores, or a rollback has an unknown outcome. A rollback
needs three more things: `on_verification_failure="rollback"`, a step forward, and the previous signer in the passive
slot, or else the command fails. A step forward is a planned rotation, or leads to a newer certificate. Where two rows
apply, the longer list is verified, and only destinations of a step roll back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from btp_trust.formatting import parse_rfc3339
from btp_trust.rotation.evidence import Evidence, OnVerificationFailure, Verdict
from btp_trust.rotation.verification.verdict import SIGNER_DELAY_TIME, ProbeResult, RetryCause
from btp_trust.snapshot import Snapshot


class VerificationCause(Struct, frozen=True):
    """Why the declared certificate, which signs, may have to be verified."""

    swapped: bool = False
    """This command made it sign."""
    signer_was_found: bool = False
    """It signs, and another one was recorded or declared: a run was killed after its swap, or somebody else swapped."""
    is_approved: bool = False
    """With `signer_was_found`: the program asks for that signer, by another generation than before or by restoring."""
    open_destinations: tuple[str, ...] = ()
    """Destinations for which an earlier command was inconclusive."""
    requested: bool = False
    """The program asks to verify the whole list once more."""


class VerificationRun(Struct, frozen=True):
    """Destinations to verify."""

    names: tuple[str, ...]
    decisive: tuple[str, ...]
    """Destinations that verify a step: a rejection rolls back, and the next command repeats inconclusive ones."""


def select_destinations(declared: Sequence[str], cause: VerificationCause) -> VerificationRun | None:
    """Select the destinations to verify. Editing the list alone triggers nothing."""
    # A rollback needs a signer that the program asked for; else a rejection is only reported.
    is_step = cause.swapped or (cause.signer_was_found and cause.is_approved)
    everything = cause.swapped or cause.signer_was_found or cause.requested
    names = tuple(name for name in declared if everything or name in cause.open_destinations)
    return VerificationRun(names, names if is_step else cause.open_destinations) if names else None


def rolls_back(step: Snapshot, previous: str | None, policy: OnVerificationFailure) -> bool:
    """Return True if a rejection swaps to the previous signer, unless the step itself is a rollback.

    Args:
        step: The slots since the step.
        previous: Fingerprint of the previous signer.
        policy: `on_verification_failure` of the program.
    """
    if step.active is None or step.passive is None or policy is not OnVerificationFailure.ROLLBACK:
        return False
    # By fingerprint: somebody may have generated over the previous signer since.
    return step.passive.fingerprint == previous


def is_older(step: Snapshot) -> bool:
    """Return True if the signer since a step is older than the certificate that it displaced."""
    # By age: generation names are free texts, and somebody may have swapped between two commands.
    return step.active is not None and step.passive is not None and step.active.not_before < step.passive.not_before


def rejecting_destinations(evidence: Mapping[str, Evidence]) -> list[str]:
    """List the destinations whose targets rejected the assertion."""
    return [name for name, found in evidence.items() if found.verdict is Verdict.REJECTED]


def inconclusive_destinations(results: Mapping[str, ProbeResult], since: datetime | None) -> list[str]:
    """List the destinations that a later deployment verifies again.

    A target that accepts an unknown signer is probed once more when the swap is a minute old. Later probes would
    repeat that result; the missing evidence is a destination that shows the signer.

    Args:
        results: Results by destination.
        since: When the certificate began to sign, UTC; None if this stack did not see it begin.
    """
    return [
        name
        for name, result in results.items()
        if result.evidence.verdict is Verdict.INCONCLUSIVE
        if result.retry_cause is not RetryCause.UNKNOWN_SIGNER or _is_soon_after(result.evidence, since)
    ]


def _is_soon_after(evidence: Evidence, since: datetime | None) -> bool:
    return since is not None and parse_rfc3339(evidence.at) - since < SIGNER_DELAY_TIME
