"""A request and an answer as plain values: what passes between the door and the emulated services."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import msgspec
from starlette.responses import Response as StarletteResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request as StarletteRequest


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """What came of an errand: status and body, or why there is neither."""

    status: int | None = None
    body: bytes = field(default=b"", repr=False)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request, its time-outs in seconds, and what its service makes of the reply."""

    request: httpx.Request
    connect_seconds: float
    read_seconds: float
    on_response: Callable[[UpstreamResponse], Response]


EXTENSION = "btp_trust_emulator.connection"
"""The ASGI extension under which the mount gives the `Wire` of a request."""


class ConnectionFailure(Enum):
    """How a request ends without an answer."""

    SILENCE = "the client gives up"
    CLOSE = "the connection is closed"
    RESET = "the connection is reset"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of a request: the answer after a `pause` (seconds of real time), or an ending without it."""

    response: Response
    delay: float = 0.0
    connection_failure: ConnectionFailure | None = None


class Connection(Protocol):
    """The connection of one request that was read to its end."""

    async def delay(self, seconds: float) -> None:
        """Send nothing for so long."""

    async def fail(self, connection_failure: ConnectionFailure) -> None:
        """Come to an end without an answer; returns, if at all, when there is no client any more."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, read to its end; header names are lower-case.

    `tls` tells the host that takes client certificates; `peer` is the one presented (PEM), if any; `query` is as it
    came.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    tls: bool = False
    peer: str | None = None
    query: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """A response: the media type and the headers besides it are text as they go over the wire.

    `note` goes into the journal instead: what there is to say of it, without tokens and assertions.
    """

    status: int
    body: bytes = b""
    media_type: str = "text/plain;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    note: str | None = None

    def to_starlette(self) -> StarletteResponse:
        """The answer as ASGI sends it."""
        return StarletteResponse(self.body, self.status, {"content-type": self.media_type, **self.headers})


def json(status: int, content: Any, headers: Mapping[str, str] | None = None, note: str | None = None) -> Response:
    """An answer with a JSON body."""
    return Response(status, msgspec.json.encode(content), "application/json", headers or {}, note)


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a plain text body, as the services give for most errors."""
    return Response(status, text.encode(), headers=headers or {})


NOT_FOUND = plain(404, "Not Found")


def not_allowed(*methods: str) -> Response:
    """The answer to another method than the `methods` that the path has."""
    return plain(405, "Method Not Allowed", {"allow": ", ".join(methods)})


async def read_request(request: StarletteRequest) -> Request:
    """The whole request; the peer certificate by the TLS extension of ASGI."""
    tls = request.scope.get("extensions", {}).get("tls", {})
    return Request(
        request.method,
        request.scope["path"],
        dict(request.headers),
        await request.body(),
        tls=request.url.scheme == "https",
        peer=next(iter(tls.get("client_cert_chain", ())), None),
        query=request.url.query,
    )
