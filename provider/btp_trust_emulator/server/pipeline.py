"""The door: every request to the emulated services passes here, before it acts and after it.

`Passage.__call__` is around the wire (nothing was sent yet before `perform`, all is decided after it); `perform` is
around the act (it holds the world's turn, so that what the slots held before and after is true of this request alone).
A service that has to ask another one first gives back an errand: it is run without the turn, and `finish` is around
what the service makes of the reply. Such a request is in the journal after those that its errand made.
Faults have their effect here: what they are is in `faults`, which of them a request meets in `fault_queue`, what they
make of the answer in `effects`, and how they end a connection in `wire`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio.to_thread
from starlette.requests import Request

from btp_trust_emulator import messages
from btp_trust_emulator.backend import landscape
from btp_trust_emulator.errors import NoKeyPair
from btp_trust_emulator.faults import effects
from btp_trust_emulator.faults.fault import Place
from btp_trust_emulator.faults.request import Occasion
from btp_trust_emulator.journal import Entry
from btp_trust_emulator.messages import EXTENSION, Errand

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.types import Receive, Scope, Send

    from btp_trust_emulator.backend.landscape import World
    from btp_trust_emulator.faults.fault import Fault
    from btp_trust_emulator.faults.queue import Met
    from btp_trust_emulator.faults.request import Purpose, Twist
    from btp_trust_emulator.messages import Answer, Call, Outcome, Reply, Wire
    from btp_trust_emulator.server.in_process import Messenger
    from btp_trust_emulator.slots import Slots

_T = TypeVar("_T")
_LOGGER = logging.getLogger("btp_trust_emulator")


class Service(Protocol):
    """An emulated service: tells whose a call is, and answers it."""

    def subaccount(self, call: Call) -> str | None:
        """The GUID of the subaccount that the call speaks of, as far as it can be told."""

    def purpose(self, call: Call) -> Purpose:
        """What the call will do if it is let."""

    def answer(self, call: Call, twist: Twist) -> Answer | Errand:
        """Act (otherwise than right, if the twist says so), and say what came of it, or what has to be asked first."""


@dataclass(frozen=True, slots=True)
class Act:
    """A request that acts: whose it is, when it came, what it met, what the slots held before."""

    call: Call
    time: datetime
    guid: str | None
    met: Met
    before: Slots | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An act that is not at its end before the reply to its errand is there; all it did to the slots is done."""

    act: Act
    errand: Errand
    after: Slots | None


@dataclass(frozen=True, slots=True)
class Passage:
    """The ASGI application of the emulated services; the messenger runs their errands."""

    world: World
    service: Service
    messenger: Messenger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the request, let it act, record it, send the answer."""
        call = await messages.read(Request(scope, receive))
        outcome = await anyio.to_thread.run_sync(self.perform, call)
        if isinstance(outcome, Waiting):
            reply = await self.messenger.run(outcome.errand)
            outcome = await anyio.to_thread.run_sync(self.finish, outcome, reply)
        wire: Wire = scope["extensions"][EXTENSION]
        if outcome.ending is not None:
            await wire.end(outcome.ending)
        else:
            await wire.pause(outcome.pause)
            await outcome.answer.response()(scope, receive, send)

    def perform(self, call: Call) -> Outcome | Waiting:
        """Let the call act in its turn, with the faults that it meets, and record it in the journal."""
        with self.world.turn:
            act = self._begun(call)
            if fault := act.met.at(Place.INSTEAD):
                return self._recorded(act, effects.instead(fault, _host(call)), act.before)
            answer = self._safely(call, lambda: self.service.answer(call, act.met.twist))
            after = self._slots(act.guid)
            return Waiting(act, answer, after) if isinstance(answer, Errand) else self._ended(act, answer, after)

    def finish(self, waiting: Waiting, reply: Reply) -> Outcome:
        """Let the call act on the reply to its errand, and record it in the journal."""
        with self.world.turn:
            answer = self._safely(waiting.act.call, lambda: waiting.errand.then(reply))
            return self._ended(waiting.act, answer, waiting.after)

    def _begun(self, call: Call) -> Act:
        time = self.world.clock.now()
        guid = self.service.subaccount(call)
        met = self.world.faults.meet(Occasion(call.method, call.path, guid, self.service.purpose(call)))
        self._let_rival_act(met.at(Place.BEFORE), guid)
        return Act(call, time, guid, met, self._slots(guid))

    def _ended(self, act: Act, answer: Answer, after: Slots | None) -> Outcome:
        outcome = effects.outcome(act.met.at(Place.ANSWER), answer, _host(act.call))
        return self._recorded(act, outcome, after, answer.note)

    def _recorded(self, act: Act, outcome: Outcome, after: Slots | None, note: str | None = None) -> Outcome:
        self._let_rival_act(act.met.at(Place.AFTER), act.guid)
        status = outcome.answer.status if outcome.ending is None else None
        call, kinds = act.call, act.met.kinds
        self.world.journal.add(
            Entry(act.time, call.method, call.path, status, act.guid, act.before, after, kinds, note)
        )
        return outcome

    def _let_rival_act(self, fault: Fault | None, guid: str | None) -> None:
        """The rival is refused what a colleague in the cockpit would be refused; the request goes on then."""
        if fault is None or fault.action is None or guid is None:
            return
        try:
            landscape.act(self.world, guid, fault.action)
        except NoKeyPair as refusal:
            _LOGGER.warning("The rival of fault %s did nothing: %s", fault.kind.value, refusal)

    @staticmethod
    def _safely(call: Call, answer: Callable[[], _T]) -> _T | Answer:
        try:
            return answer()
        except Exception:
            _LOGGER.exception("%s %s failed in the emulator", call.method, call.path)
            return messages.plain(500, "Internal Server Error")

    def _slots(self, guid: str | None) -> Slots | None:
        return None if guid is None else self.world.account(guid).slots


def _host(call: Call) -> str:
    return call.headers.get("host", "")
