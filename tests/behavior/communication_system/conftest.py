"""A stack with a communication system."""

from __future__ import annotations

import pytest

from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, FakeEngine
from support.fake_engine import program as trust_program
from support.s4_stack import S4Stack


@pytest.fixture
def stack(emulator: Emulator) -> S4Stack:
    """A subaccount with a certificate in each slot, and a system that trusts the active one."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    engine.start(trust_program("b", "a"))
    engine.state.clear()
    return S4Stack(engine)
