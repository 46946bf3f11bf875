"""The seven operations: against the emulator, all documented responses, and others."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from btp_trust.certificate import Certificate, parse_pem
from btp_trust.errors import (
    CredentialsRejected,
    NotAuthorized,
    ServiceUnavailable,
    TrustError,
    UnexpectedResponse,
)
from btp_trust.service.credentials.client_credentials import ClientCredentials
from btp_trust.service.credentials.service_key import parse_service_key
from btp_trust.service.transport.retry import MAX_ATTEMPTS
from btp_trust.service.trust_certificates import TrustCertificatesClient
from btp_trust_emulator import Emulator, NotFoundText, Switches
from btp_trust_emulator.pki import keys, trust_certificate
from support.fake_clock import FakeClock

GUID = "00000000-1111-4222-8333-000000005cdd"
BASE = "https://service.example"
PREFIX = "/destination-configuration/v1/saml2Metadata"
SINCE, UNTIL = datetime(2026, 11, 24, tzinfo=UTC), datetime(2028, 11, 24, tzinfo=UTC)
PEM, OTHER = (
    trust_certificate.generate_certificate(keys.generate(1024), GUID, serial, SINCE, UNTIL) for serial in (-5, 5)
)
NO_KEY_PAIR = {"ErrorMessage": f"Keypair for subaccount - {GUID} does not exist"}
METADATA = base64.b64encode(b"<EntityDescriptor/>").decode()

Call = Callable[[TrustCertificatesClient], Any]
CALLS: dict[str, tuple[str, str, Call]] = {
    "read active": ("GET", "/certificate", TrustCertificatesClient.active),
    "read passive": ("GET", "/certificate/passive", TrustCertificatesClient.passive),
    "read metadata": ("GET", "", TrustCertificatesClient.has_metadata),
    "generate active": ("POST", "/certificate", TrustCertificatesClient.generate_active),
    "generate passive": ("POST", "/certificate/passive", TrustCertificatesClient.generate_passive),
    "rotate": ("POST", "/rotateCertificate", TrustCertificatesClient.rotate),
    "delete passive": ("DELETE", "/certificate/passive", TrustCertificatesClient.delete_passive),
}
BODIES: dict[str, dict[str, Any]] = {
    "read metadata": {"idpMetadata": METADATA},
    "rotate": {"activeCertificate": PEM, "passiveCertificate": OTHER},
    "delete passive": {"Count": 1},
}
READS = ["read active", "read passive"]
each_call = pytest.mark.parametrize("name", CALLS)


@dataclass
class Service:
    """A service that always gives the same response."""

    response: httpx.Response
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Record the request and respond."""
        self.requests.append(request)
        return self.response

    @property
    def client(self) -> TrustCertificatesClient:
        """Return a client of the service."""
        return TrustCertificatesClient(
            httpx.Client(transport=httpx.MockTransport(self), base_url=BASE), FakeClock().retry_policy()
        )

    def call(self, name: str) -> Any:
        """Call one operation, which must be one request; only a read of a failing service is repeated."""
        method, _, call = CALLS[name]
        is_down = self.response.status_code == 429 or self.response.is_server_error
        try:
            return call(self.client)
        finally:
            assert len(self.requests) == (MAX_ATTEMPTS if method == "GET" and is_down else 1)


@pytest.fixture(params=list(NotFoundText), ids=lambda text: f"404 texts as {text.value}")
def emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """An emulator with one empty subaccount, and each of the service's texts for 404."""
    with Emulator(key_size=1024, switches=Switches(not_found_text=request.param)) as emulator:
        emulator.create_subaccount(GUID)
        yield emulator


@pytest.fixture
def trust(emulator: Emulator) -> Iterator[TrustCertificatesClient]:
    """A client of that subaccount, with its token fetched."""
    key = parse_service_key(json.dumps(emulator.service_key(GUID)), "the test")
    with httpx.Client(transport=emulator.transport) as tokens:
        auth = ClientCredentials(key, tokens, FakeClock().retry_policy(), lambda: 0.0)
        assert auth.subaccount_id == GUID
        emulator.clear_journal()
        with httpx.Client(transport=emulator.transport, auth=auth, base_url=key.uri) as http:
            yield TrustCertificatesClient(http, FakeClock().retry_policy())


def fingerprint(certificate: Certificate | None) -> str | None:
    """Return the fingerprint of a certificate, if there is one."""
    return None if certificate is None else certificate.fingerprint


def test_empty_subaccount(trust: TrustCertificatesClient) -> None:
    """Both slots and the metadata are empty."""
    assert trust.active() is None
    assert trust.passive() is None
    assert not trust.has_metadata()


def test_operations_change_the_slots(trust: TrustCertificatesClient, emulator: Emulator) -> None:
    """The returned certificates are those in the slots afterwards."""
    first = trust.generate_active()
    assert fingerprint(trust.active()) == first.fingerprint == emulator.slots(GUID).active
    assert trust.has_metadata()
    second = trust.generate_passive()
    assert fingerprint(trust.passive()) == second.fingerprint == emulator.slots(GUID).passive
    assert trust.rotate() == (second, first)
    assert (emulator.slots(GUID).active, emulator.slots(GUID).passive) == (second.fingerprint, first.fingerprint)
    trust.delete_passive()
    assert trust.passive() is None
    trust.delete_passive()
    assert trust.generate_active() not in (first, second)


def test_each_method_sends_one_request(trust: TrustCertificatesClient, emulator: Emulator) -> None:
    """One request is sent, for each response of a service that is up."""
    for generate in (None, emulator.generate_active, emulator.generate_passive):
        if generate is not None:
            generate(GUID)
        for name, (method, path, call) in CALLS.items():
            emulator.clear_journal()
            try:
                call(trust)
            except UnexpectedResponse:
                assert name == "rotate"
            assert [(entry.method, entry.path) for entry in emulator.journal()] == [(method, PREFIX + path)]


@each_call
def test_request_is_the_documented_one(name: str) -> None:
    """Method, path and Accept are as documented, and the body is empty: any body is answered 400."""
    service = Service(httpx.Response(200, json=BODIES.get(name, {"certificate": PEM})))
    service.call(name)
    (request,) = service.requests
    method, path, _ = CALLS[name]
    assert (request.method, str(request.url)) == (method, BASE + PREFIX + path)
    assert request.headers["Accept"] == "application/json"
    assert request.content == b""
    assert "Content-Type" not in request.headers


@each_call
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        pytest.param(400, UnexpectedResponse, id="400 is unexpected"),
        pytest.param(401, CredentialsRejected, id="401 means rejected credentials"),
        pytest.param(403, NotAuthorized, id="403 means no authorization"),
        pytest.param(500, ServiceUnavailable, id="500 means unavailability"),
        pytest.param(503, ServiceUnavailable, id="503 means unavailability"),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"text": "S3CRET"}, id="plain text"),
        pytest.param({"json": {"ErrorMessage": "S3CRET"}}, id="JSON"),
        pytest.param({"html": "<p>S3CRET</p>"}, id="a page"),
        pytest.param({}, id="an empty body"),
    ],
)
def test_documented_error_has_its_class(name: str, status: int, kind: type[TrustError], body: dict[str, Any]) -> None:
    """The status alone decides, with any body; call and status are named, and the body is hidden."""
    with pytest.raises(kind) as caught:
        Service(httpx.Response(status, **body)).call(name)
    method, path, _ = CALLS[name]
    assert f"{method} {BASE}{PREFIX}{path}" in caught.value.what
    assert str(status) in str(caught.value)
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize(
    "text", [NO_KEY_PAIR["ErrorMessage"], "There is no such key pair for this account", "anything else"]
)
def test_documented_404_means_empty_slot(name: str, text: str) -> None:
    """The shape decides; the words differ between the entry points of the service."""
    assert Service(httpx.Response(404, json={"ErrorMessage": text})).call(name) is None


NOT_FOUND = {
    "a page of a proxy": httpx.Response(404, html="<h1>404</h1>"),
    "a page whose type is in capitals": httpx.Response(404, headers={"Content-Type": "Text/HTML"}, content=b"<p>"),
    "a page with another type": httpx.Response(404, content=b"<!DOCTYPE html><html><body>404</body></html>"),
}


@each_call
@pytest.mark.parametrize("answer", NOT_FOUND)
def test_foreign_404_is_an_error(name: str, answer: str) -> None:
    """A proxy's page is distinguished from an empty slot, and from a deletion."""
    with pytest.raises(UnexpectedResponse):
        Service(NOT_FOUND[answer]).call(name)


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize(
    "response",
    [
        pytest.param(httpx.Response(404, text="Not Found"), id="plain text"),
        pytest.param(httpx.Response(404, json={"error": "S3CRET"}), id="JSON of another server"),
        pytest.param(httpx.Response(404, json="Not Found"), id="a JSON string"),
        pytest.param(httpx.Response(404), id="an empty body"),
    ],
)
def test_other_404_is_unexpected(name: str, response: httpx.Response) -> None:
    """For a slot the documented 404 is JSON with an ErrorMessage; plain text is unexpected."""
    with pytest.raises(UnexpectedResponse, match="404"):
        Service(response).call(name)


def test_plain_404_for_metadata_and_deletion() -> None:
    """Plain text is documented for these two; JSON is accepted as well."""
    for response in (httpx.Response(404, text="Not Found"), httpx.Response(404, json=NO_KEY_PAIR)):
        assert Service(response).call("read metadata") is False
        assert Service(response).call("delete passive") is None


@pytest.mark.parametrize("name", ["generate active", "generate passive", "rotate"])
def test_404_of_a_write_is_unexpected(name: str) -> None:
    """Generating documents no 404; a rotation without a passive certificate must have been refused in the plan."""
    with pytest.raises(UnexpectedResponse, match="404"):
        Service(httpx.Response(404, json=NO_KEY_PAIR)).call(name)


WRONG = {
    "a page of a proxy": httpx.Response(200, html="<h1>S3CRET</h1>"),
    "plain text": httpx.Response(200, text="S3CRET"),
    "an empty body": httpx.Response(200),
    "an empty object": httpx.Response(200, json={}),
    "a list": httpx.Response(200, json=["S3CRET"]),
    "null": httpx.Response(200, json=None),
    "values of another type": httpx.Response(
        200, json={"certificate": 5, "activeCertificate": [], "passiveCertificate": 5, "idpMetadata": {}, "Count": []}
    ),
    "empty values": httpx.Response(
        200,
        json={"certificate": "", "activeCertificate": PEM, "passiveCertificate": "", "idpMetadata": "", "Count": "1"},
    ),
    "values of another kind": httpx.Response(
        200, json={"certificate": "S3CRET", "activeCertificate": PEM, "passiveCertificate": "S3CRET"}
    ),
    "bytes beyond UTF-8": httpx.Response(
        200, content=b'{"certificate":"\xff","activeCertificate":"\xff","idpMetadata":"\xff","Count":"\xff"}'
    ),
    "endless brackets": httpx.Response(200, content=b'{"x":' + b"[" * 100_000),
    "another success": httpx.Response(204),
    "a redirect": httpx.Response(302, headers={"Location": "https://login.example/S3CRET"}),
    "an undocumented status": httpx.Response(418, json={"certificate": PEM}),
}


@each_call
@pytest.mark.parametrize("answer", WRONG)
def test_foreign_response_is_an_error(name: str, answer: str) -> None:
    """Missing values have no default, redirects are returned, and bodies are hidden."""
    with pytest.raises(UnexpectedResponse) as caught:
        Service(WRONG[answer]).call(name)
    assert f"Status {WRONG[answer].status_code}" in caught.value.why
    assert "S3CRET" not in str(caught.value)


def test_response_without_certificate_is_explained() -> None:
    """The parser's own words are in the evidence, with their capitals."""
    with pytest.raises(UnexpectedResponse, match="no PEM certificate"):
        Service(httpx.Response(200, json={"certificate": ""})).call("read active")


@given(
    status=st.integers(200, 599),
    body=st.binary()
    | st.dictionaries(st.sampled_from(["certificate", "ErrorMessage", "Count"]), st.text() | st.integers()).map(
        lambda document: json.dumps(document).encode()
    ),
    media_type=st.sampled_from(["application/json", "text/plain", "text/html", ""]),
    name=st.sampled_from(sorted(CALLS)),
)
@example(status=404, body=b'{"ErrorMessage":"\xff"}', media_type="application/json", name="read active")
def test_any_response_raises_only_trust_errors(status: int, body: bytes, media_type: str, name: str) -> None:
    """Two statuses have results; all others are TrustErrors."""
    response = httpx.Response(status, content=body, headers={"Content-Type": media_type})
    try:
        result = Service(response).call(name)
    except TrustError:
        return
    assert status in {200, 404}
    assert result is None or result is False or status == 200


@pytest.mark.parametrize("name", READS)
def test_certificate_with_escaped_line_feeds(name: str) -> None:
    """The examples of SAP's description have a backslash and an n."""
    answer = {"certificate": PEM.replace("\n", "\\n")}
    assert Service(httpx.Response(200, json=answer)).call(name) == parse_pem(PEM)


def test_rotate_returns_active_then_passive() -> None:
    """The order is that of the slots afterwards."""
    assert Service(httpx.Response(200, json=BODIES["rotate"])).call("rotate") == (parse_pem(PEM), parse_pem(OTHER))


def test_deletion_of_nothing_succeeds() -> None:
    """The slot is empty, as declared."""
    assert Service(httpx.Response(200, json={"Count": 0})).call("delete passive") is None


def server_time(date: str | None) -> datetime | None:
    """Return the service's time of a response with this `Date`."""
    headers = {} if date is None else {"Date": date}
    client = Service(httpx.Response(200, json={"certificate": PEM}, headers=headers)).client
    client.active()
    return client.server_time


@given(moment=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_server_time_is_the_date_header(moment: datetime) -> None:
    """The header `Date` is read to the second, in UTC."""
    assert server_time(format_datetime(moment, usegmt=True)) == moment.replace(microsecond=0)


@given(date=st.none() | st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"])))
@example(date="Fri, 31 Dec 9999 23:59:59 -2359")
@example(date="Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
def test_malformed_date_is_ignored(date: str | None) -> None:
    """A proxy's malformed header leaves the response valid."""
    moment = server_time(date)
    assert moment is None or moment.tzinfo is UTC


def test_server_time_keeps_the_last_date() -> None:
    """The time is unknown before the first response; a later response without a date leaves it."""
    dates = iter([SINCE, SINCE + timedelta(hours=1), None])

    def answer(_: httpx.Request) -> httpx.Response:
        moment = next(dates)
        headers = {} if moment is None else {"Date": format_datetime(moment, usegmt=True)}
        return httpx.Response(404, json=NO_KEY_PAIR, headers=headers)

    client = TrustCertificatesClient(
        httpx.Client(transport=httpx.MockTransport(answer), base_url=BASE), FakeClock().retry_policy()
    )
    assert client.server_time is None
    times: list[datetime | None] = []
    for _ in range(3):
        client.active()
        times.append(client.server_time)
    assert times == [SINCE, SINCE + timedelta(hours=1), SINCE + timedelta(hours=1)]


DOWN: dict[str, Callable[[], httpx.Response]] = {
    "503": lambda: httpx.Response(503),
    "429": lambda: httpx.Response(429),
    "a timeout": lambda: _fail(httpx.ReadTimeout("slow")),
    "a reset": lambda: _fail(httpx.ReadError("reset")),
    "a refused connection": lambda: _fail(httpx.ConnectError("refused")),
}


def _fail(error: Exception) -> httpx.Response:
    raise error


@dataclass
class Recovering:
    """A service that fails some times, and then recovers."""

    fail: Callable[[], httpx.Response]
    times: int
    response: httpx.Response
    count: int = 0

    def __call__(self, _: httpx.Request) -> httpx.Response:
        """Fail, or respond."""
        self.count += 1
        return self.fail() if self.count <= self.times else self.response

    def call(self, name: str) -> Any:
        """Call one operation."""
        http = httpx.Client(transport=httpx.MockTransport(self), base_url=BASE)
        return CALLS[name][2](TrustCertificatesClient(http, FakeClock().retry_policy()))


@pytest.mark.parametrize("fault", DOWN)
@pytest.mark.parametrize("name", [*READS, "read metadata"])
def test_read_is_retried(name: str, fault: str) -> None:
    """A read changes nothing, so it may be sent again."""
    service = Recovering(
        DOWN[fault], MAX_ATTEMPTS - 1, httpx.Response(200, json=BODIES.get(name, {"certificate": PEM}))
    )
    assert service.call(name) in (parse_pem(PEM), True)
    assert service.count == MAX_ATTEMPTS


@pytest.mark.parametrize("fault", DOWN)
@pytest.mark.parametrize("name", CALLS)
def test_attempts_are_bounded(name: str, fault: str) -> None:
    """A read ends after some attempts with the last error, a write after one: its caller decides about more."""
    service = Recovering(DOWN[fault], 99, httpx.Response(200))
    with pytest.raises(ServiceUnavailable):
        service.call(name)
    assert service.count == (MAX_ATTEMPTS if CALLS[name][0] == "GET" else 1)


def test_read_raises_its_last_error() -> None:
    """The last error is the current state of the service."""
    faults = iter(["503", "429", "a reset", "a timeout"])

    def worse() -> httpx.Response:
        return DOWN[next(faults)]()

    service = Recovering(worse, 99, httpx.Response(200))
    with pytest.raises(ServiceUnavailable, match="ReadTimeout"):
        service.call("read active")
