"""Tokens: one for all threads, fresh in time, and never seen by anybody."""

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
    """A token with these claims, as XSUAA encodes them; the signature is the service's business."""
    parts = ({"alg": "RS256"}, claims, {"serial": serial})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def claims_of(guid: str) -> dict[str, Any]:
    """The claims that matter here."""
    return {"ext_attr": {"enhancer": "XSUAA", "subaccountid": guid}, "zid": guid}


@dataclass
class Stub:
    """A token service, and a service behind it that refuses as many tokens as it is told to."""

    lifetime: float = LIFETIME
    refuse: int = 0
    tokens: list[httpx.Request] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    now: float = 1000.0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer as the one or the other."""
        if request.url.path == "/oauth/token":
            self.tokens.append(request)
            fresh = token(claims_of(GUID), len(self.tokens))
            return httpx.Response(200, json={"access_token": fresh, "expires_in": self.lifetime})
        self.calls.append(request.headers["Authorization"])
        return httpx.Response(401 if len(self.calls) <= self.refuse else 200)

    def auth(self) -> ClientCredentials:
        """Credentials for it, by its own clock."""
        return ClientCredentials(KEY, client(self), FakeClock().retry_policy(), lambda: self.now)


def client(handler: Callable[[httpx.Request], httpx.Response], auth: httpx.Auth | None = None) -> httpx.Client:
    """An HTTP client that reaches this handler and nothing else."""
    return httpx.Client(transport=httpx.MockTransport(handler), auth=auth, base_url=KEY.uri)


def answered(response: httpx.Response) -> ClientCredentials:
    """Credentials for a token service that always answers this."""
    return patient(KEY, client(lambda _: response))


def patient(key: ServiceKey, http: httpx.Client, clock: FakeClock | None = None) -> ClientCredentials:
    """Credentials that wait by a clock of their own."""
    clock = clock or FakeClock()
    return ClientCredentials(key, http, clock.retry_policy(), lambda: clock.now)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator with one subaccount that has an active certificate."""
    with Emulator(key_size=1024) as running:
        running.create_subaccount(GUID, generate=True)
        yield running


def test_a_token_is_asked_for_as_documented() -> None:
    """Form fields, with the client's odd characters encoded; nothing in the address."""
    stub = Stub()
    assert stub.auth().subaccount_id == GUID
    (request,) = stub.tokens
    assert (request.method, str(request.url)) == ("POST", "https://uaa.example/oauth/token")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.content.decode() == (
        "grant_type=client_credentials&client_id=sb-clone1%21b2%7Cdestination&client_secret=S3CRET%24-of%3Dthe-client"
    )


def test_the_emulator_gives_a_token_that_names_the_subaccount(emulator: Emulator) -> None:
    """From a service key to the GUID, in one request."""
    key = parse_service_key(json.dumps(emulator.service_key(GUID)), "the test")
    with httpx.Client(transport=emulator.transport) as http:
        assert patient(key, http).subaccount_id == GUID
    assert [entry.method for entry in emulator.journal()] == ["POST"]


def test_four_threads_at_once_share_one_token() -> None:
    """The engine calls from four threads; the token service is asked once."""
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


def test_four_threads_that_are_refused_share_one_fresh_token() -> None:
    """A token that was withdrawn is replaced once, not once a thread."""
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
def test_a_token_is_used_until_shortly_before_its_end(lifetime: int, passed: float) -> None:
    """A minute before it, there is a new one: a request on its way must not meet the end."""
    stub = Stub(lifetime=lifetime)
    auth = stub.auth()
    for _ in range(2):
        assert auth.subaccount_id == GUID
    stub.now += passed
    assert auth.subaccount_id == GUID
    assert len(stub.tokens) == (2 if stub.now >= 1000.0 + lifetime - 60.0 else 1)


@given(
    said=st.sampled_from([{}, {"expires_in": None}, {"expires_in": ""}, {"expires_in": "soon"}, {"expires_in": "nan"}])
    | st.sampled_from([{"expires_in": 300}, {"expires_in": "300"}, {"expires_in": "3e2"}, {"expires_in": 300.5}]),
    passed=st.floats(0, 600),
)
def test_a_token_whose_lifetime_is_not_said_is_used_shortly(said: dict[str, Any], passed: float) -> None:
    """RFC 6749 only recommends to say it; a text is read as the number that it is."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"access_token": token(claims_of(GUID), len(asked)), **said})

    now = [1000.0]
    auth = ClientCredentials(KEY, client(answer), FakeClock().retry_policy(), lambda: now[0])
    for _ in range(3):
        assert auth.subaccount_id == GUID
    assert len(asked) == 1
    now[0] += passed
    assert auth.subaccount_id == GUID
    assert len(asked) == (1 if passed < 240 else 2) or 240 <= passed < 240.5


def test_401_is_answered_by_one_fresh_token() -> None:
    """Once, and the request goes out again with it."""
    stub = Stub(refuse=1)
    with client(stub, stub.auth()) as http:
        assert http.post("/").status_code == 200
    assert len(stub.tokens) == 2
    assert len(set(stub.calls)) == 2


def test_401_for_a_fresh_token_too_means_rejected_credentials() -> None:
    """Then no third one is tried."""
    stub = Stub(refuse=9)
    with client(stub, stub.auth()) as http, pytest.raises(CredentialsRejected) as caught:
        TrustCertificatesClient(http, FakeClock().retry_policy()).active()
    assert len(stub.tokens) == len(stub.calls) == 2
    assert_silent(caught.value, "S3CRET", token(claims_of(GUID), 1)[:20])


def test_an_expired_token_is_replaced_without_anybody_noticing(emulator: Emulator) -> None:
    """The service's clock may be ahead of ours: its 401 costs one token."""
    key = parse_service_key(json.dumps(emulator.service_key(GUID)), "the test")
    auth = patient(key, httpx.Client(transport=emulator.transport))
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
def test_a_wrong_client_is_rejected(emulator: Emulator, change: dict[str, str]) -> None:
    """The remedy is a new service key."""
    key = parse_service_key(json.dumps({**emulator.service_key(GUID), **change}), "the test")
    with httpx.Client(transport=emulator.transport) as http, pytest.raises(CredentialsRejected) as caught:
        _ = patient(key, http).subaccount_id
    assert "service key" in caught.value.remedy
    assert_silent(caught.value, "S3CRET", key.clientsecret)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({}, id="no claims"),
        pytest.param({"zid": GUID}, id="a zone only"),
        pytest.param({"ext_attr": {}}, id="no subaccount"),
        pytest.param({"ext_attr": {"subaccountid": ""}}, id="an empty subaccount"),
        pytest.param({"ext_attr": {"subaccountid": 5}}, id="a number for a subaccount"),
        pytest.param({"ext_attr": None}, id="nothing extended"),
        pytest.param([], id="claims that are a list"),
    ],
)
def test_a_token_that_names_no_subaccount_is_refused(claims: Any) -> None:
    """Without that claim a change could reach another subaccount."""
    opaque = token(claims)
    assert_names_no_subaccount(opaque)


@given(opaque=st.from_regex(SENDABLE, fullmatch=True) | st.binary().map(lambda body: f"a.{body.hex()}.c"))
def test_any_other_token_names_no_subaccount(opaque: str) -> None:
    """An opaque token, or one of another shape, is no crash."""
    assert_names_no_subaccount(opaque)


def assert_names_no_subaccount(opaque: str) -> None:
    """Such a token is refused, without showing it."""
    auth = answered(httpx.Response(200, json={"access_token": opaque, "expires_in": LIFETIME}))
    with pytest.raises(UnexpectedResponse, match=r"ext_attr\.subaccountid") as caught:
        _ = auth.subaccount_id
    assert len(opaque) < 30 or opaque not in str(caught.value)


@given(odd=st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: not re.fullmatch(SENDABLE, text)))
@example(odd="\r\nX-Header: S3CRET")
@example(odd="\u00e9")
def test_a_token_that_is_no_header_is_refused(odd: str) -> None:
    """Line feeds would make several headers of it, and no library is asked to complain: it would repeat the token."""
    opaque = f"{token(claims_of(GUID))}{odd} "
    with pytest.raises(UnexpectedResponse, match="gave no token") as caught:
        _ = answered(httpx.Response(200, json={"access_token": opaque, "expires_in": LIFETIME})).subaccount_id
    assert_silent(caught.value, opaque[:20], "S3CRET")


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(httpx.Response(200, html="<h1>S3CRET login</h1>"), id="a page of a proxy"),
        pytest.param(httpx.Response(404, html="<h1>S3CRET</h1>"), id="a page of a proxy that knows no such host"),
        pytest.param(httpx.Response(200, json={"access_token": "", "expires_in": 5}), id="an empty token"),
        pytest.param(httpx.Response(200, json=["S3CRET"]), id="JSON of another shape"),
        pytest.param(httpx.Response(200, content=b'{"access_token":"S3CRET\xff","expires_in":5}'), id="no UTF-8"),
        pytest.param(httpx.Response(200, content=b'{"scope":' + b"[" * 100_000), id="brackets without end"),
        pytest.param(httpx.Response(200), id="nothing"),
        pytest.param(httpx.Response(400, json={"error": "invalid_request"}), id="a refusal of the grant"),
        pytest.param(httpx.Response(403, text="Forbidden"), id="forbidden"),
        pytest.param(httpx.Response(302, headers={"Location": "https://login.example"}), id="a redirect"),
        pytest.param(
            httpx.Response(201, json={"access_token": "S3CRET", "expires_in": 5}), id="a status that is not documented"
        ),
    ],
)
def test_what_is_no_token_is_an_unexpected_response(response: httpx.Response) -> None:
    """Status and content type are the evidence; the body may hold anything and is not shown."""
    with pytest.raises(UnexpectedResponse, match=str(response.status_code)) as caught:
        _ = answered(response).subaccount_id
    assert_silent(caught.value, "S3CRET")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_token_service_that_is_down_is_unavailable(status: int) -> None:
    """Waiting helps, a new key would not; it is asked again as late as it wants, and a few times only."""
    clock, requests = FakeClock(), []

    def down(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, text="S3CRET", headers={"Retry-After": "7"})

    with pytest.raises(ServiceUnavailable, match=str(status)) as caught:
        _ = patient(KEY, client(down), clock).subaccount_id
    assert caught.value.retry_after == 7
    assert len(requests) == MAX_ATTEMPTS
    assert clock.pauses == [7.0] * (MAX_ATTEMPTS - 1)
    assert_silent(caught.value, "S3CRET")


@dataclass
class Late:
    """A token service that does not answer in time, so many times; then it does."""

    times: int
    calls: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer, or not."""
        self.calls += 1
        if self.calls <= self.times:
            raise httpx.ReadTimeout("late", request=request)
        return Stub()(request)


def test_a_token_is_asked_for_again() -> None:
    """A token changes nothing, whether the first one was made or not."""
    late = Late(MAX_ATTEMPTS - 1)
    assert patient(KEY, client(late)).subaccount_id == GUID
    assert late.calls == MAX_ATTEMPTS


def test_a_token_service_that_does_not_answer_is_unavailable() -> None:
    """A time-out is told as one, and the next command may work: nothing was kept of it."""
    late = Late(MAX_ATTEMPTS)
    auth = patient(KEY, client(late))
    with pytest.raises(ServiceUnavailable, match="ReadTimeout") as caught:
        _ = auth.subaccount_id
    assert_silent(caught.value, "S3CRET")
    assert late.calls == MAX_ATTEMPTS
    assert auth.subaccount_id == GUID


@pytest.mark.parametrize(
    "call", [TrustCertificatesClient.active, TrustCertificatesClient.rotate], ids=lambda call: call.__name__
)
@pytest.mark.parametrize("refuse", [0, 1], ids=["the first token", "a fresh token after 401"])
def test_a_request_that_gets_no_token_was_never_sent(
    call: Callable[[TrustCertificatesClient], Any], refuse: int
) -> None:
    """Whatever became of the token request, a 503 included; and its tries are not multiplied by those of a read."""
    stub, tokens = Stub(refuse=refuse), []

    def down(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/oauth/token":
            return stub(request)
        tokens.append(request)
        return stub(request) if len(tokens) <= refuse else httpx.Response(503)

    with client(down, patient(KEY, client(down))) as http, pytest.raises(ServiceUnavailable) as caught:
        call(TrustCertificatesClient(http, FakeClock().retry_policy()))
    assert caught.value.not_sent
    assert len(stub.calls) == refuse
    assert len(tokens) == refuse + MAX_ATTEMPTS


@pytest.mark.parametrize("because", ["a token that ends", "a token that is refused"])
@pytest.mark.parametrize("later", [OTHER, ""], ids=["of another subaccount", "of no subaccount"])
@pytest.mark.parametrize(
    "call", [TrustCertificatesClient.active, TrustCertificatesClient.rotate], ids=lambda call: call.__name__
)
def test_a_later_token_of_another_subaccount_is_never_used(
    call: Callable[[TrustCertificatesClient], Any], later: str, because: str
) -> None:
    """The resources were compared with the first one: no read and no write goes elsewhere in their name."""
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
def test_a_request_whose_token_is_none_was_never_sent(answer: dict[str, Any]) -> None:
    """A write is not taken for one whose answer was lost."""
    stub = Stub(refuse=1)

    def astray(request: httpx.Request) -> httpx.Response:
        fresh = request.url.path == "/oauth/token" and stub.tokens
        return httpx.Response(200, **answer) if fresh else stub(request)

    with client(astray, patient(KEY, client(astray))) as http, pytest.raises(UnexpectedResponse) as caught:
        TrustCertificatesClient(http, FakeClock().retry_policy()).rotate()
    assert caught.value.not_sent
    assert len(stub.calls) == 1


def test_a_request_whose_time_is_over_when_the_token_comes_is_not_sent() -> None:
    """The operation's end bounds both together."""
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


def test_the_body_of_a_refusal_is_not_read() -> None:
    """A 401 from a proxy may have a body without end."""

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

    with client(refuse, patient(KEY, client(refuse))) as http:
        send(http, http.build_request("GET", "/"), FakeClock().retry_policy())
    assert body.closed
    assert len(stub.calls) == 2


def test_credentials_never_show_themselves() -> None:
    """Neither key nor token is in the repr, also after one was fetched."""
    auth = Stub().auth()
    assert auth.subaccount_id == GUID
    for shown in (repr(auth), str(auth)):
        assert shown == "ClientCredentials(https://uaa.example/oauth/token)"
    assert "S3CRET" not in repr(TokenResponse("S3CRET", 3600.0))


def test_a_client_certificate_gets_a_token_over_mutual_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real TLS, with the authority taken from SSL_CERT_FILE; no secret is in the form, for there is none."""
    with Emulator(socket=True, key_size=1024) as emulator:
        emulator.create_subaccount(GUID, generate=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(emulator.ca_file))
        key = parse_service_key(json.dumps(emulator.service_key(GUID, "x509")), "the test")
        tls = key.tls(datetime.now(UTC))
        with httpx.Client(verify=tls) as tokens:
            auth = patient(key, tokens)
            assert auth.subaccount_id == GUID
            with httpx.Client(verify=tls, auth=auth, base_url=key.uri) as http:
                found = TrustCertificatesClient(http, FakeClock().retry_policy()).active()
        assert found is not None
        assert found.fingerprint == emulator.slots(GUID).active


def test_a_client_certificate_of_another_client_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token service compares it with the client of the form."""
    with Emulator(socket=True, key_size=1024) as emulator:
        other = emulator.create_subaccount()
        emulator.create_subaccount(GUID)
        monkeypatch.setenv("SSL_CERT_FILE", str(emulator.ca_file))
        foreign = {**emulator.service_key(other.guid, "x509"), "clientid": emulator.service_key(GUID)["clientid"]}
        foreign["certurl"] = emulator.service_key(GUID, "x509")["certurl"]
        key = parse_service_key(json.dumps(foreign), "the test")
        with httpx.Client(verify=key.tls(datetime.now(UTC))) as http, pytest.raises(CredentialsRejected):
            _ = patient(key, http).subaccount_id


def test_an_authority_that_is_not_trusted_is_no_answer() -> None:
    """TLS that cannot be checked sends nothing: not even the client's name."""
    with Emulator(socket=True, key_size=1024) as emulator:
        emulator.create_subaccount(GUID)
        key = parse_service_key(json.dumps(emulator.service_key(GUID, "x509")), "the test")
        with httpx.Client(verify=key.tls(datetime.now(UTC))) as http, pytest.raises(ServiceUnavailable) as caught:
            _ = patient(key, http).subaccount_id
        assert caught.value.not_sent
        assert emulator.journal() == []


def assert_silent(error: TrustError, *hidden: str) -> None:
    """Neither the error nor its traceback shows any of these."""
    shown = error_text(error)
    assert not [each for each in hidden if each in shown]
