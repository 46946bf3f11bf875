"""Whatever a team does, in whatever order: the signer changes only as previewed, and nothing unnamed disappears."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import run_state_machine_as_test

from btp_trust.runtime.slots import Subaccount
from btp_trust.snapshot import Snapshot
from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, FakeEngine, program
from support.stateful import soak
from support.stateful.program import ProgramSpec
from support.stateful.refusals import Refusal
from support.stateful.remedies import remedies
from support.stateful.rules import rotation_machine
from support.stateful.statistics import Statistics
from support.stateful.targets import Targets

EXAMPLES = 32


def test_a_team_loses_nothing_that_no_preview_named() -> None:
    """Run the machine: the same examples each time. `make soak` searches on."""
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


def test_the_search_ends_in_time_and_prints_what_it_met(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rounds follow each other until the time is over; here, each takes ten seconds of a clock."""
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


def test_the_search_finds_a_swap_that_is_sent_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The falsifying example is printed with the seed that finds it again, and the exit status tells."""

    def careless(account: Subaccount, *_: object) -> Snapshot:
        account.client.rotate()
        account.client.rotate()
        return account.record_reading(*account.client.rotate())

    monkeypatch.setattr("btp_trust.rotation.lifecycle.swap", careless)
    monkeypatch.setattr(engine, "MAX_SHRINKING_SECONDS", 0)
    monkeypatch.setattr(soak, "EXAMPLES_PER_ROUND", 10)
    assert soak.search(60, 1) == 1
    found = capsys.readouterr()
    assert "SOAK_SEED=" in found.out
    assert "Failing test case" in found.err


@pytest.mark.parametrize("arguments", [[], ["soon"], ["1", "one"]])
def test_a_search_that_is_called_wrongly_says_how(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As a command does."""
    assert soak.main(arguments) == 2
    assert "usage" in capsys.readouterr().err


def test_each_remedy_that_a_page_knows_is_known_to_the_reader_of_refusals() -> None:
    """Two words are enough to see: what is pasted is read from the message, not made up."""
    with Emulator(key_size=1024) as emulator:
        fake_engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
        emulator.advance(HOUR)
        fake_engine.deploy(program(), program("b", "a"), program("b", "b"))
        text = ProgramSpec(passive_generation="b", active_generation="b")
        fake_engine.state.clear()
        targets = Targets(fake_engine)
        refusal = Refusal(fake_engine.assert_refused(text), text, fake_engine, targets, lambda: random.choice("xyz"))  # noqa: S311 - a name
        assert {(way.specs[0].adopt, way.specs[0].replace) for way in remedies(refusal)} == {
            (fake_engine.slots[0], None),
            (fake_engine.slots[1], None),
            (None, fake_engine.slots[1]),
        }
        assert remedies(Refusal("a\nb\nSing a song.", text, fake_engine, targets, str)) == []
