"""The door: every request to the emulated services passes here, before it acts and after it.

`Passage.__call__` is around the wire (nothing was sent yet before `perform`, all is decided after it); `perform` is
around the act (it holds the world's turn, so that what the slots held before and after is true of this request alone).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import anyio.to_thread
from starlette.requests import Request

from btp_trust_emulator import exchange
from btp_trust_emulator.journal import Entry

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from btp_trust_emulator.exchange import Answer, Call
    from btp_trust_emulator.slots import Slots
    from btp_trust_emulator.world import World

_LOGGER = logging.getLogger("btp_trust_emulator")


class Service(Protocol):
    """An emulated service: tells whose a call is, and answers it."""

    def subaccount(self, call: Call) -> str | None:
        """The GUID of the subaccount that the call speaks of, as far as it can be told."""

    def answer(self, call: Call) -> Answer:
        """Act, and say what came of it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The ASGI application of the emulated services."""

    world: World
    service: Service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the request, let it act, record it, send the answer."""
        call = await exchange.read(Request(scope, receive))
        answer = await anyio.to_thread.run_sync(self.perform, call)
        await answer.response()(scope, receive, send)

    def perform(self, call: Call) -> Answer:
        """Let the call act in its turn, and record it in the journal."""
        with self.world.turn:
            time = self.world.clock.now()
            guid = self.service.subaccount(call)
            before = self._slots(guid)
            answer = self._act(call)
            entry = Entry(time, call.method, call.path, answer.status, guid, before, self._slots(guid))
            self.world.journal.add(entry)
        return answer

    def _act(self, call: Call) -> Answer:
        try:
            return self.service.answer(call)
        except Exception:
            _LOGGER.exception("%s %s failed in the emulator", call.method, call.path)
            return exchange.plain(500, "Internal Server Error")

    def _slots(self, guid: str | None) -> Slots | None:
        return None if guid is None else self.world.account(guid).slots
