"""RotationTrigger: what check hands to the plan, and what it makes of the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from btp_trust.errors import Refused, TrustError
from btp_trust.property_bag import SignerSummary, same_arguments, with_changes
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.rollback import last_signer, rollback_to
from btp_trust.rotation.schema import Candidate, RotationArgs, RotationInputs, SlotPair
from btp_trust.runtime.reading import ReadingUnavailable, SlotsRead
from btp_trust.runtime.session import Session
from btp_trust.runtime.slots import Subaccount
from btp_trust.service.destinations import Destination, Level
from btp_trust.snapshot import Snapshot


def listed(session: Session, connection: str, purpose: str) -> list[Destination] | None:
    """List the destinations of the subaccount, then those of the service instance; a request a level.

    Args:
        session: What the process shares.
        connection: The connection's name.
        purpose: What cannot be done without the list.

    Returns:
        None if they could not be listed, which is warned of and stops nothing.
    """
    try:
        destinations = session.destination_client(connection)
        return [each for level in Level for each in destinations.list_level(level)]
    except TrustError as error:
        session.warn(f"RotationTrigger: {purpose}. {error.what}", error.why, error.remedy)
        return None


def affected_destinations(destinations: Sequence[Destination]) -> list[str]:
    """Name the destinations whose assertions will be signed with another certificate."""
    return sorted({each.name for each in destinations if each.uses_subaccount_key})


def create_declaration(
    args: RotationArgs, candidate: Candidate | None, old: RotationInputs | None, account: Subaccount
) -> Declaration:
    """Gather what the plan has to know: the program's words, the names known, what the command does besides."""
    candidate_generations = _candidate_generations(candidate, old, account)
    unknown = (
        candidate is not None and candidate.generations is None and candidate.generation not in candidate_generations
    )
    return Declaration(
        generation=args.generation,
        deployed_generation=old.generation if old else None,
        recorded_generations=old.generations if old else {},
        known_generations=args.known_generations,
        candidate_generations=candidate_generations,
        candidate=candidate.generation if candidate else None,
        adopted_fingerprint=candidate.adopt if candidate else None,
        candidate_awaits_adoption=candidate is not None and candidate.generations is None,
        candidate_pending=candidate.generation if candidate and unknown else None,
        pending_generation=account.command_plan.pending_generation,
        candidate_ignored=candidate is not None and candidate.is_ignored,
        on_drift=args.on_drift,
        trusted_by=args.trusted_by,
        rollback_to=rollback_to(old),
    )


def removed_candidate(candidate: Candidate | None, old: RotationInputs | None, *, is_in_program: bool) -> str | None:
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


def candidate_inputs(candidate: Candidate | None, old: RotationInputs | None) -> dict[str, Any]:
    """Write down of the candidate what the next check has to know."""
    if candidate is None:
        return {}
    kept = old is not None and old.candidate_retained
    return {
        "candidate": candidate.generation,
        "candidate_retained": kept if candidate.is_ignored else candidate.retain_on_delete,
    }


def _is_candidate_name(name: str, taken: str, candidate: Candidate, bound: Mapping[str, str]) -> bool:
    """Whether a name of the candidate is learned: its present one, or an earlier one of what has no name here."""
    return name == candidate.generation or (name not in bound and taken not in bound.values())


def _candidate_generations(
    candidate: Candidate | None, old: RotationInputs | None, account: Subaccount
) -> dict[str, str]:
    """Names that the candidate binds: by its outputs, or, in a preview, by what it is about to take up."""
    if candidate is None:
        return {}
    if candidate.generations is not None:
        bound = {} if old is None else old.generations
        return {
            name: taken
            for name, taken in candidate.generations.items()
            if _is_candidate_name(name, taken, candidate, bound)
        }
    return {name: taken for name, taken in account.command_plan.adoptions.items() if name == candidate.generation}


def planned_inputs(
    args: RotationArgs, declaration: Declaration, decision: Decision, seen: SlotsRead, old: RotationInputs | None
) -> RotationInputs:
    """Write the decision down as inputs: who shall sign, and the step or the drift."""
    snapshot, number = seen.snapshot, (old.swap_number or 0) if old else 0
    signer = _declared_signer(declaration, snapshot, old)
    plan = with_changes(
        RotationInputs,
        args,
        subaccount_id=snapshot.subaccount_id,
        generations={args.generation: signer.fingerprint, **declaration.generations},
        signer=signer,
        swap_number=number,
        rollback_to=last_signer(signer.fingerprint, snapshot, old) if args.trusted_by else None,
    )
    if decision.action is Action.SWAP and decision.slots_before is not None:
        slots_before = SlotPair.of(decision.slots_before)
        return with_changes(
            RotationInputs,
            plan,
            step=decision.message,
            slots_before=slots_before,
            swap_number=number + 1,
            targets=dict(decision.targets),
        )
    if decision.action in (Action.REPORT, Action.WARN):
        return with_changes(RotationInputs, plan, drift=decision.message)
    return plan


def _declared_signer(declaration: Declaration, snapshot: Snapshot, old: RotationInputs | None) -> SignerSummary:
    """Who shall sign; a certificate that left the slots keeps the date that was recorded of it."""
    declared_fingerprint = declaration.declared_fingerprint or snapshot.slots.active or ""
    certificate = snapshot.find(declared_fingerprint)
    if certificate is not None:
        return SignerSummary.of(certificate)
    recorded_generations = old.signer if old is not None else None
    return (
        recorded_generations
        if recorded_generations is not None and recorded_generations.fingerprint == declared_fingerprint
        else SignerSummary(declared_fingerprint)
    )


def plan_without_reading(
    args: RotationArgs, candidate: Candidate | None, old: RotationInputs | None, unavailable: ReadingUnavailable
) -> RotationInputs:
    """Plan from the state: with nothing due it stays; offline, a change is shown but will not be done."""
    if old is None or not same_arguments(args, old, RotationArgs):
        unavailable.refuse_due_changes()
    named = candidate_inputs(candidate, old)
    if old is None:
        step = f"record what signs as {args.generation!r}; planned without looking at the slots"
        return with_changes(RotationInputs, args, **named, step=step)
    recorded_generations = {**args.known_generations, **old.generations}
    declared_fingerprint = recorded_generations.get(args.generation)
    if declared_fingerprint is None:
        raise _unknown_offline(args, recorded_generations)
    plan = with_changes(
        RotationInputs,
        args,
        subaccount_id=old.subaccount_id,
        generations={**((candidate.generations or {}) if candidate else {}), **recorded_generations},
        signer=old.signer if old.declared_fingerprint == declared_fingerprint else SignerSummary(declared_fingerprint),
        **named,
        swap_number=old.swap_number,
        rollback_to=rollback_to(old) if args.trusted_by else None,
        drift=old.drift,
    )
    if args.generation == old.generation:
        return plan
    step = f"make {args.generation!r} sign instead of {old.generation!r}; planned from the state, not checked"
    return with_changes(RotationInputs, plan, step=step, drift=None)


def _unknown_offline(args: RotationArgs, recorded_generations: dict[str, str]) -> Refused:
    return Refused(
        f"Generation {args.generation!r} cannot be planned offline.",
        f"The state knows: {', '.join(sorted(recorded_generations)) or 'no generation'}; what signs was not read.",
        "Unset the offline mode: pulumi config rm btp-trust:offline",
    )
