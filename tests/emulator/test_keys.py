"""Large keys are generated ahead, so that callers get them at once."""

from __future__ import annotations

import time

import pytest

from btp_trust_emulator.pki import client_ca, keys
from btp_trust_emulator.pki.keys import KeyPool


def test_pool_hands_out_distinct_keys() -> None:
    """With two keys ahead, four keys are distinct and of the size asked for."""
    pool = KeyPool(1024, ahead=2)
    try:
        deadline = time.monotonic() + 10
        while not pool._ready.full() and time.monotonic() < deadline:
            time.sleep(0.01)
        taken = [pool.take() for _ in range(4)]
    finally:
        pool.close()
    assert len({keys.public_pem(key) for key in taken}) == 4
    assert {key.key_size for key in taken} == {1024}


def test_closed_pool_has_no_thread() -> None:
    """Closing ends the thread, although it waits with a key."""
    pool = KeyPool(1024, ahead=1)
    pool.close()
    assert not pool._worker.is_alive()


@pytest.mark.parametrize(
    ("size", "ahead"),
    [pytest.param(2048, 0, id="quick keys are generated on demand"), pytest.param(4096, 2, id="slow ones are")],
)
def test_only_slow_keys_are_pooled(size: int, ahead: int) -> None:
    """Small keys are generated on demand, without a thread."""
    pool = KeyPool(size)
    pool.close()
    assert pool._ready.maxsize == ahead


def test_other_key_type_is_refused() -> None:
    """A key on an elliptic curve is refused for tokens and certificates."""
    with pytest.raises(TypeError, match="RSA"):
        keys.from_pem(client_ca.create().private_key)
