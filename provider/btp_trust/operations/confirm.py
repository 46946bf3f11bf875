"""RotationTrigger: prove what signs to destinations, as the user, and swap back where a target refuses.

The swap back is the one exception to one write per operation, and it compares as the first one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from btp_trust.certificate import Certificate
from btp_trust.errors import TrustError, WayBackFailed
from btp_trust.inputs import PropertyBag, TriggerChecked, TriggerState, to_bag
from btp_trust.model import Snapshot, rfc3339, signs
from btp_trust.operations.trials import Question, Trials
from btp_trust.operations.writes import swap
from btp_trust.plan.confirmation import Occasion, Task, failure, leads_back, refused, still_open, task
from btp_trust.plan.declaration import OnDrift
from btp_trust.plan.verification import Evidence, OnVerificationFailure, Trial, Verdict
from btp_trust.session import Session, Subaccount
from btp_trust.unknown import UNKNOWN


@dataclass(frozen=True, slots=True)
class Outcome:
    """The slots after everything, and the outputs about the check; None for one that is to go."""

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
            approved=asks and not was_undone,
            open=still_unproved(state, new),
            asked=new.verify_now not in (None, UNKNOWN, state.verify_now),
        )
        return task(new.verify_destinations, occasion)

    @property
    def leads_back(self) -> bool:
        """Whether a refusal swaps back."""
        return leads_back(self.slots, self._previous, self.new.on_verification_failure)

    @property
    def cannot_go_back(self) -> bool:
        """Whether a refusal should swap back and cannot: what signed before is not in the passive slot any more."""
        goes_back = self.new.on_verification_failure is OnVerificationFailure.ROLLBACK
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


def confirm(session: Session, account: Subaccount, step: Step) -> Outcome:
    """Try what is to be tried, and swap back if that is due.

    Raises:
        WayBackFailed: It was due and was not done.
    """
    new, slots, due = step.new, step.slots, step.task
    kept = {name: found for name, found in step.state.verified.items() if name in new.verify_destinations}
    if due is None or slots.active is None:
        return Outcome(slots, _recorded(kept, list(still_unproved(step.state, new))))
    with session.patience.afresh():
        # Only what comes now is proof: nobody knows what signed between two commands.
        found = _run(session, new, due.names, Question(slots.active, slots.passive, slots.now, kept))
    evidence = {**kept, **found}
    against = [name for name in refused(found) if name in due.confirms]
    if against and step.cannot_go_back:
        raise _no_way_back(new, slots, evidence)
    if against and step.leads_back and slots.passive is not None:
        with session.patience.afresh():
            return _go_back(session, account, step, slots.passive, evidence)
    _tell(session, found, due)
    return Outcome(slots, _recorded(evidence, [name for name in still_open(found) if name in due.confirms]))


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


def _run(session: Session, new: TriggerChecked, names: tuple[str, ...], question: Question) -> dict[str, Evidence]:
    try:
        trials = trials_of(session, new)
    except TrustError as error:
        untold = Trial(question.signer, question.since, question.since).fails(f"{error.what} {error.why}")
        return dict.fromkeys(names, untold.evidence)
    return trials.run(names, question)


def _go_back(
    session: Session, account: Subaccount, step: Step, earlier: Certificate, evidence: Mapping[str, Evidence]
) -> Outcome:
    """Undo the step, see whether the earlier certificate works again, and keep what was found out."""
    new, tried = step.new, step.slots
    try:
        back = swap(account, tried.slots, earlier.fingerprint, doubtful=True)
    except TrustError as error:
        raise _stuck(new, tried, evidence, error) from None
    account.command.next_signer = None
    again = _run(session, new, tuple(evidence), Question(earlier, tried.active, back.now, evidence))
    evidence = {
        name: replace(found, way_back=str(again[name]), lifetime=again[name].lifetime)
        for name, found in evidence.items()
    }
    name = step.name_of(earlier)
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


def _tell(session: Session, evidence: Mapping[str, Evidence], due: Task) -> None:
    for name, found in evidence.items():
        later = ""
        if found.verdict is Verdict.REFUSED:
            later = " It is not swapped back."
        elif found.verdict is Verdict.INCONCLUSIVE and name in due.confirms:
            later = " The next deployment tries again."
        warning = "" if found.verdict is Verdict.PROVED else "warning: "
        session.say(f"{warning}RotationTrigger: {name}: {found}.{later}")


def _recorded(evidence: Mapping[str, Evidence], unverified: list[str] | None = None) -> PropertyBag:
    recorded: PropertyBag = {"verified": {name: to_bag(found) for name, found in evidence.items()}}
    return {**recorded, "unverified": unverified} if unverified else recorded
