"""A proxy to the service that counts requests and holds one of them at a boundary until a test releases it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx

from support.fake_engine import request_label

HEADERS = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Cookie",
    "Date",
    "If-Match",
    "Set-Cookie",
    "X-CSRF-Token",
    "X-user-token",
)


class BoundarySide(Enum):
    """The side of the service at which a request is held."""

    BEFORE = "not yet with the service"
    DONE = "carried out, not yet answered"
    ANSWERED = "answered"


@dataclass(frozen=True)
class Boundary:
    """A boundary of the n-th request, counted from 1: of all, or of those like `POST rotateCertificate`."""

    number: int
    side: BoundarySide
    request: str | None = None


@dataclass
class InterceptingProxy:
    """The requests so far, and the boundary at which one is held."""

    url: str
    stop: Boundary | None = None
    requests_seen: list[str] = field(default_factory=list)
    """The requests as they arrived, such as `GET certificate/passive`."""
    reached: threading.Event = field(default_factory=threading.Event)
    """Set when the request is held at the boundary."""
    closes_connection: bool = True
    """True if the connection closes at the boundary, unless the request is answered already."""
    released: threading.Event = field(default_factory=threading.Event)
    """Set by the test to release the request."""
    response_delivered: threading.Event = field(default_factory=threading.Event)
    _request_arrived: threading.Condition = field(default_factory=threading.Condition)

    def register_request(self, request: str) -> BoundarySide | None:
        """Record a request; return the side at which it must be held, if any."""
        with self._request_arrived:
            self.requests_seen.append(request)
            self._request_arrived.notify_all()
            if self.stop is None or self.stop.request not in (None, request):
                return None
            number = len([each for each in self.requests_seen if self.stop.request in (None, each)])
        return self.stop.side if self.stop.number == number else None

    def stays_silent(self, seconds: float) -> bool:
        """Wait this many seconds; return True if they pass without another request."""
        number = len(self.requests_seen)
        with self._request_arrived:
            return not self._request_arrived.wait_for(lambda: len(self.requests_seen) > number, seconds)

    def wait(self) -> None:
        """Hold the request."""
        self.reached.set()
        self.released.wait()

    def wait_until_closed(self) -> bool:
        """Hold the request; return True if the connection is to be closed then."""
        self.wait()
        return self.closes_connection


class _Server(ThreadingHTTPServer):
    """Forwards requests with an HTTP client."""

    def __init__(self, client: httpx.Client, stop: Boundary | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.client = client
        self.proxy = InterceptingProxy(f"http://127.0.0.1:{self.server_port}", stop)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def forward(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        side = proxy.register_request(request_label(self.command, urlsplit(self.path).path))
        if side is BoundarySide.BEFORE and proxy.wait_until_closed():
            return
        headers = {name: self.headers[name] for name in HEADERS if name in self.headers}
        answer = self.server.client.request(self.command, self.path, content=body, headers=headers)
        if side is BoundarySide.DONE and proxy.wait_until_closed():
            return
        if side is BoundarySide.ANSWERED:
            proxy.wait()
        with contextlib.suppress(OSError):  # who waited may be gone
            self.answer(answer)
        if side is BoundarySide.ANSWERED:
            proxy.response_delivered.set()

    def answer(self, answer: httpx.Response) -> None:
        self.send_response_only(answer.status_code)
        for name in HEADERS:
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextlib.contextmanager
def intercept(upstream: str, stop: Boundary | None = None) -> Iterator[InterceptingProxy]:
    """Run a proxy to the service, which holds one request at the given boundary."""
    with httpx.Client(base_url=upstream) as client, _Server(client, stop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.proxy
        finally:
            server.proxy.released.set()
            server.shutdown()
            thread.join()
