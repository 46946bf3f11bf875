"""The pipeline: every request to the emulated services passes here, before it acts and after it.

`__call__` reads the request and sends the response. `perform` runs under the lock, so the journal's before and after
belong to this request. A service that needs another server first returns an upstream request, which is sent without
the lock; `finish` is what the service makes of the response. The journal has such a request after its upstream ones.
Faults take effect here: `faults.queue` matches them, `faults.effects` changes the response, and the mount's
`Connection` breaks the connection.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from starlette.requests import Request as StarletteRequest

from btp_trust_emulator import messages
from btp_trust_emulator.backend.landscape import perform_action
from btp_trust_emulator.errors import NoKeyPair
from btp_trust_emulator.faults import effects
from btp_trust_emulator.faults.fault import Phase
from btp_trust_emulator.faults.request import RequestFacts
from btp_trust_emulator.journal import JournalEntry
from btp_trust_emulator.messages import EXTENSION, UpstreamRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.types import Receive, Scope, Send

    from btp_trust_emulator.control.emulation import Emulation
    from btp_trust_emulator.faults.fault import Fault
    from btp_trust_emulator.faults.queue import MatchedFaults
    from btp_trust_emulator.faults.request import Override, RequestEffect
    from btp_trust_emulator.messages import Connection, Outcome, Request, Response, UpstreamResponse
    from btp_trust_emulator.server.in_process import UpstreamClient
    from btp_trust_emulator.slots import Slots

_T = TypeVar("_T")
_LOGGER = logging.getLogger("btp_trust_emulator")


class Service(Protocol):
    """An emulated service."""

    def subaccount(self, request: Request) -> str | None:
        """Return the GUID of the subaccount that the request names, if any."""

    def effect(self, request: Request) -> RequestEffect:
        """Return what the request will do if no fault prevents it."""

    def handle(self, request: Request, override: Override) -> Response | UpstreamRequest:
        """Act, with the deviations in `override`; return the response, or the upstream request that it needs."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request that acts: its time, its subaccount, the faults that disturb it, the slots before."""

    request: Request
    time: datetime
    guid: str | None
    matched: MatchedFaults
    before: Slots | None


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request that waits for its upstream response; its changes of the slots are complete."""

    context: RequestContext
    upstream_request: UpstreamRequest
    after: Slots | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The ASGI application of the emulated services; `upstream_client` sends their upstream requests."""

    emulation: Emulation
    service: Service
    upstream_client: UpstreamClient

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the request, let it act, record it, send the response."""
        request = await messages.read_request(StarletteRequest(scope, receive))
        connection: Connection = scope["extensions"][EXTENSION]
        outcome = await connection.call(self.perform, request)
        if isinstance(outcome, PendingRequest):
            upstream_response = await self.upstream_client.send(outcome.upstream_request)
            outcome = await connection.call(self.finish, outcome, upstream_response)
        # The journal has the request by now; a failure of the connection changes only what the client sees.
        if outcome.connection_failure is not None:
            await connection.fail(outcome.connection_failure)
        else:
            await connection.delay(outcome.delay)
            await outcome.response.to_starlette()(scope, receive, send)

    def perform(self, request: Request) -> Outcome | PendingRequest:
        """Let the request act under the lock, with the faults that match, and record it in the journal."""
        with self.emulation.landscape.lock:
            context = self._begin(request)
            if fault := context.matched.in_phase(Phase.INSTEAD):
                return self._record(context, effects.outcome_without_action(fault, _host(request)), context.before)
            response = self._catch_errors(request, lambda: self.service.handle(request, context.matched.override))
            after = self._slots(context.guid)
            return (
                PendingRequest(context, response, after)
                if isinstance(response, UpstreamRequest)
                else self._complete(context, response, after)
            )

    def finish(self, pending: PendingRequest, upstream_response: UpstreamResponse) -> Outcome:
        """Let the request act on its upstream response, and record it in the journal."""
        with self.emulation.landscape.lock:
            response = self._catch_errors(
                pending.context.request, lambda: pending.upstream_request.on_response(upstream_response)
            )
            return self._complete(pending.context, response, pending.after)

    def _begin(self, request: Request) -> RequestContext:
        time = self.emulation.landscape.clock.now()
        guid = self.service.subaccount(request)
        matched = self.emulation.faults.match_faults(
            RequestFacts(request.method, request.path, guid, self.service.effect(request))
        )
        self._let_rival_act(matched.in_phase(Phase.BEFORE), guid)
        return RequestContext(request, time, guid, matched, self._slots(guid))

    def _complete(self, context: RequestContext, response: Response, after: Slots | None) -> Outcome:
        outcome = effects.outcome_of(context.matched.in_phase(Phase.RESPONSE), response, _host(context.request))
        return self._record(context, outcome, after, response.note)

    def _record(
        self, context: RequestContext, outcome: Outcome, after: Slots | None, note: str | None = None
    ) -> Outcome:
        # The rival acts before the response leaves, so that a client's next read is sure to see its change.
        self._let_rival_act(context.matched.in_phase(Phase.AFTER), context.guid)
        status = outcome.response.status if outcome.connection_failure is None else None
        request, kinds = context.request, context.matched.kinds
        self.emulation.journal.add(
            JournalEntry(
                context.time, request.method, request.path, status, context.guid, context.before, after, kinds, note
            )
        )
        return outcome

    def _let_rival_act(self, fault: Fault | None, guid: str | None) -> None:
        """Let the rival act; where the cockpit would refuse that, only log it, so that the request goes on."""
        if fault is None or fault.action is None or guid is None:
            return
        try:
            perform_action(self.emulation.landscape, guid, fault.action)
        except NoKeyPair as refusal:
            _LOGGER.warning("The rival of fault %s did nothing: %s", fault.kind.value, refusal)

    @staticmethod
    def _catch_errors(request: Request, response: Callable[[], _T]) -> _T | Response:
        try:
            return response()
        except Exception:
            _LOGGER.exception("%s %s failed in the emulator", request.method, request.path)
            return messages.plain(500, "Internal Server Error")

    def _slots(self, guid: str | None) -> Slots | None:
        return None if guid is None else self.emulation.landscape.account(guid).slots


def _host(request: Request) -> str:
    return request.headers.get("host", "")
