"""One request: sent once, and a failure told apart by what may be done about it."""

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
NEVER_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"}


def concrete(base: type[httpx.RequestError]) -> list[type[httpx.RequestError]]:
    """All of httpx's exceptions below a class that it may raise: those that nothing hangs from."""
    below = [each for _, each in inspect.getmembers(httpx, inspect.isclass) if issubclass(each, base)]
    return [each for each in below if not [other for other in below if other is not each and issubclass(other, each)]]


@dataclass
class Service:
    """A service that answers, or fails, always the same."""

    answer: httpx.Response | Exception
    requests: list[httpx.Request] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Do so."""
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def send(self, method: str = "POST", retry_policy: RetryPolicy | None = None) -> httpx.Response:
        """Send it one request."""
        with httpx.Client(transport=httpx.MockTransport(self)) as http:
            return send(http, http.build_request(method, URL), retry_policy or self.clock.retry_policy())


@pytest.mark.parametrize("kind", concrete(httpx.TransportError), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_every_failure_of_the_transport_has_a_home(method: str, kind: type[httpx.TransportError]) -> None:
    """It is ServiceUnavailable, after one request; it may be repeated only if it provably never left."""
    service = Service(kind("S3CRET"))
    with pytest.raises(ServiceUnavailable, match=kind.__name__) as caught:
        service.send(method)
    assert caught.value.not_sent == (kind.__name__ in NEVER_SENT)
    assert ("nothing was sent" in caught.value.why) == caught.value.not_sent
    assert len(service.requests) == 1
    assert_silent(caught.value)


@pytest.mark.parametrize("kind", concrete(httpx.RequestError), ids=lambda kind: kind.__name__)
def test_every_failure_of_a_request_is_one_of_our_errors(kind: type[httpx.RequestError]) -> None:
    """Nothing of httpx comes through; what is not certain to have never left is not said to."""
    with pytest.raises(TrustError) as caught:
        Service(kind("S3CRET")).send()
    assert getattr(caught.value, "not_sent", False) == (kind.__name__ in NEVER_SENT)
    assert_silent(caught.value)


def test_an_answer_that_cannot_be_unpacked_is_one_of_our_errors() -> None:
    """A proxy that mangles compressed bodies: what was sent may have arrived."""
    mangled = httpx.Response(200, stream=httpx.ByteStream(b"no gzip"), headers={"Content-Encoding": "gzip"})
    with pytest.raises((ServiceUnavailable, UnexpectedResponse)) as caught:
        Service(mangled).send()
    assert not getattr(caught.value, "not_sent", False)


@given(status=st.integers(200, 599))
def test_only_overload_and_failure_of_the_service_are_unavailability(status: int) -> None:
    """429 and 5xx; every other answer is for the caller to judge. Only 429 may be repeated."""
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
    """What is made of a 429 with these headers."""
    given_headers = {"Retry-After": value, "Date": date}
    headers = {name: text for name, text in given_headers.items() if text is not None}
    with pytest.raises(ServiceUnavailable) as caught:
        Service(httpx.Response(429, headers=headers)).send()
    return caught.value.retry_after


@pytest.mark.parametrize("status", [429, 503])
def test_who_has_to_wait_is_told_how_long(status: int) -> None:
    """The remedy repeats what the service asks for."""
    with pytest.raises(ServiceUnavailable) as caught:
        Service(httpx.Response(status, headers={"Retry-After": "300"})).send()
    assert caught.value.remedy == "The service asks for 300 s: wait, then run the same command again."


def test_who_cannot_connect_is_told_what_to_check() -> None:
    """The host, as the service key has it: waiting does not help against a wrong proxy."""
    with pytest.raises(ServiceUnavailable) as caught:
        Service(httpx.ConnectError("refused")).send()
    assert caught.value.remedy.startswith(f"Check that this machine reaches {httpx.URL(URL).host} (")


@given(seconds=st.integers(0, 10**6))
def test_the_service_is_given_the_time_that_it_asks_for(seconds: int) -> None:
    """Retry-After in seconds is told to whoever repeats."""
    assert retry_after(str(seconds)) == seconds


@given(value=st.none() | st.text(st.characters(codec="ascii", categories=["L", "P", "S"])))
@example(value="Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
@example(value="Fri, 31 Dec 9999 23:59:59 -2359")
def test_a_time_that_cannot_be_read_is_none(value: str | None) -> None:
    """No header, or a senseless one, whether the service tells its own time or not."""
    assert retry_after(value) is None
    assert retry_after(value, format_datetime(NOW, usegmt=True)) is None


@given(seconds=st.integers(-(10**6), 10**6))
def test_a_retry_after_may_be_a_date(seconds: int) -> None:
    """RFC 9110 allows a moment, 10.2.3: the time that is left until then, by the service's own clock."""
    moment = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after(moment, format_datetime(NOW, usegmt=True)) == max(0, seconds)


def test_a_redirect_is_not_followed() -> None:
    """The token would go with it."""
    service = Service(httpx.Response(302, headers={"Location": "https://elsewhere.example/"}))
    assert service.send().status_code == 302
    assert len(service.requests) == 1


def test_a_redirect_to_nonsense_is_one_of_our_errors() -> None:
    """Or an answer; but no exception of httpx."""
    try:
        answer = Service(httpx.Response(302, headers={"Location": "https://[half"})).send()
    except TrustError:
        return
    assert answer.status_code == 302


class Body(httpx.SyncByteStream):
    """A body in pieces of a kilobyte, each of which takes its time; it knows how far it was read."""

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
        """Be done."""
        self.closed = True


def test_an_answer_is_read_and_its_connection_given_back() -> None:
    """Up to the largest size, whole; of its headers only what is used."""
    clock = FakeClock()
    body = Body(MAX_BYTES // 1000, clock)
    headers = {"Date": "now", "Content-Type": "text/plain", "Set-Cookie": "S3CRET"}
    answer = Service(httpx.Response(200, stream=body, headers=headers), clock=clock).send()
    assert len(answer.content) == MAX_BYTES
    assert set(answer.headers) == {"date", "content-type", "content-length"}
    assert body.closed


@pytest.mark.parametrize("status", [200, 404, 503])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(status: int) -> None:
    """Whatever its status is: nobody knows what it is, so a write may have been carried out."""
    clock = FakeClock()
    body = Body(10**9, clock)
    with pytest.raises(UnexpectedResponse, match=str(MAX_BYTES)) as caught:
        Service(httpx.Response(status, stream=body), clock=clock).send()
    assert body.read == MAX_BYTES // 1000 + 1
    assert body.closed
    assert_silent(caught.value)


def test_an_answer_in_drops_ends_with_the_operation() -> None:
    """Each piece comes in time, so that no time-out of the connection ends it."""
    clock = FakeClock()
    body = Body(10**9, clock, takes=29.0)
    service, retry_policy = Service(httpx.Response(200, stream=body), clock=clock), clock.retry_policy()
    with retry_policy.deadline(), pytest.raises(ServiceUnavailable, match="ReadTimeout") as caught:
        service.send(retry_policy=retry_policy)
    assert not caught.value.not_sent
    assert body.read == 7
    assert body.closed
    assert_silent(caught.value)


def test_an_answer_that_breaks_off_may_have_been_meant() -> None:
    """The service has acted; only its answer is lost."""
    clock = FakeClock()
    body = Body(1, clock, fails=httpx.RemoteProtocolError("S3CRET"))
    with pytest.raises(ServiceUnavailable, match="RemoteProtocolError") as caught:
        Service(httpx.Response(200, stream=body), clock=clock).send()
    assert not caught.value.not_sent
    assert body.closed
    assert_silent(caught.value)


def test_a_request_whose_operation_is_over_is_not_sent() -> None:
    """The error says so, and how to give it more time."""
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


def test_a_request_beyond_the_bound_of_its_operation_is_not_sent() -> None:
    """Whatever repeats: an operation sends so many requests and no more; the next operation counts anew."""
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


def test_a_request_has_the_time_that_is_left() -> None:
    """Some seconds to connect and thirty to answer, or what remains of its operation."""
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
    """Neither the error nor its traceback shows the query, the body or what the transport said."""
    assert "S3CRET" not in error_text(error)
    assert "https://service.example/v1" in str(error)
