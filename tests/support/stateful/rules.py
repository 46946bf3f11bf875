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
from support.stateful.base import FAIR, Stage
from support.stateful.convergence import A_MINUTE, Convergence
from support.stateful.disturbances import CHECKED, LAG, Weather, weathers
from support.stateful.observed_command import Command
from support.stateful.program import CHECKS, EDITS, Change, Text
from support.stateful.statistics import Tally
from support.stateful.target_statements import Answered, Saying, Shown, Written
from support.stateful.targets import ASSERTION, DESTINATIONS, OUTAGES, SYSTEMS, USERS

COCKPIT: Final = [action.value for action in Action]
SWITCHES: Final = ["btp-trust:strict", "btp-trust:offline"]
PAUSES: Final = [5.0, 5.0, A_MINUTE, HOUR, 200 * 24 * HOUR, 500 * 24 * HOUR]
TRUSTED: Final = ["both", "active", "passive", "nothing"]
PARTS: Final = ["passive_name", "trigger_name", "active_name"]
BAD: Final = weathers(rivals=False) | weathers(rivals=True)
SOME: Final = st.just(FAIR) | BAD


def team(emulator: Emulator, tally: Tally) -> type[RuleBasedStateMachine]:
    """Make the machine that hypothesis runs: on this emulator, counting here."""

    class Here(Team):
        def __init__(self) -> None:
            super().__init__(emulator, tally)

    return Here


class Team(Stage):
    """The rules."""

    def __init__(self, emulator: Emulator, tally: Tally) -> None:
        super().__init__(emulator, tally)
        self.history: list[Text] = []
        self.text = Text()
        self.count = 0
        self.merges_deploy = False

    @initialize(
        rotations=st.sampled_from([0, 0, 1, 1, 2]),
        merges_deploy=st.sampled_from([True, True, False]),
        empty=st.sampled_from([False, False, False, True]),
        named=st.booleans(),
        checks=st.sampled_from([{}, *CHECKS]),
        seed=st.integers(0, 999),
    )
    def begin(
        self, *, rotations: int, merges_deploy: bool, empty: bool, named: bool, checks: Change, seed: int
    ) -> None:
        """Adopt, prepare, and rotate so often: the stories that most others are told about; or find nothing there."""
        self.open(empty=empty)
        self.chance = random.Random(seed)  # noqa: S311 - no secret hangs on it
        subaccount = self.guid if named else None
        if empty:
            self.write(Text(subaccount, generate=True))
            return
        self.merges_deploy = True
        self.write(Text(subaccount))
        self.write(Text(subaccount, prepares="g0", signs="first"))
        for _ in range(rotations):
            self.targets.repair(*SYSTEMS)
            self.rotate()
            self.prepare()
        self.text = replace(self.text, **checks)
        self.merges_deploy = merges_deploy

    # --- pull requests -----------------------------------------------------------------------------------------

    def write(self, text: Text, weather: Weather = FAIR) -> None:
        """Change the program; many a team deploys what is merged, and bad weather comes when somebody deploys."""
        self.text = text
        self.history.append(text)
        if self.merges_deploy or weather is not FAIR:
            self.up(self.stack, self.text, weather)

    def fresh(self) -> str:
        """Think up a name that was not used before."""
        self.count += 1
        return f"g{self.count}"

    @rule(weather=SOME)
    def prepare(self, weather: Weather = FAIR) -> None:
        """Give the passive certificate a new name."""
        self.write(replace(self.text, prepares=self.fresh()), weather)

    @rule(weather=SOME)
    def rotate(self, weather: Weather = FAIR) -> None:
        """Declare what was prepared."""
        self.write(replace(self.text, signs=self.text.prepares or self.text.signs), weather)

    @rule(weather=SOME)
    def bump_both_names(self, weather: Weather = FAIR) -> None:
        """Prepare and rotate in one pull request."""
        name = self.fresh()
        self.write(replace(self.text, prepares=name, signs=name), weather)

    @rule(weather=SOME)
    def retire(self, weather: Weather = FAIR) -> None:
        """Remove the passive certificate."""
        self.write(replace(self.text, prepares=None), weather)

    @rule(back=st.integers(1, 6), weather=SOME)
    def revert(self, back: int, weather: Weather) -> None:
        """Go back to an earlier text."""
        self.write(self.history[-min(back, len(self.history))], weather)

    @rule(change=st.sampled_from(EDITS), weather=SOME)
    def edit(self, change: Change, weather: Weather) -> None:
        """Remove, rename or change something."""
        self.write(replace(self.text, **change), weather)

    @rule(argument=st.sampled_from(["adopt", "replace", "renew"]), which=st.integers(0, 3))
    def name_a_certificate(self, argument: str, which: int) -> None:
        """Write a waiver."""
        change: Change = {argument: self._certificate(which)}
        self.write(replace(self.text, **change))

    @rule(name=st.sampled_from([None, "g0", "first", "taught"]), which=st.integers(0, 3), declare=st.booleans())
    def teach(self, name: str | None, which: int, *, declare: bool) -> None:
        """Teach a name, and perhaps declare it."""
        called, told = name or self.fresh(), self._certificate(which)
        if told is not None:
            known = {**self.text.known, called: told}
            self.write(replace(self.text, known=known, signs=called if declare else self.text.signs))

    @rule(change=st.sampled_from(CHECKS), weather=SOME)
    def edit_checks(self, change: Change, weather: Weather) -> None:
        """Change whom to ask before a swap, and what to try after it."""
        self.write(replace(self.text, **change), weather)

    @rule(system=st.sampled_from(SYSTEMS), which=st.integers(0, 3), days=st.sampled_from([None, 0, 0, 1]))
    def write_what_it_trusts(self, system: str, which: int, days: int | None) -> None:
        """Write down which certificate a target has, or attest it, on this day or early."""
        if (told := self._certificate(which)) is None:
            return
        on = self.emulator.now.date() + timedelta(days=days or 0)
        saying = Written((told,)) if days is None else Answered(told, on)
        self.write(replace(self.text, trusted_by={**self.text.trusted_by, system: saying}))

    # --- the world ---------------------------------------------------------------------------------------------

    @rule(action=st.sampled_from(COCKPIT))
    def act_in_the_cockpit(self, action: str) -> None:
        """A colleague does something by hand, as far as it can be done."""
        self.colleague(action)

    @rule(system=st.sampled_from(SYSTEMS), act=st.sampled_from(["trust", "lie"]), what=st.sampled_from(TRUSTED))
    def act_at_a_target(self, system: str, act: str, what: str) -> None:
        """Its owner gives it certificates, or it refuses what it shows as trusted."""
        getattr(self.targets, act)(system, what)

    @rule(system=st.sampled_from(SYSTEMS), outage=st.sampled_from([None, *OUTAGES]))
    def break_a_target(self, system: str, outage: str | None) -> None:
        """It is down, until it is up again."""
        self.targets.down.pop(system, None)
        if outage is not None:
            self.targets.down[system] = outage

    @rule(what=st.sampled_from([*DESTINATIONS, *USERS]))
    def lose_what_a_check_needs(self, what: str) -> None:
        """Somebody deletes a destination, or creates it again; or the user is another one, or none."""
        if what in DESTINATIONS:
            self.targets.lose(what)
        else:
            self.targets.be(what)

    @rule(seconds=st.sampled_from([*PAUSES, -5.0]))
    def wait(self, seconds: float) -> None:
        """Time goes by, or a clock is set."""
        self.emulator.advance(seconds)

    @rule(
        seconds=st.sampled_from([None, 10.0, 30.0, LAG - 1]),
        slots=st.sampled_from([[*Slot], *[[each] for each in Slot]]),
        only_readings=st.booleans(),
    )
    def lag_behind(self, seconds: float | None, slots: list[Slot], *, only_readings: bool) -> None:
        """From now on, the service shows for some seconds what was before a write, in both slots or in one."""
        self.lag = seconds
        self.only_readings_lag = only_readings
        self.lagging = slots

    @rule(switch=st.sampled_from(SWITCHES))
    def switch(self, switch: str) -> None:
        """Turn a switch on, or off again."""
        on = self.stack.config.get(switch) == "true"
        self.stack.config[switch] = "false" if on else "true"

    @rule(retries=st.sampled_from([0, 1, 2]))
    def bind_a_hook(self, retries: int) -> None:
        """From now on an `ErrorHook` of every resource lets the engine try so often again what failed."""
        self.stack.retries = retries

    @rule()
    def lose_the_state(self) -> None:
        """Somebody deletes the stack's state file."""
        self.stack.state.clear()
        self.somebody_acted()

    @rule(prepares=st.sampled_from([None, "theirs"]), on_drift=st.sampled_from([None, "restore"]))
    def deploy_the_other_stack(self, prepares: str | None, on_drift: str | None) -> None:
        """Another team uses the same subaccount."""
        self.up(self.other, Text(prepares=prepares, signs="theirs too", on_drift=on_drift), FAIR)
        self.somebody_acted()

    # --- commands ----------------------------------------------------------------------------------------------

    @rule(weather=SOME)
    def deploy(self, weather: Weather = FAIR) -> None:
        """Run `pulumi up`."""
        self.up(self.stack, self.text, weather)

    @rule(weather=SOME)
    def refresh(self, weather: Weather = FAIR) -> None:
        """Run `pulumi refresh`."""
        with self.lagging_behind(weather) as lags, self.in_weather(self.stack, weather) as is_stale:
            command = Command("refresh", self.stack, self.text, weather, lags or is_stale)
            self.run(command, self.stack.refresh)

    @precondition(lambda self: self.stack.state)
    @rule(argument=st.sampled_from(["generation", "rotation", "subaccount_id", "trusted_by", "verify_now"]))
    def replace_what_it_depends_on(self, argument: str) -> None:
        """Before it deletes something to replace it, the engine asks what would be if a value from it were unknown."""
        for name in self.stack.state:
            changes, report = self.stack.ask(name, [argument])
            assert changes, "what is unknown may change"
            assert (report.messages, report.requests) == ("", []), "nothing is known of it that could be said"

    @rule(weather=SOME)
    def deploy_refreshed(self, weather: Weather = FAIR) -> None:
        """Run `pulumi up --refresh`."""
        self.refresh()
        self.deploy(weather)

    @rule(part=st.sampled_from(PARTS), replaces=st.booleans(), weather=SOME)
    def deploy_a_part(self, part: str, weather: Weather, *, replaces: bool) -> None:
        """Run `pulumi up --target`, or `--target-replace`, of one resource whose dependencies exist."""
        target = getattr(self.text, part)
        if {*self.text.names, target} - (set() if replaces else {target}) <= {*self.stack.state}:
            self.up(self.stack, self.text, weather, targets={target}, replace={target} if replaces else set())

    @precondition(lambda self: self.stack.state)
    @rule(weather=SOME)
    def destroy(self, weather: Weather) -> None:
        """Run `pulumi destroy`."""
        with self.lagging_behind(weather) as lags, self.in_weather(self.stack, weather) as is_stale:
            command = Command("destroy", self.stack, Text(has_active=False), weather, lags or is_stale)
            self.run(command, self.stack.destroy)

    def check_invariants(self, *arguments: Any) -> None:
        """Count the steps; what holds after each is checked after each command."""
        self.tally.steps += 1
        super().check_invariants(*arguments)

    @rule(weather=BAD)
    def prepare_and_rotate(self, weather: Weather) -> None:
        """Take the two steps of a cycle, both in bad weather."""
        name = self.fresh()
        self.write(replace(self.text, prepares=name, adopt=None), weather)
        self.write(replace(self.text, signs=name), weather)

    @rule(
        verifies=st.sampled_from([("s4",), ("s4",), (ASSERTION, "s4"), ("sf", "s4")]),
        trusted_by=st.sampled_from([{}, {"s4": Shown()}]),
        lies=st.sampled_from(["nothing", "passive", "passive", "both"]),
        missing=st.sampled_from([*[None] * 8, "s4", "nobody", *OUTAGES]),
        weather=st.booleans().flatmap(lambda is_killed: CHECKED if is_killed else SOME),
        resumes=st.sampled_from([None, "up", "up --refresh"]),
    )
    def rotate_with_a_check(
        self,
        *,
        verifies: tuple[str, ...],
        trusted_by: dict[str, Saying],
        lies: str,
        missing: str | None,
        weather: Weather,
        resumes: str | None,
    ) -> None:
        """Take both steps, with all that a check needs; but a target may refuse what it shows as trusted.

        Whoever was killed may be resumed at once.
        """
        name = self.fresh()
        asked: Change = {"verifies": verifies, "trusted_by": trusted_by, "on_failure": None}
        self.write(replace(self.text, prepares=name, adopt=None, replace=None, has_candidate=True, **asked))
        self.up(self.stack, self.text, FAIR)
        self.targets.mend()
        self.targets.repair(*SYSTEMS)
        self.targets.lie("s4", lies)
        if missing in OUTAGES:
            self.targets.down["s4"] = missing
        elif missing is not None:
            self.lose_what_a_check_needs(missing)
        self.write(replace(self.text, signs=name), weather)
        if resumes == "up --refresh":
            self.deploy_refreshed()
        elif resumes is not None:
            self.deploy()

    @rule()
    def settle(self) -> None:
        """The faults are gone, and somebody sees to it that all is quiet."""
        self.text = self._converge()
        self.history.append(self.text)

    def teardown(self) -> None:
        """In the end nobody's work blocks."""
        if hasattr(self, "stack"):
            self.stack.config.pop("btp-trust:offline", None)
            self._converge()

    def _converge(self) -> Text:
        """With the faults gone and the minute over: rest, or ways out that lead to it."""
        self.lag = None
        self.emulator.advance(A_MINUTE)
        up = functools.partial(self.up, self.stack, weather=FAIR)
        self.targets.down.clear()
        return Convergence(self.stack, self.targets, up, self.fresh, self.chance, self.tally).settle(self.text)

    def _certificate(self, which: int) -> str | None:
        """Choose a certificate: what signs, what waits, the oldest, or one that never was."""
        return [*self.stack.slots, next(iter(self.witness.seen), None), "e" * 64][which]
