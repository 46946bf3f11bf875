"""The two slots of one subaccount: its connection, one reading for all resources, and its write lock."""

from __future__ import annotations

from btp_trust.certificate import Certificate
from btp_trust.errors import ReadsDisagree, TrustError
from btp_trust.runtime.command_plan import Command
from btp_trust.runtime.host import World
from btp_trust.runtime.write_lock import WriteLock
from btp_trust.service.transport.retry import Patience
from btp_trust.service.trust_certificates import TrustClient
from btp_trust.snapshot import Snapshot


class Subaccount:
    """One subaccount in this command: its client, the last reading of its slots, what the command plans for it.

    Take a turn of `writes` for as long as a reading must stay true: from the read before a write to its answer.
    """

    def __init__(self, subaccount_id: str, client: TrustClient, world: World, patience: Patience) -> None:
        self.subaccount_id = subaccount_id
        self.client = client
        self.world = world
        self.patience = patience
        self.writes = WriteLock()
        self.lock = self.writes.lock
        self.command = Command()
        self._reading: Snapshot | TrustError | None = None

    def snapshot(self) -> Snapshot:
        """Return the slots as this command has read them; read them if it has not."""
        with self.lock:
            if self._reading is None:
                return self.read()
            if isinstance(self._reading, TrustError):
                raise self._reading
            return self._reading

    def read(self) -> Snapshot:
        """Read both slots now."""
        with self.lock:
            try:
                return self.found(*self.patience.repeat(self._both, _disagrees))
            except TrustError as error:
                self._reading = error
                raise

    def _both(self) -> tuple[Certificate | None, Certificate | None]:
        """Read one slot after the other; the same certificate in both is a stale reading of one of them."""
        active, passive = self.client.active(), self.client.passive()
        if active is not None and active == passive:
            raise ReadsDisagree(
                f"Both slots of subaccount {self.subaccount_id} seem to hold {active.fingerprint}.",
                "A certificate lies in one slot only, so one of the two readings is stale.",
                "Wait a minute, then run the same command again.",
            )
        return active, passive

    def found(self, active: Certificate | None, passive: Certificate | None) -> Snapshot:
        """Take down what the service answered to a read or a write."""
        now = self.client.server_time or self.world.clock()
        reading = Snapshot(self.subaccount_id, active, passive, now)
        self._reading = reading
        return reading


def _disagrees(error: BaseException) -> bool:
    return isinstance(error, ReadsDisagree)
