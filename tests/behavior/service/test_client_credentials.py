"""Client-credentials tokens: one for all threads, replaced in time, and always hidden."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from btp_trust.errors import (
    CredentialsRejected,
    ServiceUnavailable,
    TrustError,
    UnexpectedResponse,
    WrongSubaccount,
)
from btp_trust.service.credentials.client_credentials import ClientCredentials
from btp_trust.service.credentials.service_key import ServiceKey, parse_service_key
from btp_trust.service.credentials.token_endpoint import TokenResponse
from btp_trust.service.transport.request import MAX_BYTES, send
from btp_trust.service.transport.retry import MAX_ATTEMPTS
from btp_trust.service.trust_certificates import TrustCertificatesClient
from btp_trust_emulator import Emulator
from support.error_text import error_text
from support.fake_clock import FakeClock
from support.fake_engine import assert_three_part_message

GUID = "00000000-1111-4222-8333-000000005cdd"
OTHER = "00000000-1111-4222-8333-00000000beef"
KEY = ServiceKey(
    uri="https://service.example",
    url="https://uaa.example",
    clientid="sb-clone1!b2|destination",
    clientsecret="S3CRET$-of=the-client",
)
LIFETIME = 43199
SENDABLE = r"[A-Za-z0-9._~+/-]+=*"


def token(claims: Any, serial: int = 0) -> str:
    """Return a token with these claims, encoded as by XSUAA, with a fake signature."""
    parts = ({"alg": "RS256"}, claims, {"serial": serial})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def claims_of(guid: str) -> dict[str, Any]:
    """Return the claims about a subaccount."""
    return {"ext_attr": {"enhancer": "XSUAA", "subaccountid": guid}, "zid": guid}


@dataclass
class Stub:
    """A token service, and a service behind it that rejects the first tokens."""

    lifetime: float = LIFETIME
    refuse: int = 0
    tokens: list[httpx.Request] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    now: float = 1000.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond as one of both services."""
        if request.url.path == "/oauth/token":
            self.tokens.append(request)
            fresh = token(claims_of(GUID), len(self.tokens))
            return httpx.Response(200, json={"access_token": fresh, "expires_in": self.lifetime})
        self.calls.append(request.headers["Authorization"])
        return httpx.Response(401 if len(self.calls) <= self.refuse else 200)

    def auth(self) -> ClientCredentials:
        """Return credentials for the stub, by its own clock."""
        return ClientCredentials(KEY, client(self), FakeClock().retry_policy(), lambda: self.now)


def client(handler: Callable[[httpx.Request], httpx.Response], auth: httpx.Auth | None = None) -> httpx.Client:
    """Return an HTTP client of this handler."""
    return httpx.Client(transport=httpx.MockTransport(handler), auth=auth, base_url=KEY.uri)


def answered(response: httpx.Response) -> ClientCredentials:
    """Return credentials for a token service with this one response."""
    return credentials(KEY, client(lambda _: response))


def credentials(key: ServiceKey, http: httpx.Client, clock: FakeClock | None = None) -> ClientCredentials:
    """Return credentials with a fake clock."""
    clock = clock or FakeClock()
    return ClientCredentials(key, http, clock.retry_policy(), lambda: clock.now)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator with one subaccount that has an active certificate."""
    with Emulator(key_size=1024) as emulator:
        emulator.create_subaccount(GUID, generate=True)
        yield emulator


def test_token_request_is_the_documented_one() -> None:
    """The form has the client's special characters encoded, and the URL has nothing of it."""
    stub = Stub()
    assert stub.auth().subaccount_id == GUID
    (request,) = stub.tokens
    assert (request.method, str(request.url)) == ("POST", "https://uaa.example/oauth/token")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.content.decode() == (
        "grant_type=client_credentials&client_id=sb-clone1%21b2%7Cdestination&client_secret=S3CRET%24-of%3Dthe-client"
    )


def test_emulator_token_names_the_subaccount(emulator: Emulator) -> None:
    """A service key leads to the GUID by one request."""
    key = parse_service_key(json.dumps(emulator.service_key(GUID)), "the test")
    with httpx.Client(transport=emulator.transport) as http:
        assert credentials(key, http).subaccount_id == GUID
    assert [entry.method for entry in emulator.journal()] == ["POST"]


def test_threads_share_one_token() -> None:
    """The engine calls from four threads; one token request is sent."""
    stub, barrier = Stub(), threading.Barrier(4)
    auth = stub.auth()

    def call(_: int) -> int:
        barrier.wait()
        with client(stub, auth) as http:
            return http.get("/").status_code

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(call, range(4))) == [200] * 4
    assert len(stub.tokens) == 1
    assert len(set(stub.calls)) == 1


def test_threads_share_one_fresh_token() -> None:
    """A withdrawn token is replaced once for all threads."""
    stub, barrier = Stub(), threading.Barrier(4)
    auth, old = stub.auth(), f"Bearer {token(claims_of(GUID), 1)}"

    def refuse_the_first_token(request: httpx.Request) -> httpx.Response:
        answer = stub(request)
        if request.headers.get("Authorization") == old:
            barrier.wait()
            return httpx.Response(401)
        return answer

    def call(_: int) -> int:
        with client(refuse_the_first_token, auth) as http:
            return http.get("/").status_code

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(call, range(4))) == [200] * 4
    assert len(stub.tokens) == 2


@given(lifetime=st.integers(61, 86400), passed=st.floats(0, 90000))
def test_token_is_replaced_before_its_end(lifetime: int, passed: float) -> None:
    """A minute before its end a token is replaced, so that it stays valid for a request on its way."""
    stub = Stub(lifetime=lifetime)
    auth = stub.auth()
    for _ in range(2):
        assert auth.subaccount_id == GUID
    stub.now += passed
    assert auth.subaccount_id == GUID
    assert len(stub.tokens) == (2 if stub.now >= 1000.0 + lifetime - 60.0 else 1)


@given(
    lifetime=st.sampled_from(
        [{}, {"expires_in": None}, {"expires_in": ""}, {"expires_in": "soon"}, {"expires_in": "nan"}]
    )
    | st.sampled_from([{"expires_in": 300}, {"expires_in": "300"}, {"expires_in": "3e2"}, {"expires_in": 300.5}]),
    passed=st.floats(0, 600),
)
def test_token_without_lifetime_is_used_shortly(lifetime: dict[str, Any], passed: float) -> None:
    """RFC 6749 only recommends a lifetime; a text is read as its number."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"access_token": token(claims_of(GUID), len(requests)), **lifetime})

    now = [1000.0]
    auth = ClientCredentials(KEY, client(answer), FakeClock().retry_policy(), lambda: now[0])
    for _ in range(3):
        assert auth.subaccount_id == GUID
    assert len(requests) == 1
    now[0] += passed
    assert auth.subaccount_id == GUID
    assert len(requests) == (1 if passed < 240 else 2) or 240 <= passed < 240.5


def test_401_fetches_one_fresh_token() -> None:
    """After one 401 the request goes out again with a fresh token."""
    stub = Stub(refuse=1)
    with client(stub, stub.auth()) as http:
        assert http.post("/").status_code == 200
    assert len(stub.tokens) == 2
    assert len(set(stub.calls)) == 2


def test_second_401_is_rejected_credentials() -> None:
    """Two tokens are the limit."""
    stub = Stub(refuse=9)
    with client(stub, stub.auth()) as http, pytest.raises(CredentialsRejected) as caught:
        TrustCertificatesClient(http, FakeClock().retry_policy()).active()
    assert len(stub.tokens) == len(stub.calls) == 2
    assert_silent(caught.value, "S3CRET", token(claims_of(GUID), 1)[:20])


def test_expired_token_is_replaced(emulator: Emulator) -> None:
    """The service's clock may be ahead of ours: its 401 costs one token."""
    key = parse_service_key(json.dumps(emulator.service_key(GUID)), "the test")
    auth = credentials(key, httpx.Client(transport=emulator.transport))
    with httpx.Client(transport=emulator.transport, auth=auth, base_url=key.uri) as http:
        trust = TrustCertificatesClient(http, FakeClock().retry_policy())
        before = trust.active()
        emulator.advance(LIFETIME + 1)
        assert trust.active() == before
    assert [entry.status for entry in emulator.journal()] == [200, 200, 401, 200, 200]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"clientid": "nobody"}, id="another client"),
        pytest.param({"clientsecret": "S3CRET-wrong"}, id="another secret"),
    ],
)
def test_wrong_client_is_rejected(emulator: Emulator, change: dict[str, str]) -> None:
    """The remedy is a new service key."""
    key = parse_service_key(json.dumps({**emulator.service_key(GUID), **change}), "the test")
    with httpx.Client(transport=emulator.transport) as http, pytest.raises(CredentialsRejected) as caught:
        _ = credentials(key, http).subaccount_id
    assert "service key" in caught.value.remedy
    assert_silent(caught.value, "S3CRET", key.clientsecret)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({}, id="empty claims"),
        pytest.param({"zid": GUID}, id="a zone only"),
        pytest.param({"ext_attr": {}}, id="a missing subaccount"),
        pytest.param({"ext_attr": {"subaccountid": ""}}, id="an empty subaccount"),
        pytest.param({"ext_attr": {"subaccountid": 5}}, id="a number for a subaccount"),
        pytest.param({"ext_attr": None}, id="null"),
        pytest.param([], id="claims that are a list"),
    ],
)
def test_token_without_subaccount_is_refused(claims: Any) -> None:
    """Without that claim a change could reach another subaccount."""
    opaque = token(claims)
    assert_names_no_subaccount(opaque)


@given(opaque=st.from_regex(SENDABLE, fullmatch=True) | st.binary().map(lambda body: f"a.{body.hex()}.c"))
def test_opaque_token_is_refused(opaque: str) -> None:
    """An opaque token, or one of another shape, names no subaccount."""
    assert_names_no_subaccount(opaque)


def assert_names_no_subaccount(opaque: str) -> None:
    """Require that such a token is refused and hidden."""
    auth = answered(httpx.Response(200, json={"access_token": opaque, "expires_in": LIFETIME}))
    with pytest.raises(UnexpectedResponse, match=r"ext_attr\.subaccountid") as caught:
        _ = auth.subaccount_id
    assert len(opaque) < 30 or opaque not in str(caught.value)


@given(odd=st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: not re.fullmatch(SENDABLE, text)))
@example(odd="\r\nX-Header: S3CRET")
@example(odd="\u00e9")
def test_unsendable_token_is_refused(odd: str) -> None:
    """Line feeds would make several headers of a token, and the error of a library would repeat it."""
    opaque = f"{token(claims_of(GUID))}{odd} "
    with pytest.raises(UnexpectedResponse, match="gave no token") as caught:
        _ = answered(httpx.Response(200, json={"access_token": opaque, "expires_in": LIFETIME})).subaccount_id
    assert_silent(caught.value, opaque[:20], "S3CRET")


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(httpx.Response(200, html="<h1>S3CRET login</h1>"), id="a page of a proxy"),
        pytest.param(httpx.Response(404, html="<h1>S3CRET</h1>"), id="a 404 page of a proxy"),
        pytest.param(httpx.Response(200, json={"access_token": "", "expires_in": 5}), id="an empty token"),
        pytest.param(httpx.Response(200, json=["S3CRET"]), id="JSON of another shape"),
        pytest.param(
            httpx.Response(200, content=b'{"access_token":"S3CRET\xff","expires_in":5}'), id="bytes beyond UTF-8"
        ),
        pytest.param(httpx.Response(200, content=b'{"scope":' + b"[" * 100_000), id="endless brackets"),
        pytest.param(httpx.Response(200), id="an empty body"),
        pytest.param(httpx.Response(400, json={"error": "invalid_request"}), id="a refusal of the grant"),
        pytest.param(httpx.Response(403, text="Forbidden"), id="forbidden"),
        pytest.param(httpx.Response(302, headers={"Location": "https://login.example"}), id="a redirect"),
        pytest.param(
            httpx.Response(201, json={"access_token": "S3CRET", "expires_in": 5}), id="an undocumented status"
        ),
    ],
)
def test_response_without_token_is_unexpected(response: httpx.Response) -> None:
    """Status and content type are the evidence; the body is hidden."""
    with pytest.raises(UnexpectedResponse, match=str(response.status_code)) as caught:
        _ = answered(response).subaccount_id
    assert_silent(caught.value, "S3CRET")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_failing_token_service_is_unavailable(status: int) -> None:
    """The token request is repeated after the wanted pause, a few times; a new key would be useless."""
    clock, requests = FakeClock(), []

    def down(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, text="S3CRET", headers={"Retry-After": "7"})

    with pytest.raises(ServiceUnavailable, match=str(status)) as caught:
        _ = credentials(KEY, client(down), clock).subaccount_id
    assert caught.value.retry_after == 7
    assert len(requests) == MAX_ATTEMPTS
    assert clock.pauses == [7.0] * (MAX_ATTEMPTS - 1)
    assert_silent(caught.value, "S3CRET")


@dataclass
class Late:
    """A token service that times out some times, and then responds."""

    times: int
    calls: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Time out, or respond."""
        self.calls += 1
        if self.calls <= self.times:
            raise httpx.ReadTimeout("late", request=request)
        return Stub()(request)


def test_token_request_is_retried() -> None:
    """A token changes nothing, so a lost one does no harm."""
    late = Late(MAX_ATTEMPTS - 1)
    assert credentials(KEY, client(late)).subaccount_id == GUID
    assert late.calls == MAX_ATTEMPTS


def test_silent_token_service_is_unavailable() -> None:
    """The timeout is named, and the next request may succeed."""
    late = Late(MAX_ATTEMPTS)
    auth = credentials(KEY, client(late))
    with pytest.raises(ServiceUnavailable, match="ReadTimeout") as caught:
        _ = auth.subaccount_id
    assert_silent(caught.value, "S3CRET")
    assert late.calls == MAX_ATTEMPTS
    assert auth.subaccount_id == GUID


@pytest.mark.parametrize(
    "call", [TrustCertificatesClient.active, TrustCertificatesClient.rotate], ids=lambda call: call.__name__
)
@pytest.mark.parametrize("refuse", [0, 1], ids=["the first token", "a fresh token after 401"])
def test_request_without_token_stays_unsent(call: Callable[[TrustCertificatesClient], Any], refuse: int) -> None:
    """Each failure of the token request leaves the request unsent; its attempts and those of a read add up."""
    stub, tokens = Stub(refuse=refuse), []

    def down(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/oauth/token":
            return stub(request)
        tokens.append(request)
        return stub(request) if len(tokens) <= refuse else httpx.Response(503)

    with client(down, credentials(KEY, client(down))) as http, pytest.raises(ServiceUnavailable) as caught:
        call(TrustCertificatesClient(http, FakeClock().retry_policy()))
    assert caught.value.not_sent
    assert len(stub.calls) == refuse
    assert len(tokens) == refuse + MAX_ATTEMPTS


@pytest.mark.parametrize("because", ["a token that ends", "a token that is refused"])
@pytest.mark.parametrize("later", [OTHER, ""], ids=["of another subaccount", "without a subaccount"])
@pytest.mark.parametrize(
    "call", [TrustCertificatesClient.active, TrustCertificatesClient.rotate], ids=lambda call: call.__name__
)
def test_token_of_another_subaccount_is_refused(
    call: Callable[[TrustCertificatesClient], Any], later: str, because: str
) -> None:
    """The resources were compared with the first token, so all requests stay in its subaccount."""
    stub = Stub(refuse=9)

    def astray(request: httpx.Request) -> httpx.Response:
        answer = stub(request)
        if len(stub.tokens) < 2 or request.url.path != "/oauth/token":
            return answer
        return httpx.Response(200, json={"access_token": token(claims_of(later)), "expires_in": LIFETIME})

    auth = ClientCredentials(KEY, client(astray), FakeClock().retry_policy(), lambda: stub.now)
    assert auth.subaccount_id == GUID
    if because == "a token that ends":
        stub.now += LIFETIME
    with client(astray, auth) as http, pytest.raises(WrongSubaccount) as caught:
        call(TrustCertificatesClient(http, FakeClock().retry_policy()))
    used = [token(claims_of(GUID), 1)] if because == "a token that is refused" else []
    assert stub.calls == [f"Bearer {each}" for each in used]
    assert_three_part_message(str(caught.value), GUID, later or "none")
    assert_silent(caught.value, "S3CRET", token(claims_of(later))[:20])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"html": "<h1>log in</h1>"}, id="a page of a proxy"),
        pytest.param({"content": b" " * (MAX_BYTES + 1)}, id="far too much"),
    ],
)
def test_request_with_bad_token_stays_unsent(answer: dict[str, Any]) -> None:
    """Such a write is distinguished from one whose response was lost."""
    stub = Stub(refuse=1)

    def astray(request: httpx.Request) -> httpx.Response:
        fresh = request.url.path == "/oauth/token" and stub.tokens
        return httpx.Response(200, **answer) if fresh else stub(request)

    with client(astray, credentials(KEY, client(astray))) as http, pytest.raises(UnexpectedResponse) as caught:
        TrustCertificatesClient(http, FakeClock().retry_policy()).rotate()
    assert caught.value.not_sent
    assert len(stub.calls) == 1


def test_late_token_leaves_request_unsent() -> None:
    """The deadline of the operation bounds token and request together."""
    clock, stub = FakeClock(), Stub()
    retry_policy = clock.retry_policy()

    def slow(request: httpx.Request) -> httpx.Response:
        answer = stub(request)
        if stub.calls:
            clock.now += retry_policy.timeouts.operation_timeout
        return answer

    auth = ClientCredentials(KEY, client(slow), retry_policy, lambda: clock.now)
    assert auth.subaccount_id == GUID
    stub.refuse = 1
    with client(slow, auth) as http, retry_policy.deadline(), pytest.raises(ServiceUnavailable) as caught:
        TrustCertificatesClient(http, retry_policy).rotate()
    assert caught.value.not_sent
    assert len(stub.calls) == 1


def test_body_of_401_is_discarded() -> None:
    """A 401 of a proxy may have an endless body."""

    class Endless(httpx.SyncByteStream):
        def __init__(self) -> None:
            self.closed = False

        def __iter__(self) -> Iterator[bytes]:
            pytest.fail("the body was read")
            yield b""

        def close(self) -> None:
            self.closed = True

    stub, body = Stub(), Endless()

    def refuse(request: httpx.Request) -> httpx.Response:
        if "Authorization" in request.headers and not stub.calls:
            stub(request)
            return httpx.Response(401, stream=body)
        return stub(request)

    with client(refuse, credentials(KEY, client(refuse))) as http:
        send(http, http.build_request("GET", "/"), FakeClock().retry_policy())
    assert body.closed
    assert len(stub.calls) == 2


def test_repr_hides_key_and_token() -> None:
    """The repr hides key and token, before and after a request."""
    auth = Stub().auth()
    assert auth.subaccount_id == GUID
    for shown in (repr(auth), str(auth)):
        assert shown == "ClientCredentials(https://uaa.example/oauth/token)"
    assert "S3CRET" not in repr(TokenResponse("S3CRET", 3600.0))


def test_mutual_tls_gets_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS is real, with the authority of SSL_CERT_FILE, and the form is without a secret."""
    with Emulator(socket=True, key_size=1024) as emulator:
        emulator.create_subaccount(GUID, generate=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(emulator.ca_file))
        key = parse_service_key(json.dumps(emulator.service_key(GUID, "x509")), "the test")
        tls = key.tls(datetime.now(UTC))
        with httpx.Client(verify=tls) as tokens:
            auth = credentials(key, tokens)
            assert auth.subaccount_id == GUID
            with httpx.Client(verify=tls, auth=auth, base_url=key.uri) as http:
                certificate = TrustCertificatesClient(http, FakeClock().retry_policy()).active()
        assert certificate is not None
        assert certificate.fingerprint == emulator.slots(GUID).active


def test_certificate_of_another_client_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token service compares the certificate with the client of the form."""
    with Emulator(socket=True, key_size=1024) as emulator:
        other = emulator.create_subaccount()
        emulator.create_subaccount(GUID)
        monkeypatch.setenv("SSL_CERT_FILE", str(emulator.ca_file))
        foreign = {**emulator.service_key(other.guid, "x509"), "clientid": emulator.service_key(GUID)["clientid"]}
        foreign["certurl"] = emulator.service_key(GUID, "x509")["certurl"]
        key = parse_service_key(json.dumps(foreign), "the test")
        with httpx.Client(verify=key.tls(datetime.now(UTC))) as http, pytest.raises(CredentialsRejected):
            _ = credentials(key, http).subaccount_id


def test_untrusted_token_service_gets_no_request() -> None:
    """Unverified TLS leaves even the client's name unsent."""
    with Emulator(socket=True, key_size=1024) as emulator:
        emulator.create_subaccount(GUID)
        key = parse_service_key(json.dumps(emulator.service_key(GUID, "x509")), "the test")
        with httpx.Client(verify=key.tls(datetime.now(UTC))) as http, pytest.raises(ServiceUnavailable) as caught:
            _ = credentials(key, http).subaccount_id
        assert caught.value.not_sent
        assert emulator.journal() == []


def assert_silent(error: TrustError, *hidden: str) -> None:
    """Require that the error and its traceback hide all of these."""
    text = error_text(error)
    assert not [secret for secret in hidden if secret in text]
