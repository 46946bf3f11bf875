"""The record of every request to the emulated services; requests to the control plane are left out.

The journal lives in memory only: a restart begins a new one.
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
    """One request: its time (by the emulator's clock), what it was, and its response.

    `subaccount` is the GUID in the token (expired or not) or in the token endpoint's address, or None. `before` and
    `after` are the contents of its slots around the action: after a rival that acts before it, and before a rival that
    acts after it. `status` is None if the response was withheld. `faults` are the kinds that disturbed the request.
    `note` is what a destination or a target adds: the signer, or the reason of a rejection, free of tokens, assertions
    and users.
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
        """Return all entries since the last `clear`."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Clear the entries."""
        with self._lock:
            self._entries.clear()
