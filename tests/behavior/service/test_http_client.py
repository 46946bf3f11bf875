"""The way to a service: whom TLS believes, which proxy is asked, and that nothing turns verification off."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from btp_trust.errors import ConfigurationError, ServiceUnavailable, UnexpectedResponse
from btp_trust.runtime.host import Host
from btp_trust.runtime.session import Session
from btp_trust.service.transport import http_client
from btp_trust.service.transport.http_client import create_tls_context
from btp_trust_emulator import Emulator
from support.fake_clock import FakeClock
from support.fake_engine import assert_three_part_message

pytestmark = pytest.mark.usefixtures("closed_clients", "plain_environment")
PROVIDER = Path(http_client.__file__).parents[2]
SWITCHES = {
    "PYTHONHTTPSVERIFY": "0",
    "NODE_TLS_REJECT_UNAUTHORIZED": "0",
    "CURL_CA_BUNDLE": "",
    "REQUESTS_CA_BUNDLE": "",
    "GIT_SSL_NO_VERIFY": "1",
    "HTTPX_VERIFY": "0",
    "BTP_TRUST_INSECURE": "1",
}
"""What turns verification off elsewhere, or looks as if it did here."""
CONFIGURED = {f"btp-trust:{name}": value for name in ("insecure", "verify", "tlsVerify") for value in ("true", "false")}
REMOTE = {
    "clientid": "one",
    "clientsecret": "S3CRET",
    "uri": "https://service.example",
    "url": "https://uaa.example",
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """An emulator whose token server speaks TLS, with an authority of its own."""
    with Emulator(socket=True, key_size=1024) as running:
        running.create_subaccount(generate=True)
        yield running


def open_session(key: dict[str, str], transport: httpx.BaseTransport | None = None, **config: str) -> Session:
    """A session with this service key, over the network unless told otherwise; nobody waits."""
    clock = FakeClock()
    settings = {f"btp-trust:{name}": value for name, value in config.items()}
    settings["btp-trust:serviceKey"] = json.dumps(key)
    return Session(settings.get, Host({}, transport, sleep=clock.sleep, monotonic=lambda: clock.now))


def key_over_tls(emulator: Emulator, host: str = "127.0.0.1") -> dict[str, str]:
    """A service key with which both services are called over TLS."""
    key = emulator.service_key(emulator.subaccounts()[0].guid, "x509")
    base = key["certurl"].partition("/uaa")[0]
    renamed = {"uri": base, "certurl": key["certurl"]}
    return {**key, **{name: url.replace("127.0.0.1", host) for name, url in renamed.items()}}


def reads(emulator: Emulator, key: dict[str, str], **config: str) -> str | None:
    """Read the active slot with a key; return what signs."""
    shared = open_session(key, None, **config)
    return shared.subaccount("default", emulator.subaccounts()[0].guid).snapshot().slots.active


def refusal(bundle: str) -> str:
    """What the refusal of a bundle says."""
    with pytest.raises(ConfigurationError) as caught:
        create_tls_context(bundle)
    assert_three_part_message(str(caught.value), "btp-trust:caBundle")
    assert "S3CRET" not in str(caught.value)
    return str(caught.value)


def test_a_bundle_is_believed_besides_the_usual_authorities(emulator: Emulator, tmp_path: Path) -> None:
    """As a file, also in UTF-16 or with comments in any encoding, or as the PEM itself, also with backslash and n."""
    pem = emulator.ca_file.read_text()
    commented = tmp_path / "authorities.pem"
    commented.write_bytes("# Zürich\n".encode("latin-1") + pem.encode())
    usual = create_tls_context().cert_store_stats()["x509"]
    assert usual > 50
    windows = tmp_path / "powershell.pem"
    windows.write_bytes(pem.encode("utf-16"))
    files = (str(emulator.ca_file), str(commented), str(windows))
    for bundle in (*files, pem, pem.replace("\n", "\\n"), f"# Zürich\n{pem}"):
        assert create_tls_context(bundle).cert_store_stats()["x509"] == usual + 1


def test_a_service_behind_an_authority_of_ones_own_is_reached(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the bundle, also where SSL_CERT_FILE names others; without it nothing is sent."""
    key, guid = key_over_tls(emulator), emulator.subaccounts()[0].guid
    assert reads(emulator, key, caBundle=str(emulator.ca_file)) == emulator.slots(guid).active
    with Emulator(socket=True, key_size=1024) as other:
        monkeypatch.setenv("SSL_CERT_FILE", str(other.ca_file))
        assert reads(emulator, key, caBundle=emulator.ca_file.read_text()) == emulator.slots(guid).active
        emulator.clear_journal()
        for bundle in ("", str(other.ca_file)):
            with pytest.raises(ServiceUnavailable) as caught:
                reads(emulator, key, caBundle=bundle)
            assert caught.value.not_sent
    assert emulator.journal() == []


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="no such file"),
        pytest.param("", id="an empty file"),
        pytest.param("S3CRET", id="no PEM"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nS3CRETS3CRET\n-----END PRIVATE KEY-----\n", id="a private key"),
        pytest.param("-----BEGIN CERTIFICATE-----\nS3CRETS3\n-----END CERTIFICATE-----\n", id="a damaged certificate"),
        pytest.param("-----BEGIN CERTIFICATE-----\nS3CRETS3\n", id="a certificate that breaks off"),
        pytest.param("-----BEGIN CERTIFICATE-----\nS3CRÉT\n-----END CERTIFICATE-----\n", id="a certificate in words"),
    ],
)
def test_a_bundle_that_cannot_be_used_is_refused(tmp_path: Path, content: str | None) -> None:
    """As a file, and as far as it may be taken for PEM also as the setting itself; its content is not repeated."""
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    refusal(str(file))
    if content:
        refusal(content)


def test_a_file_that_is_no_text_is_refused(emulator: Emulator, tmp_path: Path) -> None:
    """One certificate in DER, as Windows exports it, or a key store."""
    file = tmp_path / "authority.cer"
    file.write_bytes(ssl.PEM_cert_to_DER_cert(emulator.ca_file.read_text()))
    assert "no PEM certificate" in refusal(str(file))


@pytest.mark.parametrize("bundle", ["\0", "x" * 10_000, "."], ids=["no path", "an endless path", "a folder"])
def test_a_setting_that_is_no_path_either_is_refused(bundle: str) -> None:
    """Whatever the system says about it."""
    assert "neither PEM nor the path of a readable file" in refusal(bundle)


def test_a_bundle_with_one_damaged_certificate_is_refused_whole(emulator: Emulator) -> None:
    """Nobody has to guess which half of it is believed."""
    pem = emulator.ca_file.read_text()
    for damaged in ("A" * 64, "A*" * 32, "É" * 64):
        assert "damaged" in refusal(f"{pem}-----BEGIN CERTIFICATE-----\n{damaged}\n-----END CERTIFICATE-----\n")


def test_a_bad_bundle_is_told_before_anything_is_sent(emulator: Emulator) -> None:
    """As each bad setting is."""
    emulator.clear_journal()
    with pytest.raises(ConfigurationError, match="caBundle"):
        reads(emulator, key_over_tls(emulator), caBundle="missing.pem")
    assert emulator.journal() == []


def test_the_name_in_the_certificate_must_be_that_of_the_service(emulator: Emulator) -> None:
    """An authority that is believed may have made certificates for others, too: 127.1 is called, 127.0.0.1 answers."""
    emulator.clear_journal()
    with pytest.raises(ServiceUnavailable) as caught:
        reads(emulator, key_over_tls(emulator, "127.1"), caBundle=str(emulator.ca_file))
    assert caught.value.not_sent
    assert emulator.journal() == []


def test_no_variable_and_no_setting_turns_verification_off(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of an unknown authority is never spoken to."""
    for name, value in SWITCHES.items():
        monkeypatch.setenv(name, value)
    emulator.clear_journal()
    with pytest.raises(ServiceUnavailable):
        reads(emulator, key_over_tls(emulator), **{key.partition(":")[2]: value for key, value in CONFIGURED.items()})
    for context in (create_tls_context(), create_tls_context(str(emulator.ca_file))):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert emulator.journal() == []


def test_the_code_has_no_words_for_turning_it_off() -> None:
    """Contexts come from one module, and no line of the package speaks of less than verification."""
    text = {path.name: path.read_text() for path in PROVIDER.rglob("*.py")}
    assert [name for name, code in text.items() if re.search(r"verify ?= ?False|CERT_NONE|check_hostname", code)] == []
    assert [name for name, code in text.items() if re.search(r"httpx\.(Client|create_ssl_context)\(", code)] == [
        "http_client.py"
    ]


@dataclass
class Proxy:
    """A proxy that lets nobody through, and what it was asked."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy on this machine."""
    seen = Proxy()

    class Handler(BaseHTTPRequestHandler):
        def refuse(self) -> None:
            seen.asked.append(f"{self.requestline}\n{self.headers}")
            self.send_error(403)

        do_CONNECT = do_GET = do_POST = refuse  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        seen.url = f"http://127.0.0.1:{server.server_port}"
        yield seen
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_is_asked_for_a_tunnel_and_sees_no_more(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Host and port: what is said inside is for the service, whose certificate is verified."""
    monkeypatch.setenv(variable, proxy.url)
    with pytest.raises(ServiceUnavailable):
        open_session(REMOTE).subaccount("default", None)
    assert {asked.splitlines()[0] for asked in proxy.asked} == {"CONNECT uaa.example:443 HTTP/1.1"}
    assert not [asked for asked in proxy.asked if "S3CRET" in asked or "one" in asked.partition("\n")[2]]


def test_a_host_in_no_proxy_is_called_directly(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there, and the proxy is not asked."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.2")
    with pytest.raises(ServiceUnavailable, match="ConnectError"):
        open_session({**REMOTE, "url": "https://127.0.0.2:9"}).subaccount("default", None)
    assert proxy.asked == []


def test_this_machine_is_never_reached_by_a_proxy(
    emulator: Emulator, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would get the credentials in the clear; so the emulator works behind a company's proxy, too."""
    for variable in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, proxy.url)
    guid = emulator.subaccounts()[0].guid
    plain = emulator.service_key(guid)
    named = {name: url.replace("127.0.0.1", "localhost") for name, url in plain.items() if name in ("uri", "url")}
    for key in (plain, {**plain, **named}):
        assert reads(emulator, key) == emulator.slots(guid).active
    assert reads(emulator, key_over_tls(emulator), caBundle=str(emulator.ca_file)) == emulator.slots(guid).active
    assert proxy.asked == []


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("socks5://user:S3CRET@127.0.0.1:9", id="SOCKS, which nothing here speaks"),
        pytest.param("ftp://user:S3CRET@127.0.0.1:9", id="another scheme"),
        pytest.param("http://user:S3CRET@127.0.0.1:port", id="a port that is no number"),
        pytest.param(f"http://user:S3CRET@{'a' * 64}:9", id="a name that no resolver takes"),
    ],
)
def test_a_proxy_that_cannot_be_asked_is_a_mistake_of_the_settings(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """It has a remedy and no traceback, and does not show the proxy's password."""
    monkeypatch.setenv("HTTPS_PROXY", url)
    with pytest.raises(ConfigurationError) as caught:
        open_session(REMOTE).subaccount("default", None)
    assert_three_part_message(str(caught.value), "HTTPS_PROXY", "NO_PROXY")
    assert "S3CRET" not in str(caught.value)


@dataclass
class Redirecting(httpx.BaseTransport):
    """A service, of which one kind of request is sent elsewhere."""

    emulator: Emulator
    path: str
    status: int
    location: str
    asked: list[str] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or point elsewhere."""
        self.asked.append(f"{request.method} {request.url}")
        if request.url.path.endswith(self.path):
            return httpx.Response(self.status, headers={"Location": self.location}, request=request)
        return self.emulator.transport.handle_request(request)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/elsewhere", "https://evil.example/", "http://127.0.0.1/", "//evil.example/x"])
@pytest.mark.parametrize("path", ["/oauth/token", "/saml2Metadata/certificate"])
def test_no_redirect_is_followed(emulator: Emulator, status: int, location: str, path: str) -> None:
    """To whatever host: the secret, or the token, would go with it. Each request goes out once, where it was meant."""
    guid = emulator.subaccounts()[0].guid
    key = emulator.service_key(guid)
    redirecting = Redirecting(emulator, path, status, location)
    shared = open_session(key, redirecting)
    with pytest.raises(UnexpectedResponse, match=str(status)):
        shared.subaccount("default", guid).snapshot()
    token, slot = f"POST {key['url']}/oauth/token", f"GET {key['uri']}/destination-configuration/v1{path}"
    assert redirecting.asked == ([token] if "token" in path else [token, slot])


@pytest.mark.parametrize(
    "cookie", ["id=S3CRET", "id=\xe9", "id"], ids=["a plain one", "one in no encoding", "half of one"]
)
def test_no_cookie_is_kept(cookie: str) -> None:
    """It would be sent with the next request, or be no header at all."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, headers=[(b"Set-Cookie", cookie.encode("latin-1"))])

    with http_client.open_client(ssl.create_default_context(), httpx.MockTransport(answer)) as http:
        for _ in range(2):
            http.get("https://service.example")
    assert ["Cookie" in request.headers for request in seen] == [False, False]


def test_nothing_is_asked_for_packed() -> None:
    """What is unpacked while it is read may be of any size."""
    tls = ssl.create_default_context()
    with contextlib.closing(http_client.open_client(tls, None)) as http:
        assert http.build_request("GET", "https://service.example").headers["Accept-Encoding"] == "identity"
        assert http.follow_redirects is False
