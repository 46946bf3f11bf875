"""Failures of TLS and of proxies: told as what they are, with whom and why, and repeated only if that may help."""

from __future__ import annotations

import contextlib
import json
import ssl
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from btp_trust.errors import ConfigurationError, ServiceUnavailable
from btp_trust.runtime.host import Host
from btp_trust.runtime.session import Session
from btp_trust.service.transport.http_client import create_tls_context, open_client
from btp_trust.service.transport.request import send
from btp_trust.service.transport.request_progress import RequestProgress, RequestStage
from btp_trust.service.transport.retry import MAX_ATTEMPTS, is_unavailable, was_not_sent
from support.error_text import error_text
from support.fake_clock import FakeClock
from support.fake_engine import assert_three_part_message
from support.tls import DAY, Authority, CertificateAndKey, run_proxy, run_server, server_context

pytestmark = pytest.mark.usefixtures("plain_environment")
SETTINGS = ("btp-trust:caBundle", "SSL_CERT_FILE")
SERVICE = "https://service.example/token?secret=S3CRET"


@pytest.fixture(scope="module")
def authority() -> Authority:
    """An authority that the clients of these tests believe."""
    return Authority()


@pytest.fixture
def tls(authority: Authority) -> ssl.SSLContext:
    """The provider's TLS settings with that authority in the bundle."""
    return create_tls_context(authority.pem)


def failure(
    settings: ssl.SSLContext, url: str, method: str = "POST", bundle: str | None = None, **timeouts: float
) -> ServiceUnavailable:
    """What becomes of a request that is repeated as the operations repeat it: reads if it may help, writes if safe."""
    clock = FakeClock()
    retry_policy = clock.retry_policy(**timeouts) if timeouts else clock.retry_policy()
    when = is_unavailable if method == "GET" else was_not_sent
    with contextlib.closing(open_client(settings, None, None, "", bundle)) as http:

        def attempt() -> httpx.Response:
            return send(http, http.build_request(method, url, data={"client_secret": "S3CRET"}), retry_policy)

        with pytest.raises(ServiceUnavailable) as caught:
            retry_policy.run_with_retries(attempt, when)
    assert "S3CRET" not in error_text(caught.value)
    return caught.value


def assert_told(error: ServiceUnavailable, host: str, reason: str) -> None:
    """The host, OpenSSL's reason and both settings; nothing was sent, and nothing is to be repeated."""
    assert_three_part_message(str(error), host, reason, *SETTINGS)
    assert f"TLS with {host}" in error.what
    assert error.not_sent
    assert error.is_final


SERVERS: dict[str, tuple[dict[str, timedelta | bool], list[str], str]] = {
    "expired": ({"ends": timedelta(hours=-1)}, ["127.0.0.1"], "certificate has expired (10)"),
    "not yet valid": ({"begins": DAY / 2}, ["127.0.0.1"], "certificate is not yet valid (9)"),
    "of another address": ({}, ["127.0.0.2"], "IP address mismatch"),
    "of a name": ({}, ["service.example"], "IP address mismatch"),
}


@pytest.mark.parametrize("case", SERVERS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_certificate_that_is_not_accepted_is_told(
    authority: Authority, tls: ssl.SSLContext, tmp_path: Path, case: str, method: str
) -> None:
    """Once: another try brings the same."""
    options, hosts, reason = SERVERS[case]
    pair = authority.issue(*hosts, **options)  # type: ignore[arg-type]
    with run_server(server_context(pair, tmp_path)) as server:
        error = failure(tls, f"https://127.0.0.1:{server.port}/", method)
    assert_told(error, "127.0.0.1", reason)
    assert server.connections == 1
    assert server.requests == []


def test_an_unknown_authority_is_told(authority: Authority, tmp_path: Path) -> None:
    """As a corporate proxy's is, and as a certificate that signed itself."""
    for chain in (authority.issue("localhost"), None):
        pair = chain or CertificateAndKey(authority.pem, "")
        if chain is None:
            made = Authority("localhost").issue("localhost")
            pair = CertificateAndKey(made.certificate, made.key)
        with run_server(server_context(pair, tmp_path)) as server:
            error = failure(create_tls_context(), f"https://localhost:{server.port}/", "GET")
        assert_told(error, "localhost", "unable to get local issuer certificate (20)")
        assert "looks into TLS" in error.remedy
        assert server.connections == 1


def test_another_name_is_told(authority: Authority, tls: ssl.SSLContext, tmp_path: Path) -> None:
    """Both names show."""
    with run_server(server_context(authority.issue("service.example"), tmp_path)) as server:
        error = failure(tls, f"https://localhost:{server.port}/")
    assert_told(error, "localhost", "Hostname mismatch, certificate is not valid for 'localhost'")


def test_a_missing_key_identifier_is_told(authority: Authority, tls: ssl.SSLContext, tmp_path: Path) -> None:
    """Python 3.13 and later ask for it; here as if this was one."""
    pair = authority.issue("localhost", has_authority_key=False)
    tls.verify_flags |= ssl.VERIFY_X509_STRICT
    with run_server(server_context(pair, tmp_path)) as server:
        error = failure(tls, f"https://localhost:{server.port}/", "GET")
    assert_told(error, "localhost", "Missing Authority Key Identifier (85)")
    assert "Python 3.13" in error.remedy
    assert server.connections == 1


def test_a_server_without_tls_is_told(tls: ssl.SSLContext) -> None:
    """As of a wrong port."""
    with run_server() as server:
        error = failure(tls, f"https://127.0.0.1:{server.port}/", "GET")
    assert_told(error, "127.0.0.1", "does not speak TLS")
    assert server.connections == 1


def test_a_server_of_another_version_is_told(authority: Authority, tls: ssl.SSLContext, tmp_path: Path) -> None:
    """Here the client is the newer one."""
    settings = server_context(authority.issue("127.0.0.1"), tmp_path)
    settings.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    with run_server(settings) as server:
        error = failure(tls, f"https://127.0.0.1:{server.port}/", "GET")
    assert_told(error, "127.0.0.1", "VERSION")
    assert "no version of TLS in common" in error.why
    assert server.connections == 1


def test_no_common_cipher_is_told(authority: Authority, tls: ssl.SSLContext, tmp_path: Path) -> None:
    """The server says no more than that it does not like the handshake."""
    settings = server_context(authority.issue("127.0.0.1"), tmp_path)
    settings.maximum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_2
    settings.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    tls.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
    with run_server(settings) as server:
        error = failure(tls, f"https://127.0.0.1:{server.port}/", "GET")
    assert_told(error, "127.0.0.1", "HANDSHAKE_FAILURE")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("presents", [False, True], ids=["none", "one of another authority"])
def test_a_clients_certificate_that_is_refused_is_told(
    authority: Authority, tls: ssl.SSLContext, tmp_path: Path, version: ssl.TLSVersion, *, presents: bool
) -> None:
    """In the handshake (TLS 1.2), or in place of the answer (1.3): then the request was sent, and nobody read it."""
    settings = server_context(authority.issue("127.0.0.1"), tmp_path, clients=authority)
    settings.maximum_version = version
    if presents:
        tls.load_cert_chain(Authority("another").issue("one", is_client=True).file(tmp_path))
    with run_server(settings) as server:
        error = failure(tls, f"https://127.0.0.1:{server.port}/", "GET")
    assert_three_part_message(str(error), "TLS with 127.0.0.1", "ALERT", "service key", *SETTINGS)
    assert error.is_final
    assert error.not_sent == (version is ssl.TLSVersion.TLSv1_2)
    assert server.connections == 1
    assert server.requests == []


def closing(handler: BaseHTTPRequestHandler) -> None:
    """Say nothing and hang up."""
    handler.close_connection = True


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_handshake_that_merely_ends_is_tried_again(tls: ssl.SSLContext, method: str) -> None:
    """The network did that, and the next try may go well; nothing was sent."""

    class Hanging(ssl.SSLContext):
        def wrap_socket(self, sock: object, *_: object, **__: object) -> ssl.SSLSocket:
            raise ConnectionResetError(sock)

    with run_server(Hanging(ssl.PROTOCOL_TLS_SERVER)) as server:
        error = failure(tls, f"https://127.0.0.1:{server.port}/", method)
    assert "during the TLS handshake" in error.why
    assert error.not_sent
    assert server.connections == MAX_ATTEMPTS


def answering(status: int, phrase: str = "S3CRET phrase") -> Callable[[BaseHTTPRequestHandler], None]:
    """A proxy's answer to CONNECT."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status, phrase)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@dataclass(frozen=True)
class Refusal:
    """A proxy's status, and what is made of it."""

    status: int
    named: str
    tries: int
    remedy: str


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(407, "407 Proxy Authentication Required", 1, "into the proxy's URL in HTTPS_PROXY"),
        Refusal(403, "403 Forbidden", MAX_ATTEMPTS, "allow service.example:443"),
        Refusal(404, "404 Not Found", MAX_ATTEMPTS, "allow service.example:443"),
        Refusal(302, "302 Found", MAX_ATTEMPTS, "allow service.example:443"),
        Refusal(429, "429 Too Many Requests", MAX_ATTEMPTS, "cannot reach service.example just now"),
        Refusal(502, "502 Bad Gateway", MAX_ATTEMPTS, "cannot reach service.example just now"),
        Refusal(503, "503 Service Unavailable", MAX_ATTEMPTS, "cannot reach service.example just now"),
        Refusal(504, "504 Gateway Timeout", MAX_ATTEMPTS, "cannot reach service.example just now"),
        Refusal(599, "599", MAX_ATTEMPTS, "cannot reach service.example just now"),
    ],
    ids=lambda refusal: refusal.named,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_proxy_that_refuses_is_named(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, method: str, refusal: Refusal
) -> None:
    """With its status and what to do; neither its words nor its user; a user that it refuses is not tried again."""
    with run_proxy(answering(refusal.status)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://joe:S3CRET%21@localhost:{proxy.port}")
        error = failure(tls, SERVICE, method)
    assert_three_part_message(str(error), f"localhost:{proxy.port}", refusal.named, refusal.remedy)
    assert f"the proxy localhost:{proxy.port} refused" in error.what
    assert error.not_sent
    assert "joe" not in error_text(error)
    assert len(proxy.requests) == refusal.tries
    expected = f"Proxy-Authorization: Basic {b64encode(b'joe:S3CRET!').decode()}"
    assert all(
        expected in requests and requests.startswith("CONNECT service.example:443 ") for requests in proxy.requests
    )


def test_a_status_that_nobody_tells_is_no_traceback() -> None:
    """Of another transport than httpcore's."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ProxyError("S3CRET", request=request)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http, pytest.raises(ServiceUnavailable) as caught:
        send(http, http.build_request("GET", SERVICE), FakeClock().retry_policy())
    assert "answered otherwise" in caught.value.why
    assert "S3CRET" not in error_text(caught.value)


@pytest.mark.parametrize("reason", [None, "TLSV1_ALERT_INTERNAL_ERROR"])
def test_another_reason_is_told_as_it_is(reason: str | None) -> None:
    """Of OpenSSL, if there is one; what Python makes of it is not repeated."""
    error = ssl.SSLError(1, "S3CRET")
    error.reason = reason  # type: ignore[assignment]

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("S3CRET", request=request) from error

    with httpx.Client(transport=httpx.MockTransport(answer)) as http, pytest.raises(ServiceUnavailable) as caught:
        send(http, http.build_request("GET", SERVICE), FakeClock().retry_policy())
    assert_told(caught.value, "service.example", f"OpenSSL says: {reason or 'no reason'}.")
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("reason", "is_told"), [("TLSV13_ALERT_CERTIFICATE_REQUIRED", True), ("BAD_RECORD_MAC", False), (None, False)]
)
def test_tls_that_breaks_later_may_have_carried_the_request(reason: str | None, *, is_told: bool) -> None:
    """Whoever reports no steps, too: only what provably never left may be repeated."""
    error = ssl.SSLError(1, "S3CRET")
    error.reason = reason  # type: ignore[assignment]

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("S3CRET", request=request) from error

    with httpx.Client(transport=httpx.MockTransport(answer)) as http, pytest.raises(ServiceUnavailable) as caught:
        send(http, http.build_request("POST", SERVICE), FakeClock().retry_policy())
    assert not caught.value.not_sent
    assert caught.value.is_final == is_told
    assert ("TLS" in caught.value.what) == is_told


def test_a_proxy_that_cannot_be_reached_is_named(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there; SAP's host is not to blame."""
    monkeypatch.setenv("ALL_PROXY", "http://joe:S3CRET@127.0.0.1:9")
    error = failure(tls, SERVICE)
    assert_three_part_message(str(error), "the proxy 127.0.0.1:9", "HTTPS_PROXY", "NO_PROXY")
    assert error.not_sent


def test_a_proxy_that_hangs_up_never_had_the_request(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an answer to CONNECT: a write that was to go through it was certainly not sent."""
    with run_proxy(closing) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{proxy.port}")
        error = failure(tls, SERVICE)
    assert f"the proxy localhost:{proxy.port} did not make the connection" in error.why
    assert error.not_sent
    assert len(proxy.requests) == MAX_ATTEMPTS


def test_a_request_goes_through_a_tunnel(
    authority: Authority, tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS is with the service; a second request uses the same tunnel."""
    settings = server_context(authority.issue("service.example"), tmp_path)
    with run_server(settings) as server, run_proxy(to=server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"localhost:{proxy.port}")
        with contextlib.closing(open_client(tls, None)) as http:
            for _ in range(2):
                assert send(http, http.build_request("GET", SERVICE), FakeClock().retry_policy()).json() == {}
    assert len(proxy.requests) == 1
    assert len(server.requests) == 2


def test_a_service_behind_a_proxy_that_is_not_believed_is_named(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the proxy with it, which may be the one that looks into TLS."""
    settings = server_context(authority.issue("service.example"), tmp_path)
    with run_server(settings) as server, run_proxy(to=server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://joe:S3CRET@localhost:{proxy.port}")
        error = failure(create_tls_context(), SERVICE, "GET")
    assert_told(error, "service.example", "unable to get local issuer certificate (20)")
    assert f"(through the proxy localhost:{proxy.port})" in error.what
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("is_known", [True, False])
def test_a_proxy_that_speaks_tls_is_verified_too(
    authority: Authority, tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_known: bool
) -> None:
    """With the bundle; without it the failure is the proxy's, and nobody was asked for a tunnel."""
    settings = server_context(authority.issue("service.example", "localhost"), tmp_path)
    with run_server(settings) as server, run_proxy(to=server.port, tls=settings) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://joe:S3CRET@localhost:{proxy.port}")
        if is_known:
            with contextlib.closing(open_client(tls, None, None, "", authority.pem)) as http:
                assert send(http, http.build_request("GET", SERVICE), FakeClock().retry_policy()).json() == {}
        else:
            error = failure(tls, SERVICE, "GET")
            assert_told(error, f"the proxy localhost:{proxy.port}", "unable to get local issuer certificate (20)")
            assert proxy.connections == 1
            assert proxy.requests == []


def test_the_systems_authorities_are_believed(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Besides certifi's, which not all machines have; SSL_CERT_FILE stands in for both."""

    def load(context: ssl.SSLContext, purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH) -> None:
        assert purpose is ssl.Purpose.SERVER_AUTH
        context.load_verify_locations(cadata=authority.pem)

    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", load)
    with run_server(server_context(authority.issue("localhost"), tmp_path)) as server:
        url = f"https://localhost:{server.port}/"
        with contextlib.closing(open_client(create_tls_context(), None)) as http:
            assert send(http, http.build_request("GET", url), FakeClock().retry_policy()).json() == {}
        other = tmp_path / "other.pem"
        other.write_text(Authority("another").pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(other))
        assert_told(failure(create_tls_context(), url), "localhost", "unable to get local issuer certificate (20)")


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("content", [None, "", "S3CRET", "-----BEGIN PRIVATE KEY-----\nS3CRET\n"])
def test_authorities_that_cannot_be_loaded_name_their_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: str | None
) -> None:
    """The path as well, but nothing that is none."""
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_text(content)
    for value in (str(path), content):
        if not value:
            continue
        monkeypatch.setenv(name, value)
        with pytest.raises(ConfigurationError) as caught:
            create_tls_context()
        assert_three_part_message(str(caught.value), name)
        assert (str(path) in caught.value.why) == (value == str(path))
        assert "PRIVATE KEY" not in str(caught.value)


def test_one_note_tells_what_of_no_proxy_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in a command, however many connections there are; the rest counts."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "[::1]:x, http://[::1 , 127.0.0.0/8")
    key = {"clientid": "a", "clientsecret": "b", "uri": "https://127.0.0.2:9", "url": "https://127.0.0.2:9"}
    config = {"btp-trust:connections": json.dumps({"one": key, "two": key})}
    clock = FakeClock()
    written: list[str] = []

    class Stderr:
        def write(self, text: str) -> None:
            written.append(text)

        def flush(self) -> None:
            """Nothing waits."""

    shared = Session(config.get, Host({}, sleep=clock.sleep, monotonic=lambda: clock.now, stderr=Stderr()))  # type: ignore[arg-type]
    for name in ("one", "two"):
        with pytest.raises(ServiceUnavailable, match="ConnectError") as caught:
            shared.subaccount(name, None)
        assert "127.0.0.1:9" not in str(caught.value)
    assert len(written) == 1
    entries = "'[::1]:x', 'http://[::1'"
    assert written[0].startswith(f"note: NO_PROXY: the entries {entries} are malformed and therefore skipped")


def test_what_nobody_reports_is_not_known() -> None:
    """Events that have no meaning here change nothing; what was sent stays sent."""
    progress = RequestProgress("service.example")
    progress("connection.close.started", {})
    assert (progress.stage, progress.is_certainly_unsent) == (RequestStage.UNKNOWN, False)
    progress("http11.send_request_headers.started", {"request": httpx.Request("GET", SERVICE)})
    progress("connection.connect_tcp.started", {})
    assert (progress.stage, progress.is_certainly_unsent) == (RequestStage.SENT, False)
