"""The record of every request that the emulated services got; the control plane is not in it.

It lives in memory only: a restart begins a new one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from btp_trust_emulator.faults.fault import FaultKind
    from btp_trust_emulator.slots import Slots


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One request: when it came (by the emulator's clock), what it was, how it was answered.

    `subaccount` is the GUID that the token (expired or not) or the token endpoint's address speaks of, None if
    neither tells; `before` and `after` are what its slots held around the act, after a rival before it and before a
    rival after it. `status` is None if no answer was sent; `faults` are the kinds that it met. `note` is what a
    destination or a target has to say besides: who signed, or why it refused; never a token, an assertion or a user.
    """

    time: datetime
    method: str
    path: str
    status: int | None
    subaccount: str | None
    before: Slots | None
    after: Slots | None
    faults: tuple[FaultKind, ...] = ()
    note: str | None = None


class Journal:
    """Entries in the order in which the requests acted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[JournalEntry] = []

    def add(self, entry: JournalEntry) -> None:
        """Record one request."""
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[JournalEntry]:
        """All since the last `clear`."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._entries.clear()
