"""The fields of a DER certificate that this package reads, decoded by a declared ASN.1 structure. Pure.

Real certificates of the service have negative serial numbers and common names longer than RFC 5280 allows; general
X.509 loaders warn about both or refuse them. The ASN.1 decoder of `cryptography` knows no such rules. Programs do
without it, so `btp_trust.certificate` imports this module where it decodes. Object identifiers are decoded here: their
class is in `cryptography.x509`, which takes three times as long to load as the decoder.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import reduce
from typing import Annotated, Final

from cryptography.hazmat import asn1
from msgspec import Struct

_COMMON_NAME: Final = "2.5.4.3"
_SHORT_NAMES: Final = {
    "2.5.4.3": "CN",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}
"""RFC 4514, 3: attributes that every reader of distinguished names knows by these names."""
# The tags of UTF8String, PrintableString, IA5String, TeletexString and BMPString.
_STRING_TYPES: Final = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x14: "latin-1", 0x1E: "utf-16-be"}

_SEQUENCE_TAG: Final = b"\x30"
_OBJECT_IDENTIFIER_TAG: Final = b"\x06"
_SUBIDENTIFIER: Final = rb"(?:[\x81-\xff][\x80-\xff]*)?[\x00-\x7f]"
"""X.690, 8.19.2: seven bits in each octet, the top bit on all but the last, and no zeros in front."""
_LONG_FORM: Final = 0x80
"""X.690, 8.1.3.5: from this length on, the first octet counts the octets of the length."""


@asn1.sequence
class _Attribute:
    type: asn1.TLV  # an object identifier, see `_dotted`
    value: asn1.TLV


@asn1.sequence
class _Extension:
    oid: asn1.TLV  # an object identifier
    critical: Annotated[bool, asn1.Default(False)]  # noqa: FBT003 - DEFAULT FALSE of RFC 5280, 4.1
    value: bytes


@asn1.sequence
class _Validity:
    not_before: asn1.UTCTime | asn1.GeneralizedTime
    not_after: asn1.UTCTime | asn1.GeneralizedTime


@asn1.sequence
class _TbsCertificate:
    # All fields of X.509 are declared, also those that are skipped: the decoder refuses a field beyond them.
    version: Annotated[int | None, asn1.Explicit(0)]
    serial_number: int
    signature: asn1.TLV
    issuer: list[asn1.SetOf[_Attribute]]
    validity: _Validity
    subject: list[asn1.SetOf[_Attribute]]
    public_key: asn1.TLV
    issuer_uid: Annotated[asn1.BitString | None, asn1.Implicit(1)]
    subject_uid: Annotated[asn1.BitString | None, asn1.Implicit(2)]
    extensions: Annotated[list[_Extension] | None, asn1.Explicit(3)]


@asn1.sequence
class _PublicKey:
    algorithm: asn1.TLV
    key: asn1.BitString


@asn1.sequence
class _Certificate:
    tbs: _TbsCertificate
    algorithm: asn1.TLV
    signature: asn1.BitString


class CertificateFields(Struct, frozen=True):
    """The decoded fields of one certificate; a name is decoded on request, because some are malformed."""

    not_before: datetime
    not_after: datetime
    public_key: bytes
    """DER of the SubjectPublicKeyInfo."""
    _tbs: _TbsCertificate

    @property
    def serial_number(self) -> str:
        """The content of the DER INTEGER, in hexadecimal digits."""
        number = self._tbs.serial_number
        # The shortest two's complement, as DER has it: -128 still fits one byte.
        length = (number + (number < 0)).bit_length() // 8 + 1
        return number.to_bytes(length, "big", signed=True).hex()

    @property
    def subject_name(self) -> str:
        """The common name; else the whole subject as RFC 4514 writes it; empty if all its values are.

        Raises:
            ValueError: The common name has characters that are not printable.
        """
        subject = self._tbs.subject
        attributes = [attribute for relative in subject for attribute in relative.as_list() if attribute.value.data]
        for attribute in attributes:
            if _dotted(attribute.type) == _COMMON_NAME:
                encoding = _STRING_TYPES.get(attribute.value.tag_bytes[0], "latin-1")
                return _require_printable(bytes(attribute.value.data).decode(encoding))
        return self.subject if attributes else ""

    @property
    def subject(self) -> str:
        """The whole subject, as RFC 4514 writes it."""
        return _format_name(self._tbs.subject)

    @property
    def issuer(self) -> str:
        """The whole name of the issuer."""
        return _format_name(self._tbs.issuer)


def decode_certificate(der: bytes) -> CertificateFields:
    """Decode the DER of a certificate.

    Raises:
        ValueError: `der` is not an X.509 certificate.
    """
    tbs = asn1.decode_der(_Certificate, der).tbs
    names = (
        attribute.type for name in (tbs.issuer, tbs.subject) for relative in name for attribute in relative.as_list()
    )
    for identifier in (*names, *(extension.oid for extension in tbs.extensions or ())):
        _dotted(identifier)  # raises where it is malformed
    validity = tbs.validity
    return CertificateFields(
        validity.not_before.as_datetime(), validity.not_after.as_datetime(), _encode_der(tbs.public_key), tbs
    )


def is_public_key(der: bytes) -> bool:
    """Return True if `der` is a SubjectPublicKeyInfo: an algorithm and a key, of any kind."""
    try:
        algorithm = asn1.decode_der(_PublicKey, der).algorithm
    except ValueError:
        return False
    return bool(algorithm.tag_bytes == _SEQUENCE_TAG)


def _format_name(name: list[asn1.SetOf[_Attribute]]) -> str:
    # RFC 4514, 2.1: in reverse order.
    return ",".join("+".join(map(_format_rfc4514, relative.as_list())) for relative in reversed(name))


def _format_rfc4514(attribute: _Attribute) -> str:
    """Write one attribute; a value that is not text, by its encoding (RFC 4514, 2.4)."""
    oid = _dotted(attribute.type)
    try:
        text = bytes(attribute.value.data).decode(_STRING_TYPES[attribute.value.tag_bytes[0]])
    except (KeyError, UnicodeDecodeError):
        return f"{_SHORT_NAMES.get(oid, oid)}=#{_encode_der(attribute.value).hex()}"
    return f"{_SHORT_NAMES.get(oid, oid)}={_escape(text)}"


def _dotted(identifier: asn1.TLV) -> str:
    """Write an object identifier as numbers with dots between them.

    Raises:
        ValueError: It is another kind of value, or malformed.
    """
    content = bytes(identifier.data)
    if identifier.tag_bytes != _OBJECT_IDENTIFIER_TAG or not re.fullmatch(b"(?:%b)+" % _SUBIDENTIFIER, content):
        raise ValueError("it has a malformed object identifier")
    first, *rest = (
        reduce(lambda number, octet: number << 7 | octet & 0x7F, octets, 0)
        for octets in re.findall(_SUBIDENTIFIER, content)
    )
    # X.690, 8.19.4: the first two numbers share one; the second is below 40 unless the first is 2.
    top = min(first // 40, 2)
    return ".".join(map(str, (top, first - 40 * top, *rest)))


def _encode_der(value: asn1.TLV) -> bytes:
    """Encode a value as it was decoded; the oldest `cryptography` that is supported decodes TLV, and encodes none."""
    content = bytes(value.data)
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    length = bytes([size]) if size < _LONG_FORM else bytes([_LONG_FORM | len(octets)]) + octets
    return bytes(value.tag_bytes) + length + content


def _escape(text: str) -> str:
    """Escape characters that have a meaning in a distinguished name, and those that are not printable."""
    escaped = re.sub(r'[\\"+,;<>]', r"\\\g<0>", text)
    escaped = re.sub(r"^[# ]|(?<=.) $", r"\\\g<0>", escaped, flags=re.DOTALL)
    return "".join(character if character.isprintable() else _hex_escape(character) for character in escaped)


def _hex_escape(character: str) -> str:
    return "".join(f"\\{octet:02X}" for octet in character.encode())


def _require_printable(name: str) -> str:
    """Return a name that a person can type into a target and XML can hold."""
    if not name.isprintable():
        raise ValueError("its common name is not printable")
    return name
