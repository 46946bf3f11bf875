"""The service of the benchmark: an emulator with many subaccounts, each with an active and a passive certificate."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from btp_trust_emulator import Emulator, FaultKind
from btp_trust_emulator.pki import keys
from btp_trust_emulator.pki.trust_certificate import expiry, fingerprint, generate_certificate, serial_number
from btp_trust_emulator.switches import Lifetime, SerialSign
from fleet import load

KEY_SIZE = 4096
"""Bits of the one key under all certificates: they have the size of real ones, and take a few milliseconds each."""
AGES = (timedelta(days=30), timedelta(days=1))
"""Of the active and the passive certificate."""
REQUESTS_OF_A_LOAD = 600


@dataclass(frozen=True)
class Subaccount:
    """A subaccount with both certificates."""

    name: str
    guid: str
    active: str
    """Fingerprint."""
    passive: str


@dataclass(frozen=True)
class Service:
    """The emulator, in the process of the benchmark, and the subaccounts that it had at first."""

    emulator: Emulator
    folder: Path
    subaccounts: tuple[Subaccount, ...]

    @property
    def keys(self) -> Path:
        """The folder of service keys, one file each."""
        return self.folder / "keys"

    def list_first(self, number: int) -> Path:
        """Write the list of the first subaccounts, which the programs read."""
        file = self.folder / f"subaccounts-{number}.json"
        file.write_text(json.dumps({each.name: each.passive for each in self.subaccounts[:number]}))
        return file

    def restore(self) -> None:
        """Undo the swaps of a command, and clear the journal."""
        for each in self.subaccounts:
            if self.emulator.slots(each.guid).active != each.active:
                self.emulator.rotate(each.guid)
        self.emulator.clear_journal()

    def requests(self) -> Mapping[str, int]:
        """Return the number of requests about each subaccount since the journal was cleared."""
        return Counter(entry.subaccount for entry in self.emulator.journal() if entry.subaccount is not None)

    def swaps(self) -> int:
        """Return how many subaccounts have another signer than at first."""
        return sum(self.emulator.slots(each.guid).active != each.active for each in self.subaccounts)

    @contextmanager
    def latency(self, milliseconds: int) -> Iterator[None]:
        """Let each response take so much longer while the block runs."""
        if milliseconds:
            self.emulator.fault(FaultKind.SLOW, seconds=milliseconds / 1000, count=sys.maxsize)
        try:
            yield
        finally:
            self.emulator.clear_faults()


@contextmanager
def run(folder: Path, number: int) -> Iterator[Service]:
    """Run an emulator with so many subaccounts."""
    (folder / "keys").mkdir(mode=0o700)
    key = keys.generate(KEY_SIZE)
    with Emulator(socket=True, key_size=1024) as emulator:
        subaccounts = tuple(_create(emulator, folder / "keys", f"s{index:04}", key) for index in range(number))
        yield Service(emulator, folder, subaccounts)


def _create(emulator: Emulator, folder: Path, name: str, key: RSAPrivateKey) -> Subaccount:
    guid = str(uuid.uuid4())
    active, passive = (_certificate(emulator, guid, key, age) for age in AGES)
    emulator.create_subaccount(guid, name, active, passive)
    file = folder / f"{name}.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(emulator.service_key(guid)))
    return Subaccount(name, guid, fingerprint(active), fingerprint(passive))


def _certificate(emulator: Emulator, guid: str, key: RSAPrivateKey, age: timedelta) -> str:
    begins = emulator.now.replace(microsecond=0) - age
    serial = serial_number(SerialSign.RANDOM)
    return generate_certificate(key, guid, serial, begins, expiry(begins, Lifetime.DAYS_730))


def capacity(service: Service) -> dict[str, int]:
    """Measure how many tokens and slots the emulator serves in a second, from a process that asks for nothing else."""
    found = {}
    for what in ("tokens", "slots"):
        done = subprocess.run(  # noqa: S603 - this benchmark's own module
            [sys.executable, load.__file__, what, str(REQUESTS_OF_A_LOAD), str(service.keys)],
            stdout=subprocess.PIPE,
            check=True,
        )
        found[f"{what}_per_second"] = round(REQUESTS_OF_A_LOAD / float(done.stdout))
    service.emulator.clear_journal()
    return found
