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
from btp_trust.errors import OutcomeUnknown, TrustError, WayBackFailed
from btp_trust.formatting import moment_of, rfc3339
from btp_trust.property_bag import UNKNOWN, PropertyBag, to_bag
from btp_trust.rotation.declaration import OnDrift
from btp_trust.rotation.evidence import Evidence, OnVerificationFailure, Verdict
from btp_trust.rotation.schema import TriggerArgs, TriggerChecked, TriggerState
from btp_trust.rotation.verification.policy import (
    Occasion,
    Task,
    failure,
    leads_back,
    refused,
    still_open,
    task,
    unconfirmed,
)
from btp_trust.rotation.verification.prober import Question, Trials
from btp_trust.rotation.verification.verdict import Again, Judgement
from btp_trust.runtime.session import Session
from btp_trust.runtime.slot_writes import swap
from btp_trust.runtime.slots import Subaccount
from btp_trust.runtime.staleness import STALE
from btp_trust.snapshot import Snapshot, signs


@dataclass(frozen=True, slots=True)
class Outcome:
    """The slots after everything, and the outputs about the check; None for one that is to go.

    `verify_now` is among them where what it asks for is left open: then it is what the state had before.
    """

    snapshot: Snapshot
    outputs: PropertyBag


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be proved, and what led to it."""

    state: TriggerState
    new: TriggerChecked
    slots: Snapshot
    swapped: bool
    """Whether this command has swapped."""

    @property
    def task(self) -> Task | None:
        """What to try; nothing while another certificate signs than declared."""
        state, new = self.state, self.new
        if not signs(self.slots.active, new.wanted):
            return None
        was_undone = state.failed_generation == new.generation
        asks = new.generation != state.generation or new.on_drift is OnDrift.RESTORE
        occasion = Occasion(
            swapped=self.swapped,
            found=not self.swapped and (was_undone or {state.fingerprint, state.declared} != {new.wanted}),
            approved=(asks and not was_undone) or state.rollback_unconfirmed is not None,
            open=still_unproved(state, new),
            asked=self.is_asked,
        )
        return task(new.verify_destinations, occasion)

    @property
    def is_asked(self) -> bool:
        """Whether the program asks to try all, and no deployment has done that yet."""
        return asks(self.new, self.state)

    @property
    def since(self) -> datetime | None:
        """When what signs began to, as far as this stack has seen it begin; UTC, by the service's clock."""
        if self.swapped or not signs(self.slots.active, self.state.fingerprint):
            return self.slots.now
        swaps = filter(None, (self.state.rotated_at, self.state.restored_at))
        return max(map(moment_of, swaps), default=None)

    @property
    def leads_back(self) -> bool:
        """Whether a refusal swaps back."""
        return leads_back(self.slots, self._previous, self.new.on_verification_failure)

    @property
    def cannot_go_back(self) -> bool:
        """Whether a refusal should swap back and cannot: what signed before is not in the passive slot any more.

        Nothing leads away from what a refusal has led back to, so there nothing is missing.
        """
        is_back = self.state.failed_generation is not None and self.state.fingerprint == self.new.wanted
        goes_back = self.new.on_verification_failure is OnVerificationFailure.ROLLBACK and not is_back
        return goes_back and self.slots.slots.passive != self._previous

    @property
    def _previous(self) -> str | None:
        """What signed before the step."""
        if self.swapped and self.new.swaps is not None:
            return self.new.swaps.active
        was_found = self.state.fingerprint != self.new.wanted
        return self.state.fingerprint if was_found else self.state.previous_fingerprint

    def name_of(self, certificate: Certificate) -> str | None:
        """The generation of a certificate."""
        known = self.new.generations.items()
        return next((name for name, bound in known if bound == certificate.fingerprint), None)


def asks(new: TriggerArgs, old: TriggerArgs | None) -> bool:
    """Whether the program asks for a check now that it did not ask for before."""
    return new.verify_now not in (None, UNKNOWN, None if old is None else old.verify_now)


def confirm(session: Session, account: Subaccount, step: Step) -> Outcome:
    """Try what is to be tried, and swap back if that is due.

    Raises:
        WayBackFailed: It was due and was not done.
    """
    new, slots, due = step.new, step.slots, step.task
    kept = {name: found for name, found in step.state.verified.items() if name in new.verify_destinations}
    if due is None or slots.active is None:
        recorded = _recorded(kept, list(still_unproved(step.state, new)))
        return Outcome(slots, recorded | (_asked_before(step.state) if step.is_asked else {}))
    can_act = step.leads_back or step.cannot_go_back
    # Only what comes now is proof: nobody knows what signed between two commands.
    question = Question(
        slots.active,
        slots.passive,
        slots.now,
        kept,
        others=[name for name in new.verify_destinations if name not in due.names],
        urgent=due.confirms if can_act else (),
    )
    with session.patience.afresh():
        judged = _judged(session, new, due.names, question)
    found = {name: each.evidence for name, each in judged.items()}
    evidence = {**kept, **found}
    against = [name for name in refused(found) if name in due.confirms]
    if against and step.cannot_go_back:
        raise _no_way_back(new, slots, evidence)
    if against and step.leads_back and slots.passive is not None:
        with session.patience.afresh():
            return _go_back(session, account, step, slots.passive, evidence)
    unknown = [name for name in still_open(judged, step.since) if name in due.names]
    open_steps = [name for name in unknown if name in due.confirms]
    is_unanswered = step.is_asked and unknown != open_steps
    _tell(session, judged, unknown if is_unanswered else open_steps)
    recorded = _recorded(evidence, open_steps)
    return Outcome(slots, recorded | (_asked_before(step.state) if is_unanswered else {}))


def still_unproved(state: TriggerState, new: TriggerChecked) -> tuple[str, ...]:
    """List the destinations of which the last check could not tell, if it was about what shall sign.

    It stays open while another certificate signs in between: a colleague's swap away and back proves nothing.
    """
    is_same = state.declared == new.wanted
    return tuple(name for name in state.unverified if name in new.verify_destinations) if is_same else ()


def trials_of(session: Session, new: TriggerChecked) -> Trials:
    """Get the user's token, to try destinations with.

    Raises:
        TrustError: It cannot be had.
    """
    token = session.user_tokens(new.connection).fetch()
    return Trials(session.destinations(new.connection), token, session.patience)


def _judged(session: Session, new: TriggerChecked, names: tuple[str, ...], question: Question) -> dict[str, Judgement]:
    try:
        trials = trials_of(session, new)
    except TrustError as error:
        told = f"{error.what} {error.why}"
        return {name: question.trial(name).fails(told) for name in names}
    return trials.run(names, question)


def _run(session: Session, new: TriggerChecked, names: tuple[str, ...], question: Question) -> dict[str, Evidence]:
    """Try once more after the swap back, for the message alone: what gives no answer is not waited for."""
    judged = _judged(session, new, names, replace_fields(question, is_brief=True))
    return {name: each.evidence for name, each in judged.items()}


def _go_back(
    session: Session, account: Subaccount, step: Step, earlier: Certificate, evidence: Mapping[str, Evidence]
) -> Outcome:
    """Undo the step, see whether the earlier certificate works again, and keep what was found out."""
    new, tried = step.new, step.slots
    try:
        with account.lock:
            unknown = account.writes.unknown
            back = swap(account, tried.slots, earlier.fingerprint, doubtful=True)
    except TrustError as error:
        if isinstance(error, OutcomeUnknown) and error is not unknown:
            return _unconfirmed(account, step, earlier, evidence, error)
        stuck = _stuck(new, tried, evidence, error)
        account.writes.explain(stuck)
        raise stuck from None
    account.command.next_signer = None
    again = _run(session, new, tuple(evidence), Question(earlier, tried.active, back.now, evidence))
    evidence = {
        name: replace(found, way_back=str(again[name]), lifetime=again[name].lifetime)
        for name, found in evidence.items()
    }
    return _rolled_back(step, earlier, evidence, back)


def _unconfirmed(
    account: Subaccount, step: Step, earlier: Certificate, evidence: Mapping[str, Evidence], error: OutcomeUnknown
) -> Outcome:
    """Keep the refusal as after a roll back, and that nobody knows whether it was done: the next command reads it.

    An error would keep nothing: if it was done, the next deployment would swap, try and go back once more.
    """
    account.command.next_signer = None
    tried, now = step.slots, account.client.server_time or account.world.clock()
    told = unconfirmed(step.new.generation, evidence, tried, error.what, until=now + STALE)
    evidence = {name: replace(found, way_back="not tried") for name, found in evidence.items()}
    outcome = _rolled_back(step, earlier, evidence, Snapshot(tried.subaccount_id, earlier, tried.active, now))
    return Outcome(outcome.snapshot, {**outcome.outputs, "rollback_unconfirmed": str(told)})


def _rolled_back(step: Step, earlier: Certificate, evidence: Mapping[str, Evidence], back: Snapshot) -> Outcome:
    """Keep what was found out, with the slots since the roll back."""
    new, tried, name = step.new, step.slots, step.name_of(earlier)
    outputs = {
        **_recorded(evidence),
        "failed_generation": new.generation,
        "failure": str(failure(new.generation, name, evidence, back)),
        "swapped_back_at": rfc3339(back.now),
    }
    known = (step.state.fingerprint, step.state.previous_fingerprint)
    if known[0] != earlier.fingerprint or signs(tried.active, known[1] or ""):  # what was refused is no way back
        outputs |= {"previous_fingerprint": None, "rotated_at": rfc3339(back.now)}
    return Outcome(back, outputs)


def _no_way_back(new: TriggerChecked, slots: Snapshot, evidence: Mapping[str, Evidence]) -> WayBackFailed:
    names, told = ", ".join(refused(evidence)), _told(evidence)
    return WayBackFailed(
        f"Generation {new.generation!r} is refused by the target of {names}, and there is no way back: users are "
        "refused now.",
        f"What signed before is in no slot any more, or not in the passive one. {slots.slots}.\n{told}",
        f"Let the owner of {names} trust {new.wanted} at once, then run `pulumi up` again. To deploy other things "
        'meanwhile: on_verification_failure="report".',
    )


def _told(evidence: Mapping[str, Evidence]) -> str:
    return "\n".join(f"  {name}: {evidence[name]}" for name in refused(evidence))


def _stuck(new: TriggerChecked, step: Snapshot, evidence: Mapping[str, Evidence], error: TrustError) -> WayBackFailed:
    return WayBackFailed(
        f"Generation {new.generation!r} was refused by the target of {', '.join(refused(evidence))}, and swapping back "
        "failed: users may be refused now.",
        f"After the swap: {step.slots}.\n{_told(evidence)}\nThe swap back: {error.what} {error.why}",
        "Run `pulumi up` again at once: it reads the slots, tries the destinations, and swaps back if they are still "
        f"refused. By hand: swap in the cockpit (Connectivity > Destination Trust), so that {step.slots.passive} "
        "signs, then revert the change of `generation`.",
    )


def _tell(session: Session, judged: Mapping[str, Judgement], unknown: list[str]) -> None:
    for name, each in judged.items():
        found, later = each.evidence, ""
        if found.verdict is Verdict.REFUSED:
            later = " It is not swapped back."
        if each.again is Again.SIGNER:
            later = " A destination with SAMLAssertion in verify_destinations shows it."
        if name in unknown:
            later += " The next deployment tries again."
        warning = "" if found.verdict is Verdict.PROVED else "warning: "
        session.say(f"{warning}RotationTrigger: {name}: {found}.{later}")


def _asked_before(state: TriggerState) -> PropertyBag:
    """Leave in the outputs what was asked for before: what is asked for now is tried again by the next deployment."""
    return {"verify_now": state.verify_now}


def _recorded(evidence: Mapping[str, Evidence], unverified: list[str] | None = None) -> PropertyBag:
    recorded: PropertyBag = {"verified": {name: to_bag(found) for name, found in evidence.items()}}
    return {**recorded, "unverified": unverified} if unverified else recorded
