"""A subaccount that trusts others, in one command: its client and the last reading of its identity providers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from btp_trust.errors import TrustError
from btp_trust.runtime.write_lock import WriteLock
from btp_trust.saml.metadata import IdentityProvider
from btp_trust.service.identity_providers import IdentityProviderClient
from btp_trust.service.transport.retry import RetryPolicy


class TrustConfiguration:
    """Take a turn of `writes` for as long as a reading must stay true: from the read before a write to its answer.

    Args:
        subaccount_id: Its GUID.
        client: Its API.
        patience: How long is waited for it.
        clock: The machine's, for answers without a date.
        orphaned: Whether Pulumi has ended.
    """

    def __init__(
        self,
        subaccount_id: str,
        client: IdentityProviderClient,
        retry_policy: RetryPolicy,
        clock: Callable[[], datetime],
        engine_exited: Callable[[], bool],
    ) -> None:
        self.subaccount_id = subaccount_id
        self.client = client
        self.retry_policy = retry_policy
        self.engine_exited = engine_exited
        self.write_lock = WriteLock()
        self.lock = self.write_lock.lock
        self._clock = clock
        self._reading: tuple[IdentityProvider, ...] | TrustError | None = None

    @property
    def now(self) -> datetime:
        """When the service last answered, by its clock."""
        return self.client.server_time or self._clock()

    def providers(self) -> tuple[IdentityProvider, ...]:
        """Return the identity providers as this command has read them; read them if it has not."""
        with self.lock:
            if self._reading is None:
                return self.read()
            if isinstance(self._reading, TrustError):
                raise self._reading
            return self._reading

    def read(self) -> tuple[IdentityProvider, ...]:
        """Read them now."""
        with self.lock:
            try:
                self._reading = self.client.all()
            except TrustError as error:
                self._reading = error
                raise
            return self._reading

    def forget(self) -> None:
        """Read anew next time: something was written."""
        with self.lock:
            self._reading = None
