"""For all acts of a team in any order: the signer changes only as previewed, and deleted certificates were named."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import run_state_machine_as_test

from btp_trust.runtime.slots import Subaccount
from btp_trust.snapshot import Snapshot
from btp_trust_emulator import Emulator, FaultKind, S4Switches
from btp_trust_emulator.slots import Action
from support.fake_engine import HOUR, FakeEngine, program
from support.stateful import soak
from support.stateful.disturbances import Disturbance
from support.stateful.program import ProgramSpec
from support.stateful.refusals import Refusal
from support.stateful.remedies import remedies
from support.stateful.rules import RotationMachine, rotation_machine
from support.stateful.statistics import Statistics
from support.stateful.targets import Targets

EXAMPLES = 32


def test_the_invariants_hold() -> None:
    """The invariants hold for the same examples each time; `make soak` searches further."""
    statistics = Statistics()
    with Emulator(key_size=1024) as emulator:
        run_state_machine_as_test(
            rotation_machine(emulator, statistics),
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=14,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert statistics.examples >= EXAMPLES


def test_replaced_signer_is_named() -> None:
    """A found example: a colleague replaces the recorded signer, a refresh finds that, and a swap is previewed."""
    with Emulator(key_size=1024) as emulator:
        machine = RotationMachine(emulator, Statistics())
        machine.initialize_scenario(
            rotations=0, deploys_on_merge=True, empty=False, named=False, checks={}, unknowns=S4Switches(), seed=0
        )
        machine.act_in_the_cockpit(Action.GENERATE_ACTIVE.value)
        machine.refresh()
        machine.rotate()
        assert "is in no slot any more: somebody else replaced it" in machine.stack.last_report.messages


def test_second_replacement_is_named() -> None:
    """A found example: the signer is replaced again, while an earlier drift is recorded and left."""
    with Emulator(key_size=1024) as emulator:
        machine = RotationMachine(emulator, Statistics())
        machine.initialize_scenario(
            rotations=0, deploys_on_merge=True, empty=False, named=False, checks={}, unknowns=S4Switches(), seed=0
        )
        machine.act_in_the_cockpit(Action.GENERATE_ACTIVE.value)
        machine.deploy()
        recorded = str(machine.stack.slots[0])
        machine.act_in_the_cockpit(Action.GENERATE_ACTIVE.value)
        machine.refresh()
        machine.deploy()
        assert f"The last deployment recorded {recorded[:8]} as the signer" in machine.stack.last_report.messages


def test_lost_rollback_is_read() -> None:
    """A found example: a target rejects the swap, and the answer of the rollback is lost; the state has the signer."""
    with Emulator(key_size=1024) as emulator:
        machine = RotationMachine(emulator, Statistics())
        machine.initialize_scenario(
            rotations=0, deploys_on_merge=True, empty=False, named=False, checks={}, unknowns=S4Switches(), seed=0
        )
        refused = {"method": "POST", "path": None, "skip": 0, "status": 404, "count": 1}
        lost = {"method": "POST", "path": None, "skip": 3, "count": 1}
        faults = ((FaultKind.ROUTER, refused), (FaultKind.DO_THEN_ROUTER, lost))
        machine.rotate_with_verification(
            disturbance=Disturbance(faults),
            misreported="passive",
            missing=None,
            resumed_by=None,
            trusted_by={},
            verify_destinations=("s4",),
        )
        assert machine.stack.state["rotation"].outputs["fingerprint"] == machine.stack.slots[0]


def test_killed_rollback_of_systems_is_understood() -> None:
    """A found example: a system refuses after the swap, and the run is killed while it rolls back."""
    with Emulator(key_size=1024) as emulator:
        machine = RotationMachine(emulator, Statistics())
        machine.initialize_scenario(
            rotations=0, deploys_on_merge=True, empty=False, named=True, checks={}, unknowns=S4Switches(), seed=0
        )
        machine.rotate_with_switchover(
            blocks=("oauth2", "saml-bearer"),
            disturbance=Disturbance(transport_fault=("killed after", "POST rotateCertificate", 1, 1)),
            on_switch_failure=None,
            reverts=False,
            trouble="picky",
            upload=None,
        )
        machine.converge()


def test_the_search_ends_in_time(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Rounds follow each other until the time is over, here ten seconds each, and the statistics are printed."""
    seeds = []

    def run_round(number: int, statistics: Statistics) -> None:
        seeds.append(number)
        statistics.examples += 1
        statistics.commands["up"] += 2

    monkeypatch.setattr(soak, "run_round", run_round)
    ticks = itertools.count(step=10)
    assert soak.search(35, 7, clock=lambda: next(ticks)) == 0
    assert seeds == [7, 8, 9]
    printed = capsys.readouterr().out
    assert "3 examples" in printed
    assert "commands: up 6" in printed


def test_the_search_finds_repeated_swaps(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The falsifying example is printed with the seed that reproduces it, and the exit status is 1."""

    def swap_three_times(account: Subaccount, *_: object) -> Snapshot:
        account.client.rotate()
        account.client.rotate()
        return account.record_reading(*account.client.rotate())

    monkeypatch.setattr("btp_trust.rotation.perform.swap", swap_three_times)
    monkeypatch.setattr(engine, "MAX_SHRINKING_SECONDS", 0)
    monkeypatch.setattr(soak, "EXAMPLES_PER_ROUND", 10)
    assert soak.search(60, 1) == 1
    printed = capsys.readouterr()
    assert "SOAK_SEED=" in printed.out
    assert "Failing test case" in printed.err


@pytest.mark.parametrize("arguments", [[], ["soon"], ["1", "one"]])
def test_wrong_arguments_print_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments print the usage and exit with 2."""
    assert soak.main(arguments) == 2
    assert "usage" in capsys.readouterr().err


def test_remedies_are_read_from_messages() -> None:
    """Values to paste are read from the message; an unknown last line has no remedies."""
    with Emulator(key_size=1024) as emulator:
        fake_engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
        emulator.advance(HOUR)
        fake_engine.deploy(program(), program("b", "a"), program("b", "b"))
        spec = ProgramSpec(passive_generation="b", active_generation="b")
        fake_engine.state.clear()
        targets = Targets(fake_engine)
        refusal = Refusal(fake_engine.assert_refused(spec), spec, fake_engine, targets, lambda: random.choice("xyz"))  # noqa: S311 - a name
        assert {(remedy.specs[0].adopt, remedy.specs[0].replace) for remedy in remedies(refusal)} == {
            (fake_engine.slots[0], None),
            (fake_engine.slots[1], None),
            (None, fake_engine.slots[1]),
        }
        assert remedies(Refusal("a\nb\nSing a song.", spec, fake_engine, targets, str)) == []
