"""A way to the service that counts the requests and stops one of them at a boundary, for as long as a test likes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx

from support.fake_engine import operation

HEADERS = ("Accept", "Authorization", "Content-Type", "Date", "X-user-token")


class Side(Enum):
    """On which side of the service a request is stopped."""

    BEFORE = "not yet with the service"
    DONE = "carried out, not yet answered"
    ANSWERED = "answered"


@dataclass(frozen=True)
class Moment:
    """A boundary of the n-th request, counted from 1: of all, or of those like `POST rotateCertificate`."""

    number: int
    side: Side
    request: str | None = None


@dataclass
class Way:
    """What has passed, and the one moment at which the way is interrupted."""

    url: str
    stop: Moment | None = None
    passed: list[str] = field(default_factory=list)
    """The requests as they arrived, such as `GET certificate/passive`."""
    arrived: threading.Event = field(default_factory=threading.Event)
    """The request has come to the moment, and waits."""
    loses: bool = True
    """Whether the connection closes at the moment, unless the request is answered already."""
    go_on: threading.Event = field(default_factory=threading.Event)
    """It need not wait any longer."""
    delivered: threading.Event = field(default_factory=threading.Event)
    _came: threading.Condition = field(default_factory=threading.Condition)

    def arrives(self, request: str) -> Side | None:
        """Count a request in; tell where it has to stop, if it has to."""
        with self._came:
            self.passed.append(request)
            self._came.notify_all()
            if self.stop is None or self.stop.request not in (None, request):
                return None
            number = len([each for each in self.passed if self.stop.request in (None, each)])
        return self.stop.side if self.stop.number == number else None

    def is_silent(self, seconds: float) -> bool:
        """Wait so long for another request; tell whether none came."""
        number = len(self.passed)
        with self._came:
            return not self._came.wait_for(lambda: len(self.passed) > number, seconds)

    def wait(self) -> None:
        """Stop the request."""
        self.arrived.set()
        self.go_on.wait()

    def is_lost(self) -> bool:
        """Stop the request; tell whether the connection closes then."""
        self.wait()
        return self.loses


class _Server(ThreadingHTTPServer):
    """Passes requests on by a client."""

    def __init__(self, client: httpx.Client, stop: Moment | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.client = client
        self.way = Way(f"http://127.0.0.1:{self.server_port}", stop)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def pass_on(self) -> None:
        way = self.server.way
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        side = way.arrives(operation(self.command, urlsplit(self.path).path))
        if side is Side.BEFORE and way.is_lost():
            return
        headers = {name: self.headers[name] for name in HEADERS if name in self.headers}
        answer = self.server.client.request(self.command, self.path, content=body, headers=headers)
        if side is Side.DONE and way.is_lost():
            return
        if side is Side.ANSWERED:
            way.wait()
        with contextlib.suppress(OSError):  # who waited may be gone
            self.answer(answer)
        if side is Side.ANSWERED:
            way.delivered.set()

    def answer(self, answer: httpx.Response) -> None:
        self.send_response_only(answer.status_code)
        for name in HEADERS:
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PUT = do_DELETE = pass_on  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def crossing(upstream: str, stop: Moment | None = None) -> Iterator[Way]:
    """Pass requests on to the service behind; interrupt the way once, at the given moment."""
    with httpx.Client(base_url=upstream) as client, _Server(client, stop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.way
        finally:
            server.way.go_on.set()
            server.shutdown()
            thread.join()
