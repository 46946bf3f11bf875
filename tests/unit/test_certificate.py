"""What is read from a certificate, however odd: no warning, no surprise, nothing repeated in a message."""

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
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from btp_trust.certificate import Certificate, parse_pem
from btp_trust.parsing.fingerprint import OtherDigest, normalize_fingerprint
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
    """One relative distinguished name: a common name, unless told otherwise."""
    return der.set_of(der.sequence(der.object_identifier(kind), der.encode(tag, text)))


def certificate_of(
    *relative_names: bytes,
    serial: int = 1,
    since: datetime = SINCE,
    until: datetime = UNTIL,
    version: bytes | None = None,
) -> bytes:
    """The DER of a certificate with this subject, whose key and signature are of no use."""
    algorithm = der.sequence(der.object_identifier("1.2.840.113549.1.1.13"), der.null())
    name = der.sequence(*relative_names)
    public_key = der.sequence(algorithm, der.bit_string(b"key"))
    validity = der.sequence(der.time(since), der.time(until))
    number = der.explicit(0, der.integer(2)) if version is None else version
    content = der.sequence(number, der.integer(serial), algorithm, name, validity, name, public_key)
    return der.sequence(content, algorithm, der.bit_string(b"signature"))


def pem_of(octets: bytes) -> str:
    """DER as the service writes it."""
    return trust_certificate.to_pem(octets)


def minted(serial: int) -> str:
    """A certificate with the profile of the real ones: no extensions, a common name of 66 characters."""
    return trust_certificate.generate_certificate(keys.generate(1024), GUID, serial, SINCE, UNTIL)


def in_8_threads(job: Callable[[], Certificate]) -> set[Certificate]:
    """What a job gives in eight threads that begin at once."""
    barrier = threading.Barrier(8)

    def wait_and_do(_: int) -> Certificate:
        barrier.wait()
        return job()

    with ThreadPoolExecutor(8) as threads:
        return set(threads.map(wait_and_do, range(8)))


@pytest.fixture(params=["real-active.pem", "real-passive.pem"])
def real(request: pytest.FixtureRequest) -> str:
    """A certificate that a real landscape issued."""
    file: Path = CERTIFICATES / request.param
    if not file.is_file():
        pytest.skip("the recorded certificates are not here")
    return file.read_text()


@pytest.mark.parametrize(
    "serial",
    [
        pytest.param(-0x36C95966D3B158F7DD62, id="a negative serial number"),
        pytest.param(0x6853391B3391D2F02A20, id="a positive serial number"),
        pytest.param(0, id="the serial number zero"),
    ],
)
def test_a_real_profile_loads_silently_in_every_thread(serial: int) -> None:
    """Neither the serial number nor the long common name warns, with warnings as errors, in eight threads."""
    pem = minted(serial)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = in_8_threads(lambda: parse_pem(pem))
    assert len(found.issuer_name) == 66
    assert int.from_bytes(bytes.fromhex(found.serial_number), "big", signed=True) == serial


def test_a_fresh_process_with_warnings_as_errors_loads_it_too() -> None:
    """Neither importing nor parsing warns, whatever the process did before."""
    pem = minted(-5)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOOP], input=pem, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == trust_certificate.fingerprint(pem)
    assert done.stderr == ""


def test_a_recorded_certificate_comes_back_byte_for_byte(real: str) -> None:
    """PEM to certificate to PEM changes nothing; the fingerprint is that of the DER."""
    found = parse_pem(real)
    assert found.pem == real
    assert found.fingerprint == hashlib.sha256(base64.b64decode(found.body)).hexdigest()


def test_a_recorded_certificate_loads_silently_in_every_thread(real: str) -> None:
    """As those of the emulator do, with all that is to be known of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = in_8_threads(lambda: parse_pem(real))
    assert found.issuer_name == "cfapps.eu12.hana.ondemand.com/77395f6a-a601-4c9e-8cd0-c1fcefc7f60f"
    assert found.serial_number in {"c936a6992c4ea708229e", "6853391b3391d2f02a20"}
    assert (found.not_after - found.not_before).days == 730
    assert entity_of(found.metadata) == (found.issuer_name, [found.body])


def test_a_general_loader_reads_the_same_from_a_recorded_certificate(real: str) -> None:
    """A reader that we did not write agrees; it warns, so it is not the one that we use."""
    found = parse_pem(real)
    with warnings.catch_warnings(action="ignore"):
        other = x509.load_pem_x509_certificate(real.encode())
        (name,) = other.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert int.from_bytes(bytes.fromhex(found.serial_number), "big", signed=True) == other.serial_number
    assert found.issuer_name == name.value
    assert (found.not_before, found.not_after) == (other.not_valid_before_utc, other.not_valid_after_utc)


@given(serial=serials, name=st.text(min_size=1), since=moments, until=moments)
def test_what_was_written_is_what_is_read(serial: int, name: str, since: datetime, until: datetime) -> None:
    """Any serial number, any printable common name, any two moments to the second come back as they were."""
    octets = certificate_of(attribute(name.encode()), serial=serial, since=since, until=until)
    try:
        found = parse_pem(pem_of(octets))
    except ValueError:
        assert not name.isprintable()
        return
    assert found.issuer_name == name
    assert bytes.fromhex(found.serial_number) == der.integer(serial)[2:]
    assert (found.not_before, found.not_after) == (since, until)
    assert found.not_after.tzinfo is UTC
    assert found.fingerprint == hashlib.sha256(octets).hexdigest()
    assert found.body == base64.b64encode(octets).decode()
    assert parse_pem(found.pem) == found
    assert found.pem == pem_of(octets)


@given(text=st.text())
@example(text="certific")
def test_any_text_is_a_certificate_or_a_value_error(text: str) -> None:
    """Nothing else comes out, and the message does not repeat the text."""
    with pytest.raises(ValueError, match="certificate") as caught:
        parse_pem(text)
    with pytest.raises(ValueError, match="certificate") as other:
        parse_pem("")
    assert len(text) < 8 or text not in str(caught.value) or text in str(other.value)


@given(octets=st.binary(min_size=6))
def test_any_bytes_in_a_pem_are_a_certificate_or_a_value_error(octets: bytes) -> None:
    """Garbage between the right lines is told apart, and not repeated."""
    assert_not_repeated(octets)


@given(data=st.data())
def test_a_damaged_certificate_is_a_certificate_or_a_value_error(data: st.DataObject) -> None:
    """Whatever bytes of a good one are changed, lost or added, the reader neither crashes nor repeats them."""
    good = certificate_of(attribute(b"cfapps.eu12.hana.ondemand.com/" + GUID.encode()))
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 4)))
    assert_not_repeated(good[:start] + data.draw(st.binary(max_size=4)) + good[end:])


def assert_not_repeated(octets: bytes) -> None:
    """Parsing gives a certificate, or a ValueError without the input in any form that could be read back."""
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
        pytest.param("", id="nothing"),
        pytest.param("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", id="an empty body"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", id="a private key"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAAAA\n", id="no end"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----", id="bad padding"),
        pytest.param("-----BEGIN CERTIFICATE-----\nA*B=\n-----END CERTIFICATE-----", id="no base64"),
        pytest.param("<html><body>502 Bad Gateway</body></html>", id="a page of a proxy"),
    ],
)
def test_what_is_no_certificate_is_refused(text: str) -> None:
    """A missing or broken certificate is a ValueError that names what is missing."""
    with pytest.raises(ValueError, match=r"certificate"):
        parse_pem(text)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda pem: pem.replace("\n", "\\n"), id="literal backslash and n"),
        pytest.param(lambda pem: pem.replace("\n", "\r\n"), id="line ends of Windows"),
        pytest.param(lambda pem: f"subject=CN = signing\n{pem}", id="text of openssl before it"),
        pytest.param(lambda pem: pem + pem_of(certificate_of(attribute(b"issuer"))), id="the rest of a chain after it"),
        pytest.param(lambda pem: pem.strip(), id="no line feed at the end"),
        pytest.param(lambda pem: pem.replace("\n", ""), id="one line"),
        pytest.param(lambda pem: pem.replace("\n", " "), id="blanks for line feeds"),
        pytest.param(lambda pem: pem.replace("\n", "\\\\n"), id="escaped twice"),
        pytest.param(lambda pem: pem.replace("\n", "\\\\\\r\\\\\\n"), id="line ends of Windows, escaped thrice"),
        pytest.param(lambda pem: (pem * 2).replace("\n", ""), id="a chain in one line"),
        pytest.param(lambda pem: f"\ufeff{pem}\u200b", id="marks that nobody sees"),
        pytest.param(lambda pem: f'"{pem}"', id="quotation marks"),
    ],
)
def test_the_layout_of_a_pem_does_not_matter(change: Callable[[str], str]) -> None:
    """Exports differ in line ends and in what stands around; the certificate is the first one."""
    pem = pem_of(certificate_of(attribute(b"signing")))
    assert parse_pem(change(pem)).pem == pem


def test_a_text_with_many_beginnings_takes_no_time() -> None:
    """Each block ends where another one begins."""
    with pytest.raises(ValueError, match="certificate"):
        parse_pem("-----BEGIN CERTIFICATE-----\nAAAA\n" * 20_000)


@pytest.mark.parametrize(
    ("tag", "octets"),
    [
        pytest.param(0x0C, "schlüssel".encode(), id="UTF8String"),
        pytest.param(0x14, "schlüssel".encode("latin-1"), id="TeletexString"),
        pytest.param(0x1E, "schlüssel".encode("utf-16-be"), id="BMPString"),
        pytest.param(0x1A, "schlüssel".encode("latin-1"), id="a string type nobody expects"),
    ],
)
def test_a_common_name_is_read_in_its_string_type(tag: int, octets: bytes) -> None:
    """X.509 knows several; the name comes out the same."""
    assert parse_pem(pem_of(certificate_of(attribute(octets, tag)))).issuer_name == "schlüssel"


@pytest.mark.parametrize("tag", [pytest.param(0x13, id="PrintableString"), pytest.param(0x16, id="IA5String")])
def test_an_ascii_type_holds_ascii_only(tag: int) -> None:
    """A plain name is read; another byte is an error, not a guess."""
    assert parse_pem(pem_of(certificate_of(attribute(b"signing", tag)))).issuer_name == "signing"
    with pytest.raises(ValueError, match=r"not an X\.509 certificate"):
        parse_pem(pem_of(certificate_of(attribute(b"schl\xfcssel", tag))))


def test_the_common_name_is_found_among_other_attributes() -> None:
    """It stands anywhere in the subject, alone or not."""
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
def test_without_a_common_name_the_whole_subject_is_the_issuer_name(names: list[tuple[str, str]]) -> None:
    """As the library writes RFC 4514, which never warns of a name that the test makes itself."""
    found = parse_pem(pem_of(certificate_of(*(attribute(text.encode(), kind=kind) for kind, text in names))))
    with warnings.catch_warnings(action="ignore"):
        there = x509.load_pem_x509_certificate(found.pem.encode()).subject
        assert found.issuer_name == there.rfc4514_string()
    assert entity_of(found.metadata) == (found.issuer_name, [found.body])


def test_the_subject_can_be_shown_whatever_it_holds() -> None:
    """What cannot be shown is escaped, what is no text is written as it is encoded."""
    names = [
        attribute(b"a\nb", kind="2.5.4.10"),
        attribute(b"\xff", kind="2.5.4.11"),
        attribute(b"\1", 0x02, "2.5.4.6"),
    ]
    assert parse_pem(pem_of(certificate_of(*names))).issuer_name == "C=#020101,OU=#0c01ff,O=a\\0Ab"


def test_several_attributes_in_one_relative_name_are_joined() -> None:
    """As RFC 4514 has them."""
    pair = [der.sequence(der.object_identifier(kind), der.encode(0x0C, b"x")) for kind in ("2.5.4.10", "2.5.4.11")]
    assert parse_pem(pem_of(certificate_of(der.encode(0x31, pair[0] + pair[1])))).issuer_name == "O=x+OU=x"


def test_an_empty_common_name_is_none() -> None:
    """It names nobody."""
    names = (attribute(b""), attribute(b"SAP", kind="2.5.4.10"))
    assert parse_pem(pem_of(certificate_of(*names))).issuer_name == "O=SAP,CN="


def test_without_a_subject_metadata_has_the_fingerprint_as_entity_id() -> None:
    """It must have one; nobody takes it for the issuer of an assertion."""
    found = parse_pem(pem_of(certificate_of()))
    assert found.issuer_name == ""
    assert entity_of(found.metadata)[0] == f"urn:btp-trust:sha256:{found.fingerprint}"
    assert schema_errors(found.metadata) == []


@pytest.mark.skipif(not OPENAPI.exists(), reason="SAP's description of the Destination service is not there")
def test_the_example_of_saps_description_is_adopted() -> None:
    """It has no common name."""
    pems = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", OPENAPI.read_text(), re.DOTALL)
    names = {parse_pem(each.replace("\\r", "")).issuer_name for each in pems}
    assert "1.2.840.113549.1.9.1=example@sap.com,O=SAP,L=Walldorf,C=de" in names


def test_a_certificate_of_version_1_loads() -> None:
    """As the hand-made ones in SAP's description are: no version field."""
    assert parse_pem(pem_of(certificate_of(attribute(b"example"), version=b""))).issuer_name == "example"


def test_an_ordinary_certificate_with_extensions_loads() -> None:
    """Those of service keys are of this kind."""
    with Emulator(key_size=1024) as emulator:
        key = emulator.service_key(emulator.create_subaccount().guid, "x509", valid_seconds=60)
    found = parse_pem(key["certificate"])
    assert found.issuer_name == "btp-trust-emulator"
    assert (found.not_after - found.not_before).total_seconds() == 60


def entity_of(metadata: str) -> tuple[str, list[str]]:
    """The entity ID and the certificates in SAML metadata, as a reader of XML finds them."""
    root = ET.fromstring(metadata.encode())  # noqa: S314 - the code under test made it
    assert root.tag == f"{{{NAMESPACES['md']}}}EntityDescriptor"
    bodies = root.findall(
        "md:IDPSSODescriptor/md:KeyDescriptor[@use='signing']/ds:KeyInfo/ds:X509Data/ds:X509Certificate", NAMESPACES
    )
    assert len(bodies) == len(list(root.iter(f"{{{NAMESPACES['ds']}}}X509Certificate")))
    return root.attrib["entityID"], [body.text or "" for body in bodies]


@given(name=st.text(min_size=1))
def test_metadata_is_well_formed_for_every_certificate_that_loads(name: str) -> None:
    """It holds exactly this certificate, and the common name, whatever stands in it, as entity ID."""
    try:
        found = parse_pem(pem_of(certificate_of(attribute(name.encode()))))
    except ValueError:
        assert not name.isprintable()
        return
    assert entity_of(found.metadata) == (name, [found.body])


def test_metadata_is_stable() -> None:
    """The same certificate always makes the same text, so that nothing downstream changes without reason."""
    pem = pem_of(certificate_of(attribute(b"signing")))
    assert parse_pem(pem).metadata == parse_pem(pem.replace("\n", "\\n")).metadata


MARKS = "\ufeff\u200b\u200c\u200d\u200e\u200f\u202a\u202c\u2060\u2066\u2069\u00ad\ufe0f\0"
LABELS = [
    "",
    "sha256 Fingerprint=",
    "SHA256 Fingerprint=",
    "SHA-256 Fingerprint: ",
    "SHA256:",
    "sha256: ",
    "SHA-256: ",
    "SHA-256\t",
    "sha_256=",
    "sha 256 fingerprint ",
    "SHA2-256:",
    "Fingerprint (SHA-256): ",
    "Fingerprint=",
    "Thumbprint: ",
    "sha256 digest: ",
    "SHA256-Fingerprint: ",
    "sha256_fingerprint=",
    "Certificate fingerprint (SHA-256): ",
    "Fingerprint: sha256 ",
    "[SHA-256] ",
    "SHA2-256(stdin)= ",
    "SHA-256 Fingerabdruck: ",
    "sha256//",
    "0x",
]


@given(
    digest=st.binary(min_size=32, max_size=32),
    label=st.sampled_from(LABELS),
    separator=st.sampled_from(
        ["", ":", " ", "-", "\u2010", "\u2011", "\u2013", "\u2212", "\u00a0", "\u202f", ": ", "\n", "\\n", "\uff1a"]
    ),
    capitals=st.booleans(),
    marks=st.lists(st.tuples(st.integers(0, 200), st.sampled_from(MARKS)), max_size=5),
    around=st.sampled_from(["", " ", "\u00a0", "\r\n", "\u3000", "'", '"', "`", ","]),
)
def test_a_fingerprint_is_normalized(
    digest: bytes, label: str, separator: str, marks: list[tuple[int, str]], around: str, *, capitals: bool
) -> None:
    """Labels, separators, capitals and marks that nobody sees come to 64 lower-case digits, and these stay so."""
    text = label + separator.join(f"{octet:02X}" if capitals else f"{octet:02x}" for octet in digest)
    for place, mark in marks:
        text = text[:place] + mark + text[place:]
    assert normalize_fingerprint(f"{around}{text}{around}") == digest.hex()
    assert normalize_fingerprint(digest.hex()) == digest.hex()


def test_what_openssl_prints_is_a_fingerprint(tmp_path: Path) -> None:
    """As it is printed here, of this digest and of no other."""
    pem = minted(5)
    file = tmp_path / "certificate.pem"
    file.write_text(pem)
    command = ["openssl", "x509", "-noout", "-fingerprint", "-in", str(file)]

    def printed(digest: str) -> str:
        return subprocess.run([*command, digest], capture_output=True, text=True, check=True).stdout

    assert normalize_fingerprint(printed("-sha256")) == trust_certificate.fingerprint(pem)
    for digest in ("-sha1", "-md5", "-sha512", "-sha3-256", "-blake2s256", "-sha512-256"):
        with pytest.raises(ValueError, match="SHA-256"):
            normalize_fingerprint(printed(digest))


@given(
    label=st.sampled_from(["sha1 Fingerprint=", "SHA-1:", "SHA1: ", "MD5 Fingerprint=", "md5:", "SHA-512: ", "sha384:"])
    | st.sampled_from(["SHA3-256 Fingerprint=", "sha512/256:", "SHA: ", "blake2s Fingerprint=", "RIPEMD160:"]),
    digits=st.text("0123456789abcdefABCDEF", min_size=64, max_size=64) | st.just("ab" * 20) | st.just("ab" * 16),
)
def test_the_label_of_another_digest_is_believed(label: str, digits: str) -> None:
    """Also where the length would fit."""
    with pytest.raises(OtherDigest, match=r"^a .*SHA-256"):
        normalize_fingerprint(label + digits)


@pytest.mark.parametrize("label", ["", "SHA1 Fingerprint=", "Thumbprint: ", "\u200e"])
def test_a_sha1_fingerprint_is_named_as_such(label: str) -> None:
    """Windows shows no other."""
    with pytest.raises(OtherDigest, match=r"SHA-?1"):
        normalize_fingerprint(label + ":".join(["AB"] * 20))


@given(text=st.text(min_size=1) | st.tuples(st.sampled_from(LABELS), st.text()).map("".join))
def test_what_is_no_fingerprint_is_refused_and_not_repeated(text: str) -> None:
    """The message says what is expected; the text may be something else's secret."""
    with pytest.raises(ValueError, match="SHA-256") as caught:
        normalize_fingerprint(text)
    assert str(caught.value) == "not a SHA-256 fingerprint (64 hexadecimal digits)"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * 63, id="a digit short"),
        pytest.param("a" * 65, id="a digit long"),
        pytest.param("a" * 40, id="a SHA-1 fingerprint"),
        pytest.param("g" * 64, id="no hexadecimal"),
        pytest.param("a" * 64 + "=", id="something after it"),
        pytest.param("x sha256 Fingerprint=" + "a" * 64, id="something before its label"),
        pytest.param("sha256sha256:" + "a" * 64, id="two labels"),
        pytest.param("SHA256 Fingerprint=" + "a" * 63, id="with a label, a digit short"),
    ],
)
def test_a_near_miss_is_no_fingerprint(text: str) -> None:
    """Nothing is cut, filled up or guessed."""
    with pytest.raises(ValueError, match="SHA-256"):
        normalize_fingerprint(text)
