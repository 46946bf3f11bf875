"""One command of a stack, as the witness looks at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from btp_trust_emulator.journal import Entry
from btp_trust_emulator.slots import Slots
from support.fake_engine import Call, Report, Stored, Twin, operation
from support.stateful.disturbances import RIVALS, Weather
from support.stateful.program import Text

ROTATE: Final = "POST rotateCertificate"


@dataclass
class Command:
    """One command of a stack, from before it began to how it ended."""

    name: str
    twin: Twin
    text: Text
    weather: Weather
    lags: bool
    """Whether readings may have been stale."""
    is_partial: bool = False
    """Whether only some resources were targeted."""
    shown: Report | None = None
    """What the preview showed, if one was run."""
    calls: list[Call] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    error: BaseException | None = None

    def __post_init__(self) -> None:
        """Keep the state from before the command."""
        self.before: dict[str, Stored] = dict(self.twin.state)

    @property
    def own(self) -> list[Entry]:
        """The requests of this subaccount."""
        return [entry for entry in self.entries if entry.subaccount == self.twin.guid]

    def changes(self) -> list[tuple[int, Entry, Slots, Slots]]:
        """List the writes that changed a slot: their place among the requests, and the slots around them."""
        found = []
        for number, entry in enumerate(self.own):
            if entry.before and entry.after and entry.before != entry.after:
                found.append((number, entry, entry.before, entry.after))
        return found

    @property
    def swaps(self) -> list[tuple[int, Entry, Slots, Slots]]:
        """List the swaps."""
        return [each for each in self.changes() if called(each[1]) == ROTATE]

    def is_raced(self, number: int) -> bool:
        """Whether somebody else acted between the reading that a write was compared with and the write."""
        entries = self.own[: number + 1]
        read = [index for index, each in enumerate(entries) if called(each) == "GET certificate"]
        return any({*RIVALS} & {*each.faults} for each in entries[read[-1] if read else 0 :])


def called(entry: Entry) -> str:
    """Name a request briefly, such as `POST rotateCertificate`."""
    return operation(entry.method, entry.path)
