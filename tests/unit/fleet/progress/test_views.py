"""The progress, on a terminal and elsewhere."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from btp_trust_fleet.progress.counts import Counts, WaveCounts
from btp_trust_fleet.progress.live import LiveView
from btp_trust_fleet.progress.plain import PlainView
from btp_trust_fleet.stack_run.task import StackState
from btp_trust_fleet.table.fleet import Fleet
from support.fleet_samples import SIGNERS, Clock, outcome_of, sample_fleet, wide_table
from support.terminals import pipes, printed, screen


def counts_of(fleet: Fleet, parallel: int = 2) -> Counts:
    """Return counts before the first stack."""
    return Counts([WaveCounts(wave, len(wave.stacks)) for wave in fleet.waves], parallel)


def test_plain_lines_begin_with_the_time(tmp_path: Path) -> None:
    """One for each event; the signers where they differ."""
    wave = sample_fleet(tmp_path).waves[0]
    stack, terminal = wave.stacks[0], pipes()
    view = PlainView(terminal, Clock())
    view.planning(wave, wave.stacks)
    view.pause()
    view.started(wave, stack)
    view.ended(wave, stack, outcome_of("acme-dev", signer_before=SIGNERS[0], signer_after=SIGNERS[1]))
    view.ended(wave, stack, outcome_of("acme-dev", StackState.FAILED))
    view.ended(wave, stack, outcome_of("acme-dev", StackState.LOCKED, lines=("It is locked.", "By jane.", "Wait.")))
    view.close()
    assert printed(terminal).splitlines() == [
        "2028-11-01T08:00:01Z canary: plans 1 stack for its approval",
        "2028-11-01T08:00:02Z canary: acme-dev started",
        "2028-11-01T08:00:03Z canary: acme-dev changed, signer aaaaaaaa => bbbbbbbb (3 s)",
        "2028-11-01T08:00:04Z canary: acme-dev failed (3 s)",
        "2028-11-01T08:00:05Z canary: acme-dev locked (3 s): It is locked. By jane.",
    ]


def test_time_left_is_estimated(tmp_path: Path) -> None:
    """By the mean of the stacks that have run, and how many run at a time."""
    fleet = sample_fleet(tmp_path, wide_table(7))
    (wave,), counts = fleet.waves, counts_of(fleet)
    assert counts.time_left(wave) is None
    for stack in wave.stacks[:2]:
        counts.start(wave, stack, Clock().now)
        counts.end(wave, stack, outcome_of(stack.stack))
    assert counts.time_left(wave) == timedelta(seconds=9)
    counts.end(wave, wave.stacks[2], outcome_of("s2", StackState.LOCKED))
    assert counts.waves["all"].left == 5
    for stack in wave.stacks[2:]:
        counts.end(wave, stack, outcome_of(stack.stack, StackState.FAILED))
    assert counts.time_left(wave) is None
    assert (counts.waves["all"].done, counts.waves["all"].failed, counts.waves["all"].left) == (2, 5, 0)


def test_screen_shows_waves(tmp_path: Path) -> None:
    """Done, failed, left, and the names of some that run; failures stay above the table."""
    fleet = sample_fleet(tmp_path, wide_table(9))
    (wave,), counts, terminal, clock = fleet.waves, counts_of(fleet), screen({"NO_COLOR": "1"}), Clock()
    view = LiveView(terminal, counts, clock)
    view.planning(wave, wave.stacks)
    view.pause()
    for stack in wave.stacks[:8]:
        view.started(wave, stack)
    view.ended(wave, wave.stacks[0], outcome_of("s0"))
    view.ended(wave, wave.stacks[1], outcome_of("s1", StackState.REJECTED))
    cells = [[*column.cells] for column in view.table().columns]
    view.close()
    assert [str(cell[0]) for cell in cells[:5]] == ["all", "1 of 9", "1", "7", "about 0:00:12"]
    assert str(cells[5][0]) == "s2, s3, s4, s5, s6, s7"
    assert "all: s1 rejected (3 s)" in printed(terminal)
    view.started(wave, wave.stacks[8])
    assert str(next(iter(view.table().columns[5].cells))).endswith("and 1 more")
    view.close()
