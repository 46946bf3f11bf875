"""A proxy on this machine that refuses every request, and records it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class RefusingProxy:
    """A proxy that answers 403, and the requests that it got."""

    url: str = ""
    requests: list[str] = field(default_factory=list)
    """Each with its headers."""

    @property
    def request_lines(self) -> list[str]:
        """First line of each request."""
        return [request.partition("\n")[0] for request in self.requests]


@contextlib.contextmanager
def run_refusing_proxy() -> Iterator[RefusingProxy]:
    """Run the proxy on a free port."""
    proxy = RefusingProxy()

    class Handler(BaseHTTPRequestHandler):
        def refuse(self) -> None:
            proxy.requests.append(f"{self.requestline}\n{self.headers}")
            self.send_error(403)

        do_CONNECT = do_GET = do_POST = refuse  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        yield proxy
        server.shutdown()
        thread.join()
