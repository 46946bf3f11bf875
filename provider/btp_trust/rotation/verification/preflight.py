"""Before a swap: announce the verification in the plan, and refuse a swap whose verification is impossible."""

from __future__ import annotations

from collections.abc import Sequence

from btp_trust.errors import NoUserToken, Refused, TrustError
from btp_trust.formatting import short_fingerprint
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.evidence import OnVerificationFailure
from btp_trust.rotation.messages import label
from btp_trust.rotation.revocation import revocation
from btp_trust.rotation.rollback import stale_read_after_swap
from btp_trust.rotation.schema import RotationInputs, RotationState
from btp_trust.rotation.target_status import signs_again
from btp_trust.rotation.verification.inspection import find_in_list
from btp_trust.rotation.verification.policy import VerificationRun, is_older
from btp_trust.rotation.verification.prober import prober_for
from btp_trust.rotation.verification.step import RotationStep, is_verification_requested, unverified_destinations
from btp_trust.runtime.comparison import Notice
from btp_trust.runtime.session import Session
from btp_trust.runtime.slots import Subaccount
from btp_trust.service.destinations import SAML_ASSERTION, Destination
from btp_trust.snapshot import Snapshot, has_fingerprint


def should_inspect(args: Declaration, old: RotationInputs | None, snapshot: Snapshot, *, has_step: bool) -> bool:
    """Return True if check compares `verify_destinations` with the existing ones: after a change, or before a step.

    A rollback goes ahead in any case, so its inspection would be useless.
    """
    if not args.verify_destinations or (has_step and _declares_rollback(args, snapshot)):
        return False
    if old is None or args.verify_destinations != old.verify_destinations:
        return True
    # Any other preview saves the two requests: these names were compared when they were declared.
    return is_verification_requested(args, old) or (has_step and args.generation != old.generation)


def inspect_destinations(
    session: Session, new: RotationInputs, destinations: Sequence[Destination], *, requested: bool, has_swap: bool
) -> list[Notice]:
    """Check that the destinations to verify exist and are suitable.

    Destinations that this deployment verifies must exist now. A new list may name one that the same deployment
    creates: there a missing one is a warning.

    Args:
        session: What the process shares.
        new: The plan.
        destinations: The existing ones, those of the service instance last: they hide the subaccount's.
        requested: Whether the program asks to verify them.
        has_swap: Whether the plan is to swap.

    Returns:
        Warnings; the last notice is an error if a destination that must exist is missing or unsuitable.
    """
    authentications, notices = set(), list[Notice]()
    for name in new.verify_destinations:
        try:
            authentications.add(find_in_list(destinations, name).authentication)
        except Refused as error:
            if requested or has_swap:  # else this deployment may create it
                return [*notices, Notice.of_error(error)]
            notices.append(session.warning(error.what, error.why, error.remedy))
    if has_swap and authentications and SAML_ASSERTION not in authentications:
        notices.append(
            Notice(
                "none of verify_destinations shows which certificate signs, so right after the swap "
                "an accepted assertion is inconclusive; name one with SAMLAssertion as well"
            )
        )
    return notices


def verification_notices(session: Session, new: RotationInputs, snapshot: Snapshot) -> list[Notice]:
    """Return how a planned swap will be verified, and the warning if the user is missing."""
    if not new.verify_destinations:
        return []
    is_back = _plans_rollback(new, snapshot)
    names = ", ".join(new.verify_destinations)
    missing_user = f"the deployment {'rolls back without verification' if is_back else 'refuses the swap'}"
    consequence = _consequence_of_rejection(new, snapshot, is_back=is_back)
    return [
        Notice(f"after the swap {names} will be verified as the user; {consequence}"),
        *_user_notices(session, new, missing_user),
    ]


def creation_notices(session: Session, new: RotationInputs, snapshot: Snapshot) -> list[Notice]:
    """Return which destinations a creation verifies, if `verify_now` asks for that or is yet unknown."""
    if new.verify_now is None or not new.verify_destinations or snapshot.active is None:
        return []
    signer, names = label(snapshot.active, new.generation), ", ".join(new.verify_destinations)
    verified = f"{signer} signs, {names} will be verified as the user of connection {new.connection!r}"
    return [
        *_user_notices(session, new, "the verification stays inconclusive"),
        Notice(f"{verified}; nothing is rolled back"),
    ]


def planned_verification(args: Declaration, snapshot: Snapshot) -> str:
    """Return how a planned swap will be verified, as a line of the preview."""
    if not args.verify_destinations:
        return "none, for verify_destinations is empty: users find out whether the targets accept the next signer"
    consequence = _consequence_of_rejection(args, snapshot, is_back=_declares_rollback(args, snapshot))
    return f"each of verify_destinations is called as the user right after the swap; {consequence}"


def _consequence_of_rejection(args: Declaration | RotationInputs, snapshot: Snapshot, *, is_back: bool) -> str:
    if revocation(args, snapshot.slots.active):
        return "nothing is rolled back, for the present signer is revoked"
    rolls_back = not is_back and args.on_verification_failure is OnVerificationFailure.ROLLBACK
    return "a target's rejection rolls back" if rolls_back else "nothing is rolled back"


def signer_verification_notices(
    session: Session, step: RotationStep, pending_generation: str | None, *, is_swap_planned: bool
) -> list[Notice]:
    """Return which destinations an update verifies for the present signer, why, and which certificate may sign then.

    The message alone shows that: no input does.

    Args:
        session: What the process shares.
        step: The slots before the update.
        pending_generation: A generation that the same command generates over the previous signer.
        is_swap_planned: This command swaps first.
    """
    new = step.new
    if (run := step.run) is None or step.slots.active is None:
        if step.is_requested and new.verify_destinations and not is_swap_planned:
            fingerprint = short_fingerprint(new.declared_fingerprint)
            return [Notice(f"verify_now waits until {fingerprint} signs")]
        return []
    missing_user = _user_notices(session, new, "the verification stays inconclusive")
    signer, consequence = label(step.slots.active, new.generation), _consequence(step, run, pending_generation)
    names = unverified_destinations(step.state, new)
    if not names:
        verified = f"{signer} signs, {', '.join(run.names)} will be verified as the user"
        return [*missing_user, Notice(f"{verified}; {consequence}")]
    evidence = "; ".join(f"{name}: {step.state.verified[name]}" for name in names if name in step.state.verified)
    return [
        *missing_user,
        Notice(
            f"the last verification of {signer} was inconclusive ({evidence}); the deployment "
            f"verifies again; {consequence}"
        ),
    ]


def _consequence(step: RotationStep, run: VerificationRun, pending_generation: str | None) -> str:
    if not run.decisive or not step.rolls_back or step.slots.passive is None:
        return "nothing is rolled back"
    earlier = label(step.slots.passive, step.generation_of(step.slots.passive))
    if pending_generation is not None:
        return f"a target's rejection cannot roll back: {pending_generation!r} is generated over {earlier} first"
    return f"a target's rejection rolls back, and {earlier} signs"


def preflight(session: Session, account: Subaccount, new: RotationInputs) -> None:
    """Check before a swap that its verification is possible: fetch the user's token and find the destinations.

    A rollback goes ahead in any case.

    Raises:
        TrustError: Something is missing, and the slots are unchanged.
    """
    if not new.verify_destinations:
        return
    try:
        prober = prober_for(session, new)
        for name in new.verify_destinations:
            prober.find_destination(name)
    except TrustError as error:
        # Users may be rejected right now, so a rollback goes ahead unverified.
        if _plans_rollback(new, account.snapshot()):
            session.print_once(f"warning: {error.what} {error.why} The rollback goes on.")
            return
        # Changed in place, so that users see the error's own class.
        error.what = f"Generation {new.generation!r} was not made to sign: its verification is impossible. {error.what}"
        raise


def refuse_failed_generation(state: RotationState, new: RotationInputs, snapshot: Snapshot) -> None:
    """Refuse a generation that a target rejected, until the program declares another one.

    A generation that signs by now, because somebody swapped by hand, passes: its swap is done.

    Raises:
        Refused: The error of the rollback.
        StaleRead: The generation seems to sign, too soon after the rollback to rely on it.
    """
    if state.failed_generation != new.generation:
        return
    if (stale := stale_read_after_swap(snapshot, state)) is not None:
        raise stale
    if has_fingerprint(snapshot.active, new.declared_fingerprint):
        return
    lines = state.failure.split("\n")
    why = "\n".join([*lines[1:-1], f"That was at {state.rolled_back_at}; this deployment sends no probe."])
    raise Refused(lines[0], why, lines[-1])


def _user_notices(session: Session, new: RotationInputs, consequence: str) -> list[Notice]:
    """Return the warning if the configuration lacks a user, before any request is sent or command is run."""
    try:
        session.user_tokens(new.connection).source()
    except NoUserToken as error:
        why = f"{error.why} Without one {consequence}."
        return [session.warning(error.what, why, error.remedy)]
    except TrustError as error:  # a malformed configuration: the plan that needs it is shown first
        return [Notice.of_error(error)]
    return []


def _declares_rollback(declaration: Declaration, snapshot: Snapshot) -> bool:
    """Return True if the swap of a declaration leads to an older certificate that signed before."""
    certificate = snapshot.passive
    return certificate is not None and is_older(_after_swap(snapshot)) and signs_again(declaration, certificate)


def _plans_rollback(new: RotationInputs, snapshot: Snapshot) -> bool:
    """Return the same of a planned swap."""
    return is_older(_after_swap(snapshot)) and not (new.swap is not None and new.swap.is_rotation)


def _after_swap(before: Snapshot) -> Snapshot:
    return Snapshot(before.subaccount_id, before.passive, before.active, before.now)
