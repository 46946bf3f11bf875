"""What a target says that it trusts, in any of its forms: always the same fingerprints, or a refusal that tells why."""

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
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
SINCE, UNTIL = datetime(2026, 11, 24, 8, 34, 27, tzinfo=UTC), datetime(2028, 11, 24, 8, 34, 27, tzinfo=UTC)


def minted() -> tuple[Certificate, ...]:
    """Three certificates of the service."""
    with Emulator(key_size=1024) as emulator:
        guids = [emulator.create_subaccount(generate=True).guid for _ in range(3)]
        return tuple(parse_pem(emulator.certificates(guid)[0] or "") for guid in guids)


MINTED = minted()
A = MINTED[0]
certificates = st.sampled_from(MINTED)
several = st.lists(certificates, min_size=1, max_size=4)
blanks = st.text(" \t\r\n", max_size=4)


def identity(certificate: Certificate) -> CertificateIdentity:
    """What is to be read of a certificate."""
    return CertificateIdentity(certificate.fingerprint, certificate.not_after)


def metadata_of(*bodies: str, prefix: str = "ds", role: str = "IDPSSODescriptor", use: str = "") -> str:
    """SAML metadata with these certificates, each in a description of a key of its own."""
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
def test_every_form_of_a_certificate_is_the_same_certificate(
    certificate: Certificate, before: str, after: str, width: int, *, colons: bool
) -> None:
    """Fingerprint, PEM, body, metadata: with blanks around them, lines of any length, colons and capitals."""
    lines = "\n".join(textwrap.wrap(certificate.body, width))
    digest = bytes.fromhex(certificate.fingerprint)
    assert parse_certificates(f"{before}{digest.hex(':').upper() if colons else digest.hex()}{after}") == (
        CertificateIdentity(certificate.fingerprint),
    )
    for form in (
        certificate.pem,
        certificate.pem.replace("\n", "\\n"),
        lines,
        certificate.metadata,
        metadata_of(lines),
    ):
        assert parse_certificates(before + form + after) == (identity(certificate),)
    assert parse_certificates("\ufeff" + certificate.metadata) == (identity(certificate),)


@given(held=several, between=blanks, prefix=st.sampled_from(["ds", "dsig", "a"]))
def test_every_certificate_of_a_bundle_or_a_document_counts(held: list[Certificate], between: str, prefix: str) -> None:
    """In their order."""
    wanted = tuple(identity(each) for each in held)
    assert parse_certificates(between.join(each.pem for each in held)) == wanted
    assert parse_certificates(metadata_of(*(each.body for each in held), prefix=prefix)) == wanted


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(metadata_of(A.body, use=' use="encryption"'), id="a key to encrypt with"),
        pytest.param(metadata_of(A.body, role="SPSSODescriptor"), id="a key of a service provider"),
    ],
)
def test_of_metadata_only_what_an_identity_provider_may_sign_with_counts(other: str) -> None:
    """Who trusts a certificate for something else does not believe what is signed with it."""
    with pytest.raises(ValueError, match="without a signing certificate"):
        parse_certificates(other)
    key = re.search("<md:IDP.*</md:IDPSSODescriptor>", metadata_of(MINTED[1].body))
    assert key is not None
    both = other.replace("</md:EntityDescriptor>", f"{key[0]}</md:EntityDescriptor>")
    assert parse_certificates(both) == (identity(MINTED[1]),)
    assert parse_certificates(metadata_of(A.body, use=' use="signing"')) == (identity(A),)


moments = st.datetimes(datetime(1000, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)


@given(digest=st.binary(min_size=32, max_size=32), until=st.none() | moments, valid=st.none() | moments)
def test_what_is_written_is_read_again(digest: bytes, until: datetime | None, valid: datetime | None) -> None:
    """To the second, with the end of the metadata that named it."""
    assert parse_certificates(to_text(CertificateIdentity(digest.hex(), until, valid))) == (
        CertificateIdentity(digest.hex(), until, valid),
    )


@given(
    certificate=certificates,
    label=st.sampled_from(["", "sha256 Fingerprint=", "SHA-256: ", "Thumbprint: "]),
    separator=st.sampled_from(["", ":", "-", " ", "\u00a0"]),
    mark=st.sampled_from(["", "\ufeff", "\u200e", "\u00ad"]),
)
def test_a_fingerprint_is_read_as_tools_print_it(
    certificate: Certificate, label: str, separator: str, mark: str
) -> None:
    """As everywhere."""
    octets = separator.join(f"{octet:02X}" for octet in bytes.fromhex(certificate.fingerprint))
    assert parse_certificates(f"{mark}{label}{mark}{octets}{mark}\n") == (CertificateIdentity(certificate.fingerprint),)


PEM_BREAKS = ["", " ", "\r\n", "\\n", "\\\\n", "\\r\\n", "\\\\\\\\r\\\\\\\\n"]


@given(held=several, line_break=st.sampled_from(PEM_BREAKS), mark=st.sampled_from(["", "\ufeff", "\u200b"]))
def test_the_line_breaks_of_a_bundle_do_not_matter(held: list[Certificate], line_break: str, mark: str) -> None:
    """Between its certificates either."""
    text = "".join(each.pem for each in held).replace("\n", line_break)
    assert parse_certificates(mark + text) == tuple(identity(each) for each in held)


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
    "base64 for URLs, without padding": lambda octets: base64.urlsafe_b64encode(octets).decode().rstrip("="),
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
def test_metadata_is_read_as_the_service_gives_it(
    held: list[Certificate], encoding: str, wrapping: str, declared: str, mark: str, *, has_entity_id: bool
) -> None:
    """Base64, or the whole answer; whatever its declaration says of its encoding, and without entityID."""
    text = metadata_of(*(each.body for each in held)).replace(
        ' entityID="x"', ' entityID="Zürich"' if has_entity_id else ""
    )
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    text = re.sub(r"<\?xml.*?\?>", declaration, text)
    wanted = tuple(identity(each) for each in held)
    assert parse_certificates(mark + WRAPPINGS[wrapping](ENCODINGS[encoding](text)) + mark) == wanted
    assert parse_certificates(mark + text) == wanted


def test_base64_of_a_pem_is_read() -> None:
    """As a Kubernetes secret has it."""
    assert parse_certificates(base64.b64encode(A.pem.encode()).decode()) == (identity(A),)


@pytest.mark.skipif(not EXAMPLE.is_file(), reason="SAP's example is not here")
def test_the_example_of_sap_s_description_is_read() -> None:
    """It has neither an entityID nor a declaration."""
    text = EXAMPLE.read_text()
    (found,) = parse_certificates(text)
    assert found.not_after == datetime(2023, 4, 29, 9, 42, 26, tzinfo=UTC)
    assert parse_certificates(json.dumps({"idpMetadata": base64.b64encode(text.encode()).decode()})) == (found,)


def test_a_certificate_of_another_issuer_is_read_as_well() -> None:
    """A target trusts others too: elliptic curves, extensions, no common name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Acme")])
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), 5, SINCE, UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("acme.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    der = built.public_bytes(Encoding.DER)
    assert parse_certificates(built.public_bytes(Encoding.PEM).decode()) == (
        CertificateIdentity(hashlib.sha256(der).hexdigest(), UNTIL),
    )


def nested(times: int) -> str:
    """An answer in an answer."""
    text = A.body
    for _ in range(times):
        text = json.dumps({"idpMetadata": text})
    return text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "empty", id="nothing"),
        pytest.param(" \n", "empty", id="blanks"),
        pytest.param("S3CRET", "neither", id="a word"),
        pytest.param("12" * 20, "SHA-1", id="a SHA-1 fingerprint"),
        pytest.param(":".join(["AB"] * 20), "SHA-1", id="a SHA-1 fingerprint with colons"),
        pytest.param("sha1 Fingerprint=" + ":".join(["AB"] * 20), "SHA1", id="a SHA-1 fingerprint with its label"),
        pytest.param("md5:" + "ab" * 32, "of MD5", id="the label of another digest"),
        pytest.param("ab" * 32 + " until S3CRET", "neither", id="a fingerprint with an expiry that is none"),
        pytest.param("ab" * 32 + " valid until S3CRET", "neither", id="a fingerprint with an end that is none"),
        pytest.param('{"idpMetadata": 5}', "JSON without `idpMetadata`", id="an answer with a number"),
        pytest.param('{"certificate": "S3CRET"}', "JSON without `idpMetadata`", id="another answer"),
        pytest.param('{"idpMetadata": "S3CRET', "JSON without `idpMetadata`", id="an answer that is cut off"),
        pytest.param("{" * 100_000, "JSON without `idpMetadata`", id="braces without end"),
        pytest.param('{"idpMetadata": "S3CRET"}', "neither", id="an answer with a word"),
        pytest.param(nested(6), "neither", id="an answer in an answer, without end"),
        pytest.param(base64.b64encode(b"S3CRET").decode(), "neither", id="base64 of something else"),
        pytest.param(A.body[:-8], "neither", id="a body that is cut off"),
        pytest.param(A.body + "AAAA", "neither", id="a body with something after it"),
        pytest.param(A.pem + A.pem[:-10], "PEM", id="a bundle that is cut off"),
        pytest.param(A.pem.replace("CERTIFICATE", "PUBLIC KEY"), "PEM", id="a key"),
        pytest.param(A.pem + A.pem.replace("CERTIFICATE", "X509 CRL"), "PEM", id="a bundle with something else in it"),
        pytest.param("S3CRET\u00e9" * 20, "neither", id="letters that base64 has not"),
        pytest.param(A.pem.replace("MII", "S3CRET\u00e9"), "neither", id="a PEM with such letters"),
        pytest.param(metadata_of("S3CRET\u00e9"), "unreadable", id="metadata with such letters"),
        pytest.param("<a/>", "not SAML metadata", id="XML of another kind"),
        pytest.param(metadata_of(), "signing certificate", id="metadata without a certificate"),
        pytest.param(metadata_of("S3CRET"), "unreadable", id="metadata with something else"),
        pytest.param(metadata_of(A.body, ""), "unreadable", id="metadata with a certificate that is empty"),
        pytest.param(metadata_of(A.body)[:-5], "XML", id="XML that is cut off"),
        pytest.param(f"<X509Certificate>{A.body}</X509Certificate>", "not SAML metadata", id="in no namespace"),
        pytest.param("<a>\ud800</a>", "XML", id="half a character"),
    ],
)
def test_what_names_no_certificate_is_refused_without_being_repeated(text: str, reason: str) -> None:
    """The reason is a part of a sentence."""
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
def test_a_document_type_declaration_is_refused_before_anything_of_it_is_used(declaration: str) -> None:
    """No entity is expanded and no file or address is opened: there is no way to declare one."""
    with pytest.raises(ValueError, match="document type"):
        parse_certificates(
            f'{declaration}<a xmlns:ds="{SIGNATURE}"><ds:X509Certificate>{A.body}</ds:X509Certificate></a>'
        )
    with pytest.raises(ValueError, match="document type"):
        parse_certificates(f"{declaration}<a>&e;</a>")


@given(text=st.text() | st.text("<>/!&;#ab ", max_size=30).map(lambda text: f"<{text}"))
def test_any_text_is_read_or_refused(text: str) -> None:
    """With a ValueError, whatever it is."""
    try:
        found = parse_certificates(text)
    except ValueError:
        return
    assert found
