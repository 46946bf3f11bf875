"""The deployments from which most tests start are stable; so their fixtures leave that unasserted."""

from __future__ import annotations

import pytest

from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, FakeEngine, Program, program

ADOPTED, PREPARED, ROTATED = program(), program("b", "a"), program("b", "b")


@pytest.mark.parametrize("programs", [[ADOPTED, PREPARED, ROTATED], [PREPARED]], ids=["in steps", "prepared at once"])
def test_starts_are_stable(emulator: Emulator, programs: list[Program]) -> None:
    """None of them has changes after its deployment, and after those before."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    engine.deploy(*programs)
