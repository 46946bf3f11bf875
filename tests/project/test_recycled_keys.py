"""The keys that tests use in turn."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from btp_trust_emulator.pki import keys
from support.recycled_keys import ENOUGH, RecycledKeys


@pytest.mark.parametrize("size", [1024, 4096])
def test_keys_differ_until_enough(size: int) -> None:
    """So many keys are generated, of their size; then each of them is returned in turn."""
    generate = Mock(side_effect=lambda _: object())
    recycled: Any = RecycledKeys(generate)
    taken = [recycled(size) for _ in range(3 * ENOUGH[size])]
    assert taken == 3 * taken[: ENOUGH[size]]
    assert [call.args for call in generate.mock_calls] == [(size,)] * ENOUGH[size] == [(size,)] * len(set(taken))


def test_emulators_take_recycled_keys() -> None:
    """All tests have them: the function of the emulator is replaced before the first module."""
    assert isinstance(keys.generate, RecycledKeys)
