"""Requests and responses as plain values, between the server and the emulated services."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import httpx
import msgspec
from starlette.responses import Response as StarletteResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request as StarletteRequest

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """The response to an upstream request: status and body, or the reason of the failure."""

    status: int | None = None
    body: bytes = field(default=b"", repr=False)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request to another server, its timeouts in seconds, and what the service makes of the response."""

    request: httpx.Request
    connect_seconds: float
    read_seconds: float
    on_response: Callable[[UpstreamResponse], Response]


EXTENSION = "btp_trust_emulator.connection"
"""The ASGI extension under which the mount provides the `Connection` of a request."""


class ConnectionFailure(Enum):
    """How a request ends if its response is withheld."""

    SILENCE = "the client gives up"
    CLOSE = "the connection is closed"
    RESET = "the connection is reset"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a request: the response after a `delay` (seconds of real time), or a failure of the connection."""

    response: Response
    delay: float = 0.0
    connection_failure: ConnectionFailure | None = None


class Connection(Protocol):
    """The connection of one request, whose body was read to its end."""

    async def call(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call a function that may wait for the lock, where that holds up no other request."""

    async def delay(self, seconds: float) -> None:
        """Send nothing for so long."""

    async def fail(self, connection_failure: ConnectionFailure) -> None:
        """End the request and withhold the response; return, if at all, when the client has gone."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, read to its end; header names are lower-case.

    `tls` is True on the host that accepts client certificates; `peer` is the client certificate (PEM), if any; `query`
    is as it came.
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
    """A response: status, body, media type, and further headers as they are sent.

    `note` goes into the journal instead; it is free of tokens and assertions.
    """

    status: int
    body: bytes = b""
    media_type: str = "text/plain;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    note: str | None = None

    def to_starlette(self) -> StarletteResponse:
        """Return the response as ASGI sends it."""
        return StarletteResponse(self.body, self.status, {"content-type": self.media_type, **self.headers})


def json(status: int, content: Any, headers: Mapping[str, str] | None = None, note: str | None = None) -> Response:
    """Return a response with a JSON body."""
    return Response(status, msgspec.json.encode(content), "application/json", headers or {}, note)


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with a plain text body, the form of most errors of the services."""
    return Response(status, text.encode(), headers=headers or {})


NOT_FOUND = plain(404, "Not Found")


def not_allowed(*methods: str) -> Response:
    """Return the response to a method other than the `methods` of the path."""
    return plain(405, "Method Not Allowed", {"allow": ", ".join(methods)})


async def read_request(request: StarletteRequest) -> Request:
    """Read the whole request; the client certificate is in the TLS extension of ASGI."""
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
