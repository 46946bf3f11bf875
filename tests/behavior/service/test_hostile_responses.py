"""Responses of a hostile service, over a socket: the provider reads a bounded part and raises TrustErrors."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pytest

from btp_trust.errors import ServiceUnavailable, TrustError, UnexpectedResponse
from btp_trust.service.transport.http_client import open_client
from btp_trust.service.transport.request import MAX_BYTES, send
from support.fake_clock import FakeClock

PIECE = b"S3CRET".ljust(10_000)
ENOUGH = 20 * MAX_BYTES
"""Bytes that a socket's buffers may take in addition to those that are read."""
BEGINNING = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@dataclass
class Hostile:
    """A service that answers one request with any bytes, and the number of bytes that it could send."""

    port: int = 0
    sent: int = 0


@pytest.fixture
def hostile() -> Iterator[Callable[[Iterable[bytes]], Hostile]]:
    """Start a service that answers one request with these pieces."""
    with contextlib.ExitStack() as stack:

        def start(pieces: Iterable[bytes]) -> Hostile:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            service = Hostile(listener.getsockname()[1])

            def answer() -> None:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    for piece in pieces:
                        connection.sendall(piece)
                        service.sent += len(piece)

            thread = threading.Thread(target=answer)
            thread.start()
            stack.callback(thread.join)
            return service

        yield start


def compressed(content: bytes, times: int) -> bytes:
    """Compress some content several times over."""
    for _ in range(times):
        content = gzip.compress(content)
    return content


def body_of(content: bytes, encoding: str) -> list[bytes]:
    """Return the pieces of a response with a compressed body."""
    return [BEGINNING, f"Content-Encoding: {encoding}\r\nContent-Length: {len(content)}\r\n\r\n".encode(), content]


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        pytest.param(
            lambda: itertools.chain([BEGINNING + b"\r\n"], itertools.repeat(PIECE)),
            UnexpectedResponse,
            id="an endless body",
        ),
        pytest.param(
            lambda: itertools.chain(
                [BEGINNING + b"Transfer-Encoding: chunked\r\n\r\n"],
                itertools.repeat(b"%x\r\n%b\r\n" % (len(PIECE), PIECE)),
            ),
            UnexpectedResponse,
            id="endless chunks",
        ),
        pytest.param(
            lambda: itertools.chain([BEGINNING + b"Content-Length: 99999999999\r\n\r\n"], itertools.repeat(PIECE)),
            UnexpectedResponse,
            id="a body as long as it says",
        ),
        pytest.param(
            lambda: itertools.chain([BEGINNING], itertools.repeat(b"X: " + PIECE + b"\r\n")),
            ServiceUnavailable,
            id="endless headers",
        ),
        pytest.param(
            lambda: itertools.chain([BEGINNING + b"X: "], itertools.repeat(PIECE)),
            ServiceUnavailable,
            id="an endless header",
        ),
        pytest.param(lambda: itertools.repeat(PIECE), ServiceUnavailable, id="an endless status line"),
        pytest.param(
            lambda: body_of(compressed(bytes(100 * MAX_BYTES), 1), "gzip"),
            UnexpectedResponse,
            id="a body that is large once decompressed",
        ),
        pytest.param(
            lambda: body_of(compressed(bytes(100 * MAX_BYTES), 3), "gzip, gzip, gzip"),
            UnexpectedResponse,
            id="a body that is compressed several times",
        ),
        pytest.param(lambda: body_of(b"{}", "br"), UnexpectedResponse, id="another compression"),
        pytest.param(
            lambda: [BEGINNING + b"Date: \xff\r\nRetry-After: \xc3\xa9\r\nContent-Length: 2\r\n\r\n{}"],
            None,
            id="headers beyond ASCII",
        ),
        pytest.param(lambda: [b"HTTP/1.1 999 S3CRET\r\nContent-Length: 0\r\n\r\n"], None, id="an unknown status"),
        pytest.param(lambda: [b"S3CRET"], ServiceUnavailable, id="another protocol"),
    ],
)
def test_hostile_response_raises_only_trust_errors(
    hostile: Callable[[Iterable[bytes]], Hostile],
    pieces: Callable[[], Iterable[bytes]],
    kind: type[TrustError] | None,
) -> None:
    """The size is bounded before and after decompression, and the content is hidden."""
    service = hostile(pieces())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with open_client(tls, None, base_url=f"http://127.0.0.1:{service.port}") as http:
        request = http.build_request("GET", "/")
        if kind is None:
            assert send(http, request, FakeClock().retry_policy()).content in (b"", b"{}")
        else:
            with pytest.raises(kind) as caught:
                send(http, request, FakeClock().retry_policy())
            assert "S3CRET" not in str(caught.value)
    assert service.sent < ENOUGH
