"""A service key: whatever its JSON is, it is used whole, refused without showing it, or named as expired."""

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
    """Where service keys with certificates come from."""
    with Emulator(key_size=1024) as running:
        running.create_subaccount()
        yield running


@pytest.fixture
def x509(emulator: Emulator) -> dict[str, str]:
    """A service key with a certificate, valid for a minute."""
    return emulator.service_key(emulator.subaccounts()[0].guid, "x509", valid_seconds=60)


def parse(document: Json) -> ServiceKey:
    """Parse a document as it would stand in a setting."""
    return parse_service_key(json.dumps(document), "the test")


def refusal(document: Json) -> str:
    """What the refusal of a document says."""
    with pytest.raises(ConfigurationError) as caught:
        parse(document)
    return str(caught.value)


def test_a_key_with_a_secret_is_read() -> None:
    """The token service is at `url`, and nothing else of the document matters."""
    key = parse(SECRET)
    assert not key.is_x509
    assert key.uri == SECRET["uri"]
    assert key.token_url == "https://sub.authentication.eu12.hana.ondemand.com/oauth/token"
    assert (key.clientid, key.clientsecret) == (SECRET["clientid"], SECRET["clientsecret"])


def test_a_key_with_a_certificate_is_read(x509: dict[str, str]) -> None:
    """The token service is at `certurl`: mutual TLS."""
    key = parse({**x509, "certurl": f"{x509['certurl']}/"})
    assert key.is_x509
    assert key.token_url == f"{x509['certurl']}/oauth/token"


@pytest.mark.parametrize("encode", [pytest.param(str, id="as text"), pytest.param(str.encode, id="as bytes")])
def test_a_wrapper_is_taken_off(encode: Callable[[str], str | bytes]) -> None:
    """Exports of the command line tools put the key under `credentials`."""
    assert parse_service_key(encode(json.dumps({"credentials": SECRET})), "the test") == parse(SECRET)


def test_literal_line_feeds_in_pems_are_accepted(x509: dict[str, str]) -> None:
    """A backslash and an n, as exports have them, work as the line feeds do."""
    changed = {name: x509[name].replace("\n", "\\n") for name in ("certificate", "key")}
    now = parse_pem(x509["certificate"]).not_before
    assert parse({**x509, **changed}).tls(now).get_ca_certs() == parse(x509).tls(now).get_ca_certs()


@given(document=documents, data=st.data())
def test_any_json_is_a_key_or_a_refusal_that_shows_nothing(document: Json, data: st.DataObject) -> None:
    """Fields missing, of another type, nested, wrapped: no value of them comes back in a message or a traceback."""
    names = data.draw(st.sets(st.sampled_from(["clientid", "clientsecret", "uri", "url", "certificate", "key"])))
    mixed = {**SECRET, **{name: data.draw(documents) for name in names}}
    for each in (document, mixed, {"credentials": mixed}, {"credentials": document}):
        assert_key_or_silent_refusal(json.dumps(each))


@given(octets=st.binary() | st.integers(0, 200).map(lambda end: json.dumps(SECRET).encode()[:end]))
@example(octets=b'{"uri":"S3CRET\xff"}')
@example(octets=json.dumps(SECRET).encode("utf-16"))
def test_any_bytes_are_a_key_or_a_refusal_that_shows_nothing(octets: bytes) -> None:
    """A file that was cut, or is something else altogether, is refused."""
    assert_key_or_silent_refusal(octets)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"clientsecret": "S3CRET\udcff"}', id="bytes that are not UTF-8, as an environment gives them"),
        pytest.param("[" * 100_000, id="brackets without end"),
        pytest.param('{"S3CRET":' * 5_000, id="objects without end"),
    ],
)
def test_odd_text_is_refused_too(text: str) -> None:
    """What breaks the reader of JSON otherwise than by a syntax error is no crash."""
    with pytest.raises(ConfigurationError) as caught:
        parse_service_key(text, "the test")
    assert "S3CRET" not in error_text(caught.value)


def assert_key_or_silent_refusal(text: str | bytes) -> None:
    """Parsing gives a key whose repr hides it, or a ConfigurationError that repeats nothing."""
    try:
        assert "S3CRET" not in repr(parse_service_key(text, "the test"))
    except ConfigurationError as error:
        shown = error_text(error)
        assert "S3CRET" not in shown
        assert "the test" in shown


def test_a_key_never_shows_itself(x509: dict[str, str]) -> None:
    """Neither of both kinds, however it is printed."""
    for document, hidden in ((SECRET, ["clientsecret", "clientid"]), (x509, ["clientid", "certificate", "key"])):
        key = parse(document)
        for shown in (repr(key), str(key), f"{[key]}"):
            assert not [name for name in hidden if document[name][:30] in shown]


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        pytest.param("url", "url", id="a secret but no url"),
        pytest.param("uri", "uri", id="no address of the service"),
        pytest.param("clientid", "clientid", id="no client"),
        pytest.param("clientsecret", "certurl, certificate, key", id="neither a secret nor a certificate"),
    ],
)
def test_what_is_missing_is_named(without: str, missing: str) -> None:
    """The message names fields, so that one sees what kind of key is at hand."""
    assert missing in refusal({name: value for name, value in SECRET.items() if name != without})


@pytest.mark.parametrize("field", ["certificate", "key", "certurl"])
def test_half_a_certificate_key_is_refused(x509: dict[str, str], field: str) -> None:
    """All three parts are needed."""
    assert f"{field} is missing" in refusal({**x509, field: ""})


def test_a_certificate_that_is_none_is_refused(x509: dict[str, str]) -> None:
    """When the key is read, not when it is first used."""
    assert "`certificate`" in refusal({**x509, "certificate": "no PEM"})


def test_an_empty_client_is_refused() -> None:
    """As one that is missing: no token could be had with it."""
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
        pytest.param("//localhost", id="no scheme but slashes"),
        pytest.param("https://user@host.example", id="a user"),
        pytest.param("https://:S3CRET@host.example", id="a password"),
        pytest.param("https://host.example/?to=evil", id="a query"),
        pytest.param("https://host.example/?", id="an empty query"),
        pytest.param("https://host.example/#to", id="a fragment"),
        pytest.param(f"https://{'a' * 64}.example", id="a label that is too long"),
        pytest.param("https://host..example", id="an empty label"),
        pytest.param("ftp://127.0.0.1", id="another scheme"),
        pytest.param("sub.authentication.eu12.hana.ondemand.com", id="no scheme"),
        pytest.param("https://", id="no host"),
        pytest.param("https://[::1", id="half an IPv6 address"),
        pytest.param("https://host:port", id="a port that is no number"),
        pytest.param("https://host:99999999", id="a port that no machine has"),
        pytest.param("https://host\n.example", id="a line feed"),
        pytest.param("https://xn--.example", id="a broken international name"),
    ],
)
def test_a_url_must_be_https_or_this_machine(field: str, url: str) -> None:
    """Credentials go nowhere in the clear, and a malformed address is refused before a request is made of it.

    All addresses of a key are held to that, also the one that its kind does not use: who changed it had a reason.
    """
    assert "S3CRET" not in refusal({**SECRET, field: url})


@pytest.mark.parametrize("field", ["uri", "url", "certurl"])
def test_a_key_with_a_certificate_is_held_to_it_too(x509: dict[str, str], field: str) -> None:
    """Whatever kind of key it is."""
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
def test_this_machine_may_be_reached_by_http(url: str) -> None:
    """So that the emulator works; anything else by https."""
    assert parse({**SECRET, "uri": url, "url": url}).uri == url


@given(rest=st.text(st.characters(codec="utf-8", max_codepoint=0x250), max_size=12))
@example(rest="user:S3CRET@host")
@example(rest="host:1:2")
@example(rest="ho st")
def test_an_accepted_url_can_be_called(rest: str) -> None:
    """Whatever follows https://, httpx can make a request of an accepted address, and no message shows a password."""
    document = {**SECRET, "uri": f"https://{rest}", "url": f"https://{rest}"}
    try:
        key = parse(document)
    except ConfigurationError:
        return
    with httpx.Client(base_url=key.uri) as http:
        assert http.build_request("GET", "/v1").url.host
        assert http.build_request("POST", key.token_url).url.host
    assert "S3CRET" not in key.token_url


def test_an_expired_certificate_is_named_as_such(x509: dict[str, str]) -> None:
    """With the moment of its end, because a new key is the remedy; up to that second it is used."""
    ends = parse_pem(x509["certificate"]).not_after
    key = parse(x509)
    key.tls(ends - timedelta(seconds=1))
    with pytest.raises(CredentialsRejected, match=f"expired {ends:%Y-%m-%dT%H:%M:%SZ}") as caught:
        key.tls(ends)
    assert "service key" in caught.value.remedy


def test_a_certificate_of_another_key_is_refused(emulator: Emulator, x509: dict[str, str]) -> None:
    """The pair is checked before anything is sent."""
    other = emulator.service_key(emulator.subaccounts()[0].guid, "x509")
    assert_cannot_be_used({**x509, "key": other["key"]})


@pytest.mark.parametrize("key", [pytest.param("S3CRET", id="no PEM"), pytest.param("", id="nothing after a header")])
def test_a_private_key_that_is_none_is_refused(x509: dict[str, str], key: str) -> None:
    """Without repeating it."""
    assert_cannot_be_used({**x509, "key": f"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"})


def assert_cannot_be_used(document: dict[str, str]) -> None:
    """TLS settings cannot be made of it, and the error shows no part of the key."""
    key = parse(document)
    with pytest.raises(ConfigurationError) as caught:
        key.tls(parse_pem(document["certificate"]).not_before)
    shown = error_text(caught.value)
    assert "`certificate` and `key`" in shown
    assert "S3CRET" not in shown
    assert document["key"][40:80] not in shown


def test_an_encrypted_private_key_is_refused_without_asking_for_a_pass_phrase(x509: dict[str, str]) -> None:
    """Nobody sits at the terminal of a plugin: OpenSSL's question would hang the deployment."""
    plain = load_pem_private_key(x509["key"].encode(), None)
    encrypted = plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")).decode()
    done = subprocess.run(
        [sys.executable, "-c", PASS_PHRASE, json.dumps({**x509, "key": encrypted})],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
        start_new_session=True,
    )
    assert done.stdout.strip() == "ConfigurationError"
    assert "pass phrase" not in done.stderr


def test_a_file_of_authorities_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE is a setting like others: a wrong path is an error with a remedy, and no traceback."""
    monkeypatch.setenv("SSL_CERT_FILE", "missing/ca.pem")
    with pytest.raises(TrustError, match="SSL_CERT_FILE"):
        parse(SECRET).tls(datetime.now(UTC))


def test_no_private_key_is_left_on_the_disk(
    x509: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL reads the pair from a file; it is gone afterwards, also when the pair does not fit."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    parse(x509).tls(parse_pem(x509["certificate"]).not_before)
    assert_cannot_be_used({**x509, "key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"})
    assert list(tmp_path.iterdir()) == []


def test_a_secret_over_https_presents_no_certificate() -> None:
    """The usual authorities are loaded, and nothing else."""
    context = parse(SECRET).tls(datetime.now(UTC))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.get_ca_certs()
