"""The rules of the stateful test: acts of a team, its colleagues and their surroundings, in any order.

A stack runs programs that were edited, reverted, renamed and emptied at random, while colleagues act in the cockpit,
requests meet every fault of the emulator, processes are killed, states get lost, and clocks move.
`invariants` checks each command, `convergence` the end, and `disturbances` lists what is left out.
"""

from __future__ import annotations

import functools
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from btp_trust_emulator import Emulator, S4Switches
from btp_trust_emulator.slots import Action, Slot
from btp_trust_emulator.switches import Etags, FieldFormat, PatchProperties
from support.fake_engine import HOUR
from support.stateful.base import NO_DISTURBANCE, RotationMachineBase
from support.stateful.communication_systems import BLOCKS, TROUBLES
from support.stateful.communication_systems import TRUST_CHOICES as UPLOADS
from support.stateful.convergence import ONE_MINUTE, Convergence
from support.stateful.disturbances import DISTURBED_SWITCHOVERS, KILLED_ROTATIONS, LAG, Disturbance, disturbances
from support.stateful.observed_command import ObservedCommand
from support.stateful.program import EDITS, SWITCH_EDITS, VERIFICATION_EDITS, Change, ProgramSpec
from support.stateful.statistics import Statistics
from support.stateful.target_statements import AttestedTrust, LiteralFingerprints, ObservedTrust, TargetStatement
from support.stateful.targets import ASSERTION, DESTINATIONS, OUTAGES, SYSTEMS, USERS
from support.stateful.time_limits import NO_LIMITS, TIME_EDITS

COCKPIT_ACTIONS: Final = [action.value for action in Action]
SWITCHES: Final = ["btp-trust:strict", "btp-trust:offline"]
PAUSES: Final = [5.0, 5.0, ONE_MINUTE, HOUR, 5 * HOUR, 20 * HOUR, 200 * 24 * HOUR, 500 * 24 * HOUR]
TRUST_CHOICES: Final = ["both", "active", "passive", "nothing"]
RESOURCE_NAMES: Final = ["passive_name", "trigger_name", "active_name"]
DISTURBED: Final = disturbances(rivals=False) | disturbances(rivals=True)
MAYBE_DISTURBED: Final = st.just(NO_DISTURBANCE) | DISTURBED
UNKNOWNS: Final = st.builds(
    S4Switches,
    field_format=st.sampled_from(FieldFormat),
    etags=st.sampled_from(Etags),
    patch_properties=st.sampled_from([PatchProperties.ALL, PatchProperties.BASE64_ALONE]),
)
"""How the tenant answers the questions that public sources leave open."""


def rotation_machine(emulator: Emulator, statistics: Statistics) -> type[RuleBasedStateMachine]:
    """Return the machine for hypothesis, bound to this emulator and these statistics."""

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
        checks=st.sampled_from([{}, *VERIFICATION_EDITS, *SWITCH_EDITS, *TIME_EDITS]),
        unknowns=UNKNOWNS,
        seed=st.integers(0, 999),
    )
    def initialize_scenario(
        self,
        *,
        rotations: int,
        deploys_on_merge: bool,
        empty: bool,
        named: bool,
        checks: Change,
        unknowns: S4Switches,
        seed: int,
    ) -> None:
        """Adopt, prepare and rotate this many times, the start of most scenarios; or start with an empty subaccount."""
        self.create_stacks(empty=empty, switches=unknowns)
        self.rng = random.Random(seed)  # noqa: S311 - used for no secret
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
        """Change the program. Deploy it if the team deploys on merge, or if there is a disturbance."""
        self.spec = spec
        self.history.append(spec)
        if self.deploys_on_merge or disturbance is not NO_DISTURBANCE:
            self.up(self.stack, self.spec, disturbance)

    def new_name(self) -> str:
        """Return an unused name."""
        self.count += 1
        return f"g{self.count}"

    @rule(disturbance=MAYBE_DISTURBED)
    def prepare(self, disturbance: Disturbance = NO_DISTURBANCE) -> None:
        """Declare a new passive generation."""
        self.write(replace(self.spec, passive_generation=self.new_name()), disturbance)

    @rule(disturbance=MAYBE_DISTURBED)
    def rotate(self, disturbance: Disturbance = NO_DISTURBANCE) -> None:
        """Declare the prepared generation."""
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

    @rule(steps=st.integers(1, 6), disturbance=MAYBE_DISTURBED)
    def revert(self, steps: int, disturbance: Disturbance) -> None:
        """Deploy an earlier program."""
        self.write(self.history[-min(steps, len(self.history))], disturbance)

    @rule(change=st.sampled_from(EDITS), disturbance=MAYBE_DISTURBED)
    def edit(self, change: Change, disturbance: Disturbance) -> None:
        """Remove, rename or change something."""
        self.write(replace(self.spec, **change), disturbance)

    @rule(argument=st.sampled_from(["adopt", "replace", "renew"]), which=st.integers(0, 3))
    def set_adopt_or_replace(self, argument: str, which: int) -> None:
        """Set an argument that names a certificate."""
        change: Change = {argument: self._certificate(which)}
        self.write(replace(self.spec, **change))

    @rule(name=st.sampled_from([None, "g0", "first", "known"]), which=st.integers(0, 3), declare=st.booleans())
    def declare_known_generation(self, name: str | None, which: int, *, declare: bool) -> None:
        """Add a name to known_generations, and perhaps declare it."""
        generation, certificate = name or self.new_name(), self._certificate(which)
        if certificate is not None:
            known = {**self.spec.known_generations, generation: certificate}
            active = generation if declare else self.spec.active_generation
            self.write(replace(self.spec, known_generations=known, active_generation=active))

    @rule(change=st.sampled_from(VERIFICATION_EDITS), disturbance=MAYBE_DISTURBED)
    def edit_verification(self, change: Change, disturbance: Disturbance) -> None:
        """Change the target gate or the verification."""
        self.write(replace(self.spec, **change), disturbance)

    @rule(change=st.sampled_from(SWITCH_EDITS), disturbance=MAYBE_DISTURBED)
    def edit_switches(self, change: Change, disturbance: Disturbance) -> None:
        """Change what changes over with the signer."""
        self.write(replace(self.spec, **change), disturbance)

    @rule(change=st.sampled_from(TIME_EDITS), disturbance=MAYBE_DISTURBED)
    def edit_time(self, change: Change, disturbance: Disturbance) -> None:
        """Change the limits of time."""
        self.write(replace(self.spec, **change), disturbance)

    @rule(days=st.sampled_from([None, 0, 1, 30]), more=st.booleans())
    def freeze(self, days: int | None, *, more: bool) -> None:
        """Freeze the signer for some days, perhaps besides other freezes; or end all freezes."""
        if days is None:
            self.write(replace(self.spec, freeze=()))
            return
        start, end = (f"{self.emulator.now + timedelta(days=count):%Y-%m-%d}" for count in (0, days))
        entry = {"from": start, "to": end, "why": "closing"}
        self.write(replace(self.spec, freeze=(*(self.spec.freeze if more else ()), entry)))

    @rule(argument=st.sampled_from(["revoked", "break_glass"]), which=st.integers(0, 2))
    def name_an_emergency(self, argument: str, which: int) -> None:
        """Revoke a generation, or let it pass at any time."""
        name = [self.spec.active_generation, self.spec.passive_generation, "first"][which]
        if name is not None:
            change: Change = {argument: {**getattr(self.spec, argument), name: "INC-4711"}}
            self.write(replace(self.spec, **change))

    @rule(system=st.sampled_from(SYSTEMS), which=st.integers(0, 3), days=st.sampled_from([None, 0, 0, 1]))
    def declare_trusted_by(self, system: str, which: int, days: int | None) -> None:
        """State or attest the certificate of a target, today or with a date in the future."""
        if (certificate := self._certificate(which)) is None:
            return
        on = self.emulator.now.date() + timedelta(days=days or 0)
        statement = LiteralFingerprints((certificate,)) if days is None else AttestedTrust(certificate, on)
        self.write(replace(self.spec, trusted_by={**self.spec.trusted_by, system: statement}))

    # --- surroundings ------------------------------------------------------------------------------------------

    @rule(action=st.sampled_from(COCKPIT_ACTIONS))
    def act_in_the_cockpit(self, action: str) -> None:
        """Act in the cockpit as a colleague, if the action is possible."""
        self.act_as_colleague(action)

    @rule(
        system=st.sampled_from(SYSTEMS),
        act=st.sampled_from(["trust", "misreport"]),
        what=st.sampled_from(TRUST_CHOICES),
    )
    def change_a_target(self, system: str, act: str, what: str) -> None:
        """Upload certificates to a target, or make it reject certificates that it reports."""
        getattr(self.targets, act)(system, what)

    @rule(system=st.sampled_from(SYSTEMS), outage=st.sampled_from([None, *OUTAGES]))
    def break_a_target(self, system: str, outage: str | None) -> None:
        """Start or end the outage of a target."""
        self.targets.outages.pop(system, None)
        if outage is not None:
            self.targets.outages[system] = outage

    @rule(block=st.sampled_from(BLOCKS), what=st.sampled_from(UPLOADS))
    def upload_to_a_system(self, block: str, what: str) -> None:
        """Upload a certificate into a block, or remove it."""
        self.targets.communication_systems.trust(block, what)

    @rule(trouble=st.sampled_from([None, *TROUBLES]))
    def break_the_system(self, trouble: str | None) -> None:
        """Cause a trouble of the communication system, or end all."""
        if trouble is None:
            self.targets.communication_systems.repair()
        else:
            self.targets.communication_systems.cause(trouble)

    @rule(what=st.sampled_from([*DESTINATIONS, *USERS]))
    def remove_a_prerequisite(self, what: str) -> None:
        """Delete a destination or create it again, or change the user."""
        if what in DESTINATIONS:
            self.targets.toggle_destination(what)
        else:
            self.targets.set_user(what)

    @rule(seconds=st.sampled_from([*PAUSES, -5.0]))
    def wait(self, seconds: float) -> None:
        """Advance the clock, or set it back."""
        self.emulator.advance(seconds)

    @rule(
        seconds=st.sampled_from([None, 10.0, 30.0, LAG - 1]),
        slots=st.sampled_from([[*Slot], *[[slot] for slot in Slot]]),
        only_readings=st.booleans(),
    )
    def set_read_lag(self, seconds: float | None, slots: list[Slot], *, only_readings: bool) -> None:
        """Make readings stale for some seconds after each write from now on, in both slots or in one."""
        self.lag = seconds
        self.only_slot_reads_lag = only_readings
        self.lagging_slots = slots

    @rule(switch=st.sampled_from(SWITCHES))
    def switch(self, switch: str) -> None:
        """Toggle a key of the configuration."""
        on = self.stack.config.get(switch) == "true"
        self.stack.config[switch] = "false" if on else "true"

    @rule(retries=st.sampled_from([0, 1, 2]))
    def set_error_hook(self, retries: int) -> None:
        """Set the number of retries by an `ErrorHook` of every resource."""
        self.stack.retries = retries

    @rule()
    def lose_the_state(self) -> None:
        """Delete the state of the stack."""
        self.stack.state.clear()
        self.record_foreign_change()

    @rule(passive_generation=st.sampled_from([None, "theirs"]), on_drift=st.sampled_from([None, "restore"]))
    def deploy_the_other_stack(self, passive_generation: str | None, on_drift: str | None) -> None:
        """Deploy the stack of another team to the same subaccount."""
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
        with (
            self.with_stale_reads(disturbance) as has_stale_reads,
            self.with_disturbance(self.stack, disturbance) as is_stale,
        ):
            command = ObservedCommand("refresh", self.stack, self.spec, disturbance, has_stale_reads or is_stale)
            self.run(command, self.stack.refresh)

    @precondition(lambda self: self.stack.state)
    @rule(argument=st.sampled_from(["generation", "rotation", "subaccount_id", "trusted_by", "verify_now"]))
    def diff_with_unknown_argument(self, argument: str) -> None:
        """Call diff with an unknown argument, as the engine does before it replaces a resource."""
        for name in self.stack.state:
            changes, report = self.stack.diff_with_unknowns(name, [argument])
            assert changes, "an unknown value may change"
            assert (report.messages, report.requests) == ("", []), "diff printed or sent"

    @rule(disturbance=MAYBE_DISTURBED)
    def deploy_refreshed(self, disturbance: Disturbance = NO_DISTURBANCE) -> None:
        """Run `pulumi up --refresh`."""
        self.refresh()
        self.deploy(disturbance)

    @rule(part=st.sampled_from(RESOURCE_NAMES), replaces=st.booleans(), disturbance=MAYBE_DISTURBED)
    def deploy_targets(self, part: str, disturbance: Disturbance, *, replaces: bool) -> None:
        """Run `pulumi up` with `--target` or `--target-replace` of one resource whose dependencies exist."""
        target = getattr(self.spec, part)
        if {*self.spec.names, target} - (set() if replaces else {target}) <= {*self.stack.state}:
            self.up(self.stack, self.spec, disturbance, targets={target}, replace={target} if replaces else set())

    @precondition(lambda self: self.stack.state)
    @rule(disturbance=MAYBE_DISTURBED)
    def destroy(self, disturbance: Disturbance) -> None:
        """Run `pulumi destroy`."""
        with (
            self.with_stale_reads(disturbance) as has_stale_reads,
            self.with_disturbance(self.stack, disturbance) as is_stale,
        ):
            command = ObservedCommand(
                "destroy", self.stack, ProgramSpec(has_active=False), disturbance, has_stale_reads or is_stale
            )
            self.run(command, self.stack.destroy)

    def check_invariants(self, *arguments: Any) -> None:
        """Count the steps; the invariants are checked after each command."""
        self.statistics.steps += 1
        super().check_invariants(*arguments)

    @rule(disturbance=DISTURBED)
    def prepare_and_rotate(self, disturbance: Disturbance) -> None:
        """Prepare and rotate, both under a disturbance."""
        name = self.new_name()
        self.write(replace(self.spec, passive_generation=name, adopt=None), disturbance)
        self.write(replace(self.spec, active_generation=name), disturbance)

    @rule(
        verify_destinations=st.sampled_from([("s4",), ("s4",), (ASSERTION, "s4"), ("sf", "s4")]),
        trusted_by=st.sampled_from([{}, {"s4": ObservedTrust()}]),
        misreported=st.sampled_from(["nothing", "passive", "passive", "both"]),
        missing=st.sampled_from([*[None] * 8, "s4", "nobody", *OUTAGES]),
        disturbance=st.booleans().flatmap(lambda is_killed: KILLED_ROTATIONS if is_killed else MAYBE_DISTURBED),
        resumed_by=st.sampled_from([None, "up", "up --refresh"]),
    )
    def rotate_with_verification(
        self,
        *,
        verify_destinations: tuple[str, ...],
        trusted_by: dict[str, TargetStatement],
        misreported: str,
        missing: str | None,
        disturbance: Disturbance,
        resumed_by: str | None,
    ) -> None:
        """Prepare and rotate with all prerequisites of a verification, except that a target may reject and misreport.

        A killed command may be resumed at once.
        """
        name = self.new_name()
        arguments: Change = {
            "verify_destinations": verify_destinations,
            "trusted_by": trusted_by,
            "on_verification_failure": None,
            **NO_LIMITS,
        }
        self.write(
            replace(self.spec, passive_generation=name, adopt=None, replace=None, has_candidate=True, **arguments)
        )
        self.up(self.stack, self.spec, NO_DISTURBANCE)
        self.targets.restore_prerequisites()
        self.targets.repair(*SYSTEMS)
        self.targets.misreport("s4", misreported)
        if missing in OUTAGES:
            self.targets.outages["s4"] = missing
        elif missing is not None:
            self.remove_a_prerequisite(missing)
        self.write(replace(self.spec, active_generation=name), disturbance)
        if resumed_by == "up --refresh":
            self.deploy_refreshed()
        elif resumed_by is not None:
            self.deploy()

    @rule(
        blocks=st.sampled_from([BLOCKS, BLOCKS[:1]]),
        on_switch_failure=st.sampled_from([None, None, "continue"]),
        upload=st.none() | st.none() | st.sampled_from(UPLOADS),
        trouble=st.sampled_from([*[None] * 4, *TROUBLES]),
        disturbance=st.just(NO_DISTURBANCE) | DISTURBED_SWITCHOVERS | DISTURBED_SWITCHOVERS | DISTURBED,
        reverts=st.booleans(),
    )
    def rotate_with_switchover(
        self,
        *,
        blocks: tuple[str, ...],
        on_switch_failure: str | None,
        upload: str | None,
        trouble: str | None,
        disturbance: Disturbance,
        reverts: bool,
    ) -> None:
        """Prepare and rotate with blocks that change over, some of them in trouble; perhaps revert at once."""
        name, systems = self.new_name(), self.targets.communication_systems
        arguments: Change = {"switches": blocks, "on_switch_failure": on_switch_failure, "verify_destinations": ()}
        arguments |= NO_LIMITS
        systems.repair_and_upload()
        self.write(
            replace(self.spec, passive_generation=name, adopt=None, replace=None, has_candidate=True, **arguments)
        )
        self.up(self.stack, self.spec, NO_DISTURBANCE)
        before = self.spec
        if upload is not None:
            systems.trust(blocks[-1], upload)
        if trouble is not None:
            systems.cause(trouble)
        self.write(replace(self.spec, active_generation=name, trusted_by={}), disturbance)
        if reverts:
            self.write(before)

    @rule(
        limits=st.sampled_from([change for change in TIME_EDITS if "window" in change or "soak" in change]),
        emergency=st.sampled_from([None, None, "break_glass", "revoked"]),
        seconds=st.sampled_from([HOUR, 5 * HOUR, 20 * HOUR]),
        disturbance=MAYBE_DISTURBED,
    )
    def rotate_in_time(
        self, *, limits: Change, emergency: str | None, seconds: float, disturbance: Disturbance
    ) -> None:
        """Prepare, and declare the certificate under limits, perhaps in an emergency; then again after some hours."""
        name = self.new_name()
        self.targets.repair(*SYSTEMS)
        self.write(
            replace(self.spec, passive_generation=name, adopt=None, replace=None, has_candidate=True, **NO_LIMITS)
        )
        self.up(self.stack, self.spec, NO_DISTURBANCE)
        rotated: Change = {"active_generation": name, "trusted_by": {}, **limits}
        if emergency is not None:
            rotated[emergency] = {name: "INC-4711"}
        self.write(replace(self.spec, **rotated), disturbance)
        for _ in range(2):
            self.emulator.advance(seconds)
            self.deploy()

    @rule()
    def converge(self) -> None:
        """Deploy without disturbances until a preview shows no changes."""
        self.spec = self._converge()
        self.history.append(self.spec)

    def teardown(self) -> None:
        """Converge at the end of every example."""
        if hasattr(self, "stack"):
            self.stack.config.pop("btp-trust:offline", None)
            self._converge()

    def _converge(self) -> ProgramSpec:
        """Converge after a minute without faults, applying remedies where needed."""
        self.lag = None
        self.emulator.advance(ONE_MINUTE)
        up = functools.partial(self.up, self.stack, disturbance=NO_DISTURBANCE)
        self.targets.outages.clear()
        self.targets.communication_systems.outage = None
        return Convergence(self.stack, self.targets, up, self.new_name, self.rng, self.statistics).converge(self.spec)

    def _certificate(self, which: int) -> str | None:
        """Return a certificate: the active, the passive, the oldest, or one that does not exist."""
        return [*self.stack.slots, next(iter(self.invariant_checks.first_seen), None), "e" * 64][which]
