"""The writes of one subaccount in one process: one at a time, and none after one whose outcome is unknown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from btp_trust.errors import (
    ConfigurationError,
    CredentialsRejected,
    EntityIDTaken,
    NotAuthorized,
    SystemRefused,
    WrongSubaccount,
)

_NOT_APPLIED: Final = (
    ConfigurationError,
    CredentialsRejected,
    EntityIDTaken,
    NotAuthorized,
    SystemRefused,
    WrongSubaccount,
)


class WriteLock:
    """The writes of one subaccount: one at a time, and none after one whose outcome is unknown.

    Pulumi may call create, update and delete again in the same process (an `ErrorHook` that retries), and other
    resources of the command come later. What was read since may be stale, so it does not make the outcome certain:
    that is for the next command. Until then everything that is to be done ends with the error of that write.
    """

    def __init__(self) -> None:
        # Reentrant: a write reads, and a rollback swaps, while the caller holds the lock.
        self.lock = threading.RLock()
        self.signer: str | None = None
        """Fingerprint of the certificate that the last swap of this process has made sign."""
        self._failure: Exception | None = None

    @property
    def unknown_outcome(self) -> Exception | None:
        """The error of a write whose outcome is unknown, if there is one."""
        return self._failure

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock, from the read before a write to its answer.

        Raises:
            Exception: The error of an earlier write whose outcome is unknown.
        """
        with self.lock:
            self.raise_unknown_outcome()
            yield

    def raise_unknown_outcome(self) -> None:
        """Raise the error of an earlier write whose outcome is unknown."""
        if self._failure is not None:
            raise self._failure

    def record_failure(self, error: Exception) -> None:
        """Keep how a write ended that was sent."""
        self._failure = error

    def replace_failure(self, error: Exception) -> None:
        """Let an error that says more take the place of the one that is kept, if one is."""
        if self._failure is not None:
            self._failure = error

    @contextmanager
    def record_unknown_outcome(self) -> Iterator[None]:
        """Send a write and find out what became of it: any error but one that says that nothing was done is kept."""
        try:
            yield
        # Unforeseen errors count too: the request may have been applied before them.
        except Exception as error:
            if not was_not_applied(error):
                self.record_failure(error)
            raise


def was_not_applied(error: Exception) -> bool:
    """Whether an error of a write says for certain that nothing was done.

    It never left, for want of a connection, of a token for this subaccount or of a usable proxy; or it was refused with
    401, 403 or 429, which the service documents, with XSUAA's 409 of an entity ID that another one has, or by a
    communication system.
    """
    return bool(getattr(error, "not_sent", False)) or isinstance(error, _NOT_APPLIED)
