"""RotationTrigger: what check hands to the plan, and what it makes of the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from btp_trust.errors import Refused, TrustError
from btp_trust.property_bag import Signing, checked, same_arguments
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.rollback import signed_before, way_back
from btp_trust.rotation.schema import Candidate, SwapSlots, TriggerArgs, TriggerChecked
from btp_trust.runtime.reading import Seen, Unseen
from btp_trust.runtime.session import Session
from btp_trust.runtime.slots import Subaccount
from btp_trust.service.destinations import Destination, Level
from btp_trust.snapshot import Snapshot


def listed(session: Session, connection: str, what_for: str) -> list[Destination] | None:
    """List the destinations of the subaccount, then those of the service instance; a request a level.

    Args:
        session: What the process shares.
        connection: The connection's name.
        what_for: What cannot be done without the list.

    Returns:
        None if they could not be listed, which is warned of and stops nothing.
    """
    try:
        destinations = session.destinations(connection)
        return [each for level in Level for each in destinations.listed(level)]
    except TrustError as error:
        session.warn(f"RotationTrigger: {what_for}. {error.what}", error.why, error.remedy)
        return None


def affected(destinations: Sequence[Destination]) -> list[str]:
    """Name the destinations whose assertions will be signed with another certificate."""
    return sorted({each.name for each in destinations if each.signs_with_the_subaccounts_key})


def declared_by(
    args: TriggerArgs, candidate: Candidate | None, old: TriggerChecked | None, account: Subaccount
) -> Declaration:
    """Gather what the plan has to know: the program's words, the names known, what the command does besides."""
    learned = _learned(candidate, old, account)
    unknown = candidate is not None and candidate.generations is None and candidate.generation not in learned
    return Declaration(
        generation=args.generation,
        declared=old.generation if old else None,
        recorded=old.generations if old else {},
        taught=args.known_generations,
        learned=learned,
        candidate=candidate.generation if candidate else None,
        adopted=candidate.adopt if candidate else None,
        candidate_is_due=candidate is not None and candidate.generations is None,
        candidate_pending=candidate.generation if candidate and unknown else None,
        minting=account.command.minting,
        candidate_ignored=candidate is not None and candidate.is_ignored,
        on_drift=args.on_drift,
        trusted_by=args.trusted_by,
        way_back=way_back(old),
    )


def leaving_candidate(candidate: Candidate | None, old: TriggerChecked | None, *, is_in_program: bool) -> str | None:
    """Name the candidate whose certificate goes with its resource, if the program has that no more.

    Args:
        candidate: What the program passes, or what `ignore_changes` has put in its place.
        old: What the last deployment recorded, `retain_on_delete` too.
        is_in_program: Whether this command has a PassiveTrustCertificate of the subaccount.
    """
    if old is None or old.candidate_retained:
        return None
    is_kept = candidate is not None and (is_in_program or not candidate.is_ignored)
    return None if is_kept else old.candidate


def candidate_inputs(candidate: Candidate | None, old: TriggerChecked | None) -> dict[str, Any]:
    """Write down of the candidate what the next check has to know."""
    if candidate is None:
        return {}
    kept = old is not None and old.candidate_retained
    return {
        "candidate": candidate.generation,
        "candidate_retained": kept if candidate.is_ignored else candidate.retain_on_delete,
    }


def _counts(name: str, taken: str, candidate: Candidate, bound: Mapping[str, str]) -> bool:
    """Whether a name of the candidate is learned: its present one, or an earlier one of what has no name here."""
    return name == candidate.generation or (name not in bound and taken not in bound.values())


def _learned(candidate: Candidate | None, old: TriggerChecked | None, account: Subaccount) -> dict[str, str]:
    """Names that the candidate binds: by its outputs, or, in a preview, by what it is about to take up."""
    if candidate is None:
        return {}
    if candidate.generations is not None:
        bound = {} if old is None else old.generations
        return {name: taken for name, taken in candidate.generations.items() if _counts(name, taken, candidate, bound)}
    return {name: taken for name, taken in account.command.adopting.items() if name == candidate.generation}


def planned(
    args: TriggerArgs, declaration: Declaration, decision: Decision, seen: Seen, old: TriggerChecked | None
) -> TriggerChecked:
    """Write the decision down as inputs: who shall sign, and the step or the drift."""
    snapshot, number = seen.snapshot, (old.swap_number or 0) if old else 0
    signing = _signing(declaration, snapshot, old)
    plan = checked(
        TriggerChecked,
        args,
        subaccount_id=snapshot.subaccount_id,
        generations={args.generation: signing.fingerprint, **declaration.generations},
        signing=signing,
        swap_number=number,
        way_back=signed_before(signing.fingerprint, snapshot, old) if args.trusted_by else None,
    )
    if decision.action is Action.SWAP and decision.swaps is not None:
        swaps = SwapSlots.of(decision.swaps)
        return checked(
            TriggerChecked,
            plan,
            step=decision.message,
            swaps=swaps,
            swap_number=number + 1,
            targets=dict(decision.targets),
        )
    if decision.action in (Action.REPORT, Action.WARN):
        return checked(TriggerChecked, plan, drift=decision.message)
    return plan


def _signing(declaration: Declaration, snapshot: Snapshot, old: TriggerChecked | None) -> Signing:
    """Who shall sign; a certificate that left the slots keeps the date that was recorded of it."""
    wanted = declaration.wanted or snapshot.slots.active or ""
    certificate = snapshot.find(wanted)
    if certificate is not None:
        return Signing.of(certificate)
    recorded = old.signing if old is not None else None
    return recorded if recorded is not None and recorded.fingerprint == wanted else Signing(wanted)


def planned_unseen(
    args: TriggerArgs, candidate: Candidate | None, old: TriggerChecked | None, unseen: Unseen
) -> TriggerChecked:
    """Plan from the state: with nothing due it stays; offline, a change is shown but will not be done."""
    if old is None or not same_arguments(args, old, TriggerArgs):
        unseen.refuse_what_is_due()
    named = candidate_inputs(candidate, old)
    if old is None:
        step = f"record what signs as {args.generation!r}; planned without looking at the slots"
        return checked(TriggerChecked, args, **named, step=step)
    recorded = {**args.known_generations, **old.generations}
    wanted = recorded.get(args.generation)
    if wanted is None:
        raise _offline_unknown(args, recorded)
    plan = checked(
        TriggerChecked,
        args,
        subaccount_id=old.subaccount_id,
        generations={**((candidate.generations or {}) if candidate else {}), **recorded},
        signing=old.signing if old.wanted == wanted else Signing(wanted),
        **named,
        swap_number=old.swap_number,
        way_back=way_back(old) if args.trusted_by else None,
        drift=old.drift,
    )
    if args.generation == old.generation:
        return plan
    step = f"make {args.generation!r} sign instead of {old.generation!r}; planned from the state, not checked"
    return checked(TriggerChecked, plan, step=step, drift=None)


def _offline_unknown(args: TriggerArgs, recorded: dict[str, str]) -> Refused:
    return Refused(
        f"Generation {args.generation!r} cannot be planned offline.",
        f"The state knows: {', '.join(sorted(recorded)) or 'no generation'}; what signs was not read.",
        "Unset the offline mode: pulumi config rm btp-trust:offline",
    )
