"""A driver that is killed at any moment, its ledger cut at any byte: the same command brings the fleet to its goal."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from btp_trust_cli.exit_codes import Severity
from btp_trust_fleet.commands import DriveRequest, Machine, run_drive
from btp_trust_fleet.ledger.ledger_file import read_history
from btp_trust_fleet.ledger.records import StackEnded, StackStarted
from btp_trust_fleet.stack_run.task import Change, StackOutcome, StackState, StackTask, Verb
from support.fleet_samples import Clock, ScriptedScheduler, outcome_of, wide_table, write_table
from support.terminals import pipes

STACKS = 4


class World:
    """The subaccounts: a stack swaps as long as another generation signs than its program declares."""

    def __init__(self) -> None:
        self.swaps: Counter[str] = Counter()

    def run(self, task: StackTask) -> StackOutcome:
        """Bring a stack to what its program says."""
        if self.swaps[task.stack]:
            return outcome_of(task.stack, StackState.UNCHANGED)
        self.swaps[task.stack] += 1
        return outcome_of(task.stack, change=Change.ROTATE)


def rotate(folder: Path, world: World, clock: Clock) -> Severity:
    """Run the command."""
    machine = Machine(pipes(), clock, scheduler=ScriptedScheduler(world.run))
    return run_drive(DriveRequest(folder, verb=Verb.ROTATE, parallel=2), machine)


@given(data=st.data())
@settings(max_examples=60)
def test_cut_ledger_is_resumed(data: st.DataObject) -> None:
    """Each stack swaps exactly once, and each one that was started has an end or is known as unknown."""
    with tempfile.TemporaryDirectory() as name:
        folder, world, clock = Path(name), World(), Clock()
        write_table(folder, wide_table(STACKS))
        rotate(folder, world, clock)
        ledger = folder / ".btp-trust/fleet-ledger.jsonl"
        content = ledger.read_bytes()
        cut = data.draw(st.integers(0, len(content)), label="bytes that reached the disk")
        ledger.write_bytes(content[:cut])
        _undo(world, data, ledger)

        assert rotate(folder, world, clock) == Severity.OK
        assert world.swaps == {f"s{number}": 1 for number in range(STACKS)}
        assert all(isinstance(read_history(ledger).last(f"s{number}"), StackEnded) for number in range(STACKS))
        assert ledger.read_bytes().startswith(content[:cut])


def _undo(world: World, data: st.DataObject, ledger: Path) -> None:
    """Make the world one in which the ledger may look like that: a start is on the disk before its stack runs."""
    history = read_history(ledger)
    for name in list(world.swaps):
        last = history.last(name)
        is_unknown = isinstance(last, StackStarted)
        if last is None or (is_unknown and data.draw(st.booleans(), label=f"{name} has not swapped yet")):
            del world.swaps[name]
