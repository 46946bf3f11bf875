"""RotationTrigger: what is said and seen before a step is proved: the plan, what is missing, what failed already."""

from __future__ import annotations

from collections.abc import Sequence

from btp_trust.errors import NoUserToken, Refused, TrustError
from btp_trust.formatting import brief
from btp_trust.property_bag import UNKNOWN
from btp_trust.rotation.evidence import OnVerificationFailure
from btp_trust.rotation.messages import named
from btp_trust.rotation.rollback import before_our_swap
from btp_trust.rotation.schema import TriggerChecked, TriggerState
from btp_trust.rotation.verification.inspection import choose
from btp_trust.rotation.verification.policy import is_roll_back
from btp_trust.rotation.verification.runner import Step, asks, still_unproved, trials_of
from btp_trust.runtime.session import Session
from btp_trust.runtime.slots import Subaccount
from btp_trust.service.destinations import SAML_ASSERTION, Destination
from btp_trust.snapshot import Snapshot, signs


def looks(new: TriggerChecked, old: TriggerChecked | None, snapshot: Snapshot) -> bool:
    """Whether check compares what is to be tried with what there is: where the program has changed it, or why.

    A roll back waits for nothing, so nothing is looked for before it.
    """
    if not new.verify_destinations or (new.swaps is not None and is_roll_back(_swapped(snapshot))):
        return False
    if old is None or new.verify_destinations != old.verify_destinations:
        return True
    return asks(new, old) or (new.swaps is not None and new.generation != old.generation)


def foresee(session: Session, new: TriggerChecked, listed: Sequence[Destination], *, asked: bool) -> None:
    """See in check whether the destinations that are to be tried are there, and tell something.

    What is tried in this deployment must be there now. A list that is new may name what the same deployment creates:
    there it is a warning.

    Args:
        session: What the process shares.
        new: The plan.
        listed: The destinations that there are, those of the service instance last: they hide the subaccount's.
        asked: Whether the program asks to try them.

    Raises:
        Refused: One is not there, or tells nothing about the certificate.
    """
    kinds = set()
    for name in new.verify_destinations:
        try:
            kinds.add(choose(listed, name).authentication)
        except Refused as error:
            if asked or new.swaps is not None:
                raise
            session.warn(f"RotationTrigger: {error.what}", error.why, error.remedy)
    if new.swaps is not None and kinds and SAML_ASSERTION not in kinds:
        session.say(
            "RotationTrigger: none of verify_destinations shows which certificate signs, so that right after the swap "
            "no answer proves anything; name one with SAMLAssertion as well"
        )


def announce(session: Session, new: TriggerChecked, snapshot: Snapshot) -> None:
    """Say in the plan of a swap how it will be proved, and what is missing for that.

    Raises:
        ConfigurationError: What names the user is malformed.
    """
    if not new.verify_destinations:
        return
    names, rolls_back = ", ".join(new.verify_destinations), is_roll_back(_swapped(snapshot))
    returns = not rolls_back and new.on_verification_failure is OnVerificationFailure.ROLLBACK
    then = "a target's refusal swaps back" if returns else "nothing is swapped back"
    session.say(f"RotationTrigger: after the swap {names} will be tried as the user; {then}")
    _see_user(session, new, f"the deployment {'rolls back without proof' if rolls_back else 'refuses the swap'}")


def is_due(
    session: Session, state: TriggerState, new: TriggerChecked, snapshot: Snapshot, minting: str | None = None
) -> bool:
    """Whether an update is due although nothing else is: a check is still open, or asked for.

    Says what will be tried, why, and what else may sign in the end: no step shows that. What the same command
    generates (`minting`, a generation) lies where the certificate was that a refusal would lead back to.
    """
    step = Step(state, new, snapshot, swapped=False)
    if (due := step.task) is None or snapshot.active is None:
        if step.is_asked and new.verify_destinations and new.swaps is None:
            session.say(f"RotationTrigger: verify_now waits until {brief(new.wanted)} signs")
        return False
    _see_user(session, new, "the check stays open")
    signing, then = named(snapshot.active, new.generation), "nothing is swapped back"
    if due.confirms and step.leads_back and snapshot.passive is not None:
        earlier = named(snapshot.passive, step.name_of(snapshot.passive))
        then = f"a target's refusal swaps back, and {earlier} signs"
        if minting is not None:
            then = f"a target's refusal cannot swap back: {minting!r} is generated over {earlier} before"
    if not (names := still_unproved(state, new)):
        session.say(f"RotationTrigger: {signing} signs, {', '.join(due.names)} will be tried as the user; {then}")
        return step.is_asked
    told = "; ".join(f"{name}: {state.verified[name]}" for name in names if name in state.verified)
    session.say(
        f"RotationTrigger: the last check of {signing} was left open ({told}); the deployment tries again, {then}"
    )
    return True


def may_be_withdrawn(state: TriggerState, new: TriggerChecked) -> bool:
    """Whether the program does not ask any more for what was tried: the same text is a new request later.

    What it asks for may be unknown; then it may be anything.
    """
    return new.verify_now == UNKNOWN or (state.verify_now is not None and new.verify_now is None)


def prepare(session: Session, account: Subaccount, new: TriggerChecked) -> None:
    """See before a swap that its check will be possible: the user's token can be had, the destinations are there.

    A roll back waits for nothing: it is done all the same.

    Raises:
        TrustError: Something is missing, and nothing was written.
    """
    if not new.verify_destinations:
        return
    try:
        trials = trials_of(session, new)
        for name in new.verify_destinations:
            trials.look(name)
    except TrustError as error:
        if is_roll_back(_swapped(account.snapshot())):
            session.say(f"warning: RotationTrigger: {error.what} {error.why} It is rolled back all the same.")
            return
        error.what = f"Generation {new.generation!r} was not made to sign: it could not be proved. {error.what}"
        raise


def refuse_failed(state: TriggerState, new: TriggerChecked, snapshot: Snapshot) -> None:
    """Refuse a generation that a target refused, until the program declares another one.

    If somebody has made it sign since, nothing would be swapped, and there is nothing to refuse.

    Raises:
        Refused: With what was found out then.
        ReadsDisagree: It seems to sign, and it is too early to believe that.
    """
    if state.failed_generation != new.generation:
        return
    if (stale := before_our_swap(snapshot, state)) is not None:
        raise stale
    if signs(snapshot.active, new.wanted):
        return
    lines = state.failure.split("\n")
    why = "\n".join([*lines[1:-1], f"That was at {state.swapped_back_at}; this deployment tries nothing."])
    raise Refused(lines[0], why, lines[-1])


def _see_user(session: Session, new: TriggerChecked, otherwise: str) -> None:
    """Warn that nobody is named as whom destinations could be tried; nothing is asked and nothing is run."""
    try:
        session.user_tokens(new.connection).source()
    except NoUserToken as error:
        session.warn(f"RotationTrigger: {error.what}", f"{error.why} Without one {otherwise}.", error.remedy)


def _swapped(before: Snapshot) -> Snapshot:
    return Snapshot(before.subaccount_id, before.passive, before.active, before.now)
