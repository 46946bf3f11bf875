"""Planning of RotationTrigger: from the arguments to a declaration, and from the decision to the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from btp_trust.errors import Refused, WrongSubaccount
from btp_trust.property_bag import SignerSummary, same_arguments
from btp_trust.rotation.candidate import Candidate
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.rollback import previous_signer, rollback_input
from btp_trust.rotation.schema import RotationArgs, RotationInputs
from btp_trust.rotation.swap_lines import plan_swap
from btp_trust.rotation.switchover.plan import SwitchoverPlan, plan_switchover, switch_certificates
from btp_trust.rotation.switchover.reading import find_system, read_systems
from btp_trust.rotation.switchover.schema import PlannedSwitchover
from btp_trust.rotation.target_history import earlier_attestations, of_slots, statements_of_slots
from btp_trust.runtime.command_plan import CommandPlan
from btp_trust.runtime.reading import ReadingUnavailable
from btp_trust.runtime.session import Session
from btp_trust.snapshot import Snapshot
from btp_trust.trusted_by.parsing import TrustedBy


def refuse_foreign_candidate(candidate: Candidate | None, snapshot: Snapshot) -> None:
    """Refuse a candidate of another subaccount.

    Raises:
        WrongSubaccount: It belongs to another one than the RotationTrigger.
    """
    if candidate is not None and candidate.subaccount_id not in (None, snapshot.subaccount_id):
        raise WrongSubaccount(
            f"The candidate belongs to subaccount {candidate.subaccount_id}.",
            f"The RotationTrigger belongs to {snapshot.subaccount_id}, and a certificate signs for its own one only.",
            "Give both the same connection=.",
        )


def create_declaration(
    args: RotationArgs,
    candidate: Candidate | None,
    trusted_by: TrustedBy,
    old: RotationInputs | None,
    command_plan: CommandPlan,
    *,
    candidate_removed: bool = False,
) -> Declaration:
    """Gather what the policies compare: the arguments, the known names, the other plans of the command."""
    generations = _candidate_generations(candidate, old, command_plan)
    awaits_outputs = candidate is not None and candidate.generations is None
    is_pending = candidate is not None and awaits_outputs and candidate.generation not in generations
    return Declaration(
        **args.arguments,
        deployed_generation=old.generation if old else None,
        recorded_generations=old.generations if old else {},
        candidate_generations=generations,
        candidate=candidate.generation if candidate else None,
        adopted_fingerprint=candidate.adopt if candidate else None,
        candidate_awaits_adoption=awaits_outputs,
        candidate_pending=candidate.generation if candidate and is_pending else None,
        pending_generation=command_plan.pending_generation,
        candidate_removed=candidate_removed,
        candidate_ignored=candidate is not None and candidate.is_ignored,
        expiry=trusted_by.expiry,
        valid_until=trusted_by.valid_until,
        earlier_attestations=earlier_attestations(args.trusted_by, old),
        rollback_to=previous_signer(old),
    )


def removed_candidate(candidate: Candidate | None, old: RotationInputs | None, *, is_in_program: bool) -> str | None:
    """Return the candidate whose certificate is deleted with its resource, if the program has removed that.

    Args:
        candidate: What the program passes, or what `ignore_changes` has put in its place.
        old: What the last deployment recorded, `retain_on_delete` too.
        is_in_program: This command has a PassiveTrustCertificate of the subaccount.
    """
    if old is None or old.candidate_retained:
        return None
    # `ignore_changes` passes the recorded candidate even if its resource has left the program.
    is_kept = candidate is not None and (is_in_program or not candidate.is_ignored)
    return None if is_kept else old.candidate


def _candidate_generations(
    candidate: Candidate | None, old: RotationInputs | None, command_plan: CommandPlan
) -> dict[str, str]:
    """Return the names that the candidate binds: by its outputs or, in a preview, by what it is about to adopt."""
    if candidate is None:
        return {}
    if candidate.generations is None:
        adoptions = command_plan.adoptions.items()
        return {name: fingerprint for name, fingerprint in adoptions if name == candidate.generation}
    bound = {} if old is None else old.generations
    return {
        name: fingerprint
        for name, fingerprint in candidate.generations.items()
        if _is_candidate_name(name, fingerprint, candidate, bound)
    }


def _is_candidate_name(name: str, fingerprint: str, candidate: Candidate, bound: Mapping[str, str]) -> bool:
    """Return True for the candidate's present name, and for earlier names that are new here with their certificates."""
    return name == candidate.generation or (name not in bound and fingerprint not in bound.values())


def plan_inputs(
    declaration: Declaration,
    decision: Decision,
    candidate: Candidate | None,
    old: RotationInputs | None,
    snapshot: Snapshot,
    *,
    verification: str,
    affects: list[str] | None,
    switchover: PlannedSwitchover | None,
) -> RotationInputs:
    """Write the decision as inputs: the declared signer, the swap with its systems, or the drift."""
    signer = _declared_signer(declaration, snapshot, old)
    last = None if old is None else old.swap
    swap = plan_swap(declaration, decision, snapshot, last, verification=verification, affects=affects)
    is_drift = decision.action in (Action.REPORT, Action.WARN)
    return _inputs(
        declaration,
        candidate,
        old,
        subaccount_id=snapshot.subaccount_id,
        # On creation this binds the declared name to the active certificate.
        generations={declaration.generation: signer.fingerprint, **declaration.generations},
        signer=signer,
        swap=swap,
        switchover=switchover,
        rollback_to=rollback_input(
            declaration, decision, snapshot, old, declared_fingerprint=signer.fingerprint, swap=swap
        ),
        trusted_by=statements_of_slots(declaration.trusted_by, old, snapshot),
        earlier_attestations=of_slots(declaration.earlier_attestations, snapshot),
        drift=decision.message if is_drift else None,
    )


def _inputs(
    args: RotationArgs, candidate: Candidate | None, old: RotationInputs | None, **planned: Any
) -> RotationInputs:
    """Construct the inputs, for every plan: the arguments, what the next check needs of the candidate, and the plan."""
    if candidate is not None:
        was_retained = old is not None and old.candidate_retained
        planned["candidate"] = candidate.generation
        # An ignored candidate hides its options: those of the last deployment count.
        planned["candidate_retained"] = was_retained if candidate.is_ignored else candidate.retain_on_delete
    return RotationInputs(**{**args.arguments, **planned})


def _declared_signer(declaration: Declaration, snapshot: Snapshot, old: RotationInputs | None) -> SignerSummary:
    """Return the declared signer; a certificate that left the slots keeps its recorded date."""
    fingerprint = declaration.declared_fingerprint or snapshot.slots.active or ""
    certificate = snapshot.find(fingerprint)
    if certificate is not None:
        return SignerSummary.of(certificate)
    return _recorded_signer(fingerprint, old)


def _recorded_signer(fingerprint: str, old: RotationInputs | None) -> SignerSummary:
    recorded = None if old is None else old.signer
    return recorded if recorded is not None and recorded.fingerprint == fingerprint else SignerSummary(fingerprint)


def plan_without_reading(
    args: RotationArgs, candidate: Candidate | None, old: RotationInputs | None, unavailable: ReadingUnavailable
) -> RotationInputs:
    """Plan from the state: it stays as it is; offline, a change is shown and left for a later deployment.

    Raises:
        TrustError: A change is due, and the service was unavailable.
        Refused: The state lacks the certificate of the declared generation.
    """
    # At rest, an outage of the service leaves the other resources of the program deployable.
    if old is None or not same_arguments(args, old, RotationArgs):
        unavailable.refuse_due_changes()
    if old is None:
        step = f"record the active certificate as {args.generation!r}; planned without looking at the slots"
        return _inputs(args, candidate, old, step=step)
    generations = {**args.known_generations, **old.generations}
    fingerprint = generations.get(args.generation)
    if fingerprint is None:
        raise _unknown_offline(args, generations)
    is_new_declaration = args.generation != old.generation
    step = f"make {args.generation!r} sign instead of {old.generation!r}; planned from the state, not checked"
    return _inputs(
        args,
        candidate,
        old,
        subaccount_id=old.subaccount_id,
        generations={**((candidate.generations or {}) if candidate else {}), **generations},
        signer=_recorded_signer(fingerprint, old),
        swap=old.swap,
        switchover=old.switchover,
        rollback_to=old.rollback_to,
        earlier_attestations=earlier_attestations(args.trusted_by, old),
        step=step if is_new_declaration else None,
        drift=None if is_new_declaration else old.drift,  # kept, so that an outage changes no preview
    )


def _unknown_offline(args: RotationArgs, generations: Mapping[str, str]) -> Refused:
    return Refused(
        f"Generation {args.generation!r} cannot be planned offline.",
        f"The state knows: {', '.join(sorted(generations)) or 'no generation'}. Offline, the slots stay unread.",
        "Unset the offline mode: pulumi config rm btp-trust:offline",
    )


def plan_systems(
    session: Session, declaration: Declaration, decision: Decision, snapshot: Snapshot, old: RotationInputs | None
) -> SwitchoverPlan:
    """Read the systems that change over with the signer, unless another certificate signs than declared."""
    last = None if old is None else old.switchover
    if switch_certificates(decision, snapshot) is None:
        return SwitchoverPlan(last)
    plan = plan_switchover(declaration, decision, snapshot, read_systems(session, declaration.switches), last)
    for switch in declaration.switches:
        if switch.name in plan.lacking:  # CommunicationSystemTrust is checked later, and shows what it will trust
            session.plans.of_system(find_system(session, switch).address).switched_to = plan.to
    return plan
