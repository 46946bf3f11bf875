"""Keys are made in advance, and nobody waits for them."""

from __future__ import annotations

import time

import pytest

from btp_trust_emulator.pki import client_ca, keys
from btp_trust_emulator.pki.keys import KeyPool


def test_a_pool_has_keys_ready_and_hands_out_each_once() -> None:
    """With two made ahead, four are still four different ones of the size asked for."""
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


def test_a_closed_pool_has_no_thread() -> None:
    """Closing ends the thread, though it waits with a key that nobody takes."""
    pool = KeyPool(1024, ahead=1)
    pool.close()
    assert not pool._worker.is_alive()


@pytest.mark.parametrize(
    ("size", "ahead"),
    [pytest.param(2048, 0, id="quick keys are not made ahead"), pytest.param(4096, 2, id="slow ones are")],
)
def test_only_slow_keys_are_made_ahead(size: int, ahead: int) -> None:
    """Small keys cost less than a thread."""
    pool = KeyPool(size)
    pool.close()
    assert pool._ready.maxsize == ahead


def test_another_kind_of_key_is_refused() -> None:
    """A key on an elliptic curve is not one for tokens or certificates."""
    with pytest.raises(TypeError, match="RSA"):
        keys.from_pem(client_ca.create().private_key)
