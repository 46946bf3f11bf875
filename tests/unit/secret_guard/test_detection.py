"""What is taken for a secret, in whatever form, and what is not: certificates, metadata, fingerprints, names."""

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

FOUND: Final = parse_pem(CERTIFICATE)
OPAQUE: Final = {"client secret, old", "client secret, its half"}
"""What is told by its look alone: not when it is coded once more."""


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_is_seen_in_every_wrapping(name: str) -> None:
    """However it was copied; of lists and maps their keys as well."""
    wrappings = {"as it is", "in quotes", "JSON", "in a sentence"} if name in OPAQUE else set(WRAPPINGS)

    assert [wrapping for wrapping in wrappings if not find_secret(WRAPPINGS[wrapping](SECRETS[name]))] == []
    assert [shape for shape in CONTAINERS if not find_secret(CONTAINERS[shape](SECRETS[name]))] == []
    assert find_secret(SECRETS[name].encode()) is not None


def test_a_secret_is_told_by_its_kind() -> None:
    """The remedies differ."""
    assert {find_secret(text) for text in KEYS.values()} == {"a private key"}
    assert {find_secret(text) for text in X509.values()} == {"a private key"}
    assert {find_secret(text) for text in TOKENS.values()} == {"a token"}
    assert {find_secret(text) for text in CREDENTIALS.values()} == {"credentials"}


@pytest.mark.parametrize("part", ["beginning", "end"])
def test_any_cut_of_a_service_key_that_leaves_some_of_the_secret_is_seen(part: str) -> None:
    """A paste may begin late or end early."""
    text, secret = CREDENTIALS["service key"], SERVICE_KEY["clientsecret"]
    middle = text.index(secret) + len(secret) // 2

    cuts = (
        [text[start:] for start in range(middle)]
        if part == "beginning"
        else [text[:end] for end in range(middle, 2000)]
    )

    assert [cut for cut in cuts if not find_secret(cut)] == []


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
def test_a_service_key_that_was_read_already_is_seen(value: Any) -> None:
    """As a map, whose values alone say little."""
    assert find_secret(value) == "credentials"


def test_a_file_that_was_read_as_octets_is_seen() -> None:
    """A key store or a key in DER: no text at all."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    for octets in (key, bytearray(key), memoryview(key), key.decode("latin-1")):
        assert find_secret({"one": [octets]}) == "a private key"
    assert find_secret(base64.b64decode(FOUND.body)) is None


def _of_elliptic_curve() -> str:
    """Make a certificate whose name ends in a GUID, and whose next octets are those of a P-256 key: `0Y0`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cfapps.eu10/7f15368c-3d85-4dc5-9f7d-6b223f09ae80")])
    begins = datetime(2026, 11, 20, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begins, begins + timedelta(days=730))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


OF_CURVE: Final = _of_elliptic_curve()
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
    "body": FOUND.body,
    "body, cut off": FOUND.body[:300],
    "body in lines": "\n".join(textwrap.wrap(FOUND.body, 64)),
    "body in odd lines": f"{FOUND.body[:100]}\n{FOUND.body[100:500]} {FOUND.body[500:]}",
    "base64 of PEM": base64.b64encode(CERTIFICATE.encode()).decode(),
    "metadata": FOUND.metadata,
    "metadata of two": metadata.write_metadata([FOUND, FOUND]),
    "metadata, cut off": FOUND.metadata[:900],
    "base64 of metadata": base64.b64encode(FOUND.metadata.encode()).decode(),
    "base64 of metadata in lines": base64.encodebytes(FOUND.metadata.encode()).decode(),
    "base64 of metadata in UTF-16": base64.b64encode(FOUND.metadata.encode("utf-16")).decode(),
    "base64 of PEM in lines": base64.encodebytes(CERTIFICATE.encode()).decode(),
    "an answer": json.dumps({"idpMetadata": base64.encodebytes(FOUND.metadata.encode()).decode()}),
    "PKCS#7": base64.b64encode(
        bytes.fromhex("3082040006092a864886f70d010702a08203f1") + base64.b64decode(FOUND.body)
    ).decode(),
    "fingerprint": FOUND.fingerprint,
    "fingerprint of openssl": ":".join(textwrap.wrap(FOUND.fingerprint.upper(), 2)),
    "fingerprint with expiry": f"{FOUND.fingerprint} until 2028-11-20T08:00:00Z",
    "fingerprints": " ".join([FOUND.fingerprint] * 3),
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
    "targets with odd names": {"token": FOUND.fingerprint, "secret": CERTIFICATE, "password": FOUND.body},
    "of an elliptic curve": OF_CURVE,
    "of an elliptic curve, base64": base64.b64encode(OF_CURVE.encode()).decode(),
    "of an elliptic curve, list": [parse_pem(OF_CURVE).body],
    "base64 of PEM, as the tool prints it": base64.encodebytes(CERTIFICATE.encode()).decode(),
    "base64 of metadata, as the tool prints it": base64.encodebytes(FOUND.metadata.encode()).decode(),
    "base64 of metadata with a mark": base64.b64encode(b"\xef\xbb\xbf" + FOUND.metadata.encode()).decode(),
    "base64 of PEM in UTF-16": base64.b64encode(CERTIFICATE.encode("utf-16")).decode(),
    "base64 of metadata that begins in another script": base64.b64encode(
        f"<!-- Übergang -->{FOUND.metadata}".encode()
    ).decode(),
    "metadata for a page": FOUND.metadata.replace("<", "&lt;"),
    "body with soft hyphens": "\u00ad".join(textwrap.wrap(FOUND.body, 64)),
    "body with zero-width blanks": "\u200b\n".join(textwrap.wrap(FOUND.body, 64)),
    "name with a GUID": "SubaccountProd-2d6b4f0e-1111-4222-8333-444455556666",
    "name with a hash": f"GitHub-{HASH}",
    "name with a fingerprint": f"Certificate_{FOUND.fingerprint}",
    "run": f"https://git.example/Org/Repo_One/actions/runs/17428934512/job/49483984937?pr=12&sha={HASH}",
    "run with coded names": "https://ci.example/pipelines/Hj3kLm9PqRsTuVwXyZ1234/AbCdEfGhIjKlMnOpQrStUv/12/workflows/one",
    "page": "https://docs.example/document/d/1aBcD3fGhIjKlMnOpQrStUvWxYz0123456789AbCdEfG/edit?usp=sharing",
    "numbers": {"a": [1, 2.5, None, True, object()]},
    "nothing": "",
}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_what_is_public_is_no_secret(name: str) -> None:
    """Whatever a target or a program may give: nothing of it is refused."""
    assert find_secret(PUBLIC[name]) is None


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())], ids=["RSA", "EC"]
)
def test_a_public_key_is_no_secret(key: Any) -> None:
    """It is refused all the same, but may be shown."""
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    assert find_secret(public) is None
    assert find_secret("".join(public.splitlines()[1:-1])) is None
