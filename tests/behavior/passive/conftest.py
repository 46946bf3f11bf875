"""The stack of the tests of PassiveTrustCertificate."""

from __future__ import annotations

import pytest

from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, FakeEngine
from support.passive_programs import ALONE


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack that adopted the active certificate."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    engine.start(ALONE)
    return engine
