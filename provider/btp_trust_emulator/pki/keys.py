"""RSA keys, some of them generated in advance, because a large one needs up to seconds."""

from __future__ import annotations

import contextlib
import functools
import queue
import threading

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_KEY_SIZE = 2048


def new_key() -> str:
    """Return a new signing key, as PEM."""
    return to_pem(generate(_KEY_SIZE))


_PUBLIC_EXPONENT = 65537
# Up to this size, generating a key is quick enough to wait for it.
_QUICK_KEY_SIZE = 2048
_JOIN_TIMEOUT_SECONDS = 0.01


def generate(size: int) -> rsa.RSAPrivateKey:
    """Return a new RSA key of `size` bits (1024 at least)."""
    return rsa.generate_private_key(_PUBLIC_EXPONENT, size)


def to_pem(key: rsa.RSAPrivateKey) -> str:
    """Return the private key as PEM (PKCS #1, unencrypted), the form that service keys have."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


@functools.lru_cache(maxsize=16)
def from_pem(pem: str) -> rsa.RSAPrivateKey:
    """Return the private key in a PEM from `to_pem`; cached, and unchecked, because this module wrote it.

    Raises:
        TypeError: `pem` holds a key of another type.
    """
    key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


def public_pem(key: rsa.RSAPrivateKey) -> str:
    """Return the public half as PEM."""
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


class KeyPool:
    """Hands out new keys of one size; one thread keeps `ahead` of them ready (0: no thread).

    `take` never waits for the thread: if the pool is empty, it generates a key itself.
    """

    def __init__(self, size: int, ahead: int | None = None) -> None:
        self._size = size
        count = (2 if size > _QUICK_KEY_SIZE else 0) if ahead is None else ahead
        self._ready: queue.Queue[rsa.RSAPrivateKey] = queue.Queue(count)
        self._closed = threading.Event()
        self._worker = threading.Thread(target=self._fill, name="key-pool", daemon=True)
        if count:
            self._worker.start()

    def take(self) -> rsa.RSAPrivateKey:
        """Return a key for the caller alone."""
        try:
            return self._ready.get_nowait()
        except queue.Empty:
            return generate(self._size)

    def close(self) -> None:
        """Stop the thread; return when it has ended (after the key it is working on)."""
        self._closed.set()
        while self._worker.is_alive():
            with contextlib.suppress(queue.Empty):
                self._ready.get_nowait()
            self._worker.join(_JOIN_TIMEOUT_SECONDS)

    def _fill(self) -> None:
        while not self._closed.is_set():
            self._ready.put(generate(self._size))
