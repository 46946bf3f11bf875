"""One subaccount, two stacks, colleagues, and the weather: what hypothesis may do, in any order.

A stack runs programs that were edited, reverted, renamed and emptied at random, while colleagues act in the cockpit,
requests meet every fault of the emulator, processes are killed, states get lost, and clocks move.
`witness` says what holds after each command, `converge` what comes of it in the end, `weather` what is left out.
"""

from __future__ import annotations

import functools
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from btp_trust_emulator import Emulator
from btp_trust_emulator.slots import Action, Slot
from support.fake_engine import HOUR
from support.stateful.base import NO_DISTURBANCE, RotationMachineBase
from support.stateful.convergence import ONE_MINUTE, Convergence
from support.stateful.disturbances import KILLED_ROTATIONS, LAG, Disturbance, disturbances
from support.stateful.observed_command import ObservedCommand
from support.stateful.program import EDITS, VERIFICATION_EDITS, Change, ProgramSpec
from support.stateful.statistics import Statistics
from support.stateful.target_statements import AttestedTrust, LiteralFingerprints, ObservedTrust, TargetStatement
from support.stateful.targets import ASSERTION, DESTINATIONS, OUTAGES, SYSTEMS, USERS

COCKPIT_ACTIONS: Final = [action.value for action in Action]
SWITCHES: Final = ["btp-trust:strict", "btp-trust:offline"]
PAUSES: Final = [5.0, 5.0, ONE_MINUTE, HOUR, 200 * 24 * HOUR, 500 * 24 * HOUR]
TRUST_CHOICES: Final = ["both", "active", "passive", "nothing"]
RESOURCE_NAMES: Final = ["passive_name", "trigger_name", "active_name"]
DISTURBED: Final = disturbances(rivals=False) | disturbances(rivals=True)
MAYBE_DISTURBED: Final = st.just(NO_DISTURBANCE) | DISTURBED


def rotation_machine(emulator: Emulator, statistics: Statistics) -> type[RuleBasedStateMachine]:
    """Make the machine that hypothesis runs: on this emulator, counting here."""

    class BoundRotationMachine(RotationMachine):
        def __init__(self) -> None:
            super().__init__(emulator, statistics)

    return BoundRotationMachine


class RotationMachine(RotationMachineBase):
    """The rules."""

    def __init__(self, emulator: Emulator, statistics: Statistics) -> None:
        super().__init__(emulator, statistics)
        self.history: list[ProgramSpec] = []
        self.spec = ProgramSpec()
        self.count = 0
        self.deploys_on_merge = False

    @initialize(
        rotations=st.sampled_from([0, 0, 1, 1, 2]),
        deploys_on_merge=st.sampled_from([True, True, False]),
        empty=st.sampled_from([False, False, False, True]),
        named=st.booleans(),
        checks=st.sampled_from([{}, *VERIFICATION_EDITS]),
        seed=st.integers(0, 999),
    )
    def initialize_scenario(
        self, *, rotations: int, deploys_on_merge: bool, empty: bool, named: bool, checks: Change, seed: int
    ) -> None:
        """Adopt, prepare, and rotate so often: the stories that most others are told about; or find nothing there."""
        self.create_stacks(empty=empty)
        self.rng = random.Random(seed)  # noqa: S311 - no secret hangs on it
        subaccount = self.guid if named else None
        if empty:
            self.write(ProgramSpec(subaccount, generate=True))
            return
        self.deploys_on_merge = True
        self.write(ProgramSpec(subaccount))
        self.write(ProgramSpec(subaccount, passive_generation="g0", active_generation="first"))
        for _ in range(rotations):
            self.targets.repair(*SYSTEMS)
            self.rotate()
            self.prepare()
        self.spec = replace(self.spec, **checks)
        self.deploys_on_merge = deploys_on_merge

    # --- pull requests -----------------------------------------------------------------------------------------

    def write(self, spec: ProgramSpec, disturbance: Disturbance = NO_DISTURBANCE) -> None:
        """Change the program; many a team deploys what is merged, and bad weather comes when somebody deploys."""
        self.spec = spec
        self.history.append(spec)
        if self.deploys_on_merge or disturbance is not NO_DISTURBANCE:
            self.up(self.stack, self.spec, disturbance)

    def new_name(self) -> str:
        """Think up a name that was not used before."""
        self.count += 1
        return f"g{self.count}"

    @rule(disturbance=MAYBE_DISTURBED)
    def prepare(self, disturbance: Disturbance = NO_DISTURBANCE) -> None:
        """Give the passive certificate a new name."""
        self.write(replace(self.spec, passive_generation=self.new_name()), disturbance)

    @rule(disturbance=MAYBE_DISTURBED)
    def rotate(self, disturbance: Disturbance = NO_DISTURBANCE) -> None:
        """Declare what was prepared."""
        self.write(
            replace(self.spec, active_generation=self.spec.passive_generation or self.spec.active_generation),
            disturbance,
        )

    @rule(disturbance=MAYBE_DISTURBED)
    def prepare_and_rotate_at_once(self, disturbance: Disturbance = NO_DISTURBANCE) -> None:
        """Prepare and rotate in one pull request."""
        name = self.new_name()
        self.write(replace(self.spec, passive_generation=name, active_generation=name), disturbance)

    @rule(disturbance=MAYBE_DISTURBED)
    def retire(self, disturbance: Disturbance = NO_DISTURBANCE) -> None:
        """Remove the passive certificate."""
        self.write(replace(self.spec, passive_generation=None), disturbance)

    @rule(back=st.integers(1, 6), disturbance=MAYBE_DISTURBED)
    def revert(self, back: int, disturbance: Disturbance) -> None:
        """Go back to an earlier text."""
        self.write(self.history[-min(back, len(self.history))], disturbance)

    @rule(change=st.sampled_from(EDITS), disturbance=MAYBE_DISTURBED)
    def edit(self, change: Change, disturbance: Disturbance) -> None:
        """Remove, rename or change something."""
        self.write(replace(self.spec, **change), disturbance)

    @rule(argument=st.sampled_from(["adopt", "replace", "renew"]), which=st.integers(0, 3))
    def set_waiver(self, argument: str, which: int) -> None:
        """Write a waiver."""
        change: Change = {argument: self._certificate(which)}
        self.write(replace(self.spec, **change))

    @rule(name=st.sampled_from([None, "g0", "first", "taught"]), which=st.integers(0, 3), declare=st.booleans())
    def declare_known_generation(self, name: str | None, which: int, *, declare: bool) -> None:
        """Teach a name, and perhaps declare it."""
        called, told = name or self.new_name(), self._certificate(which)
        if told is not None:
            known = {**self.spec.known, called: told}
            self.write(
                replace(self.spec, known=known, active_generation=called if declare else self.spec.active_generation)
            )

    @rule(change=st.sampled_from(VERIFICATION_EDITS), disturbance=MAYBE_DISTURBED)
    def edit_verification(self, change: Change, disturbance: Disturbance) -> None:
        """Change whom to ask before a swap, and what to try after it."""
        self.write(replace(self.spec, **change), disturbance)

    @rule(system=st.sampled_from(SYSTEMS), which=st.integers(0, 3), days=st.sampled_from([None, 0, 0, 1]))
    def declare_trusted_by(self, system: str, which: int, days: int | None) -> None:
        """Write down which certificate a target has, or attest it, on this day or early."""
        if (told := self._certificate(which)) is None:
            return
        on = self.emulator.now.date() + timedelta(days=days or 0)
        statement = LiteralFingerprints((told,)) if days is None else AttestedTrust(told, on)
        self.write(replace(self.spec, trusted_by={**self.spec.trusted_by, system: statement}))

    # --- the world ---------------------------------------------------------------------------------------------

    @rule(action=st.sampled_from(COCKPIT_ACTIONS))
    def act_in_the_cockpit(self, action: str) -> None:
        """A colleague does something by hand, as far as it can be done."""
        self.act_as_colleague(action)

    @rule(
        system=st.sampled_from(SYSTEMS),
        act=st.sampled_from(["trust", "misreport"]),
        what=st.sampled_from(TRUST_CHOICES),
    )
    def change_a_target(self, system: str, act: str, what: str) -> None:
        """Its owner gives it certificates, or it refuses what it shows as trusted."""
        getattr(self.targets, act)(system, what)

    @rule(system=st.sampled_from(SYSTEMS), outage=st.sampled_from([None, *OUTAGES]))
    def break_a_target(self, system: str, outage: str | None) -> None:
        """It is down, until it is up again."""
        self.targets.outages.pop(system, None)
        if outage is not None:
            self.targets.outages[system] = outage

    @rule(what=st.sampled_from([*DESTINATIONS, *USERS]))
    def remove_a_prerequisite(self, what: str) -> None:
        """Somebody deletes a destination, or creates it again; or the user is another one, or none."""
        if what in DESTINATIONS:
            self.targets.toggle_destination(what)
        else:
            self.targets.set_user(what)

    @rule(seconds=st.sampled_from([*PAUSES, -5.0]))
    def wait(self, seconds: float) -> None:
        """Time goes by, or a clock is set."""
        self.emulator.advance(seconds)

    @rule(
        seconds=st.sampled_from([None, 10.0, 30.0, LAG - 1]),
        slots=st.sampled_from([[*Slot], *[[each] for each in Slot]]),
        only_readings=st.booleans(),
    )
    def set_read_lag(self, seconds: float | None, slots: list[Slot], *, only_readings: bool) -> None:
        """From now on, the service shows for some seconds what was before a write, in both slots or in one."""
        self.lag = seconds
        self.only_slot_reads_lag = only_readings
        self.lagging = slots

    @rule(switch=st.sampled_from(SWITCHES))
    def switch(self, switch: str) -> None:
        """Turn a switch on, or off again."""
        on = self.stack.config.get(switch) == "true"
        self.stack.config[switch] = "false" if on else "true"

    @rule(retries=st.sampled_from([0, 1, 2]))
    def set_error_hook(self, retries: int) -> None:
        """From now on an `ErrorHook` of every resource lets the engine try so often again what failed."""
        self.stack.retries = retries

    @rule()
    def lose_the_state(self) -> None:
        """Somebody deletes the stack's state file."""
        self.stack.state.clear()
        self.record_foreign_change()

    @rule(passive_generation=st.sampled_from([None, "theirs"]), on_drift=st.sampled_from([None, "restore"]))
    def deploy_the_other_stack(self, passive_generation: str | None, on_drift: str | None) -> None:
        """Another team uses the same subaccount."""
        self.up(
            self.other,
            ProgramSpec(passive_generation=passive_generation, active_generation="theirs too", on_drift=on_drift),
            NO_DISTURBANCE,
        )
        self.record_foreign_change()

    # --- commands ----------------------------------------------------------------------------------------------

    @rule(disturbance=MAYBE_DISTURBED)
    def deploy(self, disturbance: Disturbance = NO_DISTURBANCE) -> None:
        """Run `pulumi up`."""
        self.up(self.stack, self.spec, disturbance)

    @rule(disturbance=MAYBE_DISTURBED)
    def refresh(self, disturbance: Disturbance = NO_DISTURBANCE) -> None:
        """Run `pulumi refresh`."""
        with self.with_stale_reads(disturbance) as lags, self.with_disturbance(self.stack, disturbance) as is_stale:
            command = ObservedCommand("refresh", self.stack, self.spec, disturbance, lags or is_stale)
            self.run(command, self.stack.refresh)

    @precondition(lambda self: self.stack.state)
    @rule(argument=st.sampled_from(["generation", "rotation", "subaccount_id", "trusted_by", "verify_now"]))
    def diff_with_unknown_argument(self, argument: str) -> None:
        """Before it deletes something to replace it, the engine asks what would be if a value from it were unknown."""
        for name in self.stack.state:
            changes, report = self.stack.diff_with_unknowns(name, [argument])
            assert changes, "what is unknown may change"
            assert (report.messages, report.requests) == ("", []), "nothing is known of it that could be said"

    @rule(disturbance=MAYBE_DISTURBED)
    def deploy_refreshed(self, disturbance: Disturbance = NO_DISTURBANCE) -> None:
        """Run `pulumi up --refresh`."""
        self.refresh()
        self.deploy(disturbance)

    @rule(part=st.sampled_from(RESOURCE_NAMES), replaces=st.booleans(), disturbance=MAYBE_DISTURBED)
    def deploy_a_part(self, part: str, disturbance: Disturbance, *, replaces: bool) -> None:
        """Run `pulumi up --target`, or `--target-replace`, of one resource whose dependencies exist."""
        target = getattr(self.spec, part)
        if {*self.spec.names, target} - (set() if replaces else {target}) <= {*self.stack.state}:
            self.up(self.stack, self.spec, disturbance, targets={target}, replace={target} if replaces else set())

    @precondition(lambda self: self.stack.state)
    @rule(disturbance=MAYBE_DISTURBED)
    def destroy(self, disturbance: Disturbance) -> None:
        """Run `pulumi destroy`."""
        with self.with_stale_reads(disturbance) as lags, self.with_disturbance(self.stack, disturbance) as is_stale:
            command = ObservedCommand(
                "destroy", self.stack, ProgramSpec(has_active=False), disturbance, lags or is_stale
            )
            self.run(command, self.stack.destroy)

    def check_invariants(self, *arguments: Any) -> None:
        """Count the steps; what holds after each is checked after each command."""
        self.statistics.steps += 1
        super().check_invariants(*arguments)

    @rule(disturbance=DISTURBED)
    def prepare_and_rotate(self, disturbance: Disturbance) -> None:
        """Take the two steps of a cycle, both in bad weather."""
        name = self.new_name()
        self.write(replace(self.spec, passive_generation=name, adopt=None), disturbance)
        self.write(replace(self.spec, active_generation=name), disturbance)

    @rule(
        verify_destinations=st.sampled_from([("s4",), ("s4",), (ASSERTION, "s4"), ("sf", "s4")]),
        trusted_by=st.sampled_from([{}, {"s4": ObservedTrust()}]),
        lies=st.sampled_from(["nothing", "passive", "passive", "both"]),
        missing=st.sampled_from([*[None] * 8, "s4", "nobody", *OUTAGES]),
        disturbance=st.booleans().flatmap(lambda is_killed: KILLED_ROTATIONS if is_killed else MAYBE_DISTURBED),
        resumes=st.sampled_from([None, "up", "up --refresh"]),
    )
    def rotate_with_verification(
        self,
        *,
        verify_destinations: tuple[str, ...],
        trusted_by: dict[str, TargetStatement],
        lies: str,
        missing: str | None,
        disturbance: Disturbance,
        resumes: str | None,
    ) -> None:
        """Take both steps, with all that a check needs; but a target may refuse what it shows as trusted.

        Whoever was killed may be resumed at once.
        """
        name = self.new_name()
        asked: Change = {
            "verify_destinations": verify_destinations,
            "trusted_by": trusted_by,
            "on_verification_failure": None,
        }
        self.write(replace(self.spec, passive_generation=name, adopt=None, replace=None, has_candidate=True, **asked))
        self.up(self.stack, self.spec, NO_DISTURBANCE)
        self.targets.restore_prerequisites()
        self.targets.repair(*SYSTEMS)
        self.targets.misreport("s4", lies)
        if missing in OUTAGES:
            self.targets.outages["s4"] = missing
        elif missing is not None:
            self.remove_a_prerequisite(missing)
        self.write(replace(self.spec, active_generation=name), disturbance)
        if resumes == "up --refresh":
            self.deploy_refreshed()
        elif resumes is not None:
            self.deploy()

    @rule()
    def converge(self) -> None:
        """The faults are gone, and somebody sees to it that all is quiet."""
        self.spec = self._converge()
        self.history.append(self.spec)

    def teardown(self) -> None:
        """In the end nobody's work blocks."""
        if hasattr(self, "stack"):
            self.stack.config.pop("btp-trust:offline", None)
            self._converge()

    def _converge(self) -> ProgramSpec:
        """With the faults gone and the minute over: rest, or ways out that lead to it."""
        self.lag = None
        self.emulator.advance(ONE_MINUTE)
        up = functools.partial(self.up, self.stack, disturbance=NO_DISTURBANCE)
        self.targets.outages.clear()
        return Convergence(self.stack, self.targets, up, self.new_name, self.rng, self.statistics).converge(self.spec)

    def _certificate(self, which: int) -> str | None:
        """Choose a certificate: what signs, what waits, the oldest, or one that never was."""
        return [*self.stack.slots, next(iter(self.invariant_checks.first_seen), None), "e" * 64][which]
