"""Whatever a team does, in whatever order: the signer changes only as previewed, and nothing unnamed disappears.

A stack runs programs that were edited, reverted, renamed and emptied at random, while colleagues act in the cockpit,
answers get lost, processes are killed, states get lost, clocks move, and a second stack works on the same subaccount.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from twin import (
    HOUR,
    CheckFailedError,
    Deployment,
    Fault,
    KilledError,
    Twin,
    answered,
    assert_three_parts,
    committed_but_answered,
    committed_then,
    lost_before,
    meanwhile,
    operation,
)

from btp_trust.errors import TrustError
from btp_trust_emulator import Emulator
from btp_trust_emulator.journal import Entry

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)
WRITES = ("POST certificate", "POST certificate/passive", "DELETE certificate/passive", "POST rotateCertificate")
COCKPIT = ("rotate", "generate_passive", "generate_active", "delete_passive")


@dataclass(frozen=True)
class Text:
    """What the program's text says; None: the resource is not in it."""

    prepares: str | None = None
    signs: str | None = None
    passive_name: str = "next"
    trigger_name: str = "rotation"
    has_candidate: bool = True
    has_active: bool = True
    on_drift: str | None = None

    def __call__(self, deployment: Deployment) -> None:
        """Declare the resources."""
        candidate = deployment.passive(self.passive_name, generation=self.prepares) if self.prepares else None
        told = candidate if self.has_candidate else None
        rotation = (
            deployment.trigger(self.trigger_name, generation=self.signs, candidate=told, on_drift=self.on_drift)
            if self.signs
            else None
        )
        if self.has_active:
            deployment.active(rotation=rotation)


def named(twin: Twin, gone: str) -> bool:
    """Whether the preview named a certificate that went: what a mint replaces, or what a removed resource made."""
    shown = twin.previewed
    replaced = {inputs.get("replaces") for inputs in shown.inputs.values()}
    return gone in replaced or any(operation == "delete" for operation in shown.operations.values())


def refused_while(rival: Callable[[], None]) -> Fault:
    """Let somebody act while the service refuses a request."""

    def fault(request: httpx.Request, _: Callable[[httpx.Request], httpx.Response]) -> httpx.Response:
        rival()
        return httpx.Response(429, request=request)

    return fault


def faults(rival: Callable[[], None]) -> dict[str, tuple[str, Fault, int]]:
    """List what can go wrong inside the changes of one `up`: the request that meets it, and after how many others."""
    lost, killed, unsent = httpx.ReadTimeout("lost"), KilledError(), httpx.ConnectError("unsent")
    found: dict[str, tuple[str, Fault, int]] = {
        "a colleague acts before the plan": ("GET certificate", meanwhile(before=rival), 0),
        "a colleague acts before the write": ("GET certificate", meanwhile(before=rival), 1),
    }
    for write in WRITES:
        found |= {
            f"the answer of {write} is lost": (write, committed_then(lost), 0),
            f"{write} is lost": (write, lost_before(httpx.ReadError("lost")), 0),
            f"{write} never leaves": (write, lost_before(unsent), 0),
            f"{write} is answered 500": (write, committed_but_answered(500), 0),
            f"the process is killed after {write}": (write, committed_then(killed), 0),
            f"{write} is refused once": (write, answered(429), 0),
            f"a colleague acts during {write}": (write, meanwhile(before=rival), 0),
            f"a colleague acts after {write}": (write, meanwhile(after=rival), 0),
            f"a colleague acts while {write} is refused": (write, refused_while(rival), 0),
        }
    return found


class Team(RuleBasedStateMachine):
    """One subaccount, two stacks, colleagues, and the weather."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__()
        emulator.set_clock(BEGINNING)
        self.emulator = emulator
        self.guid = emulator.create_subaccount(generate=True).guid
        emulator.advance(HOUR)
        self.stack, self.other = Twin(emulator, self.guid), Twin(emulator, self.guid)
        self.text = Text("g0", "first")
        self.history = [Text(), self.text]
        self.count = 0
        self.merges_deploy = False

    def write(self, text: Text) -> None:
        """Change the program; many a team deploys what is merged."""
        self.text = text
        self.history.append(text)
        if self.merges_deploy:
            self._deploy(self.stack, text)

    def fresh(self) -> str:
        """Think up a name that was not used before."""
        self.count += 1
        return f"g{self.count}"

    @initialize(rotations=st.integers(0, 2), merges_deploy=st.booleans())
    def begin(self, *, rotations: int, merges_deploy: bool) -> None:
        """Adopt, prepare, and rotate so often: the stories that most others are told about."""
        self.merges_deploy = True
        self.write(Text())
        self.write(Text("g0", "first"))
        for _ in range(rotations):
            self.rotate()
            self.prepare()
        self.merges_deploy = merges_deploy

    # --- pull requests -----------------------------------------------------------------------------------------

    @rule()
    def prepare(self) -> None:
        """Give the passive certificate a new name."""
        self.write(replace(self.text, prepares=self.fresh()))

    @rule()
    def rotate(self) -> None:
        """Declare what was prepared."""
        self.write(replace(self.text, signs=self.text.prepares or self.text.signs))

    @rule()
    def bump_both_names(self) -> None:
        """Prepare and rotate in one pull request."""
        name = self.fresh()
        self.write(replace(self.text, prepares=name, signs=name))

    @rule()
    def retire(self) -> None:
        """Remove the passive certificate."""
        self.write(replace(self.text, prepares=None))

    @rule(back=st.integers(1, 6))
    def revert(self, back: int) -> None:
        """Go back to an earlier text."""
        self.write(self.history[-min(back, len(self.history))])

    @rule(
        change=st.sampled_from(
            [
                {"signs": None},
                {"signs": "first"},
                {"signs": "nobody's"},
                {"has_active": False},
                {"has_active": True},
                {"has_candidate": False},
                {"has_candidate": True},
                {"passive_name": "renamed"},
                {"trigger_name": "renamed-too"},
                {"on_drift": "restore"},
                {"on_drift": None},
            ]
        )
    )
    def edit(self, change: dict[str, Any]) -> None:
        """Remove, rename or change something."""
        self.write(replace(self.text, **change))

    # --- the world ---------------------------------------------------------------------------------------------

    @rule(action=st.sampled_from(COCKPIT))
    def act_in_the_cockpit(self, action: str) -> None:
        """A colleague does something by hand, as far as it can be done."""
        self._colleague(action)()

    @rule(days=st.sampled_from([1, 200, 500]))
    def wait(self, days: int) -> None:
        """Time goes by."""
        self.emulator.advance(days * 24 * HOUR)

    @rule()
    def refresh(self) -> None:
        """Run `pulumi refresh`."""
        self.stack.refresh()

    @rule()
    def lose_the_state(self) -> None:
        """Somebody deletes the stack's state file."""
        self.stack.state.clear()

    @rule(prepares=st.sampled_from([None, "theirs"]))
    def deploy_the_other_stack(self, prepares: str | None) -> None:
        """Another team uses the same subaccount."""
        self._deploy(self.other, Text(prepares, "theirs too"))

    # --- deployments -------------------------------------------------------------------------------------------

    @rule()
    def deploy(self) -> None:
        """Run `pulumi up`, undisturbed: what was previewed is what happens, and then all is quiet."""
        self._deploy(self.stack, self.text)

    @rule(data=st.data(), action=st.sampled_from(COCKPIT))
    def deploy_in_bad_weather(self, data: st.DataObject, action: str) -> None:
        """Run `pulumi up` while something goes wrong in its changes."""
        possible = faults(self._colleague(action))
        weather = data.draw(st.sampled_from(sorted(possible)))
        request, fault, after = possible[weather]
        if not self._preview():
            return
        self.stack.line.once(request, fault, after=after)
        entries = self._entries(lambda: self.stack.up(self.text, skip_preview=True))
        self.stack.line.repair()
        self._assert_moderate(entries)
        if not weather.startswith("a colleague acts"):
            self._assert_previewed(self.stack, self.text, entries)

    # --- what holds --------------------------------------------------------------------------------------------

    def _deploy(self, twin: Twin, text: Text) -> None:
        before = twin.slots
        try:
            twin.preview(text)
        except (CheckFailedError, TrustError) as refusal:
            assert_said(refusal)
            assert twin.slots == before
            return
        journal = len(self.emulator.journal())
        twin.up(text)
        entries = self.emulator.journal()[journal:]
        self._assert_moderate(entries)
        self._assert_previewed(twin, text, entries)
        assert twin.preview(text).is_quiet or not text.signs or not text.has_active
        self.emulator.advance(HOUR)

    def _preview(self) -> bool:
        try:
            self.stack.previewed = self.stack.preview(self.text)
        except (CheckFailedError, TrustError) as refusal:
            assert_said(refusal)
            return False
        return True

    def _entries(self, run: Callable[[], object]) -> list[Entry]:
        journal = len(self.emulator.journal())
        try:
            run()
        except (CheckFailedError, TrustError) as refusal:
            assert_said(refusal)
        except KilledError:
            pass
        self.emulator.advance(HOUR)
        return self.emulator.journal()[journal:]

    def _assert_moderate(self, entries: list[Entry]) -> None:
        """No write of a kind is sent twice in a command, and no active certificate is generated."""
        sent = [operation(entry.method, entry.path) for entry in entries]
        assert all(sent.count(write) <= 1 for write in WRITES)
        assert "POST certificate" not in sent

    def _assert_previewed(self, twin: Twin, text: Text, entries: list[Entry]) -> None:
        """Each swap is exactly the one that was shown, and each certificate that went was named."""
        for entry in entries:
            before, after = entry.before, entry.after
            if before is None or after is None or before == after:
                continue
            if before.active != after.active:
                shown = twin.previewed.inputs[text.trigger_name]
                assert shown["swaps"] == {"active": before.active, "passive": before.passive}
                assert after.active == shown["signing"]["fingerprint"]
            gone = {before.active, before.passive} - {after.active, after.passive, None}
            assert all(named(twin, str(each)) for each in gone)

    def _colleague(self, action: str) -> Callable[[], None]:
        def act() -> None:
            active, passive = self.stack.slots
            if active and (passive or action.startswith("generate")):
                getattr(self.emulator, action)(self.guid)
            self.emulator.advance(HOUR)

        return act

    def teardown(self) -> None:
        """In the end nobody's work blocks: the last text deploys and stays quiet, or says what to do."""
        self._deploy(self.stack, self.text)


def assert_said(refusal: Exception) -> None:
    """Every error has its three parts."""
    assert_three_parts(refusal.reason if isinstance(refusal, CheckFailedError) else str(refusal))


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator for all examples; each has a subaccount of its own."""
    with Emulator(key_size=1024) as running:
        yield running


def test_a_team_loses_nothing_that_no_preview_named(emulator: Emulator) -> None:
    """Run the machine."""

    class Here(Team):
        def __init__(self) -> None:
            super().__init__(emulator)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=500 if THOROUGH else 25,
            stateful_step_count=30 if THOROUGH else 14,
            deadline=None,
            derandomize=not THOROUGH,
            suppress_health_check=list(HealthCheck),
        ),
    )
