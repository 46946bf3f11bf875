"""Previous contents of the slots, for reads that lag behind. In memory only: a restart forgets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btp_trust_emulator.slots import Slot

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from btp_trust_emulator.backend.account import Account, KeyPair


@dataclass(frozen=True, slots=True)
class Write:
    """A change of a slot: sequence number, time by the emulator's clock, previous content."""

    number: int
    time: datetime
    before: KeyPair | None


class History:
    """The last write of each slot; a writer holds the landscape's lock."""

    def __init__(self) -> None:
        self.number = 0
        self._last: dict[tuple[str, Slot], Write] = {}

    def record(self, old: Account, new: Account, time: datetime) -> None:
        """Record a change that was made; a swap is a write of both slots."""
        self.number += 1
        for slot in Slot:
            if old.pair(slot) is not new.pair(slot):
                self._last[old.guid, slot] = Write(self.number, time, old.pair(slot))

    def last(self, guid: str, slot: Slot) -> Write | None:
        """Return the last write of a slot."""
        return self._last.get((guid, slot))

    def before(self, account: Account, slots: Iterable[Slot]) -> Account:
        """Return the account as it was before the last writes of these slots; each of them has a last write."""
        for slot in slots:
            account = account.with_pair(slot, self._last[account.guid, slot].before)
        return account
