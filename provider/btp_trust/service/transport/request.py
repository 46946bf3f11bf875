"""One HTTP request: send it once, and raise an error class per remedy."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, cast

import httpx

from btp_trust.errors import ServiceUnavailable, UnexpectedResponse
from btp_trust.service.transport import cf_router
from btp_trust.service.transport.retry import MAX_REQUESTS, RetryPolicy
from btp_trust.service.transport.transport_errors import RETRY_HINT, transport_failure

MAX_BYTES: Final = 1_000_000
"""Largest response that is read; the service's own have some kilobytes."""
USER_TOKEN_HEADER: Final = "X-user-token"  # noqa: S105 - the name of a header
_HEADERS: Final = ("Content-Type", "Date", "Retry-After", cf_router.HEADER)
"""Headers that are kept of a response; others may hold credentials, such as cookies."""
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9.+-]{1,40}")


def send(
    http: httpx.Client, request: httpx.Request, retry_policy: RetryPolicy, max_bytes: int = MAX_BYTES
) -> httpx.Response:
    """Send a request once.

    Raises:
        ServiceUnavailable: No response in time, 429, 5xx, or a response of the Cloud Foundry router. `not_sent` is
            True if a write may be sent again.
        UnexpectedResponse: The response is too large, or compressed.
        ConfigurationError: The environment's proxy is malformed.
    """
    if http.auth is None:
        begin_request(request, retry_policy)  # else the auth does, once it has a token, and for a second attempt
    try:
        # Streamed, so that compression and size are checked before the body is in memory.
        response = http.send(request, stream=True)
        content = _read_body(response, request, retry_policy, max_bytes)
    except httpx.RequestError as error:
        failure = transport_failure(request, error, request_label(request))
    else:
        response = httpx.Response(
            response.status_code, headers=_kept_headers(response), content=content, request=request
        )
        return _require_available(response)
    # Raised after the handler: the transport's error holds the request, and with it the credentials.
    raise failure


def _require_available(response: httpx.Response) -> httpx.Response:
    # Before the status: a 404 of the router could pass for an empty slot, and only its error shows who saw the request.
    if (error := cf_router.router_error(response)) is not None:
        raise _router_unavailable(response, error)
    is_throttled = response.status_code == httpx.codes.TOO_MANY_REQUESTS
    if is_throttled or response.is_server_error:
        pause = _retry_after(response)
        remedy = RETRY_HINT
        if pause is not None:
            remedy = f"The service asks for {pause:g} s: wait, then run the same command again."
        raise ServiceUnavailable(
            f"{request_label(response.request)} was answered {response.status_code} {response.reason_phrase}.",
            f"The service {'did nothing: too many requests' if is_throttled else 'is overloaded or down just now'}.",
            remedy,
            not_sent=is_throttled,
            retry_after=pause,
            status=response.status_code,
        )
    return response


def _router_unavailable(response: httpx.Response, error: str) -> ServiceUnavailable:
    was_not_delivered = cf_router.was_not_delivered(error)
    delivery = "the service never saw the request" if was_not_delivered else "the service may have acted"
    return ServiceUnavailable(
        f"{request_label(response.request)} was answered {response.status_code} by the router of Cloud Foundry.",
        f"Its error is {error}: the service's app is stopped or unreachable just now; {delivery}.",
        f"{RETRY_HINT} If the error stays, check that the service key's address {response.request.url.host} is right.",
        not_sent=was_not_delivered,
        retry_after=_retry_after(response),
    )


def begin_request(request: httpx.Request, retry_policy: RetryPolicy) -> None:
    """Count a request that is about to leave, and set its timeouts by the remaining time of the operation.

    Every request passes here once, repeated ones too: this bounds an operation.

    Raises:
        ServiceUnavailable: The operation's time or its number of requests is used up.
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
            f"The operation has sent {MAX_REQUESTS} requests; over a stable connection it needs less than half.",
            "If that happens again, check the connection to the service for disturbances.",
        )
    request.extensions["timeout"] = retry_policy.timeout.as_dict()


def discard_body(response: httpx.Response) -> None:
    """Discard the body: httpx would read all of it, of any size, before an auth sends the next request."""
    cast("httpx.SyncByteStream", response.stream).close()
    response.stream = httpx.ByteStream(b"")


def request_label(request: httpx.Request) -> str:
    """Name a request without its query, headers and body."""
    return f"{request.method} {request.url.copy_with(query=None)}"


def content_type(response: httpx.Response) -> str:
    """Return the media type as evidence; leave out all else in its header."""
    # Parameters may hold any text, and the result is shown in messages.
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else "no content type"


def server_time(response: httpx.Response) -> datetime | None:
    """Return the service's clock at a response, UTC; None if the header is missing or malformed."""
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def _read_body(response: httpx.Response, request: httpx.Request, retry_policy: RetryPolicy, max_bytes: int) -> bytes:
    """Read the body, within the bounds of its size and of the operation's time."""
    content = bytearray()
    with closing(response):
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnexpectedResponse(
                f"{request_label(request)} sent a compressed response.",
                "Compression was not requested, and the decompressed size is unbounded.",
                "Check the service key's uri and proxies on the way.",
            )
        for piece in response.iter_bytes():
            content += piece
            if len(content) > max_bytes:
                raise UnexpectedResponse(
                    f"{request_label(request)} sent a response of more than {max_bytes} bytes.",
                    "The Destination service's responses have some kilobytes.",
                    "Check the service key's uri and proxies on the way.",
                )
            # The timeouts of httpx bound each piece alone, so a slow body could go on indefinitely.
            if retry_policy.remaining <= 0:
                raise httpx.ReadTimeout("the operation's time is over", request=request)
    return bytes(content)


def _kept_headers(response: httpx.Response) -> httpx.Headers:
    kept = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    return httpx.Headers(kept, encoding="utf-8")


def _request_not_sent(request: httpx.Request, why: str, hint: str) -> ServiceUnavailable:
    return ServiceUnavailable(f"{request_label(request)} was not sent.", why, f"{RETRY_HINT} {hint}", not_sent=True)


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of Retry-After: a number, or a date (RFC 9110, 10.2.3) by the service's own clock."""
    value = response.headers.get("Retry-After", "")
    # `isdigit` alone accepts characters such as ², which `float` refuses.
    if value.isascii() and value.isdigit():
        return float(value)
    # Both dates are the service's, as this machine's clock may be wrong.
    now = server_time(response)
    try:
        return max(0.0, (parsedate_to_datetime(value).astimezone(UTC) - now).total_seconds()) if now else None
    except (ValueError, OverflowError):
        return None
