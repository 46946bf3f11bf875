"""RSA keys that tests of one process use in turn: to generate them took a tenth of the time of all tests."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

STATE_KEY_SIZE: Final = 1088
"""Size of the keys in states that several tests copy: these keys are in use as long as the tests run."""
ENOUGH: Final = defaultdict(lambda: 8, {1024: 64, STATE_KEY_SIZE: 1_000_000})
"""{size of the keys: how many differ}; a test has fewer certificates at a time, and fewer emulators."""


class RecycledKeys:
    """Generates keys, and later returns the one that was used longest ago."""

    def __init__(self, generate: Callable[[int], RSAPrivateKey]) -> None:
        self._generate = generate
        self._keys: defaultdict[int, deque[RSAPrivateKey]] = defaultdict(deque)

    def __call__(self, size: int) -> RSAPrivateKey:
        """Return a key of this size."""
        keys = self._keys[size]
        key = keys.popleft() if len(keys) >= ENOUGH[size] else self._generate(size)
        keys.append(key)
        return key
