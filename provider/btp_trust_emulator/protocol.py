"""The protocol over sockets: uvicorn's HTTP/1.1, with what the application is told of its connection besides."""

from __future__ import annotations

import socket
import ssl
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
from uvicorn.protocols.http.h11_impl import H11Protocol

from btp_trust_emulator.wire import EXTENSION, Ending

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp, Receive, Scope, Send

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class PeerProtocol(H11Protocol):
    """HTTP/1.1 that gives the application its `Wire` and, by the TLS extension of ASGI, the client certificate."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the application for the life of this connection."""
        super().connection_made(transport)
        self.app = _told(self.app, transport)


def _told(app: Any, transport: asyncio.Transport) -> ASGIApp:
    connection = transport.get_extra_info("ssl_object")
    tls = {"tls": {"client_cert_chain": _chain(connection)}} if connection else {}

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"] = {**tls, EXTENSION: SocketWire(transport, receive)}
        await app(scope, receive, send)

    return told


def _chain(connection: ssl.SSLObject) -> list[str]:
    peer = connection.getpeercert(binary_form=True)
    return [ssl.DER_cert_to_PEM_cert(peer)] if peer else []


@dataclass(frozen=True, slots=True)
class SocketWire:
    """The connection of one request that was read to its end."""

    transport: asyncio.Transport
    receive: Receive

    async def pause(self, seconds: float) -> None:
        """Wait, at most until the client has gone."""
        with anyio.move_on_after(seconds):
            await self._until_gone()

    async def end(self, ending: Ending) -> None:
        """Close or reset the connection if told, wait until the client has gone."""
        if ending is Ending.CLOSE:
            self.transport.close()
        elif ending is Ending.RESET:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.transport.abort()
        await self._until_gone()

    async def _until_gone(self) -> None:
        message = await self.receive()
        while message["type"] != "http.disconnect":
            message = await self.receive()
