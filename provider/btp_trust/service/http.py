"""One request over HTTP: sent once, and what can go wrong told apart by what may be done about it."""

from __future__ import annotations

from typing import Final

import httpx

from btp_trust.errors import ServiceUnavailable

TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
"""Seconds; SAP's advice for the Destination service: connect in a few seconds, read within about 30."""
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_RETRY: Final = "Wait a little, then run the same command again."


def send(http: httpx.Client, request: httpx.Request) -> httpx.Response:
    """Send a request once.

    Raises:
        ServiceUnavailable: No answer, or 429 or 5xx. `never_sent` tells whether a write may be repeated.
    """
    where = f"{request.method} {request.url.copy_with(query=None)}"
    try:
        response = http.send(request)
    except httpx.TransportError as error:
        raise ServiceUnavailable(
            f"{where} got no answer.",
            f"{type(error).__name__}: {'it never left' if isinstance(error, _NEVER_SENT) else 'it may have arrived'}.",
            _RETRY,
            never_sent=isinstance(error, _NEVER_SENT),
        ) from None
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise ServiceUnavailable(
            f"{where} was answered {response.status_code} {response.reason_phrase}.",
            "The service is overloaded or down for the moment.",
            _RETRY,
            never_sent=response.status_code == httpx.codes.TOO_MANY_REQUESTS,
            retry_after=_seconds(response.headers.get("Retry-After", "")),
        )
    return response


def _seconds(value: str) -> float | None:
    return float(value) if value.isascii() and value.isdigit() else None
