"""The faults that are queued, and which of them a request meets."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from btp_trust_emulator.faults.fault import Kind, Place
from btp_trust_emulator.faults.request import Twist

if TYPE_CHECKING:
    from datetime import datetime

    from btp_trust_emulator.backend.clock import Clock
    from btp_trust_emulator.backend.history import History, Write
    from btp_trust_emulator.faults.fault import Fault
    from btp_trust_emulator.faults.request import Occasion
    from btp_trust_emulator.slots import Slot


@dataclass(frozen=True, slots=True)
class Queued:
    """A fault that still waits for requests, and how many it has met."""

    fault: Fault
    fired: int


@dataclass(frozen=True, slots=True)
class Met:
    """The faults that a request meets, and the slots that are stale to it."""

    faults: tuple[Fault, ...] = ()
    stale: frozenset[Slot] = frozenset()

    def at(self, place: Place) -> Fault | None:
        """The one that has its effect there."""
        return next((fault for fault in self.faults if fault.place is place), None)

    def admits(self, fault: Fault) -> bool:
        """Whether a further one goes with all of these."""
        return all(fault.goes_with(other) for other in self.faults)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Their kinds, in the order in which they were queued."""
        return tuple(fault.kind for fault in self.faults)

    @property
    def twist(self) -> Twist:
        """What they tell the service to do otherwise than right."""
        within = self.at(Place.WITHIN)
        if within and within.kind is Kind.SHORT_TOKEN:
            return Twist(token_seconds=int(within.seconds or 0))
        return Twist(self.stale, foreign_token=within is not None and within.kind is Kind.FOREIGN_TOKEN)


@dataclass(slots=True)
class _Waiting:
    """A queued fault with its counts; queued `since`, when the last write was number `written`."""

    fault: Fault
    since: datetime
    written: int
    fired: int = 0
    passed: int = 0

    def fires(self) -> bool:
        """Whether it meets this request, or lets it pass as one of those to skip."""
        if self.passed < self.fault.skip:
            self.passed += 1
            return False
        self.fired += 1
        return True


class FaultQueue:
    """Queued faults, oldest first; all methods may be called from any thread."""

    def __init__(self, clock: Clock, history: History) -> None:
        self._clock = clock
        self._history = history
        self._lock = threading.Lock()
        self._queue: list[_Waiting] = []

    def add(self, *faults: Fault) -> None:
        """Queue faults behind those that wait already."""
        with self._lock:
            now, written = self._clock.now(), self._history.number
            self._queue += [_Waiting(fault, now, written) for fault in faults]

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._queue.clear()

    def queued(self) -> list[Queued]:
        """Those that may still meet a request."""
        with self._lock:
            return [Queued(each.fault, each.fired) for each in self._queue if not self._is_spent(each)]

    def meet(self, occasion: Occasion) -> Met:
        """The faults that this request meets; counts them."""
        met = Met()
        with self._lock:
            for each in self._queue:
                stale = self._stale(each, occasion)
                if self._may_meet(each, occasion, met) and (stale or not each.fault.is_stale) and each.fires():
                    met = replace(met, faults=(*met.faults, each.fault), stale=met.stale | stale)
        return met

    def _may_meet(self, waiting: _Waiting, occasion: Occasion, met: Met) -> bool:
        return not self._is_spent(waiting) and waiting.fault.matches(occasion) and met.admits(waiting.fault)

    def _is_spent(self, waiting: _Waiting) -> bool:
        fault = waiting.fault
        if not fault.is_timed:
            return waiting.fired >= fault.count
        return fault.kind is Kind.STALE and not self._lasts(fault, waiting.since)

    def _lasts(self, fault: Fault, since: datetime) -> bool:
        return fault.seconds is None or (self._clock.now() - since).total_seconds() < fault.seconds

    def _stale(self, waiting: _Waiting, occasion: Occasion) -> frozenset[Slot]:
        """The slots that the request reads and a stale fault has something to show of."""
        fault = waiting.fault
        if not fault.is_stale or occasion.subaccount is None:
            return frozenset()
        slots = occasion.purpose.reads if fault.slot is None else occasion.purpose.reads & {fault.slot}
        writes = {slot: self._history.last(occasion.subaccount, slot) for slot in slots}
        return frozenset(slot for slot, write in writes.items() if write and self._hides(waiting, write))

    def _hides(self, waiting: _Waiting, write: Write) -> bool:
        if waiting.fault.kind is Kind.STALE:
            return True
        return write.number > waiting.written and self._lasts(waiting.fault, write.time)
