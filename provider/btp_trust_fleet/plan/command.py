"""`btp-trust fleet plan`: preview all stacks, print, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.options import PlanForm
from btp_trust_cli.terminal import Terminal
from btp_trust_fleet.choice import chosen_of
from btp_trust_fleet.driver.loop import POLL_SECONDS
from btp_trust_fleet.plan.document import plan_document
from btp_trust_fleet.plan.junit import plan_junit
from btp_trust_fleet.plan.markdown import plan_markdown
from btp_trust_fleet.plan.model import PlannedStack, WavePlan
from btp_trust_fleet.plan.text import plan_severity, plan_text
from btp_trust_fleet.schedulers.scheduler import Scheduler
from btp_trust_fleet.stack_run.task import StackOutcome, Verb
from btp_trust_fleet.surroundings import FleetRequest
from btp_trust_fleet.table.fleet import FleetStack, Wave


@dataclass(frozen=True)
class PlanRequest(FleetRequest):
    """The options of `btp-trust fleet plan`."""

    form: PlanForm = PlanForm.TABLE


def run_plan(request: PlanRequest, terminal: Terminal | None = None, scheduler: Scheduler | None = None) -> Severity:
    """Print what an update of each stack would do; return the most serious state.

    Raises:
        TrustError: The table or the scheduler is unusable.
    """
    terminal = terminal or Terminal.of_process()
    stacks = chosen_of(request.fleet, request.chosen)
    with closing(scheduler or request.open_scheduler()) as opened, terminal.progress(len(stacks)) as on_done:
        outcomes = _plan(request, stacks, opened, on_done)
    plans = [plan for wave in request.fleet.waves if (plan := _wave_plan(wave, outcomes)).stacks]
    terminal.show(_printed(plans, request.form, terminal))
    return plan_severity(plans)


def _plan(
    request: PlanRequest, stacks: Sequence[FleetStack], scheduler: Scheduler, on_done: Callable[[], None]
) -> dict[str, StackOutcome]:
    outcomes: dict[str, StackOutcome] = {}
    try:
        for stack in stacks:
            scheduler.submit(request.make_task(stack, Verb.PLAN, None))
        while len(outcomes) < len(stacks):
            if (outcome := scheduler.next_outcome(POLL_SECONDS)) is not None:
                outcomes[outcome.stack] = outcome
                on_done()
    except KeyboardInterrupt:
        scheduler.interrupt()
        raise
    return outcomes


def _wave_plan(wave: Wave, outcomes: Mapping[str, StackOutcome]) -> WavePlan:
    planned = (PlannedStack(each, outcomes[each.stack]) for each in wave.stacks if each.stack in outcomes)
    return WavePlan(wave, tuple(planned))


def _printed(plans: Sequence[WavePlan], form: PlanForm, terminal: Terminal) -> str:
    match form:
        case PlanForm.MARKDOWN:
            return plan_markdown(plans)
        case PlanForm.JUNIT:
            return plan_junit(plans)
        case PlanForm.JSON:
            return f"{json.dumps(plan_document(plans), indent=2, ensure_ascii=False)}\n"
        case _:
            return plan_text(plans, width=terminal.width, is_colored=terminal.is_colored)
