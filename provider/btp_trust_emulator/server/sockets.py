"""The mount over sockets: one uvicorn server for http, one for https that asks for a client certificate."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from btp_trust_emulator.errors import Invalid
from btp_trust_emulator.messages import EXTENSION, ConnectionFailure
from btp_trust_emulator.pki import client_ca

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from anyio.from_thread import BlockingPortal
    from starlette.types import ASGIApp, Receive, Scope, Send

    from btp_trust_emulator.pki.client_ca import Authority


_T = TypeVar("_T")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class PeerProtocol(H11Protocol):
    """HTTP/1.1 that provides the `Connection` and, in the TLS extension of ASGI, the client certificate."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the application for the life of this connection."""
        super().connection_made(transport)
        self.app = _with_extensions(self.app, transport)


def _with_extensions(app: Any, transport: asyncio.Transport) -> ASGIApp:
    connection = transport.get_extra_info("ssl_object")
    tls = {"tls": {"client_cert_chain": _chain(connection)}} if connection else {}

    async def app_with_extensions(scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"] = {**tls, EXTENSION: SocketConnection(transport, receive)}
        await app(scope, receive, send)

    return app_with_extensions


def _chain(connection: ssl.SSLObject) -> list[str]:
    peer = connection.getpeercert(binary_form=True)
    return [ssl.DER_cert_to_PEM_cert(peer)] if peer else []


@dataclass(frozen=True, slots=True)
class SocketConnection:
    """The connection of one request, whose body was read to its end."""

    transport: asyncio.Transport
    receive: Receive

    async def call(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call a function in another thread: the event loop serves all connections meanwhile."""
        return await anyio.to_thread.run_sync(function, *arguments)

    async def delay(self, seconds: float) -> None:
        """Wait, at most until the client has gone."""
        with anyio.move_on_after(seconds):
            await self._until_gone()

    async def fail(self, connection_failure: ConnectionFailure) -> None:
        """Close or reset the connection unless the failure is silence; wait until the client has gone."""
        if connection_failure is ConnectionFailure.CLOSE:
            self.transport.close()
        elif connection_failure is ConnectionFailure.RESET:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.transport.abort()
        await self._until_gone()

    async def _until_gone(self) -> None:
        message = await self.receive()
        while message["type"] != "http.disconnect":
            message = await self.receive()


# X509_V_FLAG_NO_CHECK_TIME of OpenSSL: the emulator's own clock decides on the dates of a client certificate.
_NO_CHECK_TIME = 0x200000
_GRACE_SECONDS = 2


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `port` of a loopback address; 0 picks a free one.

    Raises:
        Invalid: the host is outside the IPv4 loopback addresses, or the port is taken.
    """
    if not _is_loopback(host):
        raise Invalid(
            f"The emulator does not listen on {host}.",
            "Its control plane gives service keys to anyone who can reach it, so it serves this machine alone.",
            "Use an IPv4 loopback address such as 127.0.0.1.",
        )
    listener = _bound(host, port)
    listener.listen()
    return listener


def _bound(host: str, port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off where the protocol is named; else the body of each response after the first
    # waits 40 ms for the acknowledgement of its headers.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        raise Invalid(
            f"The emulator does not listen on {host}:{port}.", f"{exc}.", "Use port 0 to get a free one."
        ) from exc
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def run_servers(
    app: ASGIApp, portal: BlockingPortal, listeners: Sequence[tuple[socket.socket, ssl.SSLContext | None]]
) -> Iterator[Servers]:
    """Serve the application on listening sockets, in the event loop behind the portal; closes the sockets."""
    servers = Servers(app, portal, [tls for _, tls in listeners])
    servers.start([listener for listener, _ in listeners])
    try:
        yield servers
    finally:
        servers.stop()


class Servers:
    """One uvicorn server for each socket; they can be stopped and started again."""

    def __init__(self, app: ASGIApp, portal: BlockingPortal, tls: Sequence[ssl.SSLContext | None]) -> None:
        self._app = app
        self._portal = portal
        self._tls = tls
        self._running: list[tuple[uvicorn.Server, Future[None]]] = []
        self._listeners: list[socket.socket] = []

    def start(self, listeners: Sequence[socket.socket]) -> None:
        """Serve on these listening sockets."""
        self._listeners = list(listeners)
        for listener, tls in zip(listeners, self._tls, strict=True):
            server = uvicorn.Server(_config(self._app, tls))
            self._running.append((server, self._portal.start_task_soon(server.serve, [listener])))

    def stop(self) -> None:
        """Close the sockets and, after the requests under way, the connections."""
        for server, _ in self._running:
            server.should_exit = True
        for _, task in self._running:
            task.result()
        self._running.clear()

    @contextlib.contextmanager
    def refuse_connections(self) -> Iterator[None]:
        """Refuse connections while the block runs: the ports stay bound, but nobody listens there."""
        places = [listener.getsockname() for listener in self._listeners]
        self.stop()
        held = [_bound(*place) for place in places]
        try:
            yield
        finally:
            for listener in held:
                listener.listen()
            self.start(held)


def _config(app: ASGIApp, tls: ssl.SSLContext | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=PeerProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # the application dates its responses, by its own clock
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    config.load()
    config.ssl = tls
    return config


def tls_context(own: Authority, host: str) -> ssl.SSLContext:
    """Return TLS with a server certificate of the authority; client certificates of that authority are accepted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=own.certificate)
    context.verify_flags |= _NO_CHECK_TIME
    certificate, key = client_ca.issue_server(own, host)
    with tempfile.NamedTemporaryFile("w") as file:
        Path(file.name).write_text(key + certificate)
        context.load_cert_chain(file.name)
    return context
