"""A slice of the crash matrix, around the writes; `make matrix` runs all of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from btp_trust_emulator import Emulator
from support.crash_matrix.cells import Cell, Interruption
from support.crash_matrix.operations import (
    GENERATE,
    REGISTER,
    ROTATE,
    ROTATE_AND_ROLL_BACK,
    ROTATE_AND_SWITCH,
    ROTATE_IN_TIME,
    SWITCH_REFUSED,
    WAIT_FOR_TIME,
    Operation,
    ProviderKind,
)
from support.crash_matrix.report import PAGE, documented_verdict, verdict
from support.crash_matrix.runner import CellRunner, Verdict
from support.crash_matrix.uninterrupted_run import expected_requests
from support.crash_matrix.workspace import create_stack
from support.fake_engine import is_read
from support.intercepting_proxy import Boundary, BoundarySide

KILLED, PLUGIN, PULUMI, CLOSED = Interruption
SLICE = {
    (ProviderKind.OURS, ROTATE): [(BoundarySide.DONE, KILLED), (BoundarySide.DONE, CLOSED)],
    (ProviderKind.OURS, ROTATE_IN_TIME): [(BoundarySide.DONE, PLUGIN)],
    (ProviderKind.OURS, GENERATE): [(BoundarySide.DONE, PLUGIN), (BoundarySide.BEFORE, CLOSED)],
    (ProviderKind.OURS, ROTATE_AND_ROLL_BACK): [(BoundarySide.BEFORE, CLOSED)],
    (ProviderKind.OURS, ROTATE_AND_SWITCH): [(BoundarySide.BEFORE, KILLED), (BoundarySide.DONE, CLOSED)],
    (ProviderKind.OURS, SWITCH_REFUSED): [(BoundarySide.BEFORE, KILLED)],
    (ProviderKind.OURS, REGISTER): [(BoundarySide.DONE, KILLED)],
    (ProviderKind.NAIVE, ROTATE): [(BoundarySide.DONE, CLOSED)],
    (ProviderKind.NAIVE, GENERATE): [(BoundarySide.DONE, KILLED)],
}


@pytest.mark.parametrize(
    ("provider", "operation"), [pytest.param(*key, id=f"{key[0].value}, {key[1]}") for key in SLICE]
)
def test_an_interrupted_write_converges(
    provider: ProviderKind, operation: Operation, emulator: Emulator, tmp_path: Path
) -> None:
    """Our provider converges or has a remedy that works; the naive one repeats its write. The page agrees.

    Of several writes, the last one is interrupted.
    """
    requests = expected_requests(provider, operation, emulator)
    prepared = replace(create_stack(provider, operation, tmp_path / "base"), requests=requests)
    runner = CellRunner(prepared, tmp_path / "cells")
    number = max(number for number, request in enumerate(requests, 1) if not is_read(request))
    for side, interruption in SLICE[provider, operation]:
        boundary = Boundary(number, side)

        outcome = runner.run_cell(Cell(operation, requests[number - 1], boundary, interruption))

        assert (outcome.verdict is Verdict.FAILS) == (provider is ProviderKind.NAIVE), outcome.problems
        assert verdict(outcome) == documented_verdict(
            PAGE.read_text(), provider, operation, requests, (boundary, interruption)
        )


def test_waiting_step_writes_nothing(emulator: Emulator, tmp_path: Path) -> None:
    """A rotation that waits sends reads alone; killed at the last of them, the next command waits as well."""
    requests = expected_requests(ProviderKind.OURS, WAIT_FOR_TIME, emulator)
    assert all(map(is_read, requests))
    prepared = replace(create_stack(ProviderKind.OURS, WAIT_FOR_TIME, tmp_path / "base"), requests=requests)
    cell = Cell(WAIT_FOR_TIME, requests[-1], Boundary(len(requests), BoundarySide.DONE), KILLED)

    outcome = CellRunner(prepared, tmp_path / "cells").run_cell(cell)

    assert (outcome.verdict, outcome.counts.swaps) == (Verdict.CONVERGES, 0), outcome.problems
