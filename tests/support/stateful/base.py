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
from btp_trust_emulator.faults.fault import Kind
from btp_trust_emulator.slots import Slot
from support.fake_engine import HOUR, CheckFailedError, KilledError, Twin
from support.stateful.convergence import A_MINUTE
from support.stateful.disturbances import PATHS, Weather
from support.stateful.invariants import Witness
from support.stateful.observed_command import Command
from support.stateful.program import Text
from support.stateful.statistics import Tally
from support.stateful.targets import Targets

BEGINNING: Final = datetime(2030, 1, 1, tzinfo=UTC)
FAIR: Final = Weather()


class Stage(RuleBasedStateMachine):
    """Runs commands; the rules are in `Team`."""

    def __init__(self, emulator: Emulator, tally: Tally) -> None:
        super().__init__()
        tally.examples += 1
        self.tally = tally
        self.emulator = emulator
        emulator.clear_faults()
        emulator.clear_journal()
        emulator.set_clock(BEGINNING)
        self.lag: float | None = None
        """For how many seconds the service shows slots as before a write."""
        self.lagging = list(Slot)
        self.only_readings_lag = False
        """Whether assertions are signed by the truth all the same."""
        self.unknown_until = BEGINNING
        """Until when a reading may hide something that this stack does not know of."""

    def open(self, *, empty: bool) -> None:
        """Make the subaccount and the stacks."""
        self.guid = self.emulator.create_subaccount(generate=not empty).guid
        self.emulator.advance(HOUR)
        self.stack, self.other = Twin(self.emulator, self.guid), Twin(self.emulator, self.guid)
        self.targets = Targets(self.stack)
        key = json.loads(self.stack.config["btp-trust:serviceKey"])
        self.witness = Witness([key["clientsecret"], *self.targets.private], self.targets, self.tally)
        self.witness.notice(self.stack.slots, self.emulator.now)

    def colleague(self, action: str) -> None:
        """Let a colleague act in the cockpit, as far as it can be done."""
        active, passive = self.stack.slots
        if (active and passive) or action.startswith("generate"):
            getattr(self.emulator, action)(self.guid)
            self.somebody_acted()

    def up(self, twin: Twin, text: Text, weather: Weather, **parts: Any) -> BaseException | None:
        """Preview and deploy; what a colleague does between the two is part of the weather."""
        remembers = not parts.get("replace") and text.names <= {*twin.state}
        is_named = remembers or text.subaccount_id is not None
        if not remembers:  # a resource that is made anew knows of no write
            self._wait_before_readings()
        with ExitStack() as stack:
            begins_late = not weather.in_the_preview
            lags = stack.enter_context(self.lagging_behind(weather))
            if not begins_late:
                lags |= stack.enter_context(self.in_weather(twin, weather, is_named=is_named))
            preview = Command("preview", twin, text, FAIR if begins_late else weather, lags, is_partial=bool(parts))
            self.run(preview, lambda: twin.preview(text, **parts))
            if preview.error is not None:
                return preview.error
            if weather.between is not None:
                self.colleague(weather.between)
            if begins_late:
                lags |= stack.enter_context(self.in_weather(twin, weather, is_named=is_named))
            command = Command("up", twin, text, weather, lags, is_partial=bool(parts), shown=twin.last)
            self.run(command, lambda: twin.up(text, skip_preview=True, **parts))
        self.emulator.advance(5.0)
        return command.error or _raised_by_the_program(twin, text)

    def run(self, command: Command, run: Callable[[], object]) -> None:
        """Run a command, and let the witness check it."""
        twin = command.twin
        calls, journal = len(twin.calls), len(self.emulator.journal())
        try:
            run()
        except (CheckFailedError, TrustError, KilledError) as error:
            command.error = error
        command.calls, command.entries = twin.calls[calls:], self.emulator.journal()[journal:]
        self.witness.check(command)
        if command.weather.has_rivals or (command.error is not None and command.changes()):
            self._wait_before_readings()

    @contextmanager
    def in_weather(self, twin: Twin, weather: Weather, *, is_named: bool = True) -> Iterator[bool]:
        """Let a weather last; tell whether readings may be behind in it.

        `is_named` tells whether the text or the state names the subaccount, for all resources.
        """
        if weather.is_stale:
            self._wait_until_all_is_known()
        weather.begin(self.emulator, twin, is_named=is_named)
        self.targets.begin()
        try:
            yield weather.is_stale
        finally:
            twin.line.repair()
            self.emulator.clear_faults()

    @contextmanager
    def lagging_behind(self, weather: Weather) -> Iterator[bool]:
        """Let the service fall behind for a whole command, unless rivals act in it; tell whether it does."""
        if self.lag is None or weather.has_rivals:
            yield False
            return
        self._wait_until_all_is_known()
        self._fall_behind(self.lag)
        try:
            yield True
        finally:
            self.emulator.clear_faults()

    def _wait_until_all_is_known(self) -> None:
        """Wait until no reading can hide what this stack does not know of."""
        self.emulator.advance(max(0.0, (self.unknown_until - self.emulator.now).total_seconds()))

    def _fall_behind(self, seconds: float) -> None:
        """Hide what was written less than so many seconds ago, and what will be written, for as long."""
        history = self.emulator._world_now.history
        for slot in self.lagging:
            write = history.last(self.guid, slot)
            left = seconds if write is None else seconds - (self.emulator.now - write.time).total_seconds()
            hide = functools.partial(self.emulator.fault, subaccount=self.guid, slot=slot)
            if self.only_readings_lag:
                hide = functools.partial(hide, path=PATHS[slot])
            if write is not None and 0 < left <= seconds:
                hide(Kind.STALE, seconds=left)
            hide(Kind.STALE_AFTER_WRITE, seconds=seconds)

    def somebody_acted(self) -> None:
        """Take down that the slots hold what this stack does not know of."""
        self.witness.notice(self.stack.slots, self.emulator.now)
        self.witness.somebody_acted()
        self._wait_before_readings()

    def _wait_before_readings(self) -> None:
        """Let a minute go by before readings may be behind again."""
        self.unknown_until = self.emulator.now + timedelta(seconds=A_MINUTE)


def _raised_by_the_program(twin: Twin, text: Text) -> Refused | None:
    """Tell what the resource class raises of a refused generation: the deployment failed, and its state is kept."""
    stored = twin.state.get(text.trigger_name) if text.signs is not None else None
    if stored is None or stored.outputs.get("failed_generation") != stored.outputs["generation"]:
        return None
    told = stored.outputs.get("rollback_unconfirmed") or stored.outputs["failure"]
    what, *why, remedy = told.split("\n")
    return Refused(what, "\n".join(why), remedy)
