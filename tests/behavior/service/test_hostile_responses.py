"""Answers of a hostile service, over a socket: whatever it sends, little of it is read, and the error is ours."""

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
"""What a socket's buffers may take in addition to what is read."""
BEGINNING = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@dataclass
class Hostile:
    """A service that answers one request with what it likes, and how many bytes it could send."""

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


def packed(content: bytes, times: int) -> bytes:
    """Pack some content several times over."""
    for _ in range(times):
        content = gzip.compress(content)
    return content


def body_of(content: bytes, encoding: str) -> list[bytes]:
    """An answer with a packed body."""
    return [BEGINNING, f"Content-Encoding: {encoding}\r\nContent-Length: {len(content)}\r\n\r\n".encode(), content]


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        pytest.param(
            lambda: itertools.chain([BEGINNING + b"\r\n"], itertools.repeat(PIECE)),
            UnexpectedResponse,
            id="a body without end",
        ),
        pytest.param(
            lambda: itertools.chain(
                [BEGINNING + b"Transfer-Encoding: chunked\r\n\r\n"],
                itertools.repeat(b"%x\r\n%b\r\n" % (len(PIECE), PIECE)),
            ),
            UnexpectedResponse,
            id="chunks without end",
        ),
        pytest.param(
            lambda: itertools.chain([BEGINNING + b"Content-Length: 99999999999\r\n\r\n"], itertools.repeat(PIECE)),
            UnexpectedResponse,
            id="a body as long as it says",
        ),
        pytest.param(
            lambda: itertools.chain([BEGINNING], itertools.repeat(b"X: " + PIECE + b"\r\n")),
            ServiceUnavailable,
            id="headers without end",
        ),
        pytest.param(
            lambda: itertools.chain([BEGINNING + b"X: "], itertools.repeat(PIECE)),
            ServiceUnavailable,
            id="one header without end",
        ),
        pytest.param(lambda: itertools.repeat(PIECE), ServiceUnavailable, id="a status line without end"),
        pytest.param(
            lambda: body_of(packed(bytes(100 * MAX_BYTES), 1), "gzip"),
            UnexpectedResponse,
            id="a body that unpacks to much",
        ),
        pytest.param(
            lambda: body_of(packed(bytes(100 * MAX_BYTES), 3), "gzip, gzip, gzip"),
            UnexpectedResponse,
            id="a body that is packed several times",
        ),
        pytest.param(lambda: body_of(b"{}", "br"), UnexpectedResponse, id="another packing"),
        pytest.param(
            lambda: [BEGINNING + b"Date: \xff\r\nRetry-After: \xc3\xa9\r\nContent-Length: 2\r\n\r\n{}"],
            None,
            id="headers in no encoding",
        ),
        pytest.param(
            lambda: [b"HTTP/1.1 999 S3CRET\r\nContent-Length: 0\r\n\r\n"], None, id="a status that nobody knows"
        ),
        pytest.param(lambda: [b"S3CRET"], ServiceUnavailable, id="no HTTP"),
    ],
)
def test_a_hostile_answer_is_an_answer_or_one_of_our_errors(
    hostile: Callable[[Iterable[bytes]], Hostile],
    pieces: Callable[[], Iterable[bytes]],
    kind: type[TrustError] | None,
) -> None:
    """Its size is bounded before and after unpacking, and nothing of it is shown."""
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
