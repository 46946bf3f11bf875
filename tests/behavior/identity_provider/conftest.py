"""A stack with another subaccount that trusts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from btp_trust_emulator import Emulator
from support.fake_engine import FakeEngine


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """One emulator for all tests of this file."""
    with Emulator(key_size=1024) as running:
        yield running


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack with nothing in it, and another subaccount."""
    guid, target = (emulator.create_subaccount(generate=True).guid for _ in range(2))
    return FakeEngine(emulator, guid, target_guid=target)
