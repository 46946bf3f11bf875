"""HTTP client: trusted authorities, proxies, and verification that is always on."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
from support.loopback import RefusingProxy, run_refusing_proxy

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
"""Variables that turn verification off in other tools, or seem to do so here."""
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
    with Emulator(socket=True, key_size=1024) as emulator:
        emulator.create_subaccount(generate=True)
        yield emulator


def open_session(key: dict[str, str], transport: httpx.BaseTransport | None = None, **config: str) -> Session:
    """Open a session with this service key, over the network by default, with a clock that skips all waiting."""
    clock = FakeClock()
    settings = {f"btp-trust:{name}": value for name, value in config.items()}
    settings["btp-trust:serviceKey"] = json.dumps(key)
    return Session(settings.get, Host({}, transport, sleep=clock.sleep, monotonic=lambda: clock.now))


def key_over_tls(emulator: Emulator, host: str = "127.0.0.1") -> dict[str, str]:
    """Return a service key for calling both services over TLS."""
    key = emulator.service_key(emulator.subaccounts()[0].guid, "x509")
    base = key["certurl"].partition("/uaa")[0]
    urls = {"uri": base, "certurl": key["certurl"]}
    return {**key, **{name: url.replace("127.0.0.1", host) for name, url in urls.items()}}


def read_active(emulator: Emulator, key: dict[str, str], **config: str) -> str | None:
    """Read the active slot with a key; return the fingerprint."""
    shared = open_session(key, None, **config)
    return shared.subaccount("default", emulator.subaccounts()[0].guid).snapshot().slots.active


def refusal(bundle: str) -> str:
    """Return the message that refuses a bundle."""
    with pytest.raises(ConfigurationError) as caught:
        create_tls_context(bundle)
    assert_three_part_message(str(caught.value), "btp-trust:caBundle")
    assert "S3CRET" not in str(caught.value)
    return str(caught.value)


def test_bundle_adds_to_usual_authorities(emulator: Emulator, tmp_path: Path) -> None:
    """A bundle is a file, also in UTF-16 or with comments in any encoding, or the PEM itself, also escaped."""
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


def test_service_with_own_authority_is_reached(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundle counts also where SSL_CERT_FILE names others; without it the request stays unsent."""
    key, guid = key_over_tls(emulator), emulator.subaccounts()[0].guid
    assert read_active(emulator, key, caBundle=str(emulator.ca_file)) == emulator.slots(guid).active
    with Emulator(socket=True, key_size=1024) as other:
        monkeypatch.setenv("SSL_CERT_FILE", str(other.ca_file))
        assert read_active(emulator, key, caBundle=emulator.ca_file.read_text()) == emulator.slots(guid).active
        emulator.clear_journal()
        for bundle in ("", str(other.ca_file)):
            with pytest.raises(ServiceUnavailable) as caught:
                read_active(emulator, key, caBundle=bundle)
            assert caught.value.not_sent
    assert emulator.journal() == []


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="no such file"),
        pytest.param("", id="an empty file"),
        pytest.param("S3CRET", id="a word"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nS3CRETS3CRET\n-----END PRIVATE KEY-----\n", id="a private key"),
        pytest.param("-----BEGIN CERTIFICATE-----\nS3CRETS3\n-----END CERTIFICATE-----\n", id="a damaged certificate"),
        pytest.param("-----BEGIN CERTIFICATE-----\nS3CRETS3\n", id="a certificate that breaks off"),
        pytest.param(
            "-----BEGIN CERTIFICATE-----\nS3CRÉT\n-----END CERTIFICATE-----\n", id="a certificate beyond ASCII"
        ),
    ],
)
def test_unusable_bundle_is_refused(tmp_path: Path, content: str | None) -> None:
    """The bundle is refused as a file and as the setting itself, and its content is hidden."""
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    refusal(str(file))
    if content:
        refusal(content)


def test_binary_bundle_is_refused(emulator: Emulator, tmp_path: Path) -> None:
    """A certificate in DER, as Windows exports it, or a key store is refused."""
    file = tmp_path / "authority.cer"
    file.write_bytes(ssl.PEM_cert_to_DER_cert(emulator.ca_file.read_text()))
    assert "no PEM certificate" in refusal(str(file))


@pytest.mark.parametrize("bundle", ["\0", "x" * 10_000, "."], ids=["a null character", "a very long path", "a folder"])
def test_unreadable_bundle_path_is_refused(bundle: str) -> None:
    """Each error of the system for a path is a ConfigurationError."""
    assert "neither PEM nor the path of a readable file" in refusal(bundle)


def test_damaged_certificate_refuses_the_bundle(emulator: Emulator) -> None:
    """One damaged certificate refuses the whole bundle, so that its effect is never half."""
    pem = emulator.ca_file.read_text()
    for damaged in ("A" * 64, "A*" * 32, "É" * 64):
        assert "damaged" in refusal(f"{pem}-----BEGIN CERTIFICATE-----\n{damaged}\n-----END CERTIFICATE-----\n")


def test_bad_bundle_stops_before_requests(emulator: Emulator) -> None:
    """A bad setting is an error before the first request."""
    emulator.clear_journal()
    with pytest.raises(ConfigurationError, match="caBundle"):
        read_active(emulator, key_over_tls(emulator), caBundle="missing.pem")
    assert emulator.journal() == []


def test_certificate_must_name_the_service(emulator: Emulator) -> None:
    """A trusted authority may have certificates for other hosts: 127.1 is called, 127.0.0.1 answers."""
    emulator.clear_journal()
    with pytest.raises(ServiceUnavailable) as caught:
        read_active(emulator, key_over_tls(emulator, "127.1"), caBundle=str(emulator.ca_file))
    assert caught.value.not_sent
    assert emulator.journal() == []


def test_verification_is_always_on(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables and settings of other tools leave verification on, so an untrusted server gets no request."""
    for name, value in SWITCHES.items():
        monkeypatch.setenv(name, value)
    emulator.clear_journal()
    with pytest.raises(ServiceUnavailable):
        read_active(
            emulator, key_over_tls(emulator), **{key.partition(":")[2]: value for key, value in CONFIGURED.items()}
        )
    for context in (create_tls_context(), create_tls_context(str(emulator.ca_file))):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert emulator.journal() == []


def test_one_module_creates_tls_contexts() -> None:
    """Contexts come from one module, and each line of the package verifies."""
    text = {path.name: path.read_text() for path in PROVIDER.rglob("*.py")}
    assert [name for name, code in text.items() if re.search(r"verify ?= ?False|CERT_NONE|check_hostname", code)] == []
    assert [name for name, code in text.items() if re.search(r"httpx\.(Client|create_ssl_context)\(", code)] == [
        "http_client.py"
    ]


@pytest.fixture
def proxy() -> Iterator[RefusingProxy]:
    """A proxy on this machine."""
    with run_refusing_proxy() as refusing_proxy:
        yield refusing_proxy


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_proxy_sees_only_host_and_port(proxy: RefusingProxy, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """The rest is for the service, whose certificate is verified."""
    monkeypatch.setenv(variable, proxy.url)
    with pytest.raises(ServiceUnavailable):
        open_session(REMOTE).subaccount("default", None)
    assert set(proxy.request_lines) == {"CONNECT uaa.example:443 HTTP/1.1"}
    assert not [request for request in proxy.requests if "S3CRET" in request or "one" in request.partition("\n")[2]]


def test_no_proxy_host_is_called_directly(proxy: RefusingProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The closed port of the host is called, and the proxy is left out."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.2")
    with pytest.raises(ServiceUnavailable, match="ConnectError"):
        open_session({**REMOTE, "url": "https://127.0.0.2:9"}).subaccount("default", None)
    assert proxy.requests == []


def test_loopback_bypasses_the_proxy(emulator: Emulator, proxy: RefusingProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would get the credentials in the clear; so the emulator works behind a company's proxy, too."""
    for variable in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, proxy.url)
    guid = emulator.subaccounts()[0].guid
    plain = emulator.service_key(guid)
    named = {name: url.replace("127.0.0.1", "localhost") for name, url in plain.items() if name in ("uri", "url")}
    for key in (plain, {**plain, **named}):
        assert read_active(emulator, key) == emulator.slots(guid).active
    assert read_active(emulator, key_over_tls(emulator), caBundle=str(emulator.ca_file)) == emulator.slots(guid).active
    assert proxy.requests == []


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("socks5://user:S3CRET@127.0.0.1:9", id="SOCKS"),
        pytest.param("ftp://user:S3CRET@127.0.0.1:9", id="another scheme"),
        pytest.param("http://user:S3CRET@127.0.0.1:port", id="a port in letters"),
        pytest.param(f"http://user:S3CRET@{'a' * 64}:9", id="a label that is too long"),
    ],
)
def test_malformed_proxy_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The error has a remedy and hides the proxy's password."""
    monkeypatch.setenv("HTTPS_PROXY", url)
    with pytest.raises(ConfigurationError) as caught:
        open_session(REMOTE).subaccount("default", None)
    assert_three_part_message(str(caught.value), "HTTPS_PROXY", "NO_PROXY")
    assert "S3CRET" not in str(caught.value)


@dataclass
class Redirecting(httpx.BaseTransport):
    """A service that redirects one kind of request."""

    emulator: Emulator
    path: str
    status: int
    location: str
    requests: list[str] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or redirect."""
        self.requests.append(f"{request.method} {request.url}")
        if request.url.path.endswith(self.path):
            return httpx.Response(self.status, headers={"Location": self.location}, request=request)
        return self.emulator.transport.handle_request(request)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/elsewhere", "https://evil.example/", "http://127.0.0.1/", "//evil.example/x"])
@pytest.mark.parametrize("path", ["/oauth/token", "/saml2Metadata/certificate"])
def test_redirects_are_not_followed(emulator: Emulator, status: int, location: str, path: str) -> None:
    """A redirect to any host would take the secret or the token along. Each request goes out once, to its own URL."""
    guid = emulator.subaccounts()[0].guid
    key = emulator.service_key(guid)
    redirecting = Redirecting(emulator, path, status, location)
    shared = open_session(key, redirecting)
    with pytest.raises(UnexpectedResponse, match=str(status)):
        shared.subaccount("default", guid).snapshot()
    token, slot = f"POST {key['url']}/oauth/token", f"GET {key['uri']}/destination-configuration/v1{path}"
    assert redirecting.requests == ([token] if "token" in path else [token, slot])


@pytest.mark.parametrize(
    "cookie", ["id=S3CRET", "id=\xe9", "id"], ids=["a plain one", "one beyond ASCII", "half of one"]
)
def test_cookies_are_dropped(cookie: str) -> None:
    """A cookie would go out with the next request, or break its headers."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, headers=[(b"Set-Cookie", cookie.encode("latin-1"))])

    with http_client.open_client(ssl.create_default_context(), httpx.MockTransport(answer)) as http:
        for _ in range(2):
            http.get("https://service.example")
    assert ["Cookie" in request.headers for request in seen] == [False, False]


def test_compression_is_off() -> None:
    """A compressed response may have any size once it is decompressed."""
    tls = ssl.create_default_context()
    with contextlib.closing(http_client.open_client(tls, None)) as http:
        assert http.build_request("GET", "https://service.example").headers["Accept-Encoding"] == "identity"
        assert http.follow_redirects is False


def test_transport_is_shared_until_closed(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of one transport use one pool of connections; the last that is closed closes it, and it may reopen."""
    key, pools, open_pool = emulator.service_key(emulator.subaccounts()[0].guid), [], httpx.HTTPTransport

    def open_counted(**settings: Any) -> httpx.HTTPTransport:
        pools.append(open_pool(**settings))
        return pools[-1]

    monkeypatch.setattr(httpx, "HTTPTransport", open_counted)
    tls = create_tls_context()
    shared = http_client.SharedTransport(tls)
    for expected in (1, 2):
        with http_client.open_client(tls, shared.lease()) as last:
            with http_client.open_client(tls, shared.lease()) as first:
                first.get(key["uri"])
            last.get(key["uri"])
        assert len(pools) == expected
