"""The driver of a fleet under every order of outcomes, kills, interruptions and changes of the table."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec.structs import replace

from btp_trust_fleet.driver.campaign import Campaign
from btp_trust_fleet.driver.decision import Approve, End, Ending, Start, Wait, next_action
from btp_trust_fleet.ledger.history import History
from btp_trust_fleet.ledger.records import StackEnded, StackStarted, WaveApproved
from btp_trust_fleet.stack_run.task import Change, StackState, Verb
from btp_trust_fleet.table.fleet import Fleet, FleetStack, Wave
from btp_trust_fleet.table.schema import Approval
from support.fleet_samples import START

FINAL_FAILURES = {StackState.FAILED, StackState.REFUSED, StackState.REJECTED, StackState.INTERRUPTED}
STATES = st.sampled_from([*StackState, *[StackState.CHANGED] * 6, *[StackState.REJECTED] * 2]).filter(
    lambda state: state is not StackState.PLANNED
)
SIGNER_VERBS = {Verb.ROTATE, Verb.ROLL_BACK}
Key = tuple[str, Verb]
"""A stack and a verb."""


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    """Return a fleet of up to three waves."""
    waves = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        names = [f"w{number}s{index}" for index in range(draw(st.integers(1, 3)))]
        stacks = tuple(FleetStack(name, name, name, f"w{number}", "1", None) for name in names)
        soak = timedelta(days=draw(st.integers(0, 2)))
        approval = draw(st.sampled_from([Approval.NONE, Approval.PROMPT]))
        waves.append(Wave(f"w{number}", number, "1", stacks, draw(st.integers(1, 2)), soak, approval))
    return Fleet(Path("fleet.yaml"), tuple(waves))


class FleetDriver(RuleBasedStateMachine):
    """Commands, one after the other, on one ledger; what must hold is known independently of it."""

    fleet: Fleet
    campaign: Campaign

    @initialize(fleet=fleets(), parallel=st.integers(1, 3))
    def begin(self, fleet: Fleet, parallel: int) -> None:
        """Start the first command."""
        self.fleet, self.parallel = fleet, parallel
        self.history, self.now, self.run_number = History(), START, 0
        self.running: dict[str, FleetStack] = {}
        self.green: dict[Key, tuple[str, datetime]] = {}
        """{key: the generation, and since when}"""
        self.rejected: dict[Key, str] = {}
        self.approved: set[tuple[str, Verb, str]] = set()
        self.generation = "1"
        self._new_command(Verb.ROTATE, None)

    def _new_command(
        self, verb: Verb, chosen: frozenset[str] | None, *, is_named: bool = False, again: bool = False
    ) -> None:
        self.run_number += 1
        self.campaign = Campaign(
            verb=verb,
            waves=self.fleet.waves,
            run=str(self.run_number),
            parallel=self.parallel,
            chosen=chosen,
            again=again,
            named=chosen if chosen is not None and is_named else frozenset(),
        )
        self.is_over = self.is_stopping = False
        self.failed: set[str] = set()
        self.started: set[str] = set()

    @precondition(lambda self: self.is_over)
    @rule(data=st.data(), verb=st.sampled_from([Verb.ROTATE, Verb.ROTATE, Verb.PREPARE, Verb.ROLL_BACK]))
    def start_command(self, data: st.DataObject, verb: Verb) -> None:
        """Start the next command, for all stacks or for some that are named."""
        names = [stack.stack for stack in self.fleet.stacks]
        chosen = data.draw(st.none() | st.frozensets(st.sampled_from(names), min_size=1))
        self._new_command(verb, chosen, is_named=data.draw(st.booleans()), again=data.draw(st.booleans()))

    @precondition(lambda self: self.is_over)
    @rule()
    def declare_another_generation(self) -> None:
        """Change the table."""
        self.generation = "2" if self.generation == "1" else "1"
        waves = tuple(
            replace(
                wave,
                generation=self.generation,
                stacks=tuple(replace(stack, generation=self.generation) for stack in wave.stacks),
            )
            for wave in self.fleet.waves
        )
        self.fleet = replace(self.fleet, waves=waves)
        self._new_command(Verb.ROTATE, None)

    @precondition(lambda self: not self.is_over)
    @rule(
        data=st.data(),
        states=st.lists(STATES, min_size=1, max_size=6),
        is_approved=st.sampled_from([True, True, False]),
    )
    def drive(self, data: st.DataObject, states: list[StackState], *, is_approved: bool) -> None:
        """Go on for a while: stacks end in these states."""
        for state in states:
            if not self.is_over:
                self.act(is_approved=is_approved)
            if self.running:
                self._finish(data.draw(st.sampled_from(sorted(self.running))), state)

    @precondition(lambda self: not self.is_over)
    @rule(is_approved=st.booleans())
    def act(self, *, is_approved: bool) -> None:
        """Do what the decision says."""
        action = next_action(self.campaign, self.history, self.running, self.now, is_stopping=self.is_stopping)
        match action:
            case Start():
                for stack in action.stacks:
                    self._start(action.wave, stack)
                assert len(self.running) <= self.parallel
            case Approve():
                assert not self.running
                self._approve(action) if is_approved else self._end()
            case Wait(until=until):
                assert self.running or until
                self.now = self.now if self.running or until is None else max(self.now, until)
            case End():
                self._check_end(action)
                self._end()

    def _start(self, wave: Wave, stack: FleetStack) -> None:
        key = (stack.stack, self.campaign.verb)
        assert not self.is_stopping
        assert stack.stack not in self.running
        assert self.campaign.is_chosen(stack)
        assert len(self.failed & self._chosen_of(wave)) < wave.stop_after
        is_rejected = self._is_now(key, self.rejected.get(key))
        assert not is_rejected or (stack.stack in self.campaign.named and stack.stack not in self.failed)
        assert not self.campaign.needs_approval(wave) or (*key, stack.generation) in self.approved
        self._check_earlier_waves(wave)
        self._forget_other_declarations(stack)
        self.history.add(self._record(StackStarted, stack))
        self.running[stack.stack] = stack
        self.started.add(stack.stack)

    def _forget_other_declarations(self, stack: FleetStack) -> None:
        if self.campaign.verb in SIGNER_VERBS:
            for verb in SIGNER_VERBS:
                key = (stack.stack, verb)
                if self.green.get(key, (self.generation,))[0] != self.generation:
                    del self.green[key]
                if self.rejected.get(key, self.generation) != self.generation:
                    del self.rejected[key]
        self.approved = {each for each in self.approved if each[0] != stack.stack or each[2] == self.generation}

    def _check_earlier_waves(self, wave: Wave) -> None:
        verb = self.campaign.verb
        for earlier in self.fleet.waves[: wave.number - 1]:
            is_fresh = not any(stack.stack in self.started or self._is_green(stack) for stack in wave.stacks)
            for each in earlier.stacks:
                assert self._is_green(each)
                if verb is Verb.ROTATE and earlier.number == wave.number - 1 and is_fresh:
                    assert self.now >= self.green[each.stack, verb][1] + earlier.soak

    def _is_green(self, stack: FleetStack) -> bool:
        key = (stack.stack, self.campaign.verb)
        return self._is_now(key, self.green.get(key, (None,))[0])

    def _is_now(self, key: Key, generation: str | None) -> bool:
        """Return True if a generation is what is declared; preparing looks at the passive one, which stays here."""
        return generation is not None and (key[1] is Verb.PREPARE or generation == self.generation)

    def _chosen_of(self, wave: Wave) -> set[str]:
        return {stack.stack for stack in wave.stacks if self.campaign.is_chosen(stack)}

    def _approve(self, action: Approve) -> None:
        plans = {stack.stack: "plan" for stack in action.stacks}
        self.approved |= {(name, self.campaign.verb, self.generation) for name in plans}
        self.history.add(
            WaveApproved(
                at=self.now,
                run=self.campaign.run,
                wave=action.wave.name,
                verb=self.campaign.verb,
                generation=self.generation,
                digest="digest",
                plans=plans,
                by="jane",
            )
        )

    def _check_end(self, action: End) -> None:
        assert not self.running
        if action.ending is Ending.DONE:
            assert all(self._is_green(stack) for stack in self.fleet.stacks if self.campaign.is_chosen(stack))
        if action.ending is Ending.SOAK:
            assert action.until is not None
            assert action.until > self.now

    def _end(self) -> None:
        self.is_over = True

    def _record(self, kind: Any, stack: FleetStack, **fields: Any) -> Any:
        return kind(
            at=self.now,
            run=self.campaign.run,
            wave=stack.wave,
            stack=stack.stack,
            verb=self.campaign.verb,
            generation=stack.generation,
            **fields,
        )

    def _finish(self, name: str, state: StackState) -> None:
        stack, key = self.running.pop(name), (name, self.campaign.verb)
        change = Change.ROTATE if state is StackState.CHANGED else Change.NONE
        self.history.add(self._record(StackEnded, stack, state=state, change=change, started_at=self.now))
        if state in FINAL_FAILURES:
            self.failed.add(name)
        if state is StackState.REFUSED:
            self.approved = {each for each in self.approved if each[0] != name}
        self.rejected.pop(key, None)  # a person ran it explicitly
        if state is StackState.REJECTED:
            self.rejected[key] = self.generation
        before = self.green.pop(key, None)
        if state.is_green:
            stays = before is not None and state is StackState.UNCHANGED and self._is_now(key, before[0])
            self.green[key] = before if stays and before is not None else (self.generation, self.now)

    @precondition(lambda self: not self.is_over)
    @rule(is_killed=st.booleans())
    def interrupt(self, *, is_killed: bool) -> None:
        """A person presses ctrl-C, or the driver is killed."""
        if is_killed:
            self.kill_the_driver()
        else:
            self.is_stopping = True

    def kill_the_driver(self) -> None:
        """What runs has a start alone; a new command follows."""
        for name in self.running:
            self.green.pop((name, self.campaign.verb), None)
        self.running = {}
        self._end()

    @rule(hours=st.integers(1, 60))
    def let_time_pass(self, hours: int) -> None:
        """Hours."""
        self.now += timedelta(hours=hours)

    def teardown(self) -> None:
        """From everywhere, the fleet can be brought to what its table declares, in finitely many steps."""
        if not hasattr(self, "fleet"):
            return
        self.kill_the_driver()
        self._new_command(Verb.ROTATE, frozenset(stack.stack for stack in self.fleet.stacks), is_named=True)
        for _ in range(200):
            if self.is_over:
                break
            self.act(is_approved=True)
            for name in list(self.running):
                self._finish(name, StackState.UNCHANGED)
            self.now += timedelta(days=1)
            if not all(map(self._is_green, self.fleet.stacks)):
                self.is_over = False  # a soak: the same command goes on, as with `--wait`
        assert all(map(self._is_green, self.fleet.stacks))


TestFleetDriver = FleetDriver.TestCase
TestFleetDriver.settings = settings(stateful_step_count=40, max_examples=200)
