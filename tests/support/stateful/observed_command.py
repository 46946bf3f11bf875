"""One command of a stack, as the witness looks at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from btp_trust_emulator.journal import JournalEntry
from btp_trust_emulator.slots import Slots
from support.fake_engine import CommandReport, FakeEngine, ProviderCall, StoredResource, request_label
from support.stateful.disturbances import RIVALS, Disturbance
from support.stateful.program import ProgramSpec

ROTATE: Final = "POST rotateCertificate"


@dataclass
class ObservedCommand:
    """One command of a stack, from before it began to how it ended."""

    name: str
    engine: FakeEngine
    spec: ProgramSpec
    disturbance: Disturbance
    lags: bool
    """Whether readings may have been stale."""
    is_partial: bool = False
    """Whether only some resources were targeted."""
    preview_report: CommandReport | None = None
    """What the preview showed, if one was run."""
    calls: list[ProviderCall] = field(default_factory=list)
    entries: list[JournalEntry] = field(default_factory=list)
    error: BaseException | None = None

    def __post_init__(self) -> None:
        """Keep the state from before the command."""
        self.before: dict[str, StoredResource] = dict(self.engine.state)

    @property
    def own_requests(self) -> list[JournalEntry]:
        """The requests of this subaccount."""
        return [entry for entry in self.entries if entry.subaccount == self.engine.guid]

    def changes(self) -> list[tuple[int, JournalEntry, Slots, Slots]]:
        """List the writes that changed a slot: their place among the requests, and the slots around them."""
        found = []
        for number, entry in enumerate(self.own_requests):
            if entry.before and entry.after and entry.before != entry.after:
                found.append((number, entry, entry.before, entry.after))
        return found

    @property
    def swaps(self) -> list[tuple[int, JournalEntry, Slots, Slots]]:
        """List the swaps."""
        return [each for each in self.changes() if request_name(each[1]) == ROTATE]

    def has_race(self, number: int) -> bool:
        """Whether somebody else acted between the reading that a write was compared with and the write."""
        entries = self.own_requests[: number + 1]
        read = [index for index, each in enumerate(entries) if request_name(each) == "GET certificate"]
        return any({*RIVALS} & {*each.faults} for each in entries[read[-1] if read else 0 :])


def request_name(entry: JournalEntry) -> str:
    """Name a request briefly, such as `POST rotateCertificate`."""
    return request_label(entry.method, entry.path)
