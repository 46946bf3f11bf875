"""The two slots of one subaccount: its connection, one reading for all resources, and its write lock."""

from __future__ import annotations

from btp_trust.certificate import Certificate
from btp_trust.errors import StaleRead, TrustError
from btp_trust.runtime.command_plan import CommandPlan
from btp_trust.runtime.host import Host
from btp_trust.runtime.write_lock import WriteLock
from btp_trust.service.transport.retry import RetryPolicy
from btp_trust.service.trust_certificates import TrustCertificatesClient
from btp_trust.snapshot import Snapshot


class Subaccount:
    """One subaccount in this command: its client, the last reading of its slots, what the command plans for it.

    Take a turn of `writes` for as long as a reading must stay true: from the read before a write to its answer.
    """

    def __init__(
        self, subaccount_id: str, client: TrustCertificatesClient, host: Host, retry_policy: RetryPolicy
    ) -> None:
        self.subaccount_id = subaccount_id
        self.client = client
        self.host = host
        self.retry_policy = retry_policy
        self.write_lock = WriteLock()
        self.lock = self.write_lock.lock
        self.command_plan = CommandPlan()
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
                return self.record_reading(*self.retry_policy.run_with_retries(self._read_slots, _is_stale_read))
            except TrustError as error:
                self._reading = error
                raise

    def _read_slots(self) -> tuple[Certificate | None, Certificate | None]:
        """Read one slot after the other; the same certificate in both is a stale reading of one of them."""
        active, passive = self.client.active(), self.client.passive()
        if active is not None and active == passive:
            raise StaleRead(
                f"Both slots of subaccount {self.subaccount_id} seem to hold {active.fingerprint}.",
                "A certificate lies in one slot only, so one of the two readings is stale.",
                "Wait a minute, then run the same command again.",
            )
        return active, passive

    def record_reading(self, active: Certificate | None, passive: Certificate | None) -> Snapshot:
        """Take down what the service answered to a read or a write."""
        now = self.client.server_time or self.host.clock()
        reading = Snapshot(self.subaccount_id, active, passive, now)
        self._reading = reading
        return reading


def _is_stale_read(error: BaseException) -> bool:
    return isinstance(error, StaleRead)
