"""Slot writes as a fixture."""

from __future__ import annotations

import pytest

from btp_trust_emulator import Emulator
from support.slot_writes import WriteScenario


@pytest.fixture
def scenario(request: pytest.FixtureRequest, emulator: Emulator) -> WriteScenario:
    """One of the writes, due."""
    made: WriteScenario = request.param(emulator)
    return made
