"""One request: it is sent once, and each failure has the class of its remedy."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from btp_trust.errors import ServiceUnavailable, TrustError, UnexpectedResponse
from btp_trust.service.transport.request import MAX_BYTES, send
from btp_trust.service.transport.retry import MAX_REQUESTS, RetryPolicy
from support.error_text import error_text
from support.fake_clock import FakeClock

URL = "https://service.example/v1?token=S3CRET"
NOW = datetime(2028, 11, 24, 8, 34, 27, tzinfo=UTC)
NOT_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"}


def concrete(base: type[httpx.RequestError]) -> list[type[httpx.RequestError]]:
    """Return the exceptions of httpx below a class that are without subclasses: these are raised."""
    below = [kind for _, kind in inspect.getmembers(httpx, inspect.isclass) if issubclass(kind, base)]
    return [kind for kind in below if not [other for other in below if other is not kind and issubclass(other, kind)]]


@dataclass
class Service:
    """A service that always gives the same response, or fails the same way."""

    response: httpx.Response | Exception
    requests: list[httpx.Request] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Record the request, and respond or fail."""
        self.requests.append(request)
        if isinstance(self.response, Exception):
            raise self.response
        return self.response

    def send(self, method: str = "POST", retry_policy: RetryPolicy | None = None) -> httpx.Response:
        """Send it one request."""
        with httpx.Client(transport=httpx.MockTransport(self)) as http:
            return send(http, http.build_request(method, URL), retry_policy or self.clock.retry_policy())


@pytest.mark.parametrize("kind", concrete(httpx.TransportError), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_transport_failure_is_unavailability(method: str, kind: type[httpx.TransportError]) -> None:
    """Each failure is ServiceUnavailable after one request; `not_sent` only if the request certainly was not sent."""
    service = Service(kind("S3CRET"))
    with pytest.raises(ServiceUnavailable, match=kind.__name__) as caught:
        service.send(method)
    assert caught.value.not_sent == (kind.__name__ in NOT_SENT)
    assert ("nothing was sent" in caught.value.why) == caught.value.not_sent
    assert len(service.requests) == 1
    assert_silent(caught.value)


@pytest.mark.parametrize("kind", concrete(httpx.RequestError), ids=lambda kind: kind.__name__)
def test_request_failure_is_a_trust_error(kind: type[httpx.RequestError]) -> None:
    """Exceptions of httpx become TrustErrors, with `not_sent` only where that is certain."""
    with pytest.raises(TrustError) as caught:
        Service(kind("S3CRET")).send()
    assert getattr(caught.value, "not_sent", False) == (kind.__name__ in NOT_SENT)
    assert_silent(caught.value)


def test_mangled_compression_is_a_trust_error() -> None:
    """A proxy may mangle compressed bodies: the request may have arrived."""
    mangled = httpx.Response(200, stream=httpx.ByteStream(b"no gzip"), headers={"Content-Encoding": "gzip"})
    with pytest.raises((ServiceUnavailable, UnexpectedResponse)) as caught:
        Service(mangled).send()
    assert not getattr(caught.value, "not_sent", False)


@given(status=st.integers(200, 599))
def test_429_and_5xx_are_unavailability(status: int) -> None:
    """All other responses are for the caller. Only a 429 may be repeated."""
    service = Service(httpx.Response(status, text="S3CRET"))
    if status != 429 and status < 500:
        assert service.send().status_code == status
    else:
        with pytest.raises(ServiceUnavailable, match=str(status)) as caught:
            service.send()
        assert caught.value.not_sent == (status == 429)
        assert_silent(caught.value)
    assert len(service.requests) == 1


def retry_after(value: str | None, date: str | None = None) -> float | None:
    """Return the pause after a 429 with these headers."""
    texts = {"Retry-After": value, "Date": date}
    headers = {name: text for name, text in texts.items() if text is not None}
    with pytest.raises(ServiceUnavailable) as caught:
        Service(httpx.Response(429, headers=headers)).send()
    return caught.value.retry_after


@pytest.mark.parametrize("status", [429, 503])
def test_remedy_has_the_seconds_to_wait(status: int) -> None:
    """The remedy repeats the service's Retry-After."""
    with pytest.raises(ServiceUnavailable) as caught:
        Service(httpx.Response(status, headers={"Retry-After": "300"})).send()
    assert caught.value.remedy == "The service asks for 300 s: wait, then run the same command again."


def test_connect_error_names_the_host() -> None:
    """The remedy names the host of the service key, as waiting is useless against a wrong proxy."""
    with pytest.raises(ServiceUnavailable) as caught:
        Service(httpx.ConnectError("refused")).send()
    assert caught.value.remedy.startswith(f"Check that this machine reaches {httpx.URL(URL).host} (")


@given(seconds=st.integers(0, 10**6))
def test_retry_after_in_seconds(seconds: int) -> None:
    """Retry-After in seconds is passed to the retry policy."""
    assert retry_after(str(seconds)) == seconds


@given(value=st.none() | st.text(st.characters(codec="ascii", categories=["L", "P", "S"])))
@example(value="Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
@example(value="Fri, 31 Dec 9999 23:59:59 -2359")
def test_malformed_retry_after_is_ignored(value: str | None) -> None:
    """A missing or malformed header is ignored, with or without the service's own time."""
    assert retry_after(value) is None
    assert retry_after(value, format_datetime(NOW, usegmt=True)) is None


@given(seconds=st.integers(-(10**6), 10**6))
def test_retry_after_as_date(seconds: int) -> None:
    """RFC 9110, 10.2.3, allows a date: the time until then, by the service's own clock."""
    moment = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after(moment, format_datetime(NOW, usegmt=True)) == max(0, seconds)


def test_redirect_is_returned() -> None:
    """A redirect is returned, as following it would pass on the token."""
    service = Service(httpx.Response(302, headers={"Location": "https://elsewhere.example/"}))
    assert service.send().status_code == 302
    assert len(service.requests) == 1


def test_malformed_redirect_raises_only_trust_errors() -> None:
    """The result is a response or a TrustError."""
    try:
        answer = Service(httpx.Response(302, headers={"Location": "https://[half"})).send()
    except TrustError:
        return
    assert answer.status_code == 302


class Body(httpx.SyncByteStream):
    """A body in pieces of a kilobyte, each with its duration, and a count of the pieces that were read."""

    def __init__(self, pieces: int, clock: FakeClock, takes: float = 0.0, fails: Exception | None = None) -> None:
        self.pieces = pieces
        self.clock = clock
        self.takes = takes
        self.fails = fails
        self.read = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Give the next piece."""
        for _ in range(self.pieces):
            self.clock.now += self.takes
            self.read += 1
            yield b"S3CRET".ljust(1000)
        if self.fails is not None:
            raise self.fails

    def close(self) -> None:
        """Record the end."""
        self.closed = True


def test_response_is_read_and_closed() -> None:
    """A response of the largest size is read whole, with the used headers alone."""
    clock = FakeClock()
    body = Body(MAX_BYTES // 1000, clock)
    headers = {"Date": "now", "Content-Type": "text/plain", "Set-Cookie": "S3CRET"}
    answer = Service(httpx.Response(200, stream=body, headers=headers), clock=clock).send()
    assert len(answer.content) == MAX_BYTES
    assert set(answer.headers) == {"date", "content-type", "content-length"}
    assert body.closed


@pytest.mark.parametrize("status", [200, 404, 503])
def test_oversized_response_is_refused(status: int) -> None:
    """With any status the sender is unknown, so a write may have been carried out."""
    clock = FakeClock()
    body = Body(10**9, clock)
    with pytest.raises(UnexpectedResponse, match=str(MAX_BYTES)) as caught:
        Service(httpx.Response(status, stream=body), clock=clock).send()
    assert body.read == MAX_BYTES // 1000 + 1
    assert body.closed
    assert_silent(caught.value)


def test_slow_body_ends_with_the_operation() -> None:
    """Each piece comes in time, so that only the operation's bound ends the response."""
    clock = FakeClock()
    body = Body(10**9, clock, takes=29.0)
    service, retry_policy = Service(httpx.Response(200, stream=body), clock=clock), clock.retry_policy()
    with retry_policy.deadline(), pytest.raises(ServiceUnavailable, match="ReadTimeout") as caught:
        service.send(retry_policy=retry_policy)
    assert not caught.value.not_sent
    assert body.read == 7
    assert body.closed
    assert_silent(caught.value)


def test_truncated_response_may_mean_success() -> None:
    """The service has acted, and only its response is lost."""
    clock = FakeClock()
    body = Body(1, clock, fails=httpx.RemoteProtocolError("S3CRET"))
    with pytest.raises(ServiceUnavailable, match="RemoteProtocolError") as caught:
        Service(httpx.Response(200, stream=body), clock=clock).send()
    assert not caught.value.not_sent
    assert body.closed
    assert_silent(caught.value)


def test_request_after_the_deadline_stays_unsent() -> None:
    """The error names the bound and the setting for it."""
    service = Service(httpx.Response(200))
    retry_policy = service.clock.retry_policy()
    with retry_policy.deadline():
        service.clock.now += 180.0
        with pytest.raises(ServiceUnavailable, match="180 seconds are over") as caught:
            service.send(retry_policy=retry_policy)
    assert caught.value.not_sent
    assert "btp-trust:operationTimeout" in caught.value.remedy
    assert service.requests == []
    assert_silent(caught.value)


def test_request_beyond_the_limit_stays_unsent() -> None:
    """An operation sends a bounded number of requests; the next operation starts a new count."""
    service = Service(httpx.Response(200))
    retry_policy = service.clock.retry_policy()
    for operation in (1, 2):
        with retry_policy.deadline():
            for _ in range(MAX_REQUESTS):
                service.send(retry_policy=retry_policy)
            with pytest.raises(ServiceUnavailable, match=f"has sent {MAX_REQUESTS} requests") as caught:
                service.send(retry_policy=retry_policy)
        assert caught.value.not_sent
        assert len(service.requests) == operation * MAX_REQUESTS
        assert_silent(caught.value)


def test_timeouts_shrink_with_the_deadline() -> None:
    """The timeouts are some seconds to connect and thirty to answer, or the rest of the operation."""
    service = Service(httpx.Response(200))
    retry_policy = service.clock.retry_policy()
    with retry_policy.deadline():
        service.send(retry_policy=retry_policy)
        service.clock.now += 170.0
        service.send(retry_policy=retry_policy)
    first, second = (request.extensions["timeout"] for request in service.requests)
    assert first == {"connect": 5.0, "read": 30.0, "write": 30.0, "pool": 30.0}
    assert second == {"connect": 5.0, "read": 10.0, "write": 10.0, "pool": 10.0}


def assert_silent(error: TrustError) -> None:
    """Require that error and traceback hide the query, the body and the transport's text."""
    assert "S3CRET" not in error_text(error)
    assert "https://service.example/v1" in str(error)
