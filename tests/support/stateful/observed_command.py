"""One command of a stack, as the invariants see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from btp_trust.certificate import parse_pem
from btp_trust_emulator.journal import JournalEntry
from btp_trust_emulator.slots import Slots
from support.fake_engine import CommandReport, FakeEngine, ProviderCall, StoredResource, request_label
from support.stateful.disturbances import RIVALS, Disturbance
from support.stateful.program import ProgramSpec

ROTATE: Final = "POST rotateCertificate"


@dataclass
class ObservedCommand:
    """One command of a stack, from its start to its end."""

    name: str
    engine: FakeEngine
    spec: ProgramSpec
    disturbance: Disturbance
    has_stale_reads: bool
    """True if readings may have been stale."""
    is_partial: bool = False
    """True if only some resources were targeted."""
    preview_report: CommandReport | None = None
    """The report of the preview before it, if there was one."""
    calls: list[ProviderCall] = field(default_factory=list)
    entries: list[JournalEntry] = field(default_factory=list)
    error: BaseException | None = None

    def __post_init__(self) -> None:
        """Keep the state from before the command."""
        self.before: dict[str, StoredResource] = dict(self.engine.state)
        self.slots_before = self.engine.emulator.certificates(self.engine.guid)
        certificate = self.slots_before[0]
        self.signer_before = None if certificate is None else parse_pem(certificate)
        self.began_at = self.engine.emulator.now

    @property
    def own_requests(self) -> list[JournalEntry]:
        """The requests of this subaccount."""
        return [entry for entry in self.entries if entry.subaccount == self.engine.guid]

    def changes(self) -> list[tuple[int, JournalEntry, Slots, Slots]]:
        """Return the writes that changed a slot: their index among the requests, and the slots before and after."""
        result = []
        for number, entry in enumerate(self.own_requests):
            if entry.before and entry.after and entry.before != entry.after:
                result.append((number, entry, entry.before, entry.after))
        return result

    @property
    def swaps(self) -> list[tuple[int, JournalEntry, Slots, Slots]]:
        """Return the swaps among the changes."""
        return [change for change in self.changes() if request_name(change[1]) == ROTATE]

    def has_race(self, number: int) -> bool:
        """Return True if somebody else acted between a write and the reading directly before it."""
        entries = self.own_requests[: number + 1]
        readings = [index for index, entry in enumerate(entries) if request_name(entry) == "GET certificate"]
        return any({*RIVALS} & {*entry.faults} for entry in entries[readings[-1] if readings else 0 :])


def request_name(entry: JournalEntry) -> str:
    """Return a short name of a request, such as `POST rotateCertificate`."""
    return request_label(entry.method, entry.path)
