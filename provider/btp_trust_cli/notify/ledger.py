"""The ledger: what was sent through which channel, so that a matter is sent once. Pure.

An entry is recorded before its message leaves, with an identity of its own. A message whose delivery is unknown stays
recorded as such: it is never sent again by itself, as two of the same are what the ledger prevents; each run names it
until the matter is over or somebody decides (`--resend`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final

import msgspec

from btp_trust_cli.notify.notifications import Notification

FORMAT: Final = 1


class Delivery(StrEnum):
    """How far a message came."""

    SENDING = "sending"
    """Recorded, and about to leave; found by a later run, it is unknown: this run was killed."""
    SENT = "sent"
    UNKNOWN = "unknown"
    """It left, and the answer was lost."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message of one channel."""

    channel: str
    key: str
    place: str
    id: str
    """The identity of the message, by which a receiver can tell a second copy."""
    delivery: Delivery
    at: str
    """When it was recorded."""


class Ledger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All messages about matters that last."""

    format: int
    entries: tuple[Entry, ...]

    def find(self, channel: str, key: str) -> Entry | None:
        """Return the entry of a matter, or None."""
        return next((entry for entry in self.entries if (entry.channel, entry.key) == (channel, key)), None)

    def having(self, entry: Entry) -> Ledger:
        """Return a ledger with this entry in the place of an earlier one."""
        return Ledger(FORMAT, (*self.lacking(entry.channel, entry.key).entries, entry))

    def lacking(self, channel: str, key: str) -> Ledger:
        """Return a ledger without the entry of a matter."""
        return Ledger(FORMAT, tuple(each for each in self.entries if (each.channel, each.key) != (channel, key)))

    def after_restart(self) -> Ledger:
        """Return the ledger as a new run finds it: what was about to leave may have left."""
        entries = (
            msgspec.structs.replace(entry, delivery=Delivery.UNKNOWN) if entry.delivery is Delivery.SENDING else entry
            for entry in self.entries
        )
        return Ledger(FORMAT, tuple(entries))

    def of_lasting(self, notifications: Iterable[Notification], places: Collection[str]) -> Ledger:
        """Forget the matters that are over, so that they are sent again when they come again.

        Args:
            notifications: What holds now.
            places: Where this run has read; matters of other places stay.
        """
        lasting = {notification.key for notification in notifications}
        return Ledger(
            FORMAT, tuple(entry for entry in self.entries if entry.key in lasting or entry.place not in places)
        )

    def to_send(self, channel: str, notifications: Iterable[Notification], *, resend: bool) -> list[Notification]:
        """Return what is still to be sent through a channel: of unknown deliveries, only if they are wanted again."""
        return [
            notification
            for notification in notifications
            if (entry := self.find(channel, notification.key)) is None
            or (resend and entry.delivery is Delivery.UNKNOWN)
        ]


EMPTY: Final = Ledger(FORMAT, ())
