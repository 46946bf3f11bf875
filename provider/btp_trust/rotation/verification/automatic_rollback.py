"""Rollback in the command that swapped: after a target's rejection, or because a system failed to switch over.

It is the one exception to one write per operation, and compares the slots as the first write does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from btp_trust.certificate import Certificate
from btp_trust.errors import OutcomeUnknown, Refused, RollbackFailed, TrustError
from btp_trust.formatting import format_rfc3339
from btp_trust.property_bag import PropertyBag
from btp_trust.rotation.evidence import Evidence
from btp_trust.rotation.switchover import messages as switchover_messages
from btp_trust.rotation.switchover.perform import Switchover
from btp_trust.rotation.verification.prober import probe_destinations
from btp_trust.rotation.verification.probes import ProbeRequest
from btp_trust.rotation.verification.step import RotationStep
from btp_trust.rotation.verification.verdict import ProbeResult
from btp_trust.runtime.session import Session
from btp_trust.runtime.slot_writes import swap
from btp_trust.runtime.slots import Subaccount
from btp_trust.runtime.staleness import STALENESS
from btp_trust.snapshot import Snapshot, has_fingerprint


class RolledBackStep(Struct, frozen=True):
    """What a rollback leaves."""

    slots: Snapshot
    """The slots since the rollback."""
    evidence: Mapping[str, Evidence]
    outputs: PropertyBag
    """Outputs beside the evidence; None for one that is removed."""


class RollbackCause(Protocol):
    """Why a step is rolled back, in the errors that say so."""

    @property
    def evidence(self) -> Mapping[str, Evidence]:
        """What the destinations answered."""

    def done(self, evidence: Mapping[str, Evidence], after: Snapshot) -> Refused:
        """Explain a rollback that was done."""

    def failed(self, error: TrustError) -> RollbackFailed:
        """Explain one that was not applied."""

    def unknown(self, error: TrustError, until: datetime) -> Refused:
        """Explain one with an unknown outcome, which readings show from `until` on."""


def roll_back(
    session: Session,
    account: Subaccount,
    step: RotationStep,
    earlier: Certificate,
    cause: RollbackCause,
    *,
    switchover: Switchover,
) -> RolledBackStep:
    """Roll back a step and its systems, and probe the earlier certificate.

    Raises:
        RollbackFailed: The slots are as the step left them.
    """
    # At once: from now on, other rotations of this command are withheld.
    session.rolled_back.record(account.subaccount_id, f"{session.label}: {step.new.generation!r} is being rolled back.")
    try:
        with account.lock:
            # `swap` also raises the error of an earlier write; then the rollback was left unsent.
            unknown = account.write_lock.unknown_outcome
            # The step is seconds old, so that a reading may still show the slots before it.
            slots = swap(account, step.slots.slots, earlier.fingerprint, reading_may_be_stale=True)
    except TrustError as error:
        unconfirmed = f"{session.label}: The rollback of {step.new.generation!r} is unconfirmed. {error.what}"
        session.rolled_back.record(account.subaccount_id, unconfirmed)
        if isinstance(error, OutcomeUnknown) and error is not unknown:
            return _rollback_outcome_unknown(account, step, earlier, cause, error)
        failure = cause.failed(error)
        account.write_lock.replace_failure(failure)  # a retry by an `ErrorHook` ends with it, too
        raise failure from None
    left = switchover.restore()  # at once: from the swap on, each system refuses calls until it is set back
    # ActiveTrustCertificate is checked later in this command, and must report the earlier signer.
    account.command_plan.next_signer = None
    # The result serves the message alone, so one probe of each destination is enough.
    request = ProbeRequest(earlier, step.slots.active, slots.now, cause.evidence, without_retries=True)
    results = probe_destinations(session, step.new, tuple(cause.evidence), request)
    evidence = _with_results(cause.evidence, results)
    done = cause.done(evidence, slots)
    why = f"{done.why}{switchover_messages.left_by_rollback(left, earlier)}"
    text = str(Refused(done.what, why, done.remedy))
    session.rolled_back.record(account.subaccount_id, f"{session.label}: {done.what}")
    return _rolled_back(step, earlier, evidence, slots, text)


def _with_results(evidence: Mapping[str, Evidence], results: Mapping[str, ProbeResult]) -> dict[str, Evidence]:
    """Add the results after the rollback to the evidence."""
    return {
        name: replace(found, after_rollback=str(results[name].evidence), lifetime=results[name].evidence.lifetime)
        for name, found in evidence.items()
    }


def _rollback_outcome_unknown(
    account: Subaccount,
    step: RotationStep,
    earlier: Certificate,
    cause: RollbackCause,
    error: OutcomeUnknown,
) -> RolledBackStep:
    """Record the rejection as after a rollback, and that its outcome is unknown: the next command reads it.

    An error would lose both: if the rollback was done, the next deployment would swap, verify and roll back again.
    The systems stay with the step: the next command reads them, too.
    """
    account.command_plan.next_signer = None
    now = account.client.server_time or account.now
    message = cause.unknown(error, now + STALENESS)
    evidence = {name: replace(found, after_rollback="skipped") for name, found in cause.evidence.items()}
    slots = Snapshot(step.slots.subaccount_id, earlier, step.slots.active, now)
    # As after a completed rollback: the next command reads which of both certificates signs.
    left = _rolled_back(step, earlier, evidence, slots, str(cause.done(evidence, slots)))
    return RolledBackStep(slots, evidence, {**left.outputs, "rollback_outcome_unknown": str(message)})


def _rolled_back(
    step: RotationStep, earlier: Certificate, evidence: Mapping[str, Evidence], slots: Snapshot, failure: str
) -> RolledBackStep:
    outputs: PropertyBag = {
        "failed_generation": step.new.generation,
        "failure": failure,
        "rolled_back_at": format_rfc3339(slots.now),
    }
    was_recorded = step.state.fingerprint == earlier.fingerprint
    # Drop a rejected certificate as the recorded previous signer: the gate must hold for a swap to it.
    if not was_recorded or has_fingerprint(step.slots.active, step.state.previous_fingerprint or ""):
        outputs |= {"previous_fingerprint": None, "rotated_at": format_rfc3339(slots.now)}
    return RolledBackStep(slots, evidence, outputs)
