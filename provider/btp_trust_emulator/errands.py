"""Errands: what a service has to ask of another one before it can answer, as a destination's token service.

They are run while nothing holds the world's turn, for the other one may be emulated here too. What is addressed to this
emulator takes the short way through the application, whichever its mount is; what is not, goes over the network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from btp_trust_emulator.transport import ApplicationTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from btp_trust_emulator.exchange import Answer
    from btp_trust_emulator.service_keys import Addresses


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an errand: status and body, or why there is neither."""

    status: int | None = None
    body: bytes = field(default=b"", repr=False)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Errand:
    """A request, its time-outs in seconds, and what its service makes of the reply."""

    request: httpx.Request
    connect_seconds: float
    read_seconds: float
    then: Callable[[Reply], Answer]


@dataclass(frozen=True, slots=True)
class Messenger:
    """Runs errands; `app` is the application that answers at the emulator's own addresses."""

    app: ASGIApp
    addresses: Addresses

    async def run(self, errand: Errand) -> Reply:
        """The reply, or the failure to get one."""
        timeout = httpx.Timeout(errand.read_seconds, connect=errand.connect_seconds)
        errand.request.extensions["timeout"] = timeout.as_dict()
        try:
            async with self._way(errand.request.url) as transport:
                response = await transport.handle_async_request(errand.request)
                return Reply(response.status_code, await response.aread())
        except httpx.TransportError as exc:
            return Reply(failure=f"{type(exc).__name__}: {exc}")

    def _way(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        if str(url).startswith((f"{self.addresses.base}/", f"{self.addresses.cert}/")):
            return ApplicationTransport(self.app)
        return httpx.AsyncHTTPTransport(trust_env=False)
