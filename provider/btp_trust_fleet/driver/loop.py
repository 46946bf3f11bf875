"""The loop of the driver: ask for the next action, do it, record what happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Protocol

from btp_trust.errors import ConfigurationError
from btp_trust_fleet.driver.campaign import Campaign
from btp_trust_fleet.driver.decision import Approve, End, Ending, Start, Wait, next_action
from btp_trust_fleet.driver.stop import Stop
from btp_trust_fleet.ledger.ledger_file import LedgerFile
from btp_trust_fleet.ledger.records import StackEnded, StackStarted, WaveApproved
from btp_trust_fleet.plan.model import PlannedStack, WavePlan
from btp_trust_fleet.schedulers.scheduler import Scheduler
from btp_trust_fleet.stack_run.task import StackOutcome, StackTask, Verb
from btp_trust_fleet.table.fleet import FleetStack, Wave

POLL_SECONDS: Final = 0.2
"""How soon an interruption is noticed."""
DRAIN_SECONDS: Final = 300.0
"""How long a driver that fails waits for the stacks that it interrupts: longer than the signals to them take."""


class View(Protocol):
    """What a person sees of the progress."""

    def planning(self, wave: Wave, stacks: Sequence[FleetStack]) -> None:
        """A wave is planned for its approval."""

    def started(self, wave: Wave, stack: FleetStack) -> None:
        """A stack runs."""

    def ended(self, wave: Wave, stack: FleetStack, outcome: StackOutcome) -> None:
        """A stack has run."""

    def pause(self) -> None:
        """Leave the screen to a question."""


class Driver:
    """Runs the waves of a campaign.

    Args:
        campaign: What is to be done.
        ledger: Where it is recorded, before and after.
        scheduler: Where stacks run.
        make_task: Makes the task of a stack: the verb, and the digest of its approved plan.
        approve: Asks for the approval of a wave; returns by whom or what it is approved, or None.
        view: Shows the progress.
        clock: Tells the time.
        stop: Interruptions.
    """

    def __init__(
        self,
        *,
        campaign: Campaign,
        ledger: LedgerFile,
        scheduler: Scheduler,
        make_task: Callable[[FleetStack, Verb, str | None], StackTask],
        approve: Callable[[WavePlan], str | None],
        view: View,
        clock: Callable[[], datetime],
        stop: Stop,
    ) -> None:
        self._campaign, self._ledger, self._scheduler, self._make_task = campaign, ledger, scheduler, make_task
        self._approve, self._view, self._clock, self._stop = approve, view, clock, stop
        self._running: dict[str, tuple[Wave, FleetStack]] = {}
        self._has_interrupted = False

    def run(self) -> End:
        """Run until nothing is left to be done in this command; stacks that run end before it does."""
        try:
            while not isinstance(action := self._next_action(), End):
                match action:
                    case Start():
                        self._start_all(action)
                    case Approve():
                        if not self._ask(action):
                            return End(Ending.APPROVAL, action.wave)
                    case _:
                        self._wait()
        except BaseException:
            self._drain()
            raise
        return action

    def _next_action(self) -> Start | Approve | Wait | End:
        return next_action(
            self._campaign,
            self._ledger.history,
            self._running.keys(),
            self._clock(),
            is_stopping=self._stop.is_stopping,
        )

    def _start_all(self, action: Start) -> None:
        plans: dict[str, str] | None = None
        if self._campaign.needs_approval(action.wave):
            plans = self._ledger.history.approved_plans(self._campaign.verb, action.wave)
        for stack in action.stacks:
            self._ledger.append(StackStarted(**self._common_fields(action.wave, stack)))
            digest = None if plans is None else plans[stack.stack]
            self._submit(action.wave, stack, self._make_task(stack, self._campaign.verb, digest))
            self._view.started(action.wave, stack)

    def _submit(self, wave: Wave, stack: FleetStack, task: StackTask) -> None:
        self._running[stack.stack] = (wave, stack)
        self._scheduler.submit(task)

    def _wait(self) -> None:
        """Wait for an outcome, but so shortly that interruptions and the next attempt are noticed."""
        if not self._running:
            self._stop.wait(POLL_SECONDS)
        elif (outcome := self._next_outcome()) is not None:
            wave, stack = self._running.pop(outcome.stack)
            self._record_end(wave, stack, outcome)

    def _next_outcome(self) -> StackOutcome | None:
        if self._stop.is_interrupting and not self._has_interrupted:
            self._has_interrupted = True
            self._scheduler.interrupt()
        return self._scheduler.next_outcome(POLL_SECONDS)

    def _record_end(self, wave: Wave, stack: FleetStack, outcome: StackOutcome) -> None:
        self._append_end(wave, stack, outcome)
        self._view.ended(wave, stack, outcome)

    def _append_end(self, wave: Wave, stack: FleetStack, outcome: StackOutcome) -> None:
        self._ledger.append(
            StackEnded(
                **self._common_fields(wave, stack),
                state=outcome.state,
                change=outcome.change,
                started_at=outcome.started_at,
                plan_digest=outcome.plan_digest,
                signer_before=outcome.signer_before,
                signer_after=outcome.signer_after,
                lines=outcome.lines,
                log=outcome.log,
            )
        )

    def _common_fields(self, wave: Wave, stack: FleetStack) -> dict[str, Any]:
        """Return what both records of a stack have, see `StackRecord`."""
        return {
            "at": self._clock(),
            "run": self._campaign.run,
            "wave": wave.name,
            "stack": stack.stack,
            "connection": stack.connection,
            "verb": self._campaign.verb,
            "generation": stack.generation,
            "passive": stack.passive,
        }

    def _ask(self, action: Approve) -> bool:
        """Plan a wave and ask for its approval; return False if it is still to be approved.

        A stack that cannot be planned counts as one that failed, and the wave is then approved for the others.
        """
        planned = self._plan(action.wave, action.stacks)
        for each in planned:
            if not each.is_plan:
                self._record_end(action.wave, each.stack, each.outcome)
        plan = WavePlan(action.wave, tuple(each for each in planned if each.is_plan))
        if not plan.stacks or not isinstance(self._next_action(), Approve):
            return True
        self._view.pause()
        by = self._approve(plan) if plan.digest else "the plan has no change"
        if by is None:
            return False
        self._record_approval(plan, by)
        return True

    def _record_approval(self, plan: WavePlan, by: str) -> None:
        self._ledger.append(
            WaveApproved(
                at=self._clock(),
                run=self._campaign.run,
                wave=plan.wave.name,
                verb=self._campaign.verb,
                generation=plan.wave.generation,
                digest=plan.digest or "",
                plans={each.stack.stack: each.outcome.plan_digest or "" for each in plan.stacks},
                by=by,
            )
        )

    def _plan(self, wave: Wave, stacks: Sequence[FleetStack]) -> list[PlannedStack]:
        self._view.planning(wave, stacks)
        for stack in stacks:
            self._submit(wave, stack, self._make_task(stack, Verb.PLAN, None))
        planned = []
        while self._running:
            if (outcome := self._next_outcome()) is not None:
                planned.append(PlannedStack(self._running.pop(outcome.stack)[1], outcome))
        return planned

    def _drain(self) -> None:
        """Interrupt what runs, wait for it, and record how it has ended: that may be the rejection of a target."""
        with suppress(Exception):
            self._scheduler.interrupt()
            deadline = self._clock().timestamp() + DRAIN_SECONDS
            while self._running and self._clock().timestamp() < deadline:
                if (outcome := self._scheduler.next_outcome(POLL_SECONDS)) is not None:
                    wave, stack = self._running.pop(outcome.stack)
                    if self._is_started(stack):
                        with suppress(ConfigurationError):  # the ledger may be what has failed
                            self._append_end(wave, stack, outcome)

    def _is_started(self, stack: FleetStack) -> bool:
        """Return True if this command has started to update the stack; a preview for an approval is no start."""
        last = self._ledger.history.last(stack.stack)
        return isinstance(last, StackStarted) and last.run == self._campaign.run
