"""Trust certificates have the profile of the real ones."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from btp_trust_emulator import Emulator, Invalid, Lifetime, SerialSign, Switches
from btp_trust_emulator.pki import der, keys, trust_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GUID = "00000000-1111-4222-8333-000000005cdd"
NOT_BEFORE = datetime(2026, 11, 24, 8, 34, 27, tzinfo=UTC)
NOT_AFTER = datetime(2028, 11, 24, 8, 34, 27, tzinfo=UTC)
CONSTRUCTED = 0x20
ALGORITHM = [(0x30, 13), (0x06, 9), (0x05, 0)]
NAME = [
    (0x30, 130),
    *((0x31, 75), (0x30, 73), (0x06, 3), (0x0C, 66)),
    *((0x31, 12), (0x30, 10), (0x06, 3), (0x0C, 3)),
    *((0x31, 37), (0x30, 35), (0x06, 3), (0x0C, 28)),
]
VERSION_AND_SERIAL = [(0xA0, 3), (0x02, 1), (0x02, 10)]
VALIDITY = [(0x30, 30), (0x17, 13), (0x17, 13)]
PUBLIC_KEY = [(0x30, 546), *ALGORITHM, (0x03, 527)]
TO_BE_SIGNED = [(0x30, 880), *VERSION_AND_SERIAL, *ALGORITHM, *NAME, *VALIDITY, *NAME, *PUBLIC_KEY]
REAL_SKELETON = [(0x30, 1416), *TO_BE_SIGNED, *ALGORITHM, (0x03, 513)]

# The library that reads them here complains of just what they have in common with the real ones.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive"),
    pytest.mark.filterwarnings("ignore:Attribute's length must be"),
]


def generate_certificate(size: int = 1024, serial: int = -(2**79) + 1) -> str:
    """Return a certificate with a negative serial number of ten bytes."""
    return trust_certificate.generate_certificate(keys.generate(size), GUID, serial, NOT_BEFORE, NOT_AFTER)


def load(pem: str) -> x509.Certificate:
    """Return the certificate as a library reads it."""
    return x509.load_pem_x509_certificate(pem.encode())


def skeleton(octets: bytes) -> Iterator[tuple[int, int]]:
    """Return tags and lengths of all values, outermost first."""
    while octets:
        tag, length, start = octets[0], octets[1], 2
        if length >= 0x80:
            start += length & 0x7F
            length = int.from_bytes(octets[2:start], "big")
        yield tag, length
        if tag & CONSTRUCTED:
            yield from skeleton(octets[start : start + length])
        octets = octets[start + length :]


def test_skeleton_is_that_of_real_certificate() -> None:
    """With 4096 bits and a GUID of the usual length, every tag and every length is that of a real one."""
    assert list(skeleton(trust_certificate.to_der(generate_certificate(4096)))) == REAL_SKELETON


@pytest.mark.parametrize("name", ["real-active.pem", "real-passive.pem"])
def test_real_certificates_have_that_skeleton(name: str, reference: Path) -> None:
    """Both real certificates have the skeleton that these tests state."""
    real = (reference / "certificates" / name).read_text()
    assert list(skeleton(trust_certificate.to_der(real))) == REAL_SKELETON


def test_pem_layout_is_real(reference: Path) -> None:
    """A real PEM is what the emulator itself writes around the same bytes."""
    real = (reference / "certificates" / "real-active.pem").read_text()
    assert trust_certificate.normalized(real) == real


def test_real_certificate_has_known_fingerprint(reference: Path) -> None:
    """The fingerprint is the SHA-256 of the DER."""
    real = (reference / "certificates" / "real-active.pem").read_text()
    assert trust_certificate.fingerprint(real) == "10ccefad252fc31e1a7361acbff9eb1ab77104a824103f56d9e8fca2647d3d3e"


def test_independent_parser_reads_fields() -> None:
    """Version, serial number, dates, algorithm and key come out of an independent parser."""
    certificate = load(generate_certificate())
    public_key = certificate.public_key()
    assert certificate.version is x509.Version.v3
    assert certificate.serial_number == -(2**79) + 1
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (NOT_BEFORE, NOT_AFTER)
    assert certificate.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.13"
    assert list(certificate.extensions) == []
    assert isinstance(public_key, rsa.RSAPublicKey)
    assert public_key.public_numbers().e == 65537
    certificate.verify_directly_issued_by(certificate)


def test_subject_is_issuer_and_too_long() -> None:
    """Both names are the same, and the common name exceeds the 64 characters of RFC 5280."""
    certificate = load(generate_certificate())
    assert certificate.subject == certificate.issuer
    assert [(attribute.oid.dotted_string, attribute.value) for attribute in certificate.subject] == [
        ("2.5.4.3", f"cfapps.eu12.hana.ondemand.com/{GUID}"),
        ("2.5.4.10", "SAP"),
        ("2.5.4.11", "CP Destination Configuration"),
    ]
    assert len(trust_certificate.common_name(GUID)) > 64


@given(st.sampled_from(SerialSign))
def test_serial_number_has_sign_asked_for(sign: SerialSign) -> None:
    """A serial number has ten bytes in two's complement, and the sign that was asked for."""
    serial = trust_certificate.serial_number(sign)
    magnitude = serial if serial >= 0 else ~serial
    assert magnitude.bit_length() // 8 + 1 == 10
    assert sign is SerialSign.RANDOM or (serial < 0) == (sign is SerialSign.NEGATIVE)


def test_serial_numbers_have_both_signs() -> None:
    """By default about half of the serial numbers are negative (none of 64 in a row: one in 2**63)."""
    assert {trust_certificate.serial_number(SerialSign.RANDOM) < 0 for _ in range(64)} == {True, False}


@pytest.mark.parametrize("sign", [SerialSign.NEGATIVE, SerialSign.POSITIVE])
def test_switch_decides_served_sign(sign: SerialSign) -> None:
    """A certificate of an emulator with the switch has a serial number of that sign."""
    with Emulator(key_size=1024, switches=Switches(serial_sign=sign)) as emulator:
        guid = emulator.create_subaccount(generate=True).guid
        active, _ = emulator.certificates(guid)
    assert active is not None
    assert (load(active).serial_number < 0) == (sign is SerialSign.NEGATIVE)


@pytest.mark.parametrize(
    ("lifetime", "start", "end"),
    [
        pytest.param(Lifetime.CALENDAR_YEARS, "2026-11-24", "2028-11-24", id="calendar years over a leap day"),
        pytest.param(Lifetime.CALENDAR_YEARS, "2028-02-29", "2030-02-28", id="calendar years from a leap day"),
        pytest.param(Lifetime.DAYS_730, "2026-11-24", "2028-11-23", id="730 days over a leap day"),
    ],
)
def test_switch_decides_lifetime(lifetime: Lifetime, start: str, end: str) -> None:
    """Calendar years keep the date; 730 days may end on another."""
    not_before = datetime.fromisoformat(f"{start}T01:02:03+00:00")
    assert trust_certificate.expiry(not_before, lifetime) == datetime.fromisoformat(f"{end}T01:02:03+00:00")


def test_validity_begins_at_clock_time(in_process_emulator: Emulator) -> None:
    """The validity begins at the clock's time, cut to the second."""
    moment = datetime(2031, 5, 6, 7, 8, 9, 900000, UTC)
    in_process_emulator.set_clock(moment)
    active, _ = in_process_emulator.certificates(in_process_emulator.create_subaccount(generate=True).guid)
    assert active is not None
    assert timedelta(0) <= load(active).not_valid_before_utc - moment.replace(microsecond=0) < timedelta(seconds=20)


@given(st.binary(min_size=256, max_size=2000))
def test_given_certificate_is_normalized(content: bytes) -> None:
    """Line breaks and spaces around and in the base64 make no difference to what is served."""
    pem = trust_certificate.to_pem(b"\x30\x82" + len(content).to_bytes(2, "big") + content)
    unusual = "\r\n" + pem.replace("\n", " \r\n ").replace("BEGIN ", "BEGIN ", 1)
    assert trust_certificate.normalized(unusual.replace(" -----END", "-----END")) == pem
    assert max(map(len, pem.splitlines())) == 64


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n", id="base64 cut short"),
        pytest.param(ssl.DER_cert_to_PEM_cert(b"\x30\x82\x01\x00short"), id="DER cut short"),
        pytest.param(generate_certificate() * 2, id="two certificates"),
    ],
)
def test_malformed_certificate_is_refused(text: str) -> None:
    """The error says that the text is not a certificate."""
    with pytest.raises(Invalid, match="not one PEM certificate"):
        trust_certificate.normalized(text)


def test_subject_and_key_are_read() -> None:
    """Subject and key are read from a certificate with an odd serial number, and from one of version 1."""
    key = keys.generate(1024)
    pem = trust_certificate.generate_certificate(key, GUID, -(2**78), NOT_BEFORE, NOT_AFTER)
    fields = der.members(der.members(trust_certificate.to_der(pem))[0])
    first_version = trust_certificate.to_pem(der.sequence(der.sequence(*fields[1:])))
    for text in (pem, first_version):
        assert trust_certificate.subject_name(text) == trust_certificate.common_name(GUID)
        assert trust_certificate.public_key(text) == key.public_key()


@pytest.mark.parametrize("read", [trust_certificate.subject_name, trust_certificate.public_key])
def test_unreadable_certificate_is_refused(read: Callable[[str], object]) -> None:
    """A DER sequence that is not a certificate is refused."""
    with pytest.raises(Invalid, match="was not accepted"):
        read(trust_certificate.to_pem(b"\x30\x82\x01\x00" + bytes(256)))
