"""Detection of secrets in any encoding; certificates, metadata, fingerprints and names pass."""

from __future__ import annotations

import base64
import json
import textwrap
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from btp_trust.certificate import parse_pem
from btp_trust.saml import metadata
from btp_trust.secret_guard.detection import find_secret
from support.secret_samples import (
    CERTIFICATE,
    CONTAINERS,
    CREDENTIALS,
    KEYS,
    SECRETS,
    SERVICE_KEY,
    TOKENS,
    WRAPPINGS,
    X509,
)

PARSED: Final = parse_pem(CERTIFICATE)
OPAQUE: Final = {"client secret, old", "client secret, its half"}
"""Secrets that are recognized by their look alone, so only while they are unencoded."""


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_secret_is_found_when_wrapped(name: str) -> None:
    """Each secret is found as it stands, encoded, in octets, and in lists and maps, as a key too."""
    wrappings = {"as it is", "in quotes", "JSON", "in a sentence"} if name in OPAQUE else set(WRAPPINGS)

    assert [wrapping for wrapping in wrappings if not find_secret(WRAPPINGS[wrapping](SECRETS[name]))] == []
    assert [shape for shape in CONTAINERS if not find_secret(CONTAINERS[shape](SECRETS[name]))] == []
    assert find_secret(SECRETS[name].encode()) is not None


def test_kind_of_secret_is_reported() -> None:
    """Keys, tokens and credentials are distinguished, for their remedies differ."""
    assert {find_secret(text) for text in KEYS.values()} == {"a private key"}
    assert {find_secret(text) for text in X509.values()} == {"a private key"}
    assert {find_secret(text) for text in TOKENS.values()} == {"a token"}
    assert {find_secret(text) for text in CREDENTIALS.values()} == {"credentials"}


@pytest.mark.parametrize("part", ["beginning", "end"])
def test_part_of_service_key_is_found(part: str) -> None:
    """Any part of a service key with half of its secret is found: a paste may begin late or end early."""
    text, secret = CREDENTIALS["service key"], SERVICE_KEY["clientsecret"]
    middle = text.index(secret) + len(secret) // 2

    cuts = (
        [text[start:] for start in range(middle)]
        if part == "beginning"
        else [text[:end] for end in range(middle, 2000)]
    )

    assert [cut for cut in cuts if not find_secret(cut)] == []


@pytest.mark.parametrize("end", ['"}', '",', "'", '"', "' \\n", '"]', '": 1'])
def test_padding_before_quote_counts(end: str) -> None:
    """Few random words change their classes so seldom: the padding tells this one from a name, in quotes too."""
    assert find_secret(f"fhlFCjkS0CQWAILPS7bgYbGzmqOPAykePcrkJZYME8={end}") == "credentials"


def test_name_before_quoted_value_is_public() -> None:
    """The equals sign of an attribute is no padding."""
    assert find_secret('theNameOfAVeryLongAttribute="value"') is None


@pytest.mark.parametrize(
    "value",
    [
        {"clientid": "one", "clientsecret": "two-three"},
        {"credentials": SERVICE_KEY},
        ["one", SERVICE_KEY],
        {"password": "correct horse"},
        {"password": 12345678},
    ],
    ids=["short", "binding", "list", "user", "number"],
)
def test_parsed_service_key_is_found(value: Any) -> None:
    """A service key that was parsed into maps and lists is found by its field names."""
    assert find_secret(value) == "credentials"


def test_secret_in_octets_is_found() -> None:
    """A private key in DER is found in any type of octets; a certificate passes."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    for octets in (key, bytearray(key), memoryview(key), key.decode("latin-1")):
        assert find_secret({"one": [octets]}) == "a private key"
    assert find_secret(base64.b64decode(PARSED.body)) is None


def _elliptic_curve_certificate() -> str:
    """Make a certificate whose name ends in a GUID, and whose next octets are those of a P-256 key: `0Y0`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cfapps.eu10/7f15368c-3d85-4dc5-9f7d-6b223f09ae80")])
    not_before = datetime(2026, 11, 20, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, not_before, not_before + timedelta(days=730))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


ELLIPTIC_CURVE: Final = _elliptic_curve_certificate()
HASH: Final = "5114f85c0ffee00d5114f85c0ffee00d5114f85c"
PUBLIC: Final[dict[str, Any]] = {
    "PEM": CERTIFICATE,
    "PEM, escaped": CERTIFICATE.replace("\n", "\\n"),
    "PEM, CRLF": CERTIFICATE.replace("\n", "\r\n"),
    "PEM, one line": CERTIFICATE.replace("\n", " "),
    "PEM, cut off": CERTIFICATE[:300],
    "bundle": CERTIFICATE * 3,
    "bundle with comments": f"subject=CN = cfapps.eu10/2d6b4f0e\nissuer=CN = one\n{CERTIFICATE}\n# next\n{CERTIFICATE}",
    "trusted": CERTIFICATE.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
    "body": PARSED.body,
    "body, cut off": PARSED.body[:300],
    "body in lines": "\n".join(textwrap.wrap(PARSED.body, 64)),
    "body in odd lines": f"{PARSED.body[:100]}\n{PARSED.body[100:500]} {PARSED.body[500:]}",
    "base64 of PEM": base64.b64encode(CERTIFICATE.encode()).decode(),
    "metadata": PARSED.metadata,
    "metadata of two": metadata.write_metadata([PARSED, PARSED]),
    "metadata, cut off": PARSED.metadata[:900],
    "base64 of metadata": base64.b64encode(PARSED.metadata.encode()).decode(),
    "base64 of metadata in lines": base64.encodebytes(PARSED.metadata.encode()).decode(),
    "base64 of metadata in UTF-16": base64.b64encode(PARSED.metadata.encode("utf-16")).decode(),
    "base64 of PEM in lines": base64.encodebytes(CERTIFICATE.encode()).decode(),
    "an answer": json.dumps({"idpMetadata": base64.encodebytes(PARSED.metadata.encode()).decode()}),
    "PKCS#7": base64.b64encode(
        bytes.fromhex("3082040006092a864886f70d010702a08203f1") + base64.b64decode(PARSED.body)
    ).decode(),
    "fingerprint": PARSED.fingerprint,
    "fingerprint of openssl": ":".join(textwrap.wrap(PARSED.fingerprint.upper(), 2)),
    "fingerprint with expiry": f"{PARSED.fingerprint} until 2028-11-20T08:00:00Z",
    "fingerprints": " ".join([PARSED.fingerprint] * 3),
    "SHA-1": "ab" * 20,
    "SHA-512": "0a" * 64,
    "GUID": "2d6b4f0e-1111-4222-8333-444455556666",
    "generation": "2028-11",
    "day": "2028-11-20T08:00:00Z",
    "issuer": "cfapps.eu10.hana.ondemand.com/2d6b4f0e-1111-4222-8333-444455556666",
    "destination": "S4HANA_PROD_100-SAMLAssertion-v2.APIProxy_ODATA.BusinessPartner_0001_EU10_TENANT",
    "many hyphens": "Prod-EU10-S4-100-v2-QA3-Dev4-HANA-ABAP-X1-Y2-Z3-Test5",
    "address": "https://eyeglasses-shop.authentication.eu10.hana.ondemand.com/saml/metadata",
    "address with port": "https://service.example:8443/path@two",
    "client": "sb-clone2d6b4f0e11114222!b123|destination-xsappname!b404",
    "URN": "urn:pulumi:dev::project::pulumi-python:dynamic/btp-trust:PassiveTrustCertificate::next",
    "ticket": "https://tickets.example/browse/CHG-123?focus=comment-1#token",
    "sentence": "Password reset: CHG0012345; Basic authentication, bearer of the certificate Jane Doe-Smith",
    "shell": "$HOME/certificates/of-the-target.pem",
    "null": '{"clientsecret": null, "token": false}',
    "no value": '{"clientid": "one", "clientsecret": "[secret]"}',
    "switches": {"token": True, "secret": False},
    "targets with odd names": {"token": PARSED.fingerprint, "secret": CERTIFICATE, "password": PARSED.body},
    "of an elliptic curve": ELLIPTIC_CURVE,
    "of an elliptic curve, base64": base64.b64encode(ELLIPTIC_CURVE.encode()).decode(),
    "of an elliptic curve, list": [parse_pem(ELLIPTIC_CURVE).body],
    "base64 of PEM, as the tool prints it": base64.encodebytes(CERTIFICATE.encode()).decode(),
    "base64 of metadata, as the tool prints it": base64.encodebytes(PARSED.metadata.encode()).decode(),
    "base64 of metadata with a mark": base64.b64encode(b"\xef\xbb\xbf" + PARSED.metadata.encode()).decode(),
    "base64 of PEM in UTF-16": base64.b64encode(CERTIFICATE.encode("utf-16")).decode(),
    "base64 of metadata that begins in another script": base64.b64encode(
        f"<!-- Übergang -->{PARSED.metadata}".encode()
    ).decode(),
    "metadata for a page": PARSED.metadata.replace("<", "&lt;"),
    "body with soft hyphens": "\u00ad".join(textwrap.wrap(PARSED.body, 64)),
    "body with zero-width blanks": "\u200b\n".join(textwrap.wrap(PARSED.body, 64)),
    "name with a GUID": "SubaccountProd-2d6b4f0e-1111-4222-8333-444455556666",
    "name with a hash": f"GitHub-{HASH}",
    "name with a fingerprint": f"Certificate_{PARSED.fingerprint}",
    "run": f"https://git.example/Org/Repo_One/actions/runs/17428934512/job/49483984937?pr=12&sha={HASH}",
    "run with coded names": "https://ci.example/pipelines/Hj3kLm9PqRsTuVwXyZ1234/AbCdEfGhIjKlMnOpQrStUv/12/workflows/one",
    "page": "https://docs.example/document/d/1aBcD3fGhIjKlMnOpQrStUvWxYz0123456789AbCdEfG/edit?usp=sharing",
    "numbers": {"a": [1, 2.5, None, True, object()]},
    "nothing": "",
}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_data_passes(name: str) -> None:
    """Certificates, metadata, fingerprints and names pass, in all encodings."""
    assert find_secret(PUBLIC[name]) is None


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())], ids=["RSA", "EC"]
)
def test_public_key_passes(key: Any) -> None:
    """A public key passes: it is invalid as an argument, but may be shown."""
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    assert find_secret(public) is None
    assert find_secret("".join(public.splitlines()[1:-1])) is None
