"""What the tests of a verification share: a prepared stack on the emulator of the file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from btp_trust_emulator import Emulator
from support.fake_engine import FakeEngine
from support.verification import VerificationScenario


@pytest.fixture
def scenario(emulator: Emulator) -> Iterator[VerificationScenario]:
    """A prepared stack with targets that trust both certificates."""
    yield VerificationScenario(FakeEngine(emulator, emulator.create_subaccount(generate=True).guid))
    emulator.clear_faults()
