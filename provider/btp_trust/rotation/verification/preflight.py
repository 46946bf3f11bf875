"""RotationTrigger: what is said and seen before a step is proved: the plan, what is missing, what failed already."""

from __future__ import annotations

from collections.abc import Sequence

from btp_trust.errors import NoUserToken, Refused, TrustError
from btp_trust.formatting import short_fingerprint
from btp_trust.property_bag import UNKNOWN
from btp_trust.rotation.evidence import OnVerificationFailure
from btp_trust.rotation.messages import label
from btp_trust.rotation.rollback import stale_read_after_swap
from btp_trust.rotation.schema import RotationArgs, RotationInputs, RotationState
from btp_trust.rotation.verification.inspection import find_in_list
from btp_trust.rotation.verification.policy import is_rollback
from btp_trust.rotation.verification.runner import (
    RotationStep,
    is_verification_requested,
    prober_for,
    unverified_destinations,
)
from btp_trust.runtime.session import Session
from btp_trust.runtime.slots import Subaccount
from btp_trust.service.destinations import SAML_ASSERTION, Destination
from btp_trust.snapshot import Snapshot, has_fingerprint


def should_inspect(args: RotationArgs, old: RotationInputs | None, snapshot: Snapshot, *, has_step: bool) -> bool:
    """Whether check compares what is to be tried with what there is: where the program has changed it, or why.

    A roll back waits for nothing, so nothing is looked for before it.
    """
    if not args.verify_destinations or (has_step and is_rollback(_after_swap(snapshot))):
        return False
    if old is None or args.verify_destinations != old.verify_destinations:
        return True
    return is_verification_requested(args, old) or (has_step and args.generation != old.generation)


def inspect_destinations(
    session: Session, new: RotationInputs, listed: Sequence[Destination], *, requested: bool
) -> None:
    """See in check whether the destinations that are to be tried are there, and tell something.

    What is tried in this deployment must be there now. A list that is new may name what the same deployment creates:
    there it is a warning.

    Args:
        session: What the process shares.
        new: The plan.
        listed: The destinations that there are, those of the service instance last: they hide the subaccount's.
        requested: Whether the program asks to try them.

    Raises:
        Refused: One is not there, or tells nothing about the certificate.
    """
    kinds = set()
    for name in new.verify_destinations:
        try:
            kinds.add(find_in_list(listed, name).authentication)
        except Refused as error:
            if requested or new.slots_before is not None:
                raise
            session.warn(f"RotationTrigger: {error.what}", error.why, error.remedy)
    if new.slots_before is not None and kinds and SAML_ASSERTION not in kinds:
        session.print_once(
            "RotationTrigger: none of verify_destinations shows which certificate signs, so that right after the swap "
            "no answer proves anything; name one with SAMLAssertion as well"
        )


def announce(session: Session, new: RotationInputs, snapshot: Snapshot) -> None:
    """Say in the plan of a swap how it will be proved, and what is missing for that.

    Raises:
        ConfigurationError: What names the user is malformed.
    """
    if not new.verify_destinations:
        return
    names, rolls_back = ", ".join(new.verify_destinations), is_rollback(_after_swap(snapshot))
    returns = not rolls_back and new.on_verification_failure is OnVerificationFailure.ROLLBACK
    then = "a target's refusal swaps back" if returns else "nothing is swapped back"
    session.print_once(f"RotationTrigger: after the swap {names} will be tried as the user; {then}")
    _warn_without_user(
        session, new, f"the deployment {'rolls back without proof' if rolls_back else 'refuses the swap'}"
    )


def is_due(
    session: Session,
    state: RotationState,
    new: RotationInputs,
    snapshot: Snapshot,
    pending_generation: str | None = None,
) -> bool:
    """Whether an update is due although nothing else is: a check is still open, or asked for.

    Says what will be tried, why, and what else may sign in the end: no step shows that. What the same command
    generates (`minting`, a generation) lies where the certificate was that a refusal would lead back to.
    """
    step = RotationStep(state, new, snapshot, swapped=False)
    if (due := step.run) is None or snapshot.active is None:
        if step.is_requested and new.verify_destinations and new.slots_before is None:
            session.print_once(
                f"RotationTrigger: verify_now waits until {short_fingerprint(new.declared_fingerprint)} signs"
            )
        return False
    _warn_without_user(session, new, "the check stays open")
    signing, then = label(snapshot.active, new.generation), "nothing is swapped back"
    if due.decisive and step.rolls_back and snapshot.passive is not None:
        earlier = label(snapshot.passive, step.generation_of(snapshot.passive))
        then = f"a target's refusal swaps back, and {earlier} signs"
        if pending_generation is not None:
            then = f"a target's refusal cannot swap back: {pending_generation!r} is generated over {earlier} before"
    if not (names := unverified_destinations(state, new)):
        session.print_once(
            f"RotationTrigger: {signing} signs, {', '.join(due.names)} will be tried as the user; {then}"
        )
        return step.is_requested
    told = "; ".join(f"{name}: {state.verified[name]}" for name in names if name in state.verified)
    session.print_once(
        f"RotationTrigger: the last check of {signing} was left open ({told}); the deployment tries again, {then}"
    )
    return True


def request_may_be_withdrawn(state: RotationState, new: RotationInputs) -> bool:
    """Whether the program does not ask any more for what was tried: the same text is a new request later.

    What it asks for may be unknown; then it may be anything.
    """
    return new.verify_now == UNKNOWN or (state.verify_now is not None and new.verify_now is None)


def preflight(session: Session, account: Subaccount, new: RotationInputs) -> None:
    """See before a swap that its check will be possible: the user's token can be had, the destinations are there.

    A roll back waits for nothing: it is done all the same.

    Raises:
        TrustError: Something is missing, and nothing was written.
    """
    if not new.verify_destinations:
        return
    try:
        trials = prober_for(session, new)
        for name in new.verify_destinations:
            trials.find_destination(name)
    except TrustError as error:
        if is_rollback(_after_swap(account.snapshot())):
            session.print_once(f"warning: RotationTrigger: {error.what} {error.why} It is rolled back all the same.")
            return
        error.what = f"Generation {new.generation!r} was not made to sign: it could not be proved. {error.what}"
        raise


def refuse_failed_generation(state: RotationState, new: RotationInputs, snapshot: Snapshot) -> None:
    """Refuse a generation that a target refused, until the program declares another one.

    If somebody has made it sign since, nothing would be swapped, and there is nothing to refuse.

    Raises:
        Refused: With what was found out then.
        StaleRead: It seems to sign, and it is too early to believe that.
    """
    if state.failed_generation != new.generation:
        return
    if (stale := stale_read_after_swap(snapshot, state)) is not None:
        raise stale
    if has_fingerprint(snapshot.active, new.declared_fingerprint):
        return
    lines = state.failure.split("\n")
    why = "\n".join([*lines[1:-1], f"That was at {state.rolled_back_at}; this deployment tries nothing."])
    raise Refused(lines[0], why, lines[-1])


def _warn_without_user(session: Session, new: RotationInputs, consequence: str) -> None:
    """Warn that nobody is named as whom destinations could be tried; nothing is asked and nothing is run."""
    try:
        session.user_tokens(new.connection).source()
    except NoUserToken as error:
        session.warn(f"RotationTrigger: {error.what}", f"{error.why} Without one {consequence}.", error.remedy)


def _after_swap(before: Snapshot) -> Snapshot:
    return Snapshot(before.subaccount_id, before.passive, before.active, before.now)
