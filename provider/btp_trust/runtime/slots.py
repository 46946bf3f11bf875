"""The two slots of one subaccount: one reading for all resources, and what the command plans for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from btp_trust.certificate import Certificate
from btp_trust.errors import StaleRead
from btp_trust.runtime.cached_reading import SubaccountReading
from btp_trust.runtime.command_plan import CommandPlan
from btp_trust.service.transport.retry import RetryPolicy
from btp_trust.service.trust_certificates import TrustCertificatesClient
from btp_trust.snapshot import Snapshot


class Subaccount(SubaccountReading[TrustCertificatesClient, Snapshot]):
    """The slots of one subaccount in this command.

    Args:
        subaccount_id: GUID of the subaccount.
        client: The trust API.
        retry_policy: Bounds how long the service is waited for.
        clock: Reads the machine's clock, for responses without a date.
        engine_exited: Tells whether Pulumi's engine has exited.
        name: What the token calls the subaccount.
        show_user: Shows the user a line, at once.
        command_plan: What the resources of this command plan for the subaccount.
    """

    def __init__(
        self,
        subaccount_id: str,
        client: TrustCertificatesClient,
        retry_policy: RetryPolicy,
        clock: Callable[[], datetime],
        engine_exited: Callable[[], bool],
        *,
        show_user: Callable[[str], None],
        command_plan: CommandPlan,
        name: str | None = None,
    ) -> None:
        super().__init__(subaccount_id, client, retry_policy, clock, engine_exited, show_user=show_user, name=name)
        self.command_plan = command_plan

    def snapshot(self) -> Snapshot:
        """Return the slots as this command has read them."""
        last, name = self.last(), self.display_name or self.name
        # They may have been read ahead, before a resource has named the subaccount.
        return last if last.subaccount_name == name else replace(last, subaccount_name=name)

    def record_reading(self, active: Certificate | None, passive: Certificate | None) -> Snapshot:
        """Record what the service reported in a response, and return it as a snapshot."""
        name = self.display_name or self.name
        self._last = snapshot = Snapshot(self.subaccount_id, active, passive, self.now, name)
        return snapshot

    def _fetch(self) -> Snapshot:
        return self.record_reading(*self.retry_policy.run_with_retries(self._read_slots, _is_stale_read))

    def _read_slots(self) -> tuple[Certificate | None, Certificate | None]:
        """Read one slot after the other; the same certificate in both is a stale reading of one of them."""
        # The API has no call for both slots, so another write may fall between the two.
        active, passive = self.client.active(), self.client.passive()
        if active is not None and active == passive:
            raise StaleRead(
                f"Both slots seem to hold {active.fingerprint}.",
                "A certificate lies in one slot only, so one of the two readings is stale.",
                "Wait a minute, then run the same command again.",
            )
        return active, passive


def _is_stale_read(error: BaseException) -> bool:
    return isinstance(error, StaleRead)
