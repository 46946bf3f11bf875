"""An httpx transport that calls the application in process: synchronous, and free of sockets.

If a fault breaks a connection, the transport raises at once what an httpx client over a socket would see. It waits
only for delays that are shorter than the client's timeout.
"""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import httpx

from btp_trust_emulator.messages import EXTENSION, ConnectionFailure, UpstreamRequest, UpstreamResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from btp_trust_emulator.backend.service_keys import Addresses

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class UpstreamClient:
    """Sends upstream requests; `app` is the application that answers at the emulator's own addresses."""

    app: ASGIApp
    addresses: Addresses

    async def send(self, upstream_request: UpstreamRequest) -> UpstreamResponse:
        """Return the response, or the reason of the failure."""
        timeout = httpx.Timeout(upstream_request.read_seconds, connect=upstream_request.connect_seconds)
        upstream_request.request.extensions["timeout"] = timeout.as_dict()
        try:
            async with self._transport_for(upstream_request.request.url) as transport:
                response = await transport.handle_async_request(upstream_request.request)
                return UpstreamResponse(response.status_code, await response.aread())
        except httpx.TransportError as exc:
            return UpstreamResponse(failure=f"{type(exc).__name__}: {exc}")

    def _transport_for(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        if str(url).startswith((f"{self.addresses.base}/", f"{self.addresses.cert}/")):
            return ApplicationTransport(self.app)
        return httpx.AsyncHTTPTransport(trust_env=False)


_ENDINGS: dict[ConnectionFailure, tuple[type[httpx.TransportError], str]] = {
    ConnectionFailure.SILENCE: (httpx.ReadTimeout, "timed out"),
    ConnectionFailure.CLOSE: (httpx.RemoteProtocolError, "Server disconnected without sending a response."),
    ConnectionFailure.RESET: (httpx.ReadError, "[Errno 104] Connection reset by peer"),
}


class InProcessTransport(httpx.BaseTransport):
    """Calls an ASGI application in the caller's thread, in an event loop for this request alone; any thread may."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._refuses = False
        self._idle_loops: list[asyncio.AbstractEventLoop] = []
        """Loops between two requests: making one takes as long as a request does."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, wait for the whole response."""
        if self._refuses:
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        request.read()
        # A loop behind a portal would cost each request four changes of the thread, several milliseconds each.
        if _has_running_loop():  # as in a Pulumi program, which waits here
            with ThreadPoolExecutor(max_workers=1) as executor:
                return executor.submit(self._run, request).result()
        return self._run(request)

    def _run(self, request: httpx.Request) -> httpx.Response:
        try:
            loop = self._idle_loops.pop()
        except IndexError:
            loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(self._handle(request))
        finally:
            self._idle_loops.append(loop)

    def close(self) -> None:
        """Close the event loops."""
        while self._idle_loops:
            self._idle_loops.pop().close()

    @contextlib.contextmanager
    def refuse_connections(self) -> Iterator[None]:
        """Refuse connections while the block runs."""
        self._refuses = True
        try:
            yield
        finally:
            self._refuses = False

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        response = await ApplicationTransport(self._app).handle_async_request(request)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class ApplicationTransport(httpx.AsyncBaseTransport):
    """Calls an ASGI application in the current event loop."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Let the application answer, or raise what the client would see of a broken connection."""
        return await httpx.ASGITransport(
            _with_connection(self._app, InProcessConnection(request))
        ).handle_async_request(request)


@dataclass(frozen=True, slots=True)
class InProcessConnection:
    """The connection in process: its failures are errors of the client."""

    request: httpx.Request

    async def call(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call a function in this thread: the event loop has this request alone."""
        return function(*arguments)

    async def delay(self, seconds: float) -> None:
        """Wait, unless the client's timeout comes first."""
        limit = self.request.extensions.get("timeout", {}).get("read")
        if limit is not None and limit <= seconds:
            await self.fail(ConnectionFailure.SILENCE)
        await anyio.sleep(seconds)

    async def fail(self, connection_failure: ConnectionFailure) -> None:
        """Raise what the client sees; on silence, even a client with an infinite timeout gives up."""
        kind, message = _ENDINGS[connection_failure]
        raise kind(message, request=self.request)


def _with_connection(app: ASGIApp, connection: InProcessConnection) -> ASGIApp:
    async def app_with_connection(scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"] = {EXTENSION: connection}
        await app(scope, receive, send)

    return app_with_connection
