"""A way to the service that counts the requests and stops one of them at a boundary, for as long as a test likes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from twin import operation

HEADERS = ("Accept", "Authorization", "Content-Type", "Date")


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
    go_on: threading.Event = field(default_factory=threading.Event)
    """It need not wait any longer: before its answer the connection closes, after that the answer is delivered."""
    delivered: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arrives(self, request: str) -> Side | None:
        """Count a request in; tell where it has to stop, if it has to."""
        with self._lock:
            self.passed.append(request)
            if self.stop is None or self.stop.request not in (None, request):
                return None
            number = len([each for each in self.passed if self.stop.request in (None, each)])
        return self.stop.side if self.stop.number == number else None

    def wait(self) -> None:
        """Stop the request."""
        self.arrived.set()
        self.go_on.wait()


@contextlib.contextmanager
def crossing(upstream: str, stop: Moment | None = None) -> Iterator[Way]:
    """Pass requests on to the service behind; interrupt the way once, at the given moment."""

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            side = way.arrives(operation(self.command, self.path))
            if side is Side.BEFORE:
                way.wait()
                return
            headers = {name: self.headers[name] for name in HEADERS if name in self.headers}
            answer = client.request(self.command, self.path, content=body, headers=headers)
            if side is not None:
                way.wait()
            if side is not Side.DONE:
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

        do_GET = do_POST = do_DELETE = pass_on  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with httpx.Client(base_url=upstream) as client, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        way = Way(f"http://127.0.0.1:{server.server_port}", stop)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield way
        finally:
            way.go_on.set()
            server.shutdown()
            thread.join()
