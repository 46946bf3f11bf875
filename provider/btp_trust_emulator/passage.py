"""The door: every request to the emulated services passes here, before it acts and after it.

`Passage.__call__` is around the wire (nothing was sent yet before `perform`, all is decided after it); `perform` is
around the act (it holds the world's turn, so that what the slots held before and after is true of this request alone).
Faults have their effect here: what they are is in `faults`, which of them a request meets in `fault_queue`, what they
make of the answer in `effects`, and how they end a connection in `wire`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import anyio.to_thread
from starlette.requests import Request

from btp_trust_emulator import effects, exchange
from btp_trust_emulator.cockpit import act
from btp_trust_emulator.errors import NoKeyPair
from btp_trust_emulator.journal import Entry
from btp_trust_emulator.kinds import Place
from btp_trust_emulator.occasion import Occasion
from btp_trust_emulator.wire import EXTENSION

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from btp_trust_emulator.exchange import Answer, Call
    from btp_trust_emulator.fault_queue import Met
    from btp_trust_emulator.faults import Fault
    from btp_trust_emulator.occasion import Purpose, Twist
    from btp_trust_emulator.slots import Slots
    from btp_trust_emulator.wire import Outcome, Wire
    from btp_trust_emulator.world import World

_LOGGER = logging.getLogger("btp_trust_emulator")


class Service(Protocol):
    """An emulated service: tells whose a call is, and answers it."""

    def subaccount(self, call: Call) -> str | None:
        """The GUID of the subaccount that the call speaks of, as far as it can be told."""

    def purpose(self, call: Call) -> Purpose:
        """What the call will do if it is let."""

    def answer(self, call: Call, twist: Twist) -> Answer:
        """Act (otherwise than right, if the twist says so), and say what came of it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The ASGI application of the emulated services."""

    world: World
    service: Service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the request, let it act, record it, send the answer."""
        call = await exchange.read(Request(scope, receive))
        outcome = await anyio.to_thread.run_sync(self.perform, call)
        wire: Wire = scope["extensions"][EXTENSION]
        if outcome.ending is not None:
            await wire.end(outcome.ending)
        else:
            await wire.pause(outcome.pause)
            await outcome.answer.response()(scope, receive, send)

    def perform(self, call: Call) -> Outcome:
        """Let the call act in its turn, with the faults that it meets, and record it in the journal."""
        with self.world.turn:
            time = self.world.clock.now()
            guid = self.service.subaccount(call)
            met = self.world.faults.meet(Occasion(call.method, call.path, guid, self.service.purpose(call)))
            self._let_rival_act(met.at(Place.BEFORE), guid)
            before = self._slots(guid)
            outcome = self._outcome(call, met)
            after = self._slots(guid)
            self._let_rival_act(met.at(Place.AFTER), guid)
            status = outcome.answer.status if outcome.ending is None else None
            self.world.journal.add(Entry(time, call.method, call.path, status, guid, before, after, met.kinds))
        return outcome

    def _outcome(self, call: Call, met: Met) -> Outcome:
        if fault := met.at(Place.INSTEAD):
            return effects.instead(fault)
        return effects.outcome(met.at(Place.ANSWER), self._act(call, met.twist))

    def _let_rival_act(self, fault: Fault | None, guid: str | None) -> None:
        """The rival is refused what a colleague in the cockpit would be refused; the request goes on then."""
        if fault is None or fault.action is None or guid is None:
            return
        try:
            act(self.world, guid, fault.action)
        except NoKeyPair as refusal:
            _LOGGER.warning("The rival of fault %s did nothing: %s", fault.kind.value, refusal)

    def _act(self, call: Call, twist: Twist) -> Answer:
        try:
            return self.service.answer(call, twist)
        except Exception:
            _LOGGER.exception("%s %s failed in the emulator", call.method, call.path)
            return exchange.plain(500, "Internal Server Error")

    def _slots(self, guid: str | None) -> Slots | None:
        return None if guid is None else self.world.account(guid).slots
