"""Where the team plays: one subaccount, two stacks on it, and commands that are run in some weather and watched."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis.stateful import RuleBasedStateMachine

from btp_trust.errors import Refused, TrustError
from btp_trust_emulator import Emulator
from btp_trust_emulator.faults.fault import FaultKind
from btp_trust_emulator.slots import Slot
from support.fake_engine import HOUR, CheckFailedError, FakeEngine, ProcessKilledError
from support.stateful.convergence import ONE_MINUTE
from support.stateful.disturbances import PATHS, Disturbance
from support.stateful.invariants import Invariants
from support.stateful.observed_command import ObservedCommand
from support.stateful.program import ProgramSpec
from support.stateful.statistics import Statistics
from support.stateful.targets import Targets

START_TIME: Final = datetime(2030, 1, 1, tzinfo=UTC)
NO_DISTURBANCE: Final = Disturbance()


class RotationMachineBase(RuleBasedStateMachine):
    """Runs commands; the rules are in `Team`."""

    def __init__(self, emulator: Emulator, statistics: Statistics) -> None:
        super().__init__()
        statistics.examples += 1
        self.statistics = statistics
        self.emulator = emulator
        emulator.clear_faults()
        emulator.clear_journal()
        emulator.set_clock(START_TIME)
        self.lag: float | None = None
        """For how many seconds the service shows slots as before a write."""
        self.lagging = list(Slot)
        self.only_slot_reads_lag = False
        """Whether assertions are signed by the truth all the same."""
        self.unknown_until = START_TIME
        """Until when a reading may hide something that this stack does not know of."""

    def create_stacks(self, *, empty: bool) -> None:
        """Make the subaccount and the stacks."""
        self.guid = self.emulator.create_subaccount(generate=not empty).guid
        self.emulator.advance(HOUR)
        self.stack, self.other = FakeEngine(self.emulator, self.guid), FakeEngine(self.emulator, self.guid)
        self.targets = Targets(self.stack)
        key = json.loads(self.stack.config["btp-trust:serviceKey"])
        self.invariant_checks = Invariants(
            [key["clientsecret"], *self.targets.private_texts], self.targets, self.statistics
        )
        self.invariant_checks.record_certificates(self.stack.slots, self.emulator.now)

    def act_as_colleague(self, action: str) -> None:
        """Let a colleague act in the cockpit, as far as it can be done."""
        active, passive = self.stack.slots
        if (active and passive) or action.startswith("generate"):
            getattr(self.emulator, action)(self.guid)
            self.record_foreign_change()

    def up(self, engine: FakeEngine, spec: ProgramSpec, disturbance: Disturbance, **parts: Any) -> BaseException | None:
        """Preview and deploy; what a colleague does between the two is part of the weather."""
        remembers = not parts.get("replace") and spec.names <= {*engine.state}
        names_subaccount = remembers or spec.subaccount_id is not None
        if not remembers:  # a resource that is made anew knows of no write
            self._postpone_stale_reads()
        with ExitStack() as stack:
            begins_late = not disturbance.starts_in_preview
            lags = stack.enter_context(self.with_stale_reads(disturbance))
            if not begins_late:
                lags |= stack.enter_context(
                    self.with_disturbance(engine, disturbance, names_subaccount=names_subaccount)
                )
            preview = ObservedCommand(
                "preview", engine, spec, NO_DISTURBANCE if begins_late else disturbance, lags, is_partial=bool(parts)
            )
            self.run(preview, lambda: engine.preview(spec, **parts))
            if preview.error is not None:
                return preview.error
            if disturbance.between_preview_and_update is not None:
                self.act_as_colleague(disturbance.between_preview_and_update)
            if begins_late:
                lags |= stack.enter_context(
                    self.with_disturbance(engine, disturbance, names_subaccount=names_subaccount)
                )
            command = ObservedCommand(
                "up", engine, spec, disturbance, lags, is_partial=bool(parts), preview_report=engine.last
            )
            self.run(command, lambda: engine.up(spec, skip_preview=True, **parts))
        self.emulator.advance(5.0)
        return command.error or _error_of_failed_generation(engine, spec)

    def run(self, command: ObservedCommand, run: Callable[[], object]) -> None:
        """Run a command, and let the witness check it."""
        engine = command.engine
        calls, journal = len(engine.calls), len(self.emulator.journal())
        try:
            run()
        except (CheckFailedError, TrustError, ProcessKilledError) as error:
            command.error = error
        command.calls, command.entries = engine.calls[calls:], self.emulator.journal()[journal:]
        self.invariant_checks.check(command)
        if command.disturbance.has_rivals or (command.error is not None and command.changes()):
            self._postpone_stale_reads()

    @contextmanager
    def with_disturbance(
        self, engine: FakeEngine, disturbance: Disturbance, *, names_subaccount: bool = True
    ) -> Iterator[bool]:
        """Let a weather last; tell whether readings may be behind in it.

        `is_named` tells whether the text or the state names the subaccount, for all resources.
        """
        if disturbance.is_stale:
            self._wait_until_reads_are_current()
        disturbance.inject_faults(self.emulator, engine, names_subaccount=names_subaccount)
        self.targets.inject_faults()
        try:
            yield disturbance.is_stale
        finally:
            engine.transport.repair()
            self.emulator.clear_faults()

    @contextmanager
    def with_stale_reads(self, disturbance: Disturbance) -> Iterator[bool]:
        """Let the service fall behind for a whole command, unless rivals act in it; tell whether it does."""
        if self.lag is None or disturbance.has_rivals:
            yield False
            return
        self._wait_until_reads_are_current()
        self._delay_reads(self.lag)
        try:
            yield True
        finally:
            self.emulator.clear_faults()

    def _wait_until_reads_are_current(self) -> None:
        """Wait until no reading can hide what this stack does not know of."""
        self.emulator.advance(max(0.0, (self.unknown_until - self.emulator.now).total_seconds()))

    def _delay_reads(self, seconds: float) -> None:
        """Hide what was written less than so many seconds ago, and what will be written, for as long."""
        history = self.emulator._landscape.history
        for slot in self.lagging:
            write = history.last(self.guid, slot)
            left = seconds if write is None else seconds - (self.emulator.now - write.time).total_seconds()
            hide = functools.partial(self.emulator.fault, subaccount=self.guid, slot=slot)
            if self.only_slot_reads_lag:
                hide = functools.partial(hide, path=PATHS[slot])
            if write is not None and 0 < left <= seconds:
                hide(FaultKind.STALE, seconds=left)
            hide(FaultKind.STALE_AFTER_WRITE, seconds=seconds)

    def record_foreign_change(self) -> None:
        """Take down that the slots hold what this stack does not know of."""
        self.invariant_checks.record_certificates(self.stack.slots, self.emulator.now)
        self.invariant_checks.record_foreign_change()
        self._postpone_stale_reads()

    def _postpone_stale_reads(self) -> None:
        """Let a minute go by before readings may be behind again."""
        self.unknown_until = self.emulator.now + timedelta(seconds=ONE_MINUTE)


def _error_of_failed_generation(engine: FakeEngine, spec: ProgramSpec) -> Refused | None:
    """Tell what the resource class raises of a refused generation: the deployment failed, and its state is kept."""
    stored = engine.state.get(spec.trigger_name) if spec.active_generation is not None else None
    if stored is None or stored.outputs.get("failed_generation") != stored.outputs["generation"]:
        return None
    told = stored.outputs.get("rollback_unconfirmed") or stored.outputs["failure"]
    what, *why, remedy = told.split("\n")
    return Refused(what, "\n".join(why), remedy)
