"""A slice of the crash matrix, around the writes; `make matrix` plays all of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from btp_trust_emulator import Emulator
from support.crash_matrix.cells import Cell, Interruption
from support.crash_matrix.dry_run import foreseen
from support.crash_matrix.operations import COME_BACK, MINT, REGISTER, ROTATE, Operation, Provider
from support.crash_matrix.report import PAGE, claimed, verdict
from support.crash_matrix.runner import Player, Verdict
from support.crash_matrix.workspace import begin
from support.fake_engine import is_read
from support.intercepting_proxy import Moment, Side

KILLED, PLUGIN, PULUMI, CLOSED = Interruption
SLICE = {
    (Provider.OURS, ROTATE): [(Side.DONE, KILLED), (Side.DONE, CLOSED)],
    (Provider.OURS, MINT): [(Side.DONE, PLUGIN), (Side.BEFORE, CLOSED)],
    (Provider.OURS, COME_BACK): [(Side.BEFORE, CLOSED)],
    (Provider.OURS, REGISTER): [(Side.DONE, KILLED)],
    (Provider.NAIVE, ROTATE): [(Side.DONE, CLOSED)],
    (Provider.NAIVE, MINT): [(Side.DONE, KILLED)],
}


@pytest.mark.parametrize(
    ("provider", "operation"), [pytest.param(*key, id=f"{key[0].value}, {key[1]}") for key in SLICE]
)
def test_an_interrupted_write_is_neither_repeated_nor_lost(
    provider: Provider, operation: Operation, emulator: Emulator, tmp_path: Path
) -> None:
    """Ours converges or has a way out that works; the naive one does twice what it should do once. The page says so.

    Of two writes it is the last one.
    """
    requests = foreseen(provider, operation, emulator)
    base = replace(begin(provider, operation, tmp_path / "base"), requests=requests)
    player = Player(base, tmp_path / "cells")
    number = max(number for number, request in enumerate(requests, 1) if not is_read(request))
    for side, interruption in SLICE[provider, operation]:
        moment = Moment(number, side)

        outcome = player.play(Cell(operation, requests[number - 1], moment, interruption))

        assert (outcome.verdict is Verdict.FAILS) == (provider is Provider.NAIVE), outcome.complaints
        assert verdict(outcome) == claimed(PAGE.read_text(), provider, operation, requests, (moment, interruption))
