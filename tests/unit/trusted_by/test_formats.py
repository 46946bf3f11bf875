"""The formats of `trusted_by`: each gives the same fingerprints, or a refusal with its reason."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.certificate import Certificate, CertificateIdentity, parse_pem
from btp_trust.trusted_by.formats import parse_certificates, to_text
from btp_trust_emulator import Emulator
from support.error_text import error_text
from support.paths import REFERENCE

EXAMPLE = REFERENCE / "idp-metadata-example.xml"
UNRECOGNIZED = "neither a SHA-256 fingerprint nor an X.509 certificate"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
SINCE, UNTIL = datetime(2026, 11, 24, 8, 34, 27, tzinfo=UTC), datetime(2028, 11, 24, 8, 34, 27, tzinfo=UTC)


def generated_certificates() -> tuple[Certificate, ...]:
    """Return three certificates of the service."""
    with Emulator(key_size=1024) as emulator:
        guids = [emulator.create_subaccount(generate=True).guid for _ in range(3)]
        return tuple(parse_pem(emulator.certificates(guid)[0] or "") for guid in guids)


CERTIFICATES = generated_certificates()
A = CERTIFICATES[0]
certificates = st.sampled_from(CERTIFICATES)
several = st.lists(certificates, min_size=1, max_size=4)
blanks = st.text(" \t\r\n", max_size=4)


def identity(certificate: Certificate) -> CertificateIdentity:
    """Return the identity that a certificate must give."""
    return CertificateIdentity(certificate.fingerprint, certificate.not_after)


def metadata_of(*bodies: str, prefix: str = "ds", role: str = "IDPSSODescriptor", use: str = "") -> str:
    """Return SAML metadata with these certificates, each in a KeyDescriptor of its own."""
    keys = "".join(
        f"<md:KeyDescriptor{use}><{prefix}:KeyInfo><{prefix}:X509Data><{prefix}:X509Certificate>{body}"
        f"</{prefix}:X509Certificate></{prefix}:X509Data></{prefix}:KeyInfo></md:KeyDescriptor>"
        for body in bodies
    )
    return (
        f'<?xml version="1.0" encoding="UTF-16"?><md:EntityDescriptor entityID="x" xmlns:{prefix}="{SIGNATURE}" '
        f'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"><!-- X509Certificate -->'
        f"<md:{role}>{keys}</md:{role}></md:EntityDescriptor>"
    )


@given(certificate=certificates, before=blanks, after=blanks, width=st.integers(1, 100), colons=st.booleans())
def test_all_formats_give_same_certificate(
    certificate: Certificate, before: str, after: str, width: int, *, colons: bool
) -> None:
    """Fingerprint, PEM, body and metadata of a certificate give the same identity, with any blanks and line lengths."""
    lines = "\n".join(textwrap.wrap(certificate.body, width))
    digest = bytes.fromhex(certificate.fingerprint)
    assert parse_certificates(f"{before}{digest.hex(':').upper() if colons else digest.hex()}{after}") == (
        CertificateIdentity(certificate.fingerprint),
    )
    for text in (
        certificate.pem,
        certificate.pem.replace("\n", "\\n"),
        lines,
        certificate.metadata,
        metadata_of(lines),
    ):
        assert parse_certificates(before + text + after) == (identity(certificate),)
    assert parse_certificates("\ufeff" + certificate.metadata) == (identity(certificate),)


@given(held=several, between=blanks, prefix=st.sampled_from(["ds", "dsig", "a"]))
def test_all_certificates_keep_their_order(held: list[Certificate], between: str, prefix: str) -> None:
    """All certificates of a bundle or of metadata are read, in their order."""
    expected = tuple(identity(certificate) for certificate in held)
    assert parse_certificates(between.join(certificate.pem for certificate in held)) == expected
    assert parse_certificates(metadata_of(*(certificate.body for certificate in held), prefix=prefix)) == expected


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(metadata_of(A.body, use=' use="encryption"'), id="a key to encrypt with"),
        pytest.param(metadata_of(A.body, role="SPSSODescriptor"), id="a key of a service provider"),
    ],
)
def test_only_signing_certificates_count(other: str) -> None:
    """Certificates for encryption, or of a service provider, are left out of metadata."""
    with pytest.raises(ValueError, match="without a signing certificate"):
        parse_certificates(other)
    key = re.search("<md:IDP.*</md:IDPSSODescriptor>", metadata_of(CERTIFICATES[1].body))
    assert key is not None
    both = other.replace("</md:EntityDescriptor>", f"{key[0]}</md:EntityDescriptor>")
    assert parse_certificates(both) == (identity(CERTIFICATES[1]),)
    assert parse_certificates(metadata_of(A.body, use=' use="signing"')) == (identity(A),)


moments = st.datetimes(datetime(1000, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)


@given(digest=st.binary(min_size=32, max_size=32), until=st.none() | moments, valid=st.none() | moments)
def test_own_text_round_trips(digest: bytes, until: datetime | None, valid: datetime | None) -> None:
    """A text of `to_text` gives the same identity, expiry and `validUntil` included."""
    assert parse_certificates(to_text(CertificateIdentity(digest.hex(), until, valid))) == (
        CertificateIdentity(digest.hex(), until, valid),
    )


@given(
    certificate=certificates,
    label=st.sampled_from(["", "sha256 Fingerprint=", "SHA-256: ", "Thumbprint: "]),
    separator=st.sampled_from(["", ":", "-", " ", "\u00a0"]),
    mark=st.sampled_from(["", "\ufeff", "\u200e", "\u00ad"]),
)
def test_printed_fingerprint_is_read(certificate: Certificate, label: str, separator: str, mark: str) -> None:
    """Fingerprints are read with the labels, separators and marks of common tools."""
    octets = separator.join(f"{octet:02X}" for octet in bytes.fromhex(certificate.fingerprint))
    assert parse_certificates(f"{mark}{label}{mark}{octets}{mark}\n") == (CertificateIdentity(certificate.fingerprint),)


PEM_BREAKS = ["", " ", "\r\n", "\\n", "\\\\n", "\\r\\n", "\\\\\\\\r\\\\\\\\n"]


@given(held=several, line_break=st.sampled_from(PEM_BREAKS), mark=st.sampled_from(["", "\ufeff", "\u200b"]))
def test_line_breaks_are_irrelevant(held: list[Certificate], line_break: str, mark: str) -> None:
    """A PEM bundle is read with missing, escaped and repeated line breaks."""
    text = "".join(certificate.pem for certificate in held).replace("\n", line_break)
    assert parse_certificates(mark + text) == tuple(identity(certificate) for certificate in held)


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 BE": lambda text: text.encode("utf-16-be"),
    "UTF-16 LE": lambda text: text.encode("utf-16-le"),
    "Latin-1": lambda text: text.encode("latin-1"),
}
WRAPPINGS: dict[str, Callable[[bytes], str]] = {
    "base64": lambda octets: base64.b64encode(octets).decode(),
    "base64 for URLs, unpadded": lambda octets: base64.urlsafe_b64encode(octets).decode().rstrip("="),
    "base64 of an answer": lambda octets: base64.b64encode(
        json.dumps({"idpMetadata": base64.b64encode(octets).decode()}).encode()
    ).decode(),
    "base64 in lines": lambda octets: base64.encodebytes(octets).decode().replace("\n", "\r\n"),
    "base64 in lines of an answer": lambda octets: json.dumps({"idpMetadata": base64.encodebytes(octets).decode()}),
    "an answer": lambda octets: json.dumps({"idpMetadata": base64.b64encode(octets).decode()}, indent=2),
    "an answer as text": lambda octets: json.dumps(json.dumps({"idpMetadata": base64.b64encode(octets).decode()})),
    "text in quotation marks": lambda octets: json.dumps(base64.b64encode(octets).decode()),
}


@given(
    held=several,
    encoding=st.sampled_from(tuple(ENCODINGS)),
    wrapping=st.sampled_from(tuple(WRAPPINGS)),
    declared=st.sampled_from(["", "UTF-8", "UTF-16", "ISO-8859-1"]),
    has_entity_id=st.booleans(),
    mark=st.sampled_from(["", "\ufeff", "\n"]),
)
def test_metadata_of_service_is_read(
    held: list[Certificate], encoding: str, wrapping: str, declared: str, mark: str, *, has_entity_id: bool
) -> None:
    """Metadata is read in any encoding and wrapping of the service, with any XML declaration."""
    text = metadata_of(*(certificate.body for certificate in held)).replace(
        ' entityID="x"', ' entityID="Zürich"' if has_entity_id else ""
    )
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    text = re.sub(r"<\?xml.*?\?>", declaration, text)
    expected = tuple(identity(certificate) for certificate in held)
    assert parse_certificates(mark + WRAPPINGS[wrapping](ENCODINGS[encoding](text)) + mark) == expected
    assert parse_certificates(mark + text) == expected


def test_base64_of_pem_is_read() -> None:
    """Base64 of PEM is read, as a Kubernetes secret has it."""
    assert parse_certificates(base64.b64encode(A.pem.encode()).decode()) == (identity(A),)


@pytest.mark.skipif(not EXAMPLE.is_file(), reason="SAP's example is missing")
def test_saps_example_is_read() -> None:
    """The example in SAP's API description is read; it lacks entityID and XML declaration."""
    text = EXAMPLE.read_text()
    (certificate,) = parse_certificates(text)
    assert certificate.not_after == datetime(2023, 4, 29, 9, 42, 26, tzinfo=UTC)
    assert parse_certificates(json.dumps({"idpMetadata": base64.b64encode(text.encode()).decode()})) == (certificate,)


def test_foreign_certificate_is_read() -> None:
    """A certificate of another issuer is read: elliptic curve, extensions, no common name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Acme")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 5, SINCE, UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("acme.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    der = certificate.public_bytes(Encoding.DER)
    assert parse_certificates(certificate.public_bytes(Encoding.PEM).decode()) == (
        CertificateIdentity(hashlib.sha256(der).hexdigest(), UNTIL),
    )


def nested(times: int) -> str:
    """Return a response inside of responses."""
    text = A.body
    for _ in range(times):
        text = json.dumps({"idpMetadata": text})
    return text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "empty", id="an empty text"),
        pytest.param(" \n", "empty", id="blanks"),
        pytest.param("S3CRET", UNRECOGNIZED, id="a word"),
        pytest.param("12" * 20, "SHA-1", id="a SHA-1 fingerprint"),
        pytest.param(":".join(["AB"] * 20), "SHA-1", id="a SHA-1 fingerprint with colons"),
        pytest.param("sha1 Fingerprint=" + ":".join(["AB"] * 20), "SHA1", id="a SHA-1 fingerprint with its label"),
        pytest.param("md5:" + "ab" * 32, "of MD5", id="the label of another digest"),
        pytest.param("ab" * 32 + " until S3CRET", UNRECOGNIZED, id="a fingerprint with a malformed expiry"),
        pytest.param("ab" * 32 + " valid until S3CRET", UNRECOGNIZED, id="a fingerprint with a malformed end"),
        pytest.param('{"idpMetadata": 5}', "JSON without `idpMetadata`", id="an answer with a number"),
        pytest.param('{"certificate": "S3CRET"}', "JSON without `idpMetadata`", id="another answer"),
        pytest.param('{"idpMetadata": "S3CRET', "JSON without `idpMetadata`", id="an answer that is cut off"),
        pytest.param("{" * 100_000, "JSON without `idpMetadata`", id="endless braces"),
        pytest.param('{"idpMetadata": "S3CRET"}', UNRECOGNIZED, id="an answer with a word"),
        pytest.param(nested(6), UNRECOGNIZED, id="an answer in an answer, too deep"),
        pytest.param(base64.b64encode(b"S3CRET").decode(), UNRECOGNIZED, id="base64 of something else"),
        pytest.param(A.body[:-8], UNRECOGNIZED, id="a body that is cut off"),
        pytest.param(A.body + "AAAA", UNRECOGNIZED, id="a body with something after it"),
        pytest.param(A.pem + A.pem[:-10], "PEM", id="a bundle that is cut off"),
        pytest.param(A.pem.replace("CERTIFICATE", "PUBLIC KEY"), "PEM", id="a key"),
        pytest.param(A.pem + A.pem.replace("CERTIFICATE", "X509 CRL"), "PEM", id="a bundle with something else in it"),
        pytest.param("S3CRET\u00e9" * 20, UNRECOGNIZED, id="letters outside base64"),
        pytest.param(A.pem.replace("MII", "S3CRET\u00e9"), UNRECOGNIZED, id="a PEM with such letters"),
        pytest.param(metadata_of("S3CRET\u00e9"), "unreadable", id="metadata with such letters"),
        pytest.param("<a/>", "not SAML metadata", id="XML of another kind"),
        pytest.param(metadata_of(), "signing certificate", id="metadata of zero certificates"),
        pytest.param(metadata_of("S3CRET"), "unreadable", id="metadata with something else"),
        pytest.param(metadata_of(A.body, ""), "unreadable", id="metadata with a certificate that is empty"),
        pytest.param(metadata_of(A.body)[:-5], "XML", id="XML that is cut off"),
        pytest.param(
            f"<X509Certificate>{A.body}</X509Certificate>", "not SAML metadata", id="XML that lacks a namespace"
        ),
        pytest.param("<a>\ud800</a>", "XML", id="half a character"),
    ],
)
def test_unreadable_text_is_refused_unquoted(text: str, reason: str) -> None:
    """Unreadable texts are refused for their reason, as a part of a sentence that quotes nothing."""
    with pytest.raises(ValueError, match=reason) as refused:
        parse_certificates(text)
    assert "S3CRET" not in error_text(refused.value)
    assert str(refused.value).startswith("it ")


@pytest.mark.parametrize(
    "declaration",
    [
        pytest.param('<!DOCTYPE a [<!ENTITY e "S3CRET">]>', id="an entity"),
        pytest.param('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///dev/null">]>', id="an external entity"),
        pytest.param('<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd">', id="an external declaration"),
        pytest.param('<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///dev/null"> %p;]>', id="a parameter entity"),
        pytest.param("<!DOCTYPE a>", id="an empty declaration"),
    ],
)
def test_document_type_is_refused_first(declaration: str) -> None:
    """A document type is refused before an entity is expanded, or a file or address opened."""
    with pytest.raises(ValueError, match="document type"):
        parse_certificates(
            f'{declaration}<a xmlns:ds="{SIGNATURE}"><ds:X509Certificate>{A.body}</ds:X509Certificate></a>'
        )
    with pytest.raises(ValueError, match="document type"):
        parse_certificates(f"{declaration}<a>&e;</a>")


@given(text=st.text() | st.text("<>/!&;#ab ", max_size=30).map(lambda text: f"<{text}"))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text gives certificates or a ValueError."""
    try:
        certificates_read = parse_certificates(text)
    except ValueError:
        return
    assert certificates_read
