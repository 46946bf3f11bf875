"""Service keys: a document is a key, is refused and hidden, or has an expired certificate."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import example, given
from hypothesis import strategies as st

from btp_trust.certificate import parse_pem
from btp_trust.errors import ConfigurationError, CredentialsRejected, TrustError
from btp_trust.service.credentials.service_key import ServiceKey, parse_service_key
from btp_trust_emulator import Emulator
from support.error_text import error_text

SECRET = {
    "clientid": "sb-clone1!b2|destination-xsappname!b3",
    "clientsecret": "S3CRET$-of=the-client",
    "uri": "https://destination-configuration.cfapps.eu12.hana.ondemand.com",
    "url": "https://sub.authentication.eu12.hana.ondemand.com",
    "verificationkey": "-----BEGIN PUBLIC KEY-----",
}
PASS_PHRASE = """
import ssl
import sys
from datetime import UTC, datetime
from btp_trust.service.credentials.service_key import parse_service_key
try:
    parse_service_key(sys.argv[1], "here").tls(datetime.now(UTC))
except Exception as error:
    print(type(error).__name__)
"""
Json = Any

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text().map(lambda text: f"S3CRET{text}")
documents = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """An emulator that gives service keys with certificates."""
    with Emulator(key_size=1024) as emulator:
        emulator.create_subaccount()
        yield emulator


@pytest.fixture
def x509(emulator: Emulator) -> dict[str, str]:
    """A service key with a certificate, valid for a minute."""
    return emulator.service_key(emulator.subaccounts()[0].guid, "x509", valid_seconds=60)


def parse(document: Json) -> ServiceKey:
    """Parse a document, as JSON in a setting."""
    return parse_service_key(json.dumps(document), "the test")


def refusal(document: Json) -> str:
    """Return the message that refuses a document."""
    with pytest.raises(ConfigurationError) as caught:
        parse(document)
    return str(caught.value)


def test_key_with_secret() -> None:
    """The token service is at `url`; further fields are ignored."""
    key = parse(SECRET)
    assert not key.is_x509
    assert key.uri == SECRET["uri"]
    assert key.token_url == "https://sub.authentication.eu12.hana.ondemand.com/oauth/token"
    assert (key.clientid, key.clientsecret) == (SECRET["clientid"], SECRET["clientsecret"])


def test_key_with_certificate(x509: dict[str, str]) -> None:
    """The token service is at `certurl`: mutual TLS."""
    key = parse({**x509, "certurl": f"{x509['certurl']}/"})
    assert key.is_x509
    assert key.token_url == f"{x509['certurl']}/oauth/token"


@pytest.mark.parametrize("encode", [pytest.param(str, id="as text"), pytest.param(str.encode, id="as bytes")])
def test_wrapper_is_removed(encode: Callable[[str], str | bytes]) -> None:
    """Exports of the command line tools put the key under `credentials`."""
    assert parse_service_key(encode(json.dumps({"credentials": SECRET})), "the test") == parse(SECRET)


def test_escaped_line_feeds_in_pems(x509: dict[str, str]) -> None:
    """A backslash and an n work as the line feeds do."""
    changed = {name: x509[name].replace("\n", "\\n") for name in ("certificate", "key")}
    now = parse_pem(x509["certificate"]).not_before
    assert parse({**x509, **changed}).tls(now).get_ca_certs() == parse(x509).tls(now).get_ca_certs()


@given(document=documents, data=st.data())
def test_any_json_is_key_or_refusal(document: Json, data: st.DataObject) -> None:
    """Fields are missing, of another type, nested, wrapped: all values stay hidden."""
    names = data.draw(st.sets(st.sampled_from(["clientid", "clientsecret", "uri", "url", "certificate", "key"])))
    mixed = {**SECRET, **{name: data.draw(documents) for name in names}}
    for variant in (document, mixed, {"credentials": mixed}, {"credentials": document}):
        assert_key_or_silent_refusal(json.dumps(variant))


@given(octets=st.binary() | st.integers(0, 200).map(lambda end: json.dumps(SECRET).encode()[:end]))
@example(octets=b'{"uri":"S3CRET\xff"}')
@example(octets=json.dumps(SECRET).encode("utf-16"))
def test_any_bytes_are_key_or_refusal(octets: bytes) -> None:
    """A truncated file, or one of another kind, is refused."""
    assert_key_or_silent_refusal(octets)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"clientsecret": "S3CRET\udcff"}', id="bytes beyond UTF-8, as in an environment"),
        pytest.param("[" * 100_000, id="endless brackets"),
        pytest.param('{"S3CRET":' * 5_000, id="endless objects"),
    ],
)
def test_text_that_breaks_decoders_is_refused(text: str) -> None:
    """A decoder's error of any kind becomes a ConfigurationError."""
    with pytest.raises(ConfigurationError) as caught:
        parse_service_key(text, "the test")
    assert "S3CRET" not in error_text(caught.value)


def assert_key_or_silent_refusal(text: str | bytes) -> None:
    """Require a key whose repr hides it, or a ConfigurationError that hides the text."""
    try:
        assert "S3CRET" not in repr(parse_service_key(text, "the test"))
    except ConfigurationError as error:
        shown = error_text(error)
        assert "S3CRET" not in shown
        assert "the test" in shown


def test_repr_hides_the_key(x509: dict[str, str]) -> None:
    """Both kinds of key are hidden, in every way to print them."""
    for document, hidden in ((SECRET, ["clientsecret", "clientid"]), (x509, ["clientid", "certificate", "key"])):
        key = parse(document)
        for shown in (repr(key), str(key), f"{[key]}"):
            assert not [name for name in hidden if document[name][:30] in shown]


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        pytest.param("url", "url", id="url"),
        pytest.param("uri", "uri", id="uri"),
        pytest.param("clientid", "clientid", id="clientid"),
        pytest.param("clientsecret", "certurl, certificate, key", id="secret and certificate"),
    ],
)
def test_missing_fields_are_named(without: str, missing: str) -> None:
    """The message names fields, which show what kind of key is at hand."""
    assert missing in refusal({name: value for name, value in SECRET.items() if name != without})


@pytest.mark.parametrize("field", ["certificate", "key", "certurl"])
def test_incomplete_x509_key_is_refused(x509: dict[str, str], field: str) -> None:
    """All three fields are needed."""
    assert f"{field} is missing" in refusal({**x509, field: ""})


def test_malformed_certificate_is_refused(x509: dict[str, str]) -> None:
    """The certificate is checked when the key is parsed."""
    assert "`certificate`" in refusal({**x509, "certificate": "no PEM"})


def test_empty_client_is_refused() -> None:
    """An empty client ID counts as missing."""
    refusal({**SECRET, "clientid": ""})


@pytest.mark.parametrize("field", ["uri", "url", "certurl"])
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://sub.authentication.eu12.hana.ondemand.com", id="http to somewhere else"),
        pytest.param("http://127.0.0.1@evil.example", id="http to somewhere that looks like this machine"),
        pytest.param("http://localhost.evil.example", id="http to a name that begins like this machine"),
        pytest.param("http://127.0.0.1.evil.example", id="http to a name that begins with an address of this machine"),
        pytest.param("http://evil.example/127.0.0.1", id="http to a path that is called like this machine"),
        pytest.param("http://localhost:80@evil.example", id="a port of this machine that is a password"),
        pytest.param("http://evil.example\\@localhost", id="a backslash before this machine"),
        pytest.param("http://localhost%2eevil.example", id="a dot that is written as a code"),
        pytest.param("http://localhost%00.evil.example", id="a name that ends early"),
        pytest.param("http://localhost\u3002evil.example", id="another script's dot"),
        pytest.param("http://xn--localhost-", id="this machine in punycode"),
        pytest.param("http://\u24dbocalhost", id="this machine in other letters"),
        pytest.param("http://\uff11\uff12\uff17.0.0.1", id="this machine in other digits"),
        pytest.param("http://localhost.", id="this machine with a dot"),
        pytest.param("http://127.1", id="this machine, shortened"),
        pytest.param("http://2130706433", id="this machine as one number"),
        pytest.param("http://[::ffff:127.0.0.1]", id="this machine, IPv4 in IPv6"),
        pytest.param("http://[::1%25eth0]", id="this machine with a zone"),
        pytest.param("http://0.0.0.0", id="any address"),
        pytest.param("http:localhost", id="http without slashes"),
        pytest.param("//localhost", id="slashes alone"),
        pytest.param("https://user@host.example", id="a user"),
        pytest.param("https://:S3CRET@host.example", id="a password"),
        pytest.param("https://host.example/?to=evil", id="a query"),
        pytest.param("https://host.example/?", id="an empty query"),
        pytest.param("https://host.example/#to", id="a fragment"),
        pytest.param(f"https://{'a' * 64}.example", id="a label that is too long"),
        pytest.param("https://host..example", id="an empty label"),
        pytest.param("ftp://127.0.0.1", id="another scheme"),
        pytest.param("sub.authentication.eu12.hana.ondemand.com", id="a host alone"),
        pytest.param("https://", id="a scheme alone"),
        pytest.param("https://[::1", id="half an IPv6 address"),
        pytest.param("https://host:port", id="a port in letters"),
        pytest.param("https://host:99999999", id="a port beyond 65535"),
        pytest.param("https://host\n.example", id="a line feed"),
        pytest.param("https://xn--.example", id="a broken international name"),
    ],
)
def test_urls_are_https_or_loopback(field: str, url: str) -> None:
    """Credentials travel by TLS, and a malformed address is refused before any request.

    The rule is for all addresses of a key, also the one that its kind leaves unused: its author had a reason.
    """
    assert "S3CRET" not in refusal({**SECRET, field: url})


@pytest.mark.parametrize("field", ["uri", "url", "certurl"])
def test_x509_urls_are_https_or_loopback(x509: dict[str, str], field: str) -> None:
    """The rule is the same for both kinds of key."""
    refusal({**x509, field: "http://evil.example"})


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1:8080", id="IPv4"),
        pytest.param("http://[::1]:8080", id="IPv6"),
        pytest.param("http://localhost:8080", id="by name"),
        pytest.param("HTTPS://Sub.Authentication.EU12.hana.ondemand.com", id="https in capitals"),
    ],
)
def test_loopback_allows_http(url: str) -> None:
    """The emulator is reached by HTTP on this machine."""
    assert parse({**SECRET, "uri": url, "url": url}).uri == url


@given(rest=st.text(st.characters(codec="utf-8", max_codepoint=0x250), max_size=12))
@example(rest="user:S3CRET@host")
@example(rest="host:1:2")
@example(rest="ho st")
def test_accepted_url_can_be_called(rest: str) -> None:
    """A request can be built for each accepted address, and passwords are refused."""
    document = {**SECRET, "uri": f"https://{rest}", "url": f"https://{rest}"}
    try:
        key = parse(document)
    except ConfigurationError:
        return
    with httpx.Client(base_url=key.uri) as http:
        assert http.build_request("GET", "/v1").url.host
        assert http.build_request("POST", key.token_url).url.host
    assert "S3CRET" not in key.token_url


def test_expired_certificate_has_its_error(x509: dict[str, str]) -> None:
    """The message has the end of validity, up to which the key works; the remedy is a new key."""
    end = parse_pem(x509["certificate"]).not_after
    key = parse(x509)
    key.tls(end - timedelta(seconds=1))
    with pytest.raises(CredentialsRejected, match=f"expired {end:%Y-%m-%dT%H:%M:%SZ}") as caught:
        key.tls(end)
    assert "service key" in caught.value.remedy


def test_mismatched_pair_is_refused(emulator: Emulator, x509: dict[str, str]) -> None:
    """The pair is checked before any request."""
    other = emulator.service_key(emulator.subaccounts()[0].guid, "x509")
    assert_unusable_pair({**x509, "key": other["key"]})


@pytest.mark.parametrize("key", [pytest.param("S3CRET", id="another text"), pytest.param("", id="an empty body")])
def test_malformed_private_key_is_refused(x509: dict[str, str], key: str) -> None:
    """The message hides the malformed key."""
    assert_unusable_pair({**x509, "key": f"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"})


def assert_unusable_pair(document: dict[str, str]) -> None:
    """Require that TLS settings are refused, with an error that hides the key."""
    key = parse(document)
    with pytest.raises(ConfigurationError) as caught:
        key.tls(parse_pem(document["certificate"]).not_before)
    shown = error_text(caught.value)
    assert "`certificate` and `key`" in shown
    assert "S3CRET" not in shown
    assert document["key"][40:80] not in shown


def test_encrypted_key_is_refused_at_once(x509: dict[str, str]) -> None:
    """OpenSSL must not ask for a pass phrase: a plugin has no terminal, and the deployment would hang."""
    plain = load_pem_private_key(x509["key"].encode(), None)
    encrypted = plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")).decode()
    process = subprocess.run(
        [sys.executable, "-c", PASS_PHRASE, json.dumps({**x509, "key": encrypted})],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
        start_new_session=True,
    )
    assert process.stdout.strip() == "ConfigurationError"
    assert "pass phrase" not in process.stderr


def test_missing_authorities_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong path in SSL_CERT_FILE is an error with a remedy."""
    monkeypatch.setenv("SSL_CERT_FILE", "missing/ca.pem")
    with pytest.raises(TrustError, match="SSL_CERT_FILE"):
        parse(SECRET).tls(datetime.now(UTC))


def test_private_key_leaves_the_disk(x509: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary file for OpenSSL is deleted, also if the pair is mismatched."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    parse(x509).tls(parse_pem(x509["certificate"]).not_before)
    assert_unusable_pair({**x509, "key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"})
    assert list(tmp_path.iterdir()) == []


def test_secret_key_loads_usual_authorities() -> None:
    """TLS for a key with a secret has the usual authorities alone."""
    context = parse(SECRET).tls(datetime.now(UTC))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.get_ca_certs()
