"""One request over HTTP: sent once, and what can go wrong told apart by what may be done about it."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from btp_trust.errors import ConfigurationError, ServiceUnavailable, UnexpectedResponse
from btp_trust.service.channel import unusable_proxy
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
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+-]{1,40}")
_RETRY: Final = "Wait a little, then run the same command again."


def send(http: httpx.Client, request: httpx.Request, patience: Patience, max_bytes: int = MAX_BYTES) -> httpx.Response:
    """Send a request once.

    Raises:
        ServiceUnavailable: No answer in time, or 429 or 5xx. `never_sent` tells whether a write may be repeated.
        UnexpectedResponse: The answer is too large, or packed.
        ConfigurationError: The environment's proxy has no possible name.
    """
    if http.auth is None:
        begin(request, patience)  # else its auth does, once it has a token, and for a second try
    failure: ServiceUnavailable | ConfigurationError
    try:
        response = http.send(request, stream=True)
        content = _read(response, request, patience, max_bytes)
    except httpx.RequestError as error:
        failure = _no_answer(request, error)
    except UnicodeError:  # of the resolver, about a proxy: the hosts of service keys are known to be possible
        failure = unusable_proxy()
    else:
        answer = httpx.Response(response.status_code, headers=_kept(response), content=content, request=request)
        return _unless_down(answer)
    # Not raised within a handler: the transport's error holds the request, and that holds the credentials.
    raise failure


def _unless_down(answer: httpx.Response) -> httpx.Response:
    is_refused = answer.status_code == httpx.codes.TOO_MANY_REQUESTS
    if is_refused or answer.is_server_error:
        pause = _retry_after(answer)
        raise ServiceUnavailable(
            f"{where(answer.request)} was answered {answer.status_code} {answer.reason_phrase}.",
            f"The service {'did nothing: too many requests' if is_refused else 'is overloaded or down just now'}.",
            _RETRY if pause is None else f"The service asks for {pause:g} s: wait, then run the same command again.",
            never_sent=is_refused,
            retry_after=pause,
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
            f"The operation has sent {MAX_REQUESTS} requests; undisturbed, none needs half of that.",
            "If that happens again, look for what disturbs the connection to the service.",
        )
    request.extensions["timeout"] = patience.timeout.as_dict()


def where(request: httpx.Request) -> str:
    """Name a request without its query, headers and body."""
    return f"{request.method} {request.url.copy_with(query=None)}"


def content_type(response: httpx.Response) -> str:
    """Name the media type as evidence, and nothing else that may stand in its header."""
    named = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return named if _MEDIA_TYPE.fullmatch(named) else "no content type"


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
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnexpectedResponse(
                f"{where(request)} gave an answer that is packed.",
                "Nothing packed was asked for, and unpacked it could be of any size.",
                "Check the service key's uri and proxies on the way.",
            )
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


def _kept(response: httpx.Response) -> httpx.Headers:
    kept = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    return httpx.Headers(kept, encoding="utf-8")


def _no_answer(request: httpx.Request, error: httpx.RequestError) -> ServiceUnavailable:
    what, name = f"{where(request)} got no answer.", type(error).__name__
    if isinstance(error, _NEVER_SENT):
        return ServiceUnavailable(
            what,
            f"{name}: no connection was made, so nothing was sent.",
            f"Check that this machine reaches {request.url.host} (network, proxy, name service). If it does: "
            "wait a little, then run the same command again.",
            never_sent=True,
        )
    is_late = isinstance(error, httpx.TimeoutException)
    why = "nothing came in time" if is_late else "no whole answer came"
    return ServiceUnavailable(what, f"{name}: {why}.", _RETRY)


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
