"""One request over HTTP: sent once, and what can go wrong told apart by what may be done about it."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from btp_trust.errors import ServiceUnavailable, UnexpectedResponse
from btp_trust.service.transport import cf_router
from btp_trust.service.transport.retry import MAX_REQUESTS, RetryPolicy
from btp_trust.service.transport.transport_errors import RETRY_HINT, transport_failure

MAX_BYTES: Final = 1_000_000
"""Largest answer that is read; the service's own are some kilobytes."""
_HEADERS: Final = ("Content-Type", "Date", "Retry-After", cf_router.HEADER)
"""What is kept of an answer's headers."""
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+-]{1,40}")


def send(
    http: httpx.Client, request: httpx.Request, retry_policy: RetryPolicy, max_bytes: int = MAX_BYTES
) -> httpx.Response:
    """Send a request once.

    Raises:
        ServiceUnavailable: No answer in time, 429, 5xx, or one of the Cloud Foundry router. `not_sent` tells whether
            a write may be repeated.
        UnexpectedResponse: The answer is too large, or packed.
        ConfigurationError: The environment's proxy cannot be asked.
    """
    if http.auth is None:
        begin_request(request, retry_policy)  # else its auth does, once it has a token, and for a second try
    try:
        response = http.send(request, stream=True)
        content = _read_body(response, request, retry_policy, max_bytes)
    except httpx.RequestError as error:
        failure = transport_failure(request, error, request_label(request))
    else:
        answer = httpx.Response(response.status_code, headers=_kept_headers(response), content=content, request=request)
        return _require_available(answer)
    # Not raised within a handler: the transport's error holds the request, and that holds the credentials.
    raise failure


def _require_available(answer: httpx.Response) -> httpx.Response:
    if (error := cf_router.router_error(answer)) is not None:
        raise _router_unavailable(answer, error)
    is_refused = answer.status_code == httpx.codes.TOO_MANY_REQUESTS
    if is_refused or answer.is_server_error:
        pause = _retry_after(answer)
        raise ServiceUnavailable(
            f"{request_label(answer.request)} was answered {answer.status_code} {answer.reason_phrase}.",
            f"The service {'did nothing: too many requests' if is_refused else 'is overloaded or down just now'}.",
            RETRY_HINT
            if pause is None
            else f"The service asks for {pause:g} s: wait, then run the same command again.",
            not_sent=is_refused,
            retry_after=pause,
        )
    return answer


def _router_unavailable(answer: httpx.Response, error: str) -> ServiceUnavailable:
    never_reached = cf_router.was_not_delivered(error)
    reached = "the service never saw the request" if never_reached else "whether the service acted is not known"
    return ServiceUnavailable(
        f"{request_label(answer.request)} was answered {answer.status_code} by the router of Cloud Foundry.",
        f"Its error is {error}: the service's app is not running just now, or cannot be reached; {reached}.",
        f"{RETRY_HINT} If it stays so, check that the service key's address {answer.request.url.host} is right.",
        not_sent=never_reached,
        retry_after=_retry_after(answer),
    )


def begin_request(request: httpx.Request, retry_policy: RetryPolicy) -> None:
    """Count a request that is about to leave, and set its time-outs by what remains of the operation.

    Every request passes here once, repeated ones too: this is what bounds an operation.

    Raises:
        ServiceUnavailable: No time, or no request, remains.
    """
    if retry_policy.remaining <= 0:
        raise _request_not_sent(
            request,
            f"The operation's {retry_policy.timeouts.operation_timeout:g} seconds are over.",
            "If the service is slow for long: pulumi config set btp-trust:operationTimeout <seconds>",
        )
    if not retry_policy.count_request():
        raise _request_not_sent(
            request,
            f"The operation has sent {MAX_REQUESTS} requests; undisturbed, none needs half of that.",
            "If that happens again, look for what disturbs the connection to the service.",
        )
    request.extensions["timeout"] = retry_policy.timeout.as_dict()


def request_label(request: httpx.Request) -> str:
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


def _read_body(response: httpx.Response, request: httpx.Request, retry_policy: RetryPolicy, max_bytes: int) -> bytes:
    """Read the body, as long as it is small and in time: a time-out of httpx bounds each piece only."""
    content = bytearray()
    with closing(response):
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnexpectedResponse(
                f"{request_label(request)} gave an answer that is packed.",
                "Nothing packed was asked for, and unpacked it could be of any size.",
                "Check the service key's uri and proxies on the way.",
            )
        for piece in response.iter_bytes():
            content += piece
            if len(content) > max_bytes:
                raise UnexpectedResponse(
                    f"{request_label(request)} gave an answer of more than {max_bytes} bytes.",
                    "The Destination service's answers have some kilobytes.",
                    "Check the service key's uri and proxies on the way.",
                )
            if retry_policy.remaining <= 0:
                raise httpx.ReadTimeout("the operation's time is over", request=request)
    return bytes(content)


def _kept_headers(response: httpx.Response) -> httpx.Headers:
    kept = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    return httpx.Headers(kept, encoding="utf-8")


def _request_not_sent(request: httpx.Request, why: str, more: str) -> ServiceUnavailable:
    return ServiceUnavailable(f"{request_label(request)} was not sent.", why, f"{RETRY_HINT} {more}", not_sent=True)


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
