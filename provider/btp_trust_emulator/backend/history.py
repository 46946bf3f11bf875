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
    """A change of a slot: the how-manieth change of all, when (by the clock), and what was there before."""

    number: int
    time: datetime
    before: KeyPair | None


class History:
    """The last write of each slot; the one who writes holds the world's turn."""

    def __init__(self) -> None:
        self.number = 0
        self._last: dict[tuple[str, Slot], Write] = {}

    def record(self, old: Account, new: Account, time: datetime) -> None:
        """Remember a change that was made; a swap is a write of both slots."""
        self.number += 1
        for slot in Slot:
            if old.pair(slot) is not new.pair(slot):
                self._last[old.guid, slot] = Write(self.number, time, old.pair(slot))

    def last(self, guid: str, slot: Slot) -> Write | None:
        """The last write of a slot."""
        return self._last.get((guid, slot))

    def before(self, account: Account, slots: Iterable[Slot]) -> Account:
        """The account as it was before the last writes of these slots, each of which has been written."""
        for slot in slots:
            account = account.with_pair(slot, self._last[account.guid, slot].before)
        return account
