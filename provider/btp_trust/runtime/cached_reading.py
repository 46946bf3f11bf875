"""One reading of the service for all resources of a command, and the write lock that keeps it true."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from btp_trust.errors import TrustError
from btp_trust.runtime.write_lock import WriteLock
from btp_trust.service.transport.retry import RetryPolicy
from btp_trust.snapshot import subaccount_label


class DatedClient(Protocol):
    """A client of a service that dates its responses."""

    server_time: datetime | None
    """The service's clock at its last response, UTC."""


_Client = TypeVar("_Client", bound=DatedClient)
_Reading = TypeVar("_Reading")


class CachedReading(ABC, Generic[_Client, _Reading]):
    """What one service says about one thing: read once in a command, and again before and after each write.

    Hold `write_lock` for as long as a reading must stay true: from the read before a write to its response.

    Args:
        client: The service's API.
        retry_policy: Bounds how long the service is waited for.
        clock: Reads the machine's clock, for responses without a date.
        engine_exited: Tells whether Pulumi's engine has exited.
        show_user: Shows the user a line, at once.
    """

    def __init__(
        self,
        client: _Client,
        retry_policy: RetryPolicy,
        clock: Callable[[], datetime],
        engine_exited: Callable[[], bool],
        *,
        show_user: Callable[[str], None],
    ) -> None:
        self.client = client
        self.retry_policy = retry_policy
        self.engine_exited = engine_exited
        self.show_user = show_user
        self.write_lock = WriteLock()
        # One lock for reading and writing: other threads read only once the outcome of a write is known.
        self.lock = self.write_lock.lock
        self._clock = clock
        self._last: _Reading | TrustError | None = None
        self.was_read = False
        """Whether the service has been read in this command at least once."""

    @property
    def now(self) -> datetime:
        """When the service last responded, by its own clock."""
        return self.client.server_time or self._clock()

    def last(self) -> _Reading:
        """Return the last reading, or raise its error; read if there is neither."""
        with self.lock:
            # Read under the lock: the other threads of the command wait for this reading, and share it.
            if self._last is None:
                return self.read()
            if isinstance(self._last, TrustError):
                raise self._last
            return self._last

    def read(self) -> _Reading:
        """Read now."""
        with self.lock:
            try:
                reading = self._fetch()
            except TrustError as error:
                # Kept as well, so that each resource of the command fails alike, after one request.
                self._last = error
                raise
            self._last, self.was_read = reading, True
            return reading

    def forget(self) -> None:
        """Read again next time."""
        with self.lock:
            self._last = None

    @abstractmethod
    def _fetch(self) -> _Reading:
        """Ask the service."""


class SubaccountReading(CachedReading[_Client, _Reading]):
    """What one service says about one subaccount.

    Args:
        subaccount_id: GUID of the subaccount.
        name: What the token calls it; None if it has no name there.
        client: The service's API.
        retry_policy: Bounds how long the service is waited for.
        clock: Reads the machine's clock, for responses without a date.
        engine_exited: Tells whether Pulumi's engine has exited.
        show_user: Shows the user a line, at once.
    """

    def __init__(
        self,
        subaccount_id: str,
        client: _Client,
        retry_policy: RetryPolicy,
        clock: Callable[[], datetime],
        engine_exited: Callable[[], bool],
        *,
        show_user: Callable[[str], None],
        name: str | None = None,
    ) -> None:
        super().__init__(client, retry_policy, clock, engine_exited, show_user=show_user)
        self.subaccount_id = subaccount_id
        self.name = name
        self.display_name: str | None = None

    @property
    def label(self) -> str:
        """The subaccount in words: by the name that a resource gives it, else by that of the token."""
        return subaccount_label(self.subaccount_id, self.display_name or self.name)
