"""What a RotationTrigger decides, as far as the other resources of the command have to know of it."""

from __future__ import annotations

from btp_trust.rotation import announcements
from btp_trust.rotation.decision import Action, Decision, Reason
from btp_trust.rotation.declaration import Declaration
from btp_trust.rotation.policies import decide
from btp_trust.rotation.postponement import keep_deployed
from btp_trust.rotation.schema import RotationInputs
from btp_trust.rotation.switchover.plan import SwitchoverPlan
from btp_trust.runtime.command_plan import CommandPlan
from btp_trust.runtime.comparison import Notice
from btp_trust.runtime.reading import SlotsRead


def decide_or_postpone(declaration: Declaration, reading: SlotsRead) -> tuple[Declaration, Decision, Decision | None]:
    """Return what is declared and decided for this command, and the rotation that waits for a later one.

    Raises:
        Refused: The decision is to stop the command.
        StaleRead: The declared certificate was generated just now, and the reading lacks it.
    """
    decision, passive = _decide(declaration, reading), reading.snapshot.passive
    if decision.waits_until is None or passive is None:
        return declaration, decision, None
    reading.account.command_plan.postpone_swap(passive, decision.waits_until)
    kept = keep_deployed(declaration)
    return kept, _decide(kept, reading), decision


def _decide(declaration: Declaration, reading: SlotsRead) -> Decision:
    decision, stale = decide(declaration, reading.snapshot), reading.account.command_plan.stale_passive
    if decision.reason is Reason.CERTIFICATE_GONE and stale is not None:
        raise stale
    if decision.refusal is not None:
        raise decision.refusal
    return decision


def share_swap(decision: Decision, reading: SlotsRead) -> list[Notice]:
    """Let the other resources of the command know of the swap; return the registrations that come after it."""
    certificate = reading.snapshot.passive
    if decision.action is not Action.SWAP or certificate is None:
        return []
    # A restore counts as one: its certificate passed the gate when it was declared.
    is_rollback = decision.reason is not Reason.ROTATE
    names = reading.account.command_plan.plan_swap(certificate, is_rollback=is_rollback)
    return announcements.late_registration_notices(names, certificate)


def share_steps(
    command_plan: CommandPlan, decision: Decision, plan: RotationInputs, switchover: SwitchoverPlan
) -> None:
    """Record which steps of the inputs are due, for diff and update; the inputs hold done ones as well."""
    if decision.action is Action.SWAP and plan.swap is not None:
        command_plan.planned_swap = plan.swap.number
    if switchover.is_due and switchover.planned is not None:
        command_plan.planned_switchover = switchover.planned.number
    command_plan.trusting_systems = tuple(switchover.trusting)
