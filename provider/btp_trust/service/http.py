"""One request over HTTP: sent once, and what can go wrong told apart by what may be done about it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
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
    except httpx.RequestError as error:
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
            retry_after=_retry_after(response),
        )
    return response


def server_time(response: httpx.Response) -> datetime | None:
    """Read the service's clock, UTC."""
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def _retry_after(response: httpx.Response) -> float | None:
    """Read Retry-After: seconds, or a date (RFC 9110, 10.2.3) by the service's own clock."""
    value = response.headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        return float(value)
    now = server_time(response)
    try:
        return max(0.0, (parsedate_to_datetime(value).astimezone(UTC) - now).total_seconds()) if now else None
    except (ValueError, OverflowError):
        return None
