"""RotationTrigger: prove what signs to destinations, as the user, and swap back where a target refuses.

The swap back is the one exception to one write per operation, and it compares as the first one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from datetime import datetime

from msgspec.structs import replace

from btp_trust.certificate import Certificate
from btp_trust.errors import OutcomeUnknown, RollbackFailed, TrustError
from btp_trust.formatting import format_rfc3339, parse_rfc3339
from btp_trust.property_bag import UNKNOWN, PropertyBag, to_bag
from btp_trust.rotation.evidence import Evidence, OnVerificationFailure, Verdict
from btp_trust.rotation.schema import OnDrift, RotationArgs, RotationInputs, RotationState
from btp_trust.rotation.verification.policy import (
    VerificationCause,
    VerificationRun,
    inconclusive_destinations,
    rejecting_destinations,
    rollback_error,
    rolls_back,
    select_destinations,
    unconfirmed_rollback_error,
)
from btp_trust.rotation.verification.prober import DestinationProber, ProbeRequest
from btp_trust.rotation.verification.verdict import ProbeResult, RetryCause
from btp_trust.runtime.session import Session
from btp_trust.runtime.slot_writes import swap
from btp_trust.runtime.slots import Subaccount
from btp_trust.runtime.staleness import STALENESS
from btp_trust.snapshot import Snapshot, has_fingerprint


@dataclass(frozen=True, slots=True)
class VerificationOutcome:
    """The slots after everything, and the outputs about the check; None for one that is to go.

    `verify_now` is among them where what it asks for is left open: then it is what the state had before.
    """

    snapshot: Snapshot
    outputs: PropertyBag


@dataclass(frozen=True, slots=True)
class RotationStep:
    """What is to be proved, and what led to it."""

    state: RotationState
    new: RotationInputs
    slots: Snapshot
    swapped: bool
    """Whether this command has swapped."""

    @property
    def run(self) -> VerificationRun | None:
        """What to try; nothing while another certificate signs than declared."""
        state, new = self.state, self.new
        if not has_fingerprint(self.slots.active, new.declared_fingerprint):
            return None
        was_undone = state.failed_generation == new.generation
        is_verification_requested = new.generation != state.generation or new.on_drift is OnDrift.RESTORE
        cause = VerificationCause(
            swapped=self.swapped,
            found=not self.swapped
            and (was_undone or {state.fingerprint, state.declared_fingerprint} != {new.declared_fingerprint}),
            is_approved=(is_verification_requested and not was_undone) or state.rollback_unconfirmed is not None,
            open_destinations=unverified_destinations(state, new),
            requested=self.is_requested,
        )
        return select_destinations(new.verify_destinations, cause)

    @property
    def is_requested(self) -> bool:
        """Whether the program asks to try all, and no deployment has done that yet."""
        return is_verification_requested(self.new, self.state)

    @property
    def since(self) -> datetime | None:
        """When what signs began to, as far as this stack has seen it begin; UTC, by the service's clock."""
        if self.swapped or not has_fingerprint(self.slots.active, self.state.fingerprint):
            return self.slots.now
        slots_before = filter(None, (self.state.rotated_at, self.state.restored_at))
        return max(map(parse_rfc3339, slots_before), default=None)

    @property
    def rolls_back(self) -> bool:
        """Whether a refusal swaps back."""
        return rolls_back(self.slots, self._previous_fingerprint, self.new.on_verification_failure)

    @property
    def cannot_roll_back(self) -> bool:
        """Whether a refusal should swap back and cannot: what signed before is not in the passive slot any more.

        Nothing leads away from what a refusal has led back to, so there nothing is missing.
        """
        is_back = self.state.failed_generation is not None and self.state.fingerprint == self.new.declared_fingerprint
        goes_back = self.new.on_verification_failure is OnVerificationFailure.ROLLBACK and not is_back
        return goes_back and self.slots.slots.passive != self._previous_fingerprint

    @property
    def _previous_fingerprint(self) -> str | None:
        """What signed before the step."""
        if self.swapped and self.new.slots_before is not None:
            return self.new.slots_before.active
        was_found = self.state.fingerprint != self.new.declared_fingerprint
        return self.state.fingerprint if was_found else self.state.previous_fingerprint

    def generation_of(self, certificate: Certificate) -> str | None:
        """The generation of a certificate."""
        known = self.new.generations.items()
        return next((name for name, bound in known if bound == certificate.fingerprint), None)


def is_verification_requested(new: RotationArgs, old: RotationArgs | None) -> bool:
    """Whether the program asks for a check now that it did not ask for before."""
    return new.verify_now not in (None, UNKNOWN, None if old is None else old.verify_now)


def verify_rotation(session: Session, account: Subaccount, step: RotationStep) -> VerificationOutcome:
    """Try what is to be tried, and swap back if that is due.

    Raises:
        RollbackFailed: It was due and was not done.
    """
    new, slots, due = step.new, step.slots, step.run
    kept = {name: found for name, found in step.state.verified.items() if name in new.verify_destinations}
    if due is None or slots.active is None:
        recorded = _evidence_outputs(kept, list(unverified_destinations(step.state, new)))
        return VerificationOutcome(slots, recorded | (_previous_request(step.state) if step.is_requested else {}))
    can_act = step.rolls_back or step.cannot_roll_back
    # Only what comes now is proof: nobody knows what signed between two commands.
    request = ProbeRequest(
        slots.active,
        slots.passive,
        slots.now,
        kept,
        fallback_destinations=[name for name in new.verify_destinations if name not in due.names],
        decisive=due.decisive if can_act else (),
    )
    with session.retry_policy.fresh_deadline():
        results = _probe(session, new, due.names, request)
    found = {name: each.evidence for name, each in results.items()}
    evidence = {**kept, **found}
    rejecting = [name for name in rejecting_destinations(found) if name in due.decisive]
    if rejecting and step.cannot_roll_back:
        raise _rollback_impossible(new, slots, evidence)
    if rejecting and step.rolls_back and slots.passive is not None:
        with session.retry_policy.fresh_deadline():
            return _roll_back(session, account, step, slots.passive, evidence)
    unknown = [name for name in inconclusive_destinations(results, step.since) if name in due.names]
    open_steps = [name for name in unknown if name in due.decisive]
    is_unanswered = step.is_requested and unknown != open_steps
    _report_results(session, results, unknown if is_unanswered else open_steps)
    recorded = _evidence_outputs(evidence, open_steps)
    return VerificationOutcome(slots, recorded | (_previous_request(step.state) if is_unanswered else {}))


def unverified_destinations(state: RotationState, new: RotationInputs) -> tuple[str, ...]:
    """List the destinations of which the last check could not tell, if it was about what shall sign.

    It stays open while another certificate signs in between: a colleague's swap away and back proves nothing.
    """
    is_same = state.declared_fingerprint == new.declared_fingerprint
    return tuple(name for name in state.unverified if name in new.verify_destinations) if is_same else ()


def prober_for(session: Session, new: RotationInputs) -> DestinationProber:
    """Get the user's token, to try destinations with.

    Raises:
        TrustError: It cannot be had.
    """
    token = session.user_tokens(new.connection).fetch()
    return DestinationProber(session.destination_client(new.connection), token, session.retry_policy)


def _probe(
    session: Session, new: RotationInputs, names: tuple[str, ...], request: ProbeRequest
) -> dict[str, ProbeResult]:
    try:
        trials = prober_for(session, new)
    except TrustError as error:
        told = f"{error.what} {error.why}"
        return {name: request.probe(name).inconclusive(told) for name in names}
    return trials.run(names, request)


def _probe_after_rollback(
    session: Session, new: RotationInputs, names: tuple[str, ...], request: ProbeRequest
) -> dict[str, Evidence]:
    """Try once more after the swap back, for the message alone: what gives no answer is not waited for."""
    results = _probe(session, new, names, replace_fields(request, without_retries=True))
    return {name: each.evidence for name, each in results.items()}


def _roll_back(
    session: Session, account: Subaccount, step: RotationStep, earlier: Certificate, evidence: Mapping[str, Evidence]
) -> VerificationOutcome:
    """Undo the step, see whether the earlier certificate works again, and keep what was found out."""
    new, tried = step.new, step.slots
    try:
        with account.lock:
            unknown = account.write_lock.unknown_outcome
            after_rollback = swap(account, tried.slots, earlier.fingerprint, reading_may_be_stale=True)
    except TrustError as error:
        if isinstance(error, OutcomeUnknown) and error is not unknown:
            return _rollback_unconfirmed(account, step, earlier, evidence, error)
        stuck = _rollback_failed(new, tried, evidence, error)
        account.write_lock.replace_failure(stuck)
        raise stuck from None
    account.command_plan.next_signer = None
    retry_cause = _probe_after_rollback(
        session, new, tuple(evidence), ProbeRequest(earlier, tried.active, after_rollback.now, evidence)
    )
    evidence = {
        name: replace(found, after_rollback=str(retry_cause[name]), lifetime=retry_cause[name].lifetime)
        for name, found in evidence.items()
    }
    return _rollback_outcome(step, earlier, evidence, after_rollback)


def _rollback_unconfirmed(
    account: Subaccount,
    step: RotationStep,
    earlier: Certificate,
    evidence: Mapping[str, Evidence],
    error: OutcomeUnknown,
) -> VerificationOutcome:
    """Keep the refusal as after a roll back, and that nobody knows whether it was done: the next command reads it.

    An error would keep nothing: if it was done, the next deployment would swap, try and go back once more.
    """
    account.command_plan.next_signer = None
    tried, now = step.slots, account.client.server_time or account.host.clock()
    told = unconfirmed_rollback_error(step.new.generation, evidence, tried, error.what, until=now + STALENESS)
    evidence = {name: replace(found, after_rollback="not tried") for name, found in evidence.items()}
    outcome = _rollback_outcome(step, earlier, evidence, Snapshot(tried.subaccount_id, earlier, tried.active, now))
    return VerificationOutcome(outcome.snapshot, {**outcome.outputs, "rollback_unconfirmed": str(told)})


def _rollback_outcome(
    step: RotationStep, earlier: Certificate, evidence: Mapping[str, Evidence], after_rollback: Snapshot
) -> VerificationOutcome:
    """Keep what was found out, with the slots since the roll back."""
    new, tried, name = step.new, step.slots, step.generation_of(earlier)
    outputs = {
        **_evidence_outputs(evidence),
        "failed_generation": new.generation,
        "failure": str(rollback_error(new.generation, name, evidence, after_rollback)),
        "rolled_back_at": format_rfc3339(after_rollback.now),
    }
    known = (step.state.fingerprint, step.state.previous_fingerprint)
    if known[0] != earlier.fingerprint or has_fingerprint(
        tried.active, known[1] or ""
    ):  # what was refused is no way back
        outputs |= {"previous_fingerprint": None, "rotated_at": format_rfc3339(after_rollback.now)}
    return VerificationOutcome(after_rollback, outputs)


def _rollback_impossible(new: RotationInputs, slots: Snapshot, evidence: Mapping[str, Evidence]) -> RollbackFailed:
    names, told = ", ".join(rejecting_destinations(evidence)), _rejections(evidence)
    return RollbackFailed(
        f"Generation {new.generation!r} is refused by the target of {names}, and there is no way back: users are "
        "refused now.",
        f"What signed before is in no slot any more, or not in the passive one. {slots.slots}.\n{told}",
        f"Let the owner of {names} trust {new.declared_fingerprint} at once, then run `pulumi up` again. To deploy other things "
        'meanwhile: on_verification_failure="report".',
    )


def _rejections(evidence: Mapping[str, Evidence]) -> str:
    return "\n".join(f"  {name}: {evidence[name]}" for name in rejecting_destinations(evidence))


def _rollback_failed(
    new: RotationInputs, step: Snapshot, evidence: Mapping[str, Evidence], error: TrustError
) -> RollbackFailed:
    return RollbackFailed(
        f"Generation {new.generation!r} was refused by the target of {', '.join(rejecting_destinations(evidence))}, and swapping back "
        "failed: users may be refused now.",
        f"After the swap: {step.slots}.\n{_rejections(evidence)}\nThe swap back: {error.what} {error.why}",
        "Run `pulumi up` again at once: it reads the slots, tries the destinations, and swaps back if they are still "
        f"refused. By hand: swap in the cockpit (Connectivity > Destination Trust), so that {step.slots.passive} "
        "signs, then revert the change of `generation`.",
    )


def _report_results(session: Session, results: Mapping[str, ProbeResult], unknown: list[str]) -> None:
    for name, each in results.items():
        found, later = each.evidence, ""
        if found.verdict is Verdict.REJECTED:
            later = " It is not swapped back."
        if each.retry_cause is RetryCause.UNKNOWN_SIGNER:
            later = " A destination with SAMLAssertion in verify_destinations shows it."
        if name in unknown:
            later += " The next deployment tries again."
        warning = "" if found.verdict is Verdict.VERIFIED else "warning: "
        session.print_once(f"{warning}RotationTrigger: {name}: {found}.{later}")


def _previous_request(state: RotationState) -> PropertyBag:
    """Leave in the outputs what was asked for before: what is asked for now is tried again by the next deployment."""
    return {"verify_now": state.verify_now}


def _evidence_outputs(evidence: Mapping[str, Evidence], unverified: list[str] | None = None) -> PropertyBag:
    recorded: PropertyBag = {"verified": {name: to_bag(found) for name, found in evidence.items()}}
    return {**recorded, "unverified": unverified} if unverified else recorded
