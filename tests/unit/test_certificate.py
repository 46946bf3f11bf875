"""A certificate of any profile is parsed silently, or refused by a message that leaves it out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import subprocess
import sys
import threading
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from btp_trust.certificate import Certificate, parse_pem
from btp_trust_emulator import Emulator
from btp_trust_emulator.pki import der, keys, trust_certificate
from support.paths import REFERENCE
from support.saml_schemas import schema_errors

CERTIFICATES = REFERENCE / "certificates"
OPENAPI = CERTIFICATES.parent / "destination-service-openapi.yaml"
GUID = "00000000-1111-4222-8333-000000005cdd"
SINCE, UNTIL = datetime(2026, 11, 24, 8, 34, 27, tzinfo=UTC), datetime(2028, 11, 24, 8, 34, 27, tzinfo=UTC)
NAMESPACES = {"md": "urn:oasis:names:tc:SAML:2.0:metadata", "ds": "http://www.w3.org/2000/09/xmldsig#"}
LOOP = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from btp_trust.certificate import parse_pem
pem, barrier = sys.stdin.read(), threading.Barrier(8)
def parse(_):
    barrier.wait()
    return [parse_pem(pem).fingerprint for _ in range(50)][0]
with ThreadPoolExecutor(8) as threads:
    print(*set(threads.map(parse, range(8))))
"""

moments = st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
serials = st.integers(-(2**159), 2**159 - 1)


def attribute(text: bytes, tag: int = 0x0C, kind: str = "2.5.4.3") -> bytes:
    """Return one relative distinguished name, by default a common name."""
    return der.set_of(der.sequence(der.object_identifier(kind), der.encode(tag, text)))


def certificate_of(
    *relative_names: bytes,
    serial: int = 1,
    since: datetime = SINCE,
    until: datetime = UNTIL,
    version: bytes | None = None,
    extensions: bytes = b"",
) -> bytes:
    """Return the DER of a certificate with this subject, whose key and signature are dummies."""
    algorithm = der.sequence(der.object_identifier("1.2.840.113549.1.1.13"), der.null())
    name = der.sequence(*relative_names)
    public_key = der.sequence(algorithm, der.bit_string(b"key"))
    validity = der.sequence(der.time(since), der.time(until))
    number = der.explicit(0, der.integer(2)) if version is None else version
    content = der.sequence(number, der.integer(serial), algorithm, name, validity, name, public_key, extensions)
    return der.sequence(content, algorithm, der.bit_string(b"signature"))


def pem_of(octets: bytes) -> str:
    """Return DER as the service writes it."""
    return trust_certificate.to_pem(octets)


def generate(serial: int) -> str:
    """Generate a certificate with the profile of the real ones: no extensions, a common name of 66 characters."""
    return trust_certificate.generate_certificate(keys.generate(1024), GUID, serial, SINCE, UNTIL)


def in_8_threads(job: Callable[[], Certificate]) -> set[Certificate]:
    """Return the results of a job in eight threads that begin at once."""
    barrier = threading.Barrier(8)

    def wait_and_do(_: int) -> Certificate:
        barrier.wait()
        return job()

    with ThreadPoolExecutor(8) as threads:
        return set(threads.map(wait_and_do, range(8)))


@pytest.fixture(params=["real-active.pem", "real-passive.pem"])
def real(request: pytest.FixtureRequest) -> str:
    """Return a certificate that a real landscape issued."""
    file: Path = CERTIFICATES / request.param
    if not file.is_file():
        pytest.skip("the recorded certificates are missing")
    return file.read_text()


@pytest.mark.parametrize(
    "serial",
    [
        pytest.param(-0x36C95966D3B158F7DD62, id="a negative serial number"),
        pytest.param(0x6853391B3391D2F02A20, id="a positive serial number"),
        pytest.param(0, id="the serial number zero"),
    ],
)
def test_loads_the_real_profile_silently(serial: int) -> None:
    """Serial number and long common name cause no warning, with warnings as errors, in eight threads."""
    pem = generate(serial)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (parsed,) = in_8_threads(lambda: parse_pem(pem))
    assert len(parsed.issuer_name) == 66
    assert int.from_bytes(bytes.fromhex(parsed.serial_number), "big", signed=True) == serial


def test_a_fresh_process_loads_it_silently() -> None:
    """Importing and parsing, in threads, with warnings as errors."""
    pem = generate(-5)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOOP], input=pem, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == trust_certificate.fingerprint(pem)
    assert done.stderr == ""


def test_a_recorded_certificate_survives(real: str) -> None:
    """PEM to certificate to PEM is the identity; the fingerprint is that of the DER."""
    parsed = parse_pem(real)
    assert parsed.pem == real
    assert parsed.fingerprint == hashlib.sha256(base64.b64decode(parsed.body)).hexdigest()


def test_loads_a_recorded_certificate_silently(real: str) -> None:
    """As those of the emulator, with all fields."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (parsed,) = in_8_threads(lambda: parse_pem(real))
    assert parsed.issuer_name == "cfapps.eu12.hana.ondemand.com/77395f6a-a601-4c9e-8cd0-c1fcefc7f60f"
    assert parsed.serial_number in {"c936a6992c4ea708229e", "6853391b3391d2f02a20"}
    assert (parsed.not_after - parsed.not_before).days == 730
    assert entity_of(parsed.metadata) == (parsed.issuer_name, [parsed.body])


def test_a_general_loader_agrees(real: str) -> None:
    """A reader of another project; it warns, which is why this package has its own."""
    parsed = parse_pem(real)
    with warnings.catch_warnings(action="ignore"):
        other = x509.load_pem_x509_certificate(real.encode())
        (name,) = other.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert int.from_bytes(bytes.fromhex(parsed.serial_number), "big", signed=True) == other.serial_number
    assert parsed.issuer_name == name.value
    assert (parsed.not_before, parsed.not_after) == (other.not_valid_before_utc, other.not_valid_after_utc)


@given(serial=serials, name=st.text(min_size=1), since=moments, until=moments)
def test_reads_what_was_written(serial: int, name: str, since: datetime, until: datetime) -> None:
    """Any serial number, any printable common name, any two moments to the second."""
    octets = certificate_of(attribute(name.encode()), serial=serial, since=since, until=until)
    try:
        parsed = parse_pem(pem_of(octets))
    except ValueError:
        assert not name.isprintable()
        return
    assert parsed.issuer_name == name
    assert bytes.fromhex(parsed.serial_number) == der.integer(serial)[2:]
    assert (parsed.not_before, parsed.not_after) == (since, until)
    assert parsed.not_after.tzinfo is UTC
    assert parsed.fingerprint == hashlib.sha256(octets).hexdigest()
    assert parsed.body == base64.b64encode(octets).decode()
    assert parse_pem(parsed.pem) == parsed
    assert parsed.pem == pem_of(octets)


@given(text=st.text())
@example(text="certific")
def test_any_text_is_a_value_error(text: str) -> None:
    """The message leaves the text out."""
    with pytest.raises(ValueError, match="certificate") as caught:
        parse_pem(text)
    with pytest.raises(ValueError, match="certificate") as other:
        parse_pem("")
    assert len(text) < 8 or text not in str(caught.value) or text in str(other.value)


@given(octets=st.binary(min_size=6))
def test_any_bytes_are_a_value_error(octets: bytes) -> None:
    """Garbage between the right lines has a message that leaves it out."""
    assert_left_out(octets)


@given(data=st.data())
def test_a_damaged_certificate_is_refused(data: st.DataObject) -> None:
    """Or a certificate: bytes of a good one are changed, lost or added, and the message leaves them out."""
    good = certificate_of(attribute(b"cfapps.eu12.hana.ondemand.com/" + GUID.encode()))
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 4)))
    assert_left_out(good[:start] + data.draw(st.binary(max_size=4)) + good[end:])


def assert_left_out(octets: bytes) -> None:
    """Assert that parsing gives a certificate, or a ValueError whose message leaves the input out in every form."""
    pem = pem_of(octets)
    try:
        assert parse_pem(pem).body == base64.b64encode(octets).decode()
    except ValueError as error:
        body, digits, shown = base64.b64encode(octets).decode(), binascii.hexlify(octets).decode(), str(error)
        assert "not an X.509 certificate" in shown
        assert body[:12] not in shown
        assert digits[:12] not in shown


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", id="an empty body"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", id="a private key"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAAAA\n", id="a missing end"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----", id="bad padding"),
        pytest.param("-----BEGIN CERTIFICATE-----\nA*B=\n-----END CERTIFICATE-----", id="bad base64"),
        pytest.param("<html><body>502 Bad Gateway</body></html>", id="a page of a proxy"),
    ],
)
def test_refuses_another_text(text: str) -> None:
    """A missing or broken certificate is a ValueError that names the missing part."""
    with pytest.raises(ValueError, match=r"certificate"):
        parse_pem(text)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda pem: pem.replace("\n", "\\n"), id="literal backslash and n"),
        pytest.param(lambda pem: pem.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param(lambda pem: f"subject=CN = signing\n{pem}", id="text of openssl before it"),
        pytest.param(lambda pem: pem + pem_of(certificate_of(attribute(b"issuer"))), id="the rest of a chain after it"),
        pytest.param(lambda pem: pem.strip(), id="a missing line feed at the end"),
        pytest.param(lambda pem: pem.replace("\n", ""), id="one line"),
        pytest.param(lambda pem: pem.replace("\n", " "), id="blanks for line feeds"),
        pytest.param(lambda pem: pem.replace("\n", "\\\\n"), id="escaped twice"),
        pytest.param(lambda pem: pem.replace("\n", "\\\\\\r\\\\\\n"), id="line ends of Windows, escaped thrice"),
        pytest.param(lambda pem: (pem * 2).replace("\n", ""), id="a chain in one line"),
        pytest.param(lambda pem: f"\ufeff{pem}\u200b", id="invisible marks"),
        pytest.param(lambda pem: f'"{pem}"', id="quotation marks"),
    ],
)
def test_reads_every_layout_of_pem(change: Callable[[str], str]) -> None:
    """Exports differ in line ends and in the text around; the certificate is the first one."""
    pem = pem_of(certificate_of(attribute(b"signing")))
    assert parse_pem(change(pem)).pem == pem


def test_reads_many_beginnings_fast() -> None:
    """Each block ends where another one begins."""
    with pytest.raises(ValueError, match="certificate"):
        parse_pem("-----BEGIN CERTIFICATE-----\nAAAA\n" * 20_000)


@pytest.mark.parametrize(
    ("tag", "octets"),
    [
        pytest.param(0x0C, "schlüssel".encode(), id="UTF8String"),
        pytest.param(0x14, "schlüssel".encode("latin-1"), id="TeletexString"),
        pytest.param(0x1E, "schlüssel".encode("utf-16-be"), id="BMPString"),
        pytest.param(0x1A, "schlüssel".encode("latin-1"), id="an unexpected string type"),
    ],
)
def test_reads_a_name_by_string_type(tag: int, octets: bytes) -> None:
    """X.509 has several; the name comes out the same."""
    assert parse_pem(pem_of(certificate_of(attribute(octets, tag)))).issuer_name == "schlüssel"


@pytest.mark.parametrize("tag", [pytest.param(0x13, id="PrintableString"), pytest.param(0x16, id="IA5String")])
def test_an_ascii_type_holds_ascii(tag: int) -> None:
    """A plain name is read; any other byte is an error."""
    assert parse_pem(pem_of(certificate_of(attribute(b"signing", tag)))).issuer_name == "signing"
    with pytest.raises(ValueError, match=r"not an X\.509 certificate"):
        parse_pem(pem_of(certificate_of(attribute(b"schl\xfcssel", tag))))


def test_finds_the_common_name() -> None:
    """It may be anywhere in the subject, alone or among others."""
    organization = attribute(b"SAP", kind="2.5.4.10")
    assert parse_pem(pem_of(certificate_of(organization, attribute(b"signing")))).issuer_name == "signing"


KINDS = ["2.5.4.6", "2.5.4.7", "2.5.4.8", "2.5.4.9", "2.5.4.10", "2.5.4.11", "2.5.4.5", "1.2.840.113549.1.9.1"]
subjects = st.lists(
    st.tuples(
        st.sampled_from(KINDS), st.text(st.characters(categories=["L", "N", "P", "S"]) | st.just(" "), min_size=1)
    ),
    min_size=1,
    max_size=4,
)


@given(names=subjects)
@example(names=[("2.5.4.6", "de"), ("2.5.4.7", "Walldorf"), ("1.2.840.113549.1.9.1", "example@sap.com")])
def test_falls_back_to_the_subject(names: list[tuple[str, str]]) -> None:
    """As the library writes RFC 4514, which accepts every name that the test makes itself."""
    parsed = parse_pem(pem_of(certificate_of(*(attribute(text.encode(), kind=kind) for kind, text in names))))
    with warnings.catch_warnings(action="ignore"):
        there = x509.load_pem_x509_certificate(parsed.pem.encode()).subject
        assert parsed.issuer_name == there.rfc4514_string()
    assert entity_of(parsed.metadata) == (parsed.issuer_name, [parsed.body])


@st.composite
def object_identifiers(draw: st.DrawFn) -> str:
    """Return any object identifier that has no short name."""
    first = draw(st.integers(0, 2))
    second = draw(st.integers(0, 2**40 if first == 2 else 39))
    return ".".join(map(str, [first, second, *draw(st.lists(st.integers(0, 2**60), min_size=4, max_size=6))]))


@given(kind=object_identifiers())
@example(kind="2.999.0.127.128.16383.16384")
@example(kind="0.39.0")
@example(kind="1.39.0")
def test_writes_any_object_identifier(kind: str) -> None:
    """As the library does."""
    assert asn1.decode_der(x509.ObjectIdentifier, der.object_identifier(kind)).dotted_string == kind
    assert parse_pem(pem_of(certificate_of(attribute(b"x", kind=kind)))).issuer_name == f"{kind}=x"


@pytest.mark.parametrize(
    "malformed",
    [
        pytest.param(der.encode(0x06), id="an empty one"),
        pytest.param(der.encode(0x06, b"\x55\x84"), id="a number without an end"),
        pytest.param(der.encode(0x06, b"\x55\x80\x03"), id="a number with a zero in front"),
        pytest.param(der.integer(0x550403), id="a number"),
    ],
)
def test_malformed_object_identifier_is_refused(malformed: bytes) -> None:
    """By the library and here, in a name and in an extension."""
    with pytest.raises(ValueError, match="parsing asn1"):
        asn1.decode_der(x509.ObjectIdentifier, malformed)
    name = der.set_of(der.sequence(malformed, der.utf8_string("x")))
    extensions = der.explicit(3, der.sequence(der.sequence(malformed, der.encode(0x04, b"x"))))
    for damaged in (certificate_of(attribute(b"signing"), name), certificate_of(extensions=extensions)):
        with pytest.raises(ValueError, match="malformed object identifier"):
            parse_pem(pem_of(damaged))


def test_the_subject_is_printable() -> None:
    """Unprintable characters are escaped, and a value that is binary is written by its encoding."""
    names = [
        attribute(b"a\nb", kind="2.5.4.10"),
        attribute(b"\xff", kind="2.5.4.11"),
        attribute(b"\1", 0x02, "2.5.4.6"),
    ]
    assert parse_pem(pem_of(certificate_of(*names))).issuer_name == "C=#020101,OU=#0c01ff,O=a\\0Ab"


def test_joins_attributes_of_one_name() -> None:
    """As RFC 4514 has them."""
    pair = [der.sequence(der.object_identifier(kind), der.encode(0x0C, b"x")) for kind in ("2.5.4.10", "2.5.4.11")]
    assert parse_pem(pem_of(certificate_of(der.encode(0x31, pair[0] + pair[1])))).issuer_name == "O=x+OU=x"


def test_an_empty_common_name_is_skipped() -> None:
    """The whole subject is the issuer's name."""
    names = (attribute(b""), attribute(b"SAP", kind="2.5.4.10"))
    assert parse_pem(pem_of(certificate_of(*names))).issuer_name == "O=SAP,CN="


def test_metadata_falls_back_to_fingerprint() -> None:
    """Metadata must have an entity ID; this one cannot be mistaken for the issuer of an assertion."""
    parsed = parse_pem(pem_of(certificate_of()))
    assert parsed.issuer_name == ""
    assert entity_of(parsed.metadata)[0] == f"urn:btp-trust:sha256:{parsed.fingerprint}"
    assert schema_errors(parsed.metadata) == []


@pytest.mark.skipif(not OPENAPI.exists(), reason="SAP's description of the Destination service is missing")
def test_reads_the_example_of_sap() -> None:
    """Its subject lacks a common name."""
    pems = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", OPENAPI.read_text(), re.DOTALL)
    names = {parse_pem(pem.replace("\\r", "")).issuer_name for pem in pems}
    assert "1.2.840.113549.1.9.1=example@sap.com,O=SAP,L=Walldorf,C=de" in names


def test_reads_version_1() -> None:
    """As the hand-made ones in SAP's description are: the version field is missing."""
    assert parse_pem(pem_of(certificate_of(attribute(b"example"), version=b""))).issuer_name == "example"


def test_reads_extensions() -> None:
    """Those of service keys are of this kind."""
    with Emulator(key_size=1024) as emulator:
        key = emulator.service_key(emulator.create_subaccount().guid, "x509", valid_seconds=60)
    parsed = parse_pem(key["certificate"])
    assert parsed.issuer_name == "btp-trust-emulator"
    assert (parsed.not_after - parsed.not_before).total_seconds() == 60


def entity_of(metadata: str) -> tuple[str, list[str]]:
    """Return the entity ID and the certificates in SAML metadata, as a reader of XML finds them."""
    root = ET.fromstring(metadata.encode())  # noqa: S314 - the code under test made it
    assert root.tag == f"{{{NAMESPACES['md']}}}EntityDescriptor"
    bodies = root.findall(
        "md:IDPSSODescriptor/md:KeyDescriptor[@use='signing']/ds:KeyInfo/ds:X509Data/ds:X509Certificate", NAMESPACES
    )
    assert len(bodies) == len(list(root.iter(f"{{{NAMESPACES['ds']}}}X509Certificate")))
    return root.attrib["entityID"], [body.text or "" for body in bodies]


@given(name=st.text(min_size=1))
def test_metadata_is_well_formed(name: str) -> None:
    """It holds exactly this certificate, and any printable common name as entity ID."""
    try:
        parsed = parse_pem(pem_of(certificate_of(attribute(name.encode()))))
    except ValueError:
        assert not name.isprintable()
        return
    assert entity_of(parsed.metadata) == (name, [parsed.body])


def test_metadata_is_stable() -> None:
    """The same certificate always gives the same text, so that dependent resources stay as they are."""
    pem = pem_of(certificate_of(attribute(b"signing")))
    assert parse_pem(pem).metadata == parse_pem(pem.replace("\n", "\\n")).metadata
