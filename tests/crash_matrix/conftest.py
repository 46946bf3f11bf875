"""An emulator for operations that the fake engine runs, and a hypothesis profile without deadlines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from btp_trust.runtime import process_session
from btp_trust_emulator import Emulator
from support import hypothesis_profiles

hypothesis_profiles.load("crash-matrix")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """The emulator, in process, with small keys."""
    with Emulator(key_size=1024) as emulator:
        yield emulator
    process_session.set_current(None)
