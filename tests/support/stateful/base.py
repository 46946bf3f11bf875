"""Base of the stateful test: one subaccount, two stacks, and commands that run under disturbances and are checked."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis.stateful import RuleBasedStateMachine

from btp_trust.errors import Refused, TrustError
from btp_trust_emulator import Emulator, S4Switches
from btp_trust_emulator.faults.fault import FaultKind
from btp_trust_emulator.slots import Slot
from support.fake_engine import HOUR, CheckFailedError, FakeEngine, ProcessKilledError
from support.stateful.convergence import ONE_MINUTE
from support.stateful.disturbances import PATHS, Disturbance
from support.stateful.invariants import Invariants
from support.stateful.observed_command import ObservedCommand
from support.stateful.program import ProgramSpec
from support.stateful.statistics import Statistics
from support.stateful.system_invariants import SystemInvariants
from support.stateful.targets import Targets

START_TIME: Final = datetime(2030, 1, 1, tzinfo=UTC)
NO_DISTURBANCE: Final = Disturbance()


class RotationMachineBase(RuleBasedStateMachine):
    """Runs and checks commands; the rules are in `RotationMachine`."""

    def __init__(self, emulator: Emulator, statistics: Statistics) -> None:
        super().__init__()
        statistics.examples += 1
        self.statistics = statistics
        self.emulator = emulator
        emulator.clear_faults()
        emulator.clear_journal()
        emulator.set_clock(START_TIME)
        self.lag: float | None = None
        """Seconds for which readings are stale after a write; None: they are current."""
        self.lagging_slots = list(Slot)
        self.only_slot_reads_lag = False
        """True if assertions are signed by the current certificate while readings lag."""
        self.unknown_until = START_TIME
        """Until then, a stale reading could hide a foreign change."""

    def create_stacks(self, *, empty: bool, switches: S4Switches) -> None:
        """Create the subaccount and the stacks."""
        self.guid = self.emulator.create_subaccount(generate=not empty).guid
        self.emulator.advance(HOUR)
        # Read ahead in each command, in the middle of its disturbances; what is read there must stay without effect.
        neighbour = json.dumps(self.emulator.service_key(self.emulator.create_subaccount(generate=True).guid))
        self.stack, self.other = (
            FakeEngine(
                self.emulator,
                self.guid,
                config={"btp-trust:partial": "true"},
                environ={"BTP_TRUST_SERVICE_KEY_NEIGHBOUR": neighbour},
                announced={"default": 3, "neighbour": 1},
            )
            for _ in range(2)
        )
        self.targets = Targets(self.stack, switches)
        key = json.loads(self.stack.config["btp-trust:serviceKey"])
        self.invariant_checks = Invariants(
            [key["clientsecret"], *self.targets.private_texts], self.targets, self.statistics
        )
        self.invariant_checks.record_certificates(self.stack.slots, self.emulator.now)
        self.system_invariants = SystemInvariants(self.targets.communication_systems, self.statistics)

    def act_as_colleague(self, action: str) -> None:
        """Act in the cockpit as a colleague, if the action is possible."""
        active, passive = self.stack.slots
        if (active and passive) or action.startswith("generate"):
            getattr(self.emulator, action)(self.guid)
            self.record_foreign_change()

    def up(self, engine: FakeEngine, spec: ProgramSpec, disturbance: Disturbance, **parts: Any) -> BaseException | None:
        """Preview and deploy; a disturbance may include a colleague's act between the two."""
        remembers = not parts.get("replace") and spec.names <= {*engine.state}
        names_subaccount = remembers or spec.subaccount_id is not None
        if not remembers:  # a new resource has recorded no write of this stack
            self._postpone_stale_reads()
        with ExitStack() as stack:
            starts_after_preview = not disturbance.starts_in_preview
            has_stale_reads = stack.enter_context(self.with_stale_reads(disturbance))
            if not starts_after_preview:
                has_stale_reads |= stack.enter_context(
                    self.with_disturbance(engine, disturbance, names_subaccount=names_subaccount)
                )
            during_preview = NO_DISTURBANCE if starts_after_preview else disturbance
            preview = ObservedCommand("preview", engine, spec, during_preview, has_stale_reads, is_partial=bool(parts))
            self.run(preview, lambda: engine.preview(spec, **parts))
            if preview.error is not None:
                return preview.error
            if disturbance.between_preview_and_update is not None:
                self.act_as_colleague(disturbance.between_preview_and_update)
            if starts_after_preview:
                has_stale_reads |= stack.enter_context(
                    self.with_disturbance(engine, disturbance, names_subaccount=names_subaccount)
                )
            command = ObservedCommand(
                "up",
                engine,
                spec,
                disturbance,
                has_stale_reads,
                is_partial=bool(parts),
                preview_report=engine.last_report,
            )
            self.run(command, lambda: engine.up(spec, skip_preview=True, **parts))
        self.emulator.advance(5.0)
        return command.error or _error_of_failed_generation(engine, spec)

    def run(self, command: ObservedCommand, run: Callable[[], object]) -> None:
        """Run a command, and check the invariants."""
        engine = command.engine
        calls, journal = len(engine.calls), len(self.emulator.journal())
        held = self.targets.communication_systems.trusted()
        try:
            run()
        except (CheckFailedError, TrustError, ProcessKilledError) as error:
            command.error = error
        command.calls, command.entries = engine.calls[calls:], self.emulator.journal()[journal:]
        self.invariant_checks.check(command)
        self.system_invariants.check(command, held)
        if command.disturbance.has_rivals or (command.error is not None and command.changes()):
            self._postpone_stale_reads()

    @contextmanager
    def with_disturbance(
        self, engine: FakeEngine, disturbance: Disturbance, *, names_subaccount: bool = True
    ) -> Iterator[bool]:
        """Inject a disturbance until the end of the block; yield True if readings may be stale in it.

        `names_subaccount`: True if the program or the state names the subaccount of every resource.
        """
        if disturbance.is_stale:
            self._wait_until_reads_are_current()
        disturbance.inject_faults(self.emulator, engine, names_subaccount=names_subaccount)
        self.targets.inject_faults()
        try:
            yield disturbance.is_stale
        finally:
            engine.transport.clear_faults()
            self.emulator.clear_faults()

    @contextmanager
    def with_stale_reads(self, disturbance: Disturbance) -> Iterator[bool]:
        """Delay readings for a whole command, unless rivals act in it; yield True if they are delayed."""
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
        """Wait until readings can only hide writes that this stack has recorded."""
        self.emulator.advance(max(0.0, (self.unknown_until - self.emulator.now).total_seconds()))

    def _delay_reads(self, seconds: float) -> None:
        """Hide earlier and later writes from readings, each for this many seconds after it."""
        history = self.emulator._landscape.history
        for slot in self.lagging_slots:
            write = history.last(self.guid, slot)
            left = seconds if write is None else seconds - (self.emulator.now - write.time).total_seconds()
            hide = functools.partial(self.emulator.fault, subaccount=self.guid, slot=slot)
            if self.only_slot_reads_lag:
                hide = functools.partial(hide, path=PATHS[slot])
            if write is not None and 0 < left <= seconds:
                hide(FaultKind.STALE, seconds=left)
            hide(FaultKind.STALE_AFTER_WRITE, seconds=seconds)

    def record_foreign_change(self) -> None:
        """Record that the slots have changed without this stack."""
        self.invariant_checks.record_certificates(self.stack.slots, self.emulator.now)
        self.invariant_checks.record_foreign_change()
        self._postpone_stale_reads()

    def _postpone_stale_reads(self) -> None:
        """Rule out stale reads for the next minute."""
        self.unknown_until = self.emulator.now + timedelta(seconds=ONE_MINUTE)


def _error_of_failed_generation(engine: FakeEngine, spec: ProgramSpec) -> Refused | None:
    """Return the error that the resource class raises for a rejected generation, whose failure is in the state."""
    stored = engine.state.get(spec.trigger_name) if spec.active_generation is not None else None
    if stored is None or stored.outputs.get("failed_generation") != stored.outputs["generation"]:
        return None
    message = stored.outputs.get("rollback_outcome_unknown") or stored.outputs["failure"]
    what, *why, remedy = message.split("\n")
    return Refused(what, "\n".join(why), remedy)
