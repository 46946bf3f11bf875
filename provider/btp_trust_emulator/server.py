"""The mount over sockets: one uvicorn server for http, one for https that asks for a client certificate."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from btp_trust_emulator import authority
from btp_trust_emulator.errors import Invalid

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Sequence

    from anyio.from_thread import BlockingPortal
    from starlette.types import ASGIApp, Receive, Scope, Send

    from btp_trust_emulator.state import Authority

# X509_V_FLAG_NO_CHECK_TIME of OpenSSL: the dates of a client certificate are judged by the emulator's clock.
_NO_CHECK_TIME = 0x200000
_GRACE_SECONDS = 2


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on `port` of a loopback address; 0 picks a free one.

    Raises:
        Invalid: the host is no loopback IPv4 address, or the port is taken.
    """
    if not _is_loopback(host):
        raise Invalid(
            f"The emulator does not listen on {host}.",
            "Its control plane gives service keys to everybody who can reach it, so it serves this machine alone.",
            "Use an IPv4 loopback address such as 127.0.0.1.",
        )
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        raise Invalid(
            f"The emulator does not listen on {host}:{port}.", f"{exc}.", "Use port 0 to get a free one."
        ) from exc
    listener.listen()
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def serving(
    app: ASGIApp, portal: BlockingPortal, listeners: Sequence[tuple[socket.socket, ssl.SSLContext | None]]
) -> Iterator[None]:
    """Serve the application on listening sockets, in the event loop behind the portal; closes the sockets."""
    servers = [uvicorn.Server(_config(app, tls)) for _, tls in listeners]
    running = [
        portal.start_task_soon(server.serve, [listener])
        for server, (listener, _) in zip(servers, listeners, strict=True)
    ]
    try:
        yield
    finally:
        for server in servers:
            server.should_exit = True
        for server_task in running:
            server_task.result()


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
        date_header=False,  # the application dates its answers, by its own clock
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    config.load()
    config.ssl = tls
    return config


def tls_context(own: Authority, host: str) -> ssl.SSLContext:
    """TLS with a server certificate of the authority; clients may present a certificate of it, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=own.certificate)
    context.verify_flags |= _NO_CHECK_TIME
    certificate, key = authority.issue_server(own, host)
    with tempfile.NamedTemporaryFile("w") as file:
        Path(file.name).write_text(key + certificate)
        context.load_cert_chain(file.name)
    return context


class PeerProtocol(H11Protocol):
    """HTTP/1.1 that tells the application the client certificate, by the TLS extension of ASGI."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the application for the life of this connection."""
        super().connection_made(transport)
        if connection := transport.get_extra_info("ssl_object"):
            self.app = _with_peer(self.app, connection.getpeercert(binary_form=True))


def _with_peer(app: Any, peer: bytes | None) -> ASGIApp:
    chain = [ssl.DER_cert_to_PEM_cert(peer)] if peer else []

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})["tls"] = {"client_cert_chain": chain}
        await app(scope, receive, send)

    return told
