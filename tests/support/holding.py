"""A way to the service that holds one answer back: the request was carried out, and its sender waits."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


@dataclass
class Held:
    """Which answer is held back, and whether somebody waits for it."""

    url: str
    path: str
    """The end of the path of the request whose answer is held back, once."""
    method: str = "POST"
    skip: int = 0
    """How many such requests are answered before."""
    carried_out: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def holding(upstream: str, path: str, method: str = "POST", skip: int = 0) -> Iterator[Held]:
    """Pass requests on to the service behind; hold one answer to such a request back until `go_on`."""

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name: self.headers[name] for name in ("Authorization", "Accept") if name in self.headers}
            answer = client.request(self.command, self.path, content=body, headers=headers)
            if self.command == held.method and self.path.endswith(held.path) and next(number) == held.skip:
                held.carried_out.set()
                held.go_on.wait()
            with contextlib.suppress(OSError):  # who waited may be gone
                self.answer(answer)

        def answer(self, answer: httpx.Response) -> None:
            self.send_response_only(answer.status_code)
            for name in ("Content-Type", "Date"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_DELETE = pass_on  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with httpx.Client(base_url=upstream) as client, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        held, number = Held(f"http://127.0.0.1:{server.server_port}", path, method, skip), itertools.count()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield held
        finally:
            held.go_on.set()
            server.shutdown()
            thread.join()
