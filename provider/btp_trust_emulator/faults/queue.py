"""The faults that are queued, and which of them disturb a request."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from btp_trust_emulator.faults.fault import FaultKind, Phase
from btp_trust_emulator.faults.request import Override

if TYPE_CHECKING:
    from datetime import datetime

    from btp_trust_emulator.backend.clock import Clock
    from btp_trust_emulator.backend.history import History, Write
    from btp_trust_emulator.faults.fault import Fault
    from btp_trust_emulator.faults.request import RequestFacts
    from btp_trust_emulator.slots import Slot


@dataclass(frozen=True, slots=True)
class QueuedFault:
    """A fault that still waits for requests, and how many it has disturbed."""

    fault: Fault
    fired: int


@dataclass(frozen=True, slots=True)
class MatchedFaults:
    """The faults that disturb a request, and the slots that are stale to it."""

    faults: tuple[Fault, ...] = ()
    stale: frozenset[Slot] = frozenset()

    def in_phase(self, phase: Phase) -> Fault | None:
        """Return the fault that takes effect in a phase, if any."""
        return next((fault for fault in self.faults if fault.phase is phase), None)

    def accepts(self, fault: Fault) -> bool:
        """Return True if a further fault goes with all of these."""
        return all(fault.is_compatible_with(other) for other in self.faults)

    @property
    def kinds(self) -> tuple[FaultKind, ...]:
        """Their kinds, in the order in which they were queued."""
        return tuple(fault.kind for fault in self.faults)

    @property
    def override(self) -> Override:
        """The deviations that these faults ask of the service."""
        within = self.in_phase(Phase.WITHIN)
        if within and within.kind is FaultKind.SHORT_TOKEN:
            return Override(token_seconds=int(within.seconds or 0))
        return Override(self.stale, foreign_token=within is not None and within.kind is FaultKind.FOREIGN_TOKEN)


@dataclass(slots=True)
class _CountedFault:
    """A queued fault with its counts; queued `since`, when `last_write_number` was the number of the last write."""

    fault: Fault
    since: datetime
    last_write_number: int
    fired: int = 0
    skipped: int = 0

    def try_to_fire(self) -> bool:
        """Count a matching request; return False if it is one of those to skip."""
        if self.skipped < self.fault.skip:
            self.skipped += 1
            return False
        self.fired += 1
        return True


class FaultQueue:
    """Queued faults, oldest first; all methods may be called from any thread."""

    def __init__(self, clock: Clock, history: History) -> None:
        self._clock = clock
        self._history = history
        self._lock = threading.Lock()
        self._queue: list[_CountedFault] = []

    def add(self, *faults: Fault) -> None:
        """Queue faults behind those that wait already."""
        with self._lock:
            now, last_write_number = self._clock.now(), self._history.number
            self._queue += [_CountedFault(fault, now, last_write_number) for fault in faults]

    def clear(self) -> None:
        """Clear the queue."""
        with self._lock:
            self._queue.clear()

    def queued(self) -> list[QueuedFault]:
        """Return the faults that may still disturb a request."""
        with self._lock:
            return [QueuedFault(counted.fault, counted.fired) for counted in self._queue if not self._is_spent(counted)]

    def match_faults(self, facts: RequestFacts) -> MatchedFaults:
        """Return the faults that disturb this request, and count them."""
        matched = MatchedFaults()
        with self._lock:
            for counted in self._queue:
                fault, stale = counted.fault, self._stale_slots(counted, facts)
                has_effect = bool(stale) or not fault.is_stale
                if self._can_match(counted, facts, matched) and has_effect and counted.try_to_fire():
                    matched = replace(matched, faults=(*matched.faults, fault), stale=matched.stale | stale)
        return matched

    def _can_match(self, counted: _CountedFault, facts: RequestFacts, matched: MatchedFaults) -> bool:
        return not self._is_spent(counted) and counted.fault.matches(facts) and matched.accepts(counted.fault)

    def _is_spent(self, counted: _CountedFault) -> bool:
        fault = counted.fault
        if not fault.is_timed:
            return counted.fired >= fault.count
        return fault.kind is FaultKind.STALE and not self._is_lasting(fault, counted.since)

    def _is_lasting(self, fault: Fault, since: datetime) -> bool:
        return fault.seconds is None or (self._clock.now() - since).total_seconds() < fault.seconds

    def _stale_slots(self, counted: _CountedFault, facts: RequestFacts) -> frozenset[Slot]:
        """Return the slots that the request reads and of which a stale fault has an earlier content."""
        fault = counted.fault
        if not fault.is_stale or facts.subaccount is None:
            return frozenset()
        slots = facts.effect.slots_read if fault.slot is None else facts.effect.slots_read & {fault.slot}
        writes = {slot: self._history.last(facts.subaccount, slot) for slot in slots}
        return frozenset(slot for slot, write in writes.items() if write and self._is_hiding(counted, write))

    def _is_hiding(self, counted: _CountedFault, write: Write) -> bool:
        if counted.fault.kind is FaultKind.STALE:
            return True
        return write.number > counted.last_write_number and self._is_lasting(counted.fault, write.time)
