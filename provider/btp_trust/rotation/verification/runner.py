"""Verification of a rotation: probe the destinations that are due, then report, or roll back after a rejection."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from btp_trust.certificate import Certificate
from btp_trust.property_bag import PropertyBag, to_bag
from btp_trust.rotation.evidence import Evidence, Verdict
from btp_trust.rotation.schema import RotationState
from btp_trust.rotation.switchover.perform import Switchover
from btp_trust.rotation.verification.automatic_rollback import roll_back
from btp_trust.rotation.verification.messages import rollback_impossible_error
from btp_trust.rotation.verification.policy import VerificationRun, inconclusive_destinations, rejecting_destinations
from btp_trust.rotation.verification.prober import probe_destinations
from btp_trust.rotation.verification.probes import ProbeRequest
from btp_trust.rotation.verification.refusal_times import refused_since
from btp_trust.rotation.verification.step import RotationStep, unverified_destinations
from btp_trust.rotation.verification.target_rejection import TargetRejection
from btp_trust.rotation.verification.verdict import ProbeResult, RetryCause
from btp_trust.runtime.session import Session
from btp_trust.runtime.slots import Subaccount
from btp_trust.snapshot import Snapshot


class VerificationOutcome(Struct, frozen=True):
    """The slots after everything, and the outputs of the verification; None for one that is removed.

    While a request of `verify_now` is unanswered, its previous text is among the outputs.
    """

    snapshot: Snapshot
    outputs: PropertyBag


def verify_rotation(
    session: Session, account: Subaccount, step: RotationStep, switchover: Switchover
) -> VerificationOutcome:
    """Verify the destinations that are due, and roll back the slots and the systems if the policy says so.

    Raises:
        RollbackFailed: A rollback was due, and the swap was not applied.
    """
    kept = {name: found for name, found in step.state.verified.items() if name in step.new.verify_destinations}
    run = step.run
    if run is None or step.slots.active is None:
        recorded = evidence_outputs(kept, list(unverified_destinations(step.state, step.new)))
        return VerificationOutcome(step.slots, recorded | (_previous_request(step.state) if step.is_requested else {}))
    request = _probe_request(step, run, step.slots.active, kept)
    with session.retry_policy.fresh_deadline():
        results = probe_destinations(session, step.new, run.names, request)
    evidence = {**kept, **{name: result.evidence for name, result in results.items()}}
    if _is_rejected(results, run):
        if step.cannot_roll_back:
            # An error leaves the state as it is, so that each further command verifies again and says so.
            raise rollback_impossible_error(
                step.new.generation, step.new.declared_fingerprint, step.slots, evidence, since=step.signing_start
            )
        if step.rolls_back and step.slots.passive is not None:
            # The probes may have used up their time, while users are rejected.
            with session.retry_policy.fresh_deadline():
                cause = TargetRejection(step, step.slots.passive, evidence)
                left = roll_back(session, account, step, step.slots.passive, cause, switchover=switchover)
            return VerificationOutcome(left.slots, {**evidence_outputs(left.evidence), **left.outputs})
    return _report_and_record(session, step, run, results, evidence)


def _probe_request(
    step: RotationStep, run: VerificationRun, signer: Certificate, known: Mapping[str, Evidence]
) -> ProbeRequest:
    return ProbeRequest(
        signer,
        step.slots.passive,
        step.slots.now,  # evidence begins now: the signer between two commands is unknown
        known,
        fallback_destinations=[name for name in step.new.verify_destinations if name not in run.names],
        decisive=run.decisive if step.rolls_back or step.cannot_roll_back else (),
    )


def _is_rejected(results: Mapping[str, ProbeResult], run: VerificationRun) -> bool:
    """Return True if a decisive destination rejected."""
    rejecting = rejecting_destinations({name: result.evidence for name, result in results.items()})
    return any(name in run.decisive for name in rejecting)


def _report_and_record(
    session: Session,
    step: RotationStep,
    run: VerificationRun,
    results: Mapping[str, ProbeResult],
    evidence: Mapping[str, Evidence],
) -> VerificationOutcome:
    """Print the results and return the outputs, with what the next deployment has to verify again."""
    # Fallback destinations were probed for the signer alone.
    inconclusive = [name for name in inconclusive_destinations(results, step.since) if name in run.names]
    of_the_step = [name for name in inconclusive if name in run.decisive]
    is_unanswered = step.is_requested and inconclusive != of_the_step
    _report(session, step, results, inconclusive if is_unanswered else of_the_step)
    recorded = evidence_outputs(evidence, of_the_step)
    return VerificationOutcome(step.slots, recorded | (_previous_request(step.state) if is_unanswered else {}))


def _report(session: Session, step: RotationStep, results: Mapping[str, ProbeResult], repeated: list[str]) -> None:
    for name, result in results.items():
        evidence, consequence = result.evidence, ""
        if evidence.verdict is Verdict.REJECTED:
            consequence = f" It is not rolled back. {refused_since([name], step.signing_start)}"
        if result.retry_cause is RetryCause.UNKNOWN_SIGNER:
            consequence = " A destination with SAMLAssertion in verify_destinations shows it."
        if name in repeated:
            consequence += " The next deployment verifies again."
        warning = "" if evidence.verdict is Verdict.VERIFIED else "warning: "
        session.print_once(f"{warning}{name}: {evidence}.{consequence}")


def _previous_request(state: RotationState) -> PropertyBag:
    """Keep the request that was answered last, so that the present one is repeated by the next deployment."""
    return {"verify_now": state.verify_now}


def evidence_outputs(evidence: Mapping[str, Evidence], unverified: list[str] | None = None) -> PropertyBag:
    """Return the outputs of a verification: the evidence, and the destinations that are to be verified again."""
    recorded: PropertyBag = {"verified": {name: to_bag(found) for name, found in evidence.items()}}
    return {**recorded, "unverified": unverified} if unverified else recorded
