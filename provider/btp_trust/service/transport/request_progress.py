"""Progress of a request: to a proxy, through TLS, or out. It decides whether a failed request may be sent again.

httpcore reports each step to the callable `request.extensions["trace"]` (its documentation, "Request Extensions").
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import httpx
from msgspec import Struct


class RequestStage(Enum):
    """The last stage that a request began."""

    UNKNOWN = "the transport reports nothing"
    CONNECT = "the connection, to the proxy if there is one"
    TLS = "the TLS handshake with the connected host, or with the service in the tunnel"
    TUNNEL = "the CONNECT request to the proxy"
    SENT = "the request itself"


class RequestProgress(Struct):
    """Progress of one request, as httpcore reports it."""

    host: str
    """The service's host, as name servers know it."""
    proxy: str | None = None
    """Host and port of the proxy in use."""
    stage: RequestStage = RequestStage.UNKNOWN
    tls_host: str = ""
    """The host of the last TLS handshake."""

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Record the stage that begins; `SENT` is final."""
        # The part before the dot names httpcore's layer (`connection`, `http11`), which varies.
        name = event.partition(".")[2]
        # The service may have acted on a sent request, so a later event must not make it look unsent.
        if self.stage is RequestStage.SENT:
            return
        if name == "connect_tcp.started":
            self.stage = RequestStage.CONNECT
        elif name == "start_tls.started":
            self.stage, self.tls_host = RequestStage.TLS, str(info["server_hostname"])
        elif name == "send_request_headers.started":
            # CONNECT is for the proxy; the service sees the request after it.
            self.stage = RequestStage.TUNNEL if info["request"].method == b"CONNECT" else RequestStage.SENT

    @property
    def is_certainly_unsent(self) -> bool:
        """Return True if the request failed before it was sent."""
        return self.stage in {RequestStage.CONNECT, RequestStage.TLS, RequestStage.TUNNEL}

    @property
    def stopped_at_proxy(self) -> bool:
        """Return True if the request failed at the proxy or before it."""
        if self.proxy is None:
            return False
        # TLS with another host than the service's is TLS with the proxy itself.
        return self.stage in {RequestStage.CONNECT, RequestStage.TUNNEL} or (
            self.stage is RequestStage.TLS and self.tls_host != self.host
        )


def progress_of(request: httpx.Request) -> RequestProgress:
    """Return the progress of a request; `UNKNOWN` if its transport attached none."""
    progress = request.extensions.get("trace")
    return progress if isinstance(progress, RequestProgress) else RequestProgress(request.url.raw_host.decode("ascii"))
