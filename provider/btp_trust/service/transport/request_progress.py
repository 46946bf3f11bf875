"""How far a request came: to a proxy, through TLS, or out; whoever tells of a failure needs to know.

httpcore reports each step to whatever is at `request.extensions["trace"]` (its documentation, "Request Extensions").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import httpx


class RequestStage(Enum):
    """The last step that a request began."""

    UNKNOWN = "nobody reports"
    CONNECT = "the connection, to the proxy if there is one"
    TLS = "TLS with whom it is connected to, or with the service in the tunnel"
    TUNNEL = "asking the proxy for a tunnel"
    SENT = "the request itself"


@dataclass(slots=True)
class RequestProgress:
    """What httpcore reports of one request."""

    host: str
    """The service's host, as name servers know it."""
    proxy: str | None = None
    """Host and port of the proxy that is asked."""
    step: RequestStage = RequestStage.UNKNOWN
    tls_host: str = ""
    """The host with which TLS began last."""

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Record what begins; what was sent stays sent."""
        name = event.partition(".")[2]
        if self.step is RequestStage.SENT:
            return
        if name == "connect_tcp.started":
            self.step = RequestStage.CONNECT
        elif name == "start_tls.started":
            self.step, self.tls_host = RequestStage.TLS, str(info["server_hostname"])
        elif name == "send_request_headers.started":
            self.step = RequestStage.TUNNEL if info["request"].method == b"CONNECT" else RequestStage.SENT

    @property
    def is_certainly_unsent(self) -> bool:
        """Whether the request itself was certainly not sent."""
        return self.step in {RequestStage.CONNECT, RequestStage.TLS, RequestStage.TUNNEL}

    @property
    def stopped_at_proxy(self) -> bool:
        """Whether it came no further than the proxy."""
        if self.proxy is None:
            return False
        return self.step in {RequestStage.CONNECT, RequestStage.TUNNEL} or (
            self.step is RequestStage.TLS and self.tls_host != self.host
        )


def progress_of(request: httpx.Request) -> RequestProgress:
    """Return what is known of how far a request came."""
    progress = request.extensions.get("trace")
    return progress if isinstance(progress, RequestProgress) else RequestProgress(request.url.raw_host.decode("ascii"))
