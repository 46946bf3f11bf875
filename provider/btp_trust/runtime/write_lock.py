"""Whether the outcome of a write is unknown, and whose turn it is to write: for one subaccount, in one process."""

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
    WrongSubaccount,
)

_CERTAIN: Final = (ConfigurationError, CredentialsRejected, EntityIDTaken, NotAuthorized, WrongSubaccount)


class WriteLock:
    """The writes of one subaccount: one at a time, and none after one whose outcome is unknown.

    Pulumi may call create, update and delete again in the same process (an `ErrorHook` that retries), and other
    resources of the command come later. What was read since may be stale, so it does not make the outcome certain:
    that is for the next command. Until then everything that is to be done ends with the error of that write.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.signer: str | None = None
        """Fingerprint of what the last swap of this process has made sign."""
        self._ended_with: Exception | None = None

    @property
    def unknown(self) -> Exception | None:
        """The error of a write whose outcome is unknown, if there is one."""
        return self._ended_with

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the lock, from the read before a write to its answer.

        Raises:
            Exception: The error of an earlier write whose outcome is unknown.
        """
        with self.lock:
            self.refuse_after_unknown()
            yield

    def refuse_after_unknown(self) -> None:
        """Raise the error of an earlier write whose outcome is unknown."""
        if self._ended_with is not None:
            raise self._ended_with

    def ended_with(self, error: Exception) -> None:
        """Keep how a write ended that was sent."""
        self._ended_with = error

    def explain(self, error: Exception) -> None:
        """Let an error that says more take the place of the one that is kept, if one is."""
        if self._ended_with is not None:
            self._ended_with = error

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send a write and find out what became of it: any error but one that says that nothing was done is kept."""
        try:
            yield
        except Exception as error:
            if not is_certain(error):
                self.ended_with(error)
            raise


def is_certain(error: Exception) -> bool:
    """Whether an error of a write says for certain that nothing was done.

    It never left, for want of a connection, of a token for this subaccount or of a usable proxy; or it was refused with
    401, 403 or 429, which the service documents, or with XSUAA's 409 of an entity ID that another one has.
    """
    return bool(getattr(error, "never_sent", False)) or isinstance(error, _CERTAIN)
