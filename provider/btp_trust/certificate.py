"""One trust certificate: parse its PEM, and derive the values that targets and people ask for.

Pure: the text is an argument, and the time is the caller's. `btp_trust.parsing.x509` decodes the DER and is imported
where that happens, and so is the XML library: a program imports this module for its types, and would load
`cryptography` and `xml.sax` in vain.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import textwrap
from datetime import datetime
from functools import lru_cache
from typing import Final

from msgspec import Struct

from btp_trust.parsing.pem import decode_base64, find_blocks

_CACHED_CERTIFICATES: Final = 256
"""A command reads the two of a subaccount for each of its resources, and after each write."""

KEY_PREFIX: Final = "key:"
"""Begins the identity of a public key, for targets that store keys alone."""
PLACEHOLDER_SSO_SERVICE: Final = (
    '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" '
    'Location="https://no-single-sign-on.invalid/"/>'
)
"""Last in an IDPSSODescriptor: the UAA refuses metadata that lacks one. The Destination service has no page to log on,
so this names a host that can never exist (RFC 2606), and every browser that is sent there fails."""


class Certificate(Struct, frozen=True):
    """A trust certificate as the service issued it."""

    fingerprint: str
    """SHA-256 of the DER, 64 lower-case hexadecimal digits: the certificate's identity."""
    body: str
    """The DER in base64, on one line (SuccessFactors, SAP BTP Neo)."""
    issuer_name: str
    """The common name, which targets take as provider name and SAML entity ID; else the whole subject as RFC 4514
    writes it; empty if the subject is."""
    serial_number: str
    """The content of the DER INTEGER, hexadecimal and signed: a first digit above 7 means negative."""
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
        """The DER of its SubjectPublicKeyInfo in base64, on one line."""
        from btp_trust.parsing.x509 import decode_certificate  # noqa: PLC0415 - see the module

        return base64.b64encode(decode_certificate(base64.b64decode(self.body)).public_key).decode("ascii")

    @property
    def key_identity(self) -> str:
        """The identity of its public key: `key:` and the SHA-256 of the SubjectPublicKeyInfo."""
        return identify_key(base64.b64decode(self.public_key))

    @property
    def names(self) -> tuple[str, str]:
        """The whole names of its subject and of its issuer, as RFC 4514 writes them."""
        from btp_trust.parsing.x509 import decode_certificate  # noqa: PLC0415 - see the module

        fields = decode_certificate(base64.b64decode(self.body))
        return fields.subject, fields.issuer

    @property
    def sha1(self) -> str:
        """SHA-1 of the DER, in capitals with colons."""
        # Only to find the certificate on a screen, as it can be forged; Python in FIPS mode refuses it for security.
        return hashlib.sha1(base64.b64decode(self.body), usedforsecurity=False).digest().hex(":").upper()

    @property
    def entity_id(self) -> str:
        """Entity ID for metadata, which require one: the issuer name, or a URN of the fingerprint."""
        return self.issuer_name or f"urn:btp-trust:sha256:{self.fingerprint}"

    @property
    def metadata(self) -> str:
        """SAML 2.0 metadata of the subaccount as identity provider, for exactly this certificate."""
        from xml.sax.saxutils import escape, quoteattr  # noqa: PLC0415 - see the module

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


class CertificateIdentity(Struct, frozen=True):
    """The values that tell a certificate of any issuer from all others."""

    fingerprint: str
    """SHA-256 of the DER, 64 lower-case hexadecimal digits."""
    not_after: datetime | None = None
    """UTC; None where only the fingerprint is known."""
    valid_until: datetime | None = None
    """UTC: `validUntil` of the metadata that names the certificate; None where that is absent."""


def identify_key(der: bytes) -> str:
    """Return the identity of a SubjectPublicKeyInfo."""
    return f"{KEY_PREFIX}{hashlib.sha256(der).hexdigest()}"


def parse_identity(der: bytes) -> CertificateIdentity:
    """Parse the identity of a certificate of any issuer.

    Raises:
        ValueError: `der` is not an X.509 certificate.
    """
    from btp_trust.parsing.x509 import decode_certificate  # noqa: PLC0415 - see the module

    return CertificateIdentity(hashlib.sha256(der).hexdigest(), decode_certificate(der).not_after)


def parse_pem(text: str) -> Certificate:
    """Parse the first certificate of a PEM text, see `find_blocks`.

    Raises:
        ValueError: `text` holds no certificate that can be parsed. The message leaves the text out.
    """
    return _parse_pem(text)


@lru_cache(maxsize=_CACHED_CERTIFICATES)
def _parse_pem(text: str) -> Certificate:
    block = next((block for block in find_blocks(text) if block.label == "CERTIFICATE"), None)
    if block is None:
        raise ValueError("no PEM certificate (BEGIN CERTIFICATE … END CERTIFICATE) in it")
    try:
        return _parse_der(decode_base64(block.body))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"not an X.509 certificate: {error}") from None


def _parse_der(der: bytes) -> Certificate:
    from btp_trust.parsing.x509 import decode_certificate  # noqa: PLC0415 - see the module

    fields = decode_certificate(der)
    return Certificate(
        fingerprint=hashlib.sha256(der).hexdigest(),
        body=base64.b64encode(der).decode("ascii"),
        issuer_name=fields.subject_name,
        serial_number=fields.serial_number,
        not_before=fields.not_before,
        not_after=fields.not_after,
    )
