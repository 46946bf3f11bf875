"""What a RotationTrigger says about one command: gathered from its step, its verification and its targets."""

from __future__ import annotations

from collections.abc import Sequence

from btp_trust.errors import TrustError
from btp_trust.formatting import label_fingerprint
from btp_trust.rotation import announcements
from btp_trust.rotation.decision import Action, Decision
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.difference import RotationDifference, refuse_unrecorded_signer
from btp_trust.rotation.planned_swap import PlannedSwap
from btp_trust.rotation.revocation import revocation_notices
from btp_trust.rotation.rollback import recorded_declaration, refuse_unless_rollback
from btp_trust.rotation.schema import RotationInputs
from btp_trust.rotation.switchover import messages
from btp_trust.rotation.switchover.plan import SwitchoverPlan
from btp_trust.rotation.target_history import rejection_notices
from btp_trust.rotation.verification import preflight
from btp_trust.rotation.verification.step import RotationStep
from btp_trust.runtime.command_plan import CommandPlan
from btp_trust.runtime.comparison import Notice
from btp_trust.runtime.session import Session
from btp_trust.snapshot import Snapshot


def step_notices(
    session: Session, declaration: Declaration, decision: Decision, plan: RotationInputs, snapshot: Snapshot
) -> tuple[Notice, ...]:
    """Return the step with its targets, and how it will be verified; else whether a revoked certificate signs."""
    has_step = decision.action is Action.SWAP
    verification = preflight.verification_notices(session, plan, snapshot) if has_step else []
    revoked = revocation_notices(declaration, decision, snapshot)
    return (*announcements.decision_notices(decision), *verification, *revoked)


def creation_notices(
    session: Session, declaration: Declaration, decision: Decision, plan: RotationInputs, snapshot: Snapshot
) -> list[Notice]:
    """Return what a creation records and which calls it makes, and whether a revoked certificate signs."""
    if not (recorded := announcements.creation_notices(declaration, snapshot)):
        return []
    revoked = revocation_notices(declaration, decision, snapshot)
    return [*recorded, *preflight.creation_notices(session, plan, snapshot), *revoked]


def switchover_notices(session: Session, switchover: SwitchoverPlan) -> list[Notice]:
    """Return what a person has to resolve of the systems that change over with the signer."""
    warnings = [session.warning(*problem) for problem in switchover.warnings]
    return warnings if switchover.left is None else [*warnings, Notice(switchover.left)]


def record_notices(step: RotationStep, difference: RotationDifference) -> list[Notice]:
    """Return the lines of what happened outside of this stack: the declared certificate signs, or a system trusts it.

    A system that an earlier step has left behind may have it from its administrator.
    """
    # A verification has a line of its own, and the plan of a switchover is shown among the inputs.
    sends = step.run is not None or difference.is_switchover_due
    recorded = announcements.record_notices(step.state, step.new, step.slots, sends=sends)
    return [*recorded, *_left_behind_notices(step, difference.caught_up)]


def _left_behind_notices(step: RotationStep, caught_up: Sequence[str]) -> list[Notice]:
    """Return what became of the systems that an earlier step has left behind, while the signer stays."""
    if step.new.declared_fingerprint != step.state.declared_fingerprint:
        return []  # their certificate may be the next signer
    signer = label_fingerprint(step.new.declared_fingerprint, step.new.generation)
    declared = {switch.name for switch in step.new.switches}
    lines = [
        *(messages.caught_up(name, signer) for name in caught_up),
        *(messages.forgotten(name, signer) for name in step.state.unswitched if name not in declared),
    ]
    return [Notice(line) for line in lines]


def swap_notices(step: RotationStep, due: PlannedSwap | None, command_plan: CommandPlan) -> list[Notice]:
    """Return what the outputs alone know of a due swap: that it is refused, or a lost signer and earlier rejections."""
    if due is None:
        return []
    declaration = recorded_declaration(step.new, step.state, command_plan.valid_until)
    # A restore is exempt: it undoes a change of the signer since the last deployment.
    if step.new.generation != step.state.generation:
        try:
            refuse_unrecorded_signer(due, step.state)
            refuse_unless_rollback(declaration, step.slots)
        except TrustError as error:  # a notice, so that the planned step is shown before it
            return [Notice.of_error(error)]
    lost = announcements.replaced_signer_notices(step.state, step.new, step.slots)
    return [*lost, *rejection_notices(declaration, step.slots)]
