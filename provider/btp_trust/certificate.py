"""One trust certificate: read its PEM, tell what targets and people want to know of it.

Pure: no network, no clock. Real certificates of the service have negative serial numbers and common names
longer than RFC 5280 allows, and general X.509 loaders warn about both or refuse them. So the structure is declared
here with the ASN.1 decoder of `cryptography`, which knows no such rules, and never warns.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import textwrap
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from xml.sax.saxutils import escape, quoteattr

from cryptography import x509
from cryptography.hazmat import asn1

from btp_trust.parsing.pem import decode_base64, find_blocks

_COMMON_NAME: Final = x509.ObjectIdentifier("2.5.4.3")
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
_STRING_TYPES: Final = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x14: "latin-1", 0x1E: "utf-16-be"}
PLACEHOLDER_SSO_SERVICE: Final = (
    '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" '
    'Location="https://no-single-sign-on.invalid/"/>'
)
"""Last in an IDPSSODescriptor: the UAA refuses metadata without one. The Destination service has no page to log on, so
it names a host that can never exist (RFC 2606): a browser sent there fails, and no request reaches a stranger."""


@asn1.sequence
class _Attribute:
    type: x509.ObjectIdentifier
    value: asn1.TLV


@asn1.sequence
class _Extension:
    oid: x509.ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]  # noqa: FBT003 - DEFAULT FALSE of RFC 5280, 4.1
    value: bytes


@asn1.sequence
class _Validity:
    not_before: asn1.UTCTime | asn1.GeneralizedTime
    not_after: asn1.UTCTime | asn1.GeneralizedTime


@asn1.sequence
class _TbsCertificate:
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
class _Certificate:
    tbs: _TbsCertificate
    algorithm: asn1.TLV
    signature: asn1.BitString


@dataclass(frozen=True, slots=True)
class Certificate:
    """A trust certificate as the service issued it, with nothing of it interpreted but what is listed here."""

    fingerprint: str
    """SHA-256 of the DER, 64 lower-case hexadecimal digits: the certificate's identity."""
    body: str
    """The DER in base64 without header and line breaks (SuccessFactors, SAP BTP Neo)."""
    issuer_name: str
    """The common name, which targets want as provider name and SAML entity ID; the whole subject as RFC 4514 writes it,
    if it has none; empty, if the subject is."""
    serial_number: str
    """The content of the DER INTEGER, hexadecimal. It is read as signed: a first digit above 7 means negative."""
    not_before: datetime
    """UTC."""
    not_after: datetime
    """UTC."""

    @property
    def pem(self) -> str:
        """The PEM text: 64 columns, line feeds, one at the end."""
        lines = "\n".join(textwrap.wrap(self.body, 64))
        return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"

    @property
    def public_key(self) -> str:
        """The DER of its SubjectPublicKeyInfo in base64, without line breaks: no loader of certificates is asked."""
        tbs = asn1.decode_der(_Certificate, base64.b64decode(self.body)).tbs
        return base64.b64encode(asn1.encode_der(tbs.public_key)).decode("ascii")

    @property
    def entity_id(self) -> str:
        """Entity ID for metadata: the issuer name; metadata needs one, so the fingerprint of a certificate without."""
        return self.issuer_name or f"urn:btp-trust:sha256:{self.fingerprint}"

    @property
    def metadata(self) -> str:
        """SAML 2.0 metadata of the subaccount as identity provider, for exactly this certificate."""
        return _METADATA.format(
            entity_id=quoteattr(self.entity_id), body=escape(self.body), login=PLACEHOLDER_SSO_SERVICE
        )


_METADATA: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" \
entityID={entity_id}>
  <md:IDPSSODescriptor WantAuthnRequestsSigned="true" \
protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <md:KeyDescriptor use="signing">
      <ds:KeyInfo>
        <ds:X509Data>
          <ds:X509Certificate>{body}</ds:X509Certificate>
        </ds:X509Data>
      </ds:KeyInfo>
    </md:KeyDescriptor>
    {login}
  </md:IDPSSODescriptor>
</md:EntityDescriptor>
"""


@dataclass(frozen=True, slots=True)
class CertificateIdentity:
    """What tells a certificate from any other, whoever issued it."""

    fingerprint: str
    """SHA-256 of the DER, 64 lower-case hexadecimal digits."""
    not_after: datetime | None = None
    """UTC; None where only the fingerprint is known."""
    valid_until: datetime | None = None
    """UTC: how long the metadata that names it may be believed (`validUntil`); None where nothing limits that."""


def parse_identity(der: bytes) -> CertificateIdentity:
    """Read as much of any certificate as tells it from others.

    Raises:
        ValueError: It is none.
    """
    tbs = _decode_der(der)
    return CertificateIdentity(hashlib.sha256(der).hexdigest(), tbs.validity.not_after.as_datetime())


def parse_pem(text: str) -> Certificate:
    """Read the first certificate of a PEM text, see `blocks`.

    Raises:
        ValueError: The text holds no certificate that can be read. The message does not repeat the text.
    """
    found = next((each for each in find_blocks(text) if each.label == "CERTIFICATE"), None)
    if found is None:
        raise ValueError("no PEM certificate (BEGIN CERTIFICATE … END CERTIFICATE) in it")
    try:
        return _parse_der(decode_base64(found.body))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"not an X.509 certificate: {error}") from None


def _parse_der(der: bytes) -> Certificate:
    tbs = _decode_der(der)
    return Certificate(
        fingerprint=hashlib.sha256(der).hexdigest(),
        body=base64.b64encode(der).decode("ascii"),
        issuer_name=_subject_name(tbs.subject),
        serial_number=_to_hexadecimal(tbs.serial_number),
        not_before=tbs.validity.not_before.as_datetime(),
        not_after=tbs.validity.not_after.as_datetime(),
    )


def _decode_der(der: bytes) -> _TbsCertificate:
    return asn1.decode_der(_Certificate, der).tbs


def _subject_name(subject: list[asn1.SetOf[_Attribute]]) -> str:
    """Take the common name; without one, the whole subject, as far as it says anything."""
    said = [each for relative in subject for each in relative.as_list() if each.value.data]
    for attribute in said:
        if attribute.type == _COMMON_NAME:
            encoding = _STRING_TYPES.get(attribute.value.tag_bytes[0], "latin-1")
            return _require_printable(bytes(attribute.value.data).decode(encoding))
    whole = ",".join("+".join(map(_format_rfc4514, relative.as_list())) for relative in reversed(subject))
    return whole if said else ""


def _format_rfc4514(attribute: _Attribute) -> str:
    """Write one attribute; what is no text, by its encoding (RFC 4514, 2.4)."""
    kind = attribute.type.dotted_string
    try:
        text = bytes(attribute.value.data).decode(_STRING_TYPES[attribute.value.tag_bytes[0]])
    except (KeyError, UnicodeDecodeError):
        return f"{_SHORT_NAMES.get(kind, kind)}=#{asn1.encode_der(attribute.value).hex()}"
    return f"{_SHORT_NAMES.get(kind, kind)}={_escape(text)}"


def _escape(text: str) -> str:
    """Escape what has a meaning in a distinguished name, and what could not be shown."""
    escaped = re.sub(r'[\\"+,;<>]', r"\\\g<0>", text)
    escaped = re.sub(r"^[# ]|(?<=.) $", r"\\\g<0>", escaped, flags=re.DOTALL)
    return "".join(each if each.isprintable() else _hex_escape(each) for each in escaped)


def _hex_escape(character: str) -> str:
    return "".join(f"\\{octet:02X}" for octet in character.encode())


def _require_printable(name: str) -> str:
    """Refuse a name that no target could be told, and no XML could hold."""
    if not name.isprintable():
        raise ValueError("its common name is not printable")
    return name


def _to_hexadecimal(number: int) -> str:
    length = (number + (number < 0)).bit_length() // 8 + 1
    return number.to_bytes(length, "big", signed=True).hex()
