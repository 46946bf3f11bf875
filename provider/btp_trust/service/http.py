"""One request over HTTP: sent once, and what can go wrong told apart by what may be done about it."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from btp_trust.errors import ServiceUnavailable, UnexpectedResponse
from btp_trust.service.patience import MAX_REQUESTS, Patience

MAX_BYTES: Final = 1_000_000
"""Largest answer that is read; the service's own are some kilobytes."""
_NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""A ProxyError is a tunnel that was refused: the proxy never saw the request itself."""
_HEADERS: Final = ("Content-Type", "Date", "Retry-After")
"""What is kept of an answer's headers."""
_RETRY: Final = "Wait a little, then run the same command again."


def send(http: httpx.Client, request: httpx.Request, patience: Patience, max_bytes: int = MAX_BYTES) -> httpx.Response:
    """Send a request once.

    Raises:
        ServiceUnavailable: No answer in time, or 429 or 5xx. `never_sent` tells whether a write may be repeated.
        UnexpectedResponse: The answer is too large.
    """
    if http.auth is None:
        begin(request, patience)  # else its auth does, once it has a token, and for a second try
    try:
        response = http.send(request, stream=True)
        content = _read(response, request, patience, max_bytes)
    except httpx.RequestError as error:
        raise _no_answer(request, error) from None
    answer = httpx.Response(response.status_code, headers=_kept(response), content=content, request=request)
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
        raise ServiceUnavailable(
            f"{where(request)} was answered {answer.status_code} {answer.reason_phrase}.",
            "The service is overloaded or down for the moment.",
            _RETRY,
            never_sent=answer.status_code == httpx.codes.TOO_MANY_REQUESTS,
            retry_after=_retry_after(answer),
        )
    return answer


def begin(request: httpx.Request, patience: Patience) -> None:
    """Count a request that is about to leave, and set its time-outs by what remains of the operation.

    Every request passes here once, repeated ones too: this is what bounds an operation.

    Raises:
        ServiceUnavailable: No time, or no request, remains.
    """
    if patience.remaining <= 0:
        raise _not_sent(
            request,
            f"The operation's {patience.limits.operation_timeout:g} seconds are over.",
            "If the service is slow for long: pulumi config set btp-trust:operationTimeout <seconds>",
        )
    if not patience.spend():
        raise _not_sent(
            request,
            f"The operation has sent {MAX_REQUESTS} requests; undisturbed, none needs 20.",
            "If that happens again, look for what disturbs the connection to the service.",
        )
    request.extensions["timeout"] = patience.timeout.as_dict()


def where(request: httpx.Request) -> str:
    """Name a request without its query, headers and body."""
    return f"{request.method} {request.url.copy_with(query=None)}"


def server_time(response: httpx.Response) -> datetime | None:
    """Read the service's clock, UTC."""
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def _read(response: httpx.Response, request: httpx.Request, patience: Patience, max_bytes: int) -> bytes:
    """Read the body, as long as it is small and in time: a time-out of httpx bounds each piece only."""
    content = bytearray()
    with closing(response):
        for piece in response.iter_bytes():
            content += piece
            if len(content) > max_bytes:
                raise UnexpectedResponse(
                    f"{where(request)} gave an answer of more than {max_bytes} bytes.",
                    "The Destination service's answers have some kilobytes.",
                    "Check the service key's uri and proxies on the way.",
                )
            if patience.remaining <= 0:
                raise httpx.ReadTimeout("the operation's time is over", request=request)
    return bytes(content)


def _kept(response: httpx.Response) -> dict[str, str]:
    return {name: response.headers[name] for name in _HEADERS if name in response.headers}


def _no_answer(request: httpx.Request, error: httpx.RequestError) -> ServiceUnavailable:
    never_sent = isinstance(error, _NEVER_SENT)
    return ServiceUnavailable(
        f"{where(request)} got no answer.",
        f"{type(error).__name__}: {'it never left' if never_sent else 'it may have arrived'}.",
        _RETRY,
        never_sent=never_sent,
    )


def _not_sent(request: httpx.Request, why: str, more: str) -> ServiceUnavailable:
    return ServiceUnavailable(f"{where(request)} was not sent.", why, f"{_RETRY} {more}", never_sent=True)


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
