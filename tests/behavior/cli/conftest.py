"""Stacks of the fake engine, which the command line reads from a fake of Pulumi's command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from btp_trust.runtime.host import Host
from btp_trust_emulator import Emulator
from support.fake_engine import HOUR, FakeEngine, program
from support.fake_pulumi import FakePulumi

pytestmark = pytest.mark.usefixtures("plain_environment")


@pytest.fixture
def engine(emulator: Emulator) -> FakeEngine:
    """A stack that has prepared b, while a signs; one of its two targets lacks b."""
    engine = FakeEngine(emulator, emulator.create_subaccount(generate=True).guid)
    emulator.advance(HOUR)
    signer = engine.slots[0]
    engine.deploy(program("b", "a", trigger={"trusted_by": {"s4": [signer], "hr": [signer]}}))
    return engine


@pytest.fixture
def pulumi(tmp_path: Path) -> FakePulumi:
    """A project without a stack."""
    return FakePulumi(tmp_path / "project")


@pytest.fixture
def make_host(emulator: Emulator, pulumi: FakePulumi, tmp_path: Path) -> Callable[..., Host]:
    """A function that returns a host whose services are the emulator, with further variables."""

    def make(**variables: str) -> Host:
        return Host(
            environ={**pulumi.environ, **variables},
            transport=emulator.transport,
            clock=lambda: emulator.now,
            sleep=lambda _: None,
            secrets_root=tmp_path / "secrets",
        )

    return make
