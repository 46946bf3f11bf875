"""What the control plane acts on: the landscape, the faults queued for its requests, and their journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btp_trust_emulator.faults.queue import FaultQueue
from btp_trust_emulator.journal import Journal

if TYPE_CHECKING:
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.faults.fault import Fault


@dataclass(frozen=True, slots=True)
class Emulation:
    """One landscape with its faults and its journal; the services see the landscape alone."""

    landscape: Landscape
    faults: FaultQueue
    journal: Journal

    @classmethod
    def of(cls, landscape: Landscape) -> Emulation:
        """Return an emulation with an empty queue and an empty journal."""
        return cls(landscape, FaultQueue(landscape.clock, landscape.history), Journal())

    def queue(self, *faults: Fault) -> None:
        """Queue faults, all or none of them.

        Raises:
            Unknown: a fault names a subaccount that does not exist.
        """
        for guid in {fault.subaccount for fault in faults} - {None}:
            self.landscape.account(str(guid))
        self.faults.add(*faults)
