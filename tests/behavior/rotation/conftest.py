"""Stacks that the tests of a RotationTrigger start from."""

from __future__ import annotations

import pytest

from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, FakeEngine, program


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack that adopted the active certificate."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    engine.start(program())
    return engine


@pytest.fixture
def rotated(engine: FakeEngine) -> FakeEngine:
    """A stack that has rotated once: b signs, a is the rollback target."""
    engine.start(program("b", "a"), program("b", "b"))
    return engine
