"""Failures of TLS and of proxies: the error names host and reason, and is repeated only if that may help."""

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
    """An authority that the clients of these tests trust."""
    return Authority()


@pytest.fixture
def tls(authority: Authority) -> ssl.SSLContext:
    """The provider's TLS settings with that authority in the bundle."""
    return create_tls_context(authority.pem)


def failure(
    settings: ssl.SSLContext, url: str, method: str = "POST", bundle: str | None = None, **timeouts: float
) -> ServiceUnavailable:
    """Send a request with the retries of the operations, reads if it may help and writes if safe; return the error."""
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


def assert_final_tls_error(error: ServiceUnavailable, host: str, reason: str) -> None:
    """Require the host, OpenSSL's reason and both settings in the error of an unsent request that is final."""
    assert_three_part_message(str(error), host, reason, *SETTINGS)
    assert f"TLS with {host}" in error.what
    assert error.not_sent
    assert error.is_permanent


SERVERS: dict[str, tuple[dict[str, timedelta | bool], list[str], str]] = {
    "expired": ({"ends": timedelta(hours=-1)}, ["127.0.0.1"], "certificate has expired (10)"),
    "not yet valid": ({"begins": DAY / 2}, ["127.0.0.1"], "certificate is not yet valid (9)"),
    "of another address": ({}, ["127.0.0.2"], "IP address mismatch"),
    "of a name": ({}, ["service.example"], "IP address mismatch"),
}


@pytest.mark.parametrize("case", SERVERS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_bad_certificate_is_final(
    authority: Authority, tls: ssl.SSLContext, tmp_path: Path, case: str, method: str
) -> None:
    """One attempt is enough: another would end the same."""
    options, hosts, reason = SERVERS[case]
    pair = authority.issue(*hosts, **options)  # type: ignore[arg-type]
    with run_server(server_context(pair, tmp_path)) as server:
        error = failure(tls, f"https://127.0.0.1:{server.port}/", method)
    assert_final_tls_error(error, "127.0.0.1", reason)
    assert server.connections == 1
    assert server.requests == []


def test_unknown_authority_has_its_remedy(authority: Authority, tmp_path: Path) -> None:
    """The authority may be a corporate proxy's, or the certificate may have signed itself."""
    for chain in (authority.issue("localhost"), None):
        pair = chain or CertificateAndKey(authority.pem, "")
        if chain is None:
            other = Authority("localhost").issue("localhost")
            pair = CertificateAndKey(other.certificate, other.key)
        with run_server(server_context(pair, tmp_path)) as server:
            error = failure(create_tls_context(), f"https://localhost:{server.port}/", "GET")
        assert_final_tls_error(error, "localhost", "unable to get local issuer certificate (20)")
        assert "looks into TLS" in error.remedy
        assert server.connections == 1


def test_hostname_mismatch_has_both_names(authority: Authority, tls: ssl.SSLContext, tmp_path: Path) -> None:
    """The evidence has the host and the names of the certificate."""
    with run_server(server_context(authority.issue("service.example"), tmp_path)) as server:
        error = failure(tls, f"https://localhost:{server.port}/")
    assert_final_tls_error(error, "localhost", "Hostname mismatch, certificate is not valid for 'localhost'")


def test_missing_key_identifier_has_its_remedy(authority: Authority, tls: ssl.SSLContext, tmp_path: Path) -> None:
    """Python 3.13 and later require the identifier; the test sets their flag."""
    pair = authority.issue("localhost", has_authority_key=False)
    tls.verify_flags |= ssl.VERIFY_X509_STRICT
    with run_server(server_context(pair, tmp_path)) as server:
        error = failure(tls, f"https://localhost:{server.port}/", "GET")
    assert_final_tls_error(error, "localhost", "Missing Authority Key Identifier (85)")
    assert "Python 3.13" in error.remedy
    assert server.connections == 1


def test_server_without_tls_has_its_remedy(tls: ssl.SSLContext) -> None:
    """A wrong port leads to such a server."""
    with run_server() as server:
        error = failure(tls, f"https://127.0.0.1:{server.port}/", "GET")
    assert_final_tls_error(error, "127.0.0.1", "does not speak TLS")
    assert server.connections == 1


def test_version_mismatch_has_its_remedy(authority: Authority, tls: ssl.SSLContext, tmp_path: Path) -> None:
    """Here the client is the newer one."""
    settings = server_context(authority.issue("127.0.0.1"), tmp_path)
    settings.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    with run_server(settings) as server:
        error = failure(tls, f"https://127.0.0.1:{server.port}/", "GET")
    assert_final_tls_error(error, "127.0.0.1", "VERSION")
    assert "no version of TLS in common" in error.why
    assert server.connections == 1


def test_cipher_mismatch_has_openssls_reason(authority: Authority, tls: ssl.SSLContext, tmp_path: Path) -> None:
    """The server's alert has the handshake's failure alone."""
    settings = server_context(authority.issue("127.0.0.1"), tmp_path)
    settings.maximum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_2
    settings.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    tls.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
    with run_server(settings) as server:
        error = failure(tls, f"https://127.0.0.1:{server.port}/", "GET")
    assert_final_tls_error(error, "127.0.0.1", "HANDSHAKE_FAILURE")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("presents", [False, True], ids=["missing", "of another authority"])
def test_rejected_client_certificate_is_final(
    authority: Authority, tls: ssl.SSLContext, tmp_path: Path, version: ssl.TLSVersion, *, presents: bool
) -> None:
    """TLS 1.2 rejects it in the handshake; 1.3 after the request was sent, which the server then leaves unread."""
    settings = server_context(authority.issue("127.0.0.1"), tmp_path, clients=authority)
    settings.maximum_version = version
    if presents:
        tls.load_cert_chain(Authority("another").issue("one", is_client=True).file(tmp_path))
    with run_server(settings) as server:
        error = failure(tls, f"https://127.0.0.1:{server.port}/", "GET")
    assert_three_part_message(str(error), "TLS with 127.0.0.1", "ALERT", "service key", *SETTINGS)
    assert error.is_permanent
    assert error.not_sent == (version is ssl.TLSVersion.TLSv1_2)
    assert server.connections == 1
    assert server.requests == []


def closing(handler: BaseHTTPRequestHandler) -> None:
    """Hang up before any response."""
    handler.close_connection = True


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_interrupted_handshake_is_retried(tls: ssl.SSLContext, method: str) -> None:
    """A failure of the network may pass, and the request was never sent."""

    class Hanging(ssl.SSLContext):
        def wrap_socket(self, sock: object, *_: object, **__: object) -> ssl.SSLSocket:
            raise ConnectionResetError(sock)

    with run_server(Hanging(ssl.PROTOCOL_TLS_SERVER)) as server:
        error = failure(tls, f"https://127.0.0.1:{server.port}/", method)
    assert "during the TLS handshake" in error.why
    assert error.not_sent
    assert server.connections == MAX_ATTEMPTS


def answering(status: int, phrase: str = "S3CRET phrase") -> Callable[[BaseHTTPRequestHandler], None]:
    """Return a proxy's response to CONNECT."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status, phrase)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@dataclass(frozen=True)
class Refusal:
    """A proxy's status, and the expected error."""

    status: int
    named: str
    attempts: int
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
def test_refused_tunnel_names_the_proxy(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, method: str, refusal: Refusal
) -> None:
    """The status and the remedy are shown; the proxy's words and its user are hidden; a rejected user is final."""
    with run_proxy(answering(refusal.status)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://joe:S3CRET%21@localhost:{proxy.port}")
        error = failure(tls, SERVICE, method)
    assert_three_part_message(str(error), f"localhost:{proxy.port}", refusal.named, refusal.remedy)
    assert f"the proxy localhost:{proxy.port} refused" in error.what
    assert error.not_sent
    assert "joe" not in error_text(error)
    assert len(proxy.requests) == refusal.attempts
    expected = f"Proxy-Authorization: Basic {b64encode(b'joe:S3CRET!').decode()}"
    assert all(
        expected in requests and requests.startswith("CONNECT service.example:443 ") for requests in proxy.requests
    )


def test_proxy_error_without_status() -> None:
    """Another transport than httpcore may raise a ProxyError without a status."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ProxyError("S3CRET", request=request)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http, pytest.raises(ServiceUnavailable) as caught:
        send(http, http.build_request("GET", SERVICE), FakeClock().retry_policy())
    assert "answered otherwise" in caught.value.why
    assert "S3CRET" not in error_text(caught.value)


@pytest.mark.parametrize("reason", [None, "TLSV1_ALERT_INTERNAL_ERROR"])
def test_openssls_reason_is_quoted(reason: str | None) -> None:
    """The reason is OpenSSL's own; Python's text is hidden."""
    error = ssl.SSLError(1, "S3CRET")
    error.reason = reason  # type: ignore[assignment]

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("S3CRET", request=request) from error

    with httpx.Client(transport=httpx.MockTransport(answer)) as http, pytest.raises(ServiceUnavailable) as caught:
        send(http, http.build_request("GET", SERVICE), FakeClock().retry_policy())
    assert_final_tls_error(caught.value, "service.example", f"OpenSSL says: {reason or 'no reason'}.")
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("reason", "is_tls_error"), [("TLSV13_ALERT_CERTIFICATE_REQUIRED", True), ("BAD_RECORD_MAC", False), (None, False)]
)
def test_late_tls_failure_may_follow_request(reason: str | None, *, is_tls_error: bool) -> None:
    """A transport without progress reports is treated alike: only a certainly unsent request may be repeated."""
    error = ssl.SSLError(1, "S3CRET")
    error.reason = reason  # type: ignore[assignment]

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("S3CRET", request=request) from error

    with httpx.Client(transport=httpx.MockTransport(answer)) as http, pytest.raises(ServiceUnavailable) as caught:
        send(http, http.build_request("POST", SERVICE), FakeClock().retry_policy())
    assert not caught.value.not_sent
    assert caught.value.is_permanent == is_tls_error
    assert ("TLS" in caught.value.what) == is_tls_error


def test_unreachable_proxy_is_named(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the closed port of the proxy."""
    monkeypatch.setenv("ALL_PROXY", "http://joe:S3CRET@127.0.0.1:9")
    error = failure(tls, SERVICE)
    assert_three_part_message(str(error), "the proxy 127.0.0.1:9", "HTTPS_PROXY", "NO_PROXY")
    assert error.not_sent


def test_hang_up_of_proxy_is_unsent(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that ends the connection after CONNECT has certainly left the request unsent."""
    with run_proxy(closing) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://localhost:{proxy.port}")
        error = failure(tls, SERVICE)
    assert f"the proxy localhost:{proxy.port} did not make the connection" in error.why
    assert error.not_sent
    assert len(proxy.requests) == MAX_ATTEMPTS


def test_tunnel_is_reused(
    authority: Authority, tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS is with the service, and a second request uses the same tunnel."""
    settings = server_context(authority.issue("service.example"), tmp_path)
    with run_server(settings) as server, run_proxy(to=server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"localhost:{proxy.port}")
        with contextlib.closing(open_client(tls, None)) as http:
            for _ in range(2):
                assert send(http, http.build_request("GET", SERVICE), FakeClock().retry_policy()).json() == {}
    assert len(proxy.requests) == 1
    assert len(server.requests) == 2


def test_untrusted_service_behind_a_proxy(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the service and the proxy, which may be the one that looks into TLS."""
    settings = server_context(authority.issue("service.example"), tmp_path)
    with run_server(settings) as server, run_proxy(to=server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://joe:S3CRET@localhost:{proxy.port}")
        error = failure(create_tls_context(), SERVICE, "GET")
    assert_final_tls_error(error, "service.example", "unable to get local issuer certificate (20)")
    assert f"(through the proxy localhost:{proxy.port})" in error.what
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("is_known", [True, False])
def test_tls_of_a_proxy_is_verified(
    authority: Authority, tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_known: bool
) -> None:
    """The bundle counts for proxies, too; without it the failure is the proxy's, before any request for a tunnel."""
    settings = server_context(authority.issue("service.example", "localhost"), tmp_path)
    with run_server(settings) as server, run_proxy(to=server.port, tls=settings) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://joe:S3CRET@localhost:{proxy.port}")
        if is_known:
            with contextlib.closing(open_client(tls, None, None, "", authority.pem)) as http:
                assert send(http, http.build_request("GET", SERVICE), FakeClock().retry_policy()).json() == {}
        else:
            error = failure(tls, SERVICE, "GET")
            assert_final_tls_error(
                error, f"the proxy localhost:{proxy.port}", "unable to get local issuer certificate (20)"
            )
            assert proxy.connections == 1
            assert proxy.requests == []


def test_system_authorities_are_trusted(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are trusted besides certifi's, which some machines lack; SSL_CERT_FILE replaces both."""

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
        assert_final_tls_error(
            failure(create_tls_context(), url), "localhost", "unable to get local issuer certificate (20)"
        )


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("content", [None, "", "S3CRET", "-----BEGIN PRIVATE KEY-----\nS3CRET\n"])
def test_unusable_authorities_name_their_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: str | None
) -> None:
    """The path is shown as well; any other value is hidden."""
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


def test_one_note_for_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """The note is printed once in a command, and the valid entries count."""
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
            """Do nothing: there is no buffer."""

    shared = Session(config.get, Host({}, sleep=clock.sleep, monotonic=lambda: clock.now, stderr=Stderr()))  # type: ignore[arg-type]
    for name in ("one", "two"):
        with pytest.raises(ServiceUnavailable, match="ConnectError") as caught:
            shared.subaccount(name, None)
        assert "127.0.0.1:9" not in str(caught.value)
    assert len(written) == 1
    entries = "'[::1]:x', 'http://***'"  # what is malformed may hide a password
    assert written[0].startswith(f"note: NO_PROXY: the entries {entries} are malformed and therefore skipped")


def test_unknown_events_leave_the_stage() -> None:
    """Other events leave the stage as it is, and SENT is final."""
    progress = RequestProgress("service.example")
    progress("connection.close.started", {})
    assert (progress.stage, progress.is_certainly_unsent) == (RequestStage.UNKNOWN, False)
    progress("http11.send_request_headers.started", {"request": httpx.Request("GET", SERVICE)})
    progress("connection.connect_tcp.started", {})
    assert (progress.stage, progress.is_certainly_unsent) == (RequestStage.SENT, False)
