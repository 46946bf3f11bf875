"""One certificate as administration screens show it, to distinguish it from another one with the same subject.

Screens differ: SHA-1 or SHA-256, with colons; the serial number in decimal or hexadecimal. The service's serial numbers
are ten bytes that X.509 reads as signed, so half of them are negative; some tools print the sign, others read the same
bytes as unsigned. Both readings are given.
"""

from __future__ import annotations

import msgspec

from btp_trust.certificate import Certificate
from btp_trust.formatting import format_rfc3339


class CertificateView(msgspec.Struct, frozen=True):
    """The values that distinguish a certificate from another one of the same subaccount."""

    fingerprint: str
    """SHA-256 of the DER, 64 lower-case hexadecimal digits: as in outputs, previews and attestations."""
    sha256: str
    """The same in capitals with colons."""
    sha1: str
    """SHA-1 of the DER, in capitals with colons."""
    serial_hexadecimal: str
    """Read as signed, as `openssl` prints it: capitals, a minus if it is negative."""
    serial_decimal: str
    """Read as signed."""
    serial_hexadecimal_unsigned: str
    """The same bytes read as unsigned."""
    serial_decimal_unsigned: str
    not_before: str
    """RFC 3339, UTC."""
    not_after: str
    """RFC 3339, UTC."""

    @classmethod
    def of(cls, certificate: Certificate) -> CertificateView:
        """Describe a certificate."""
        serial = bytes.fromhex(certificate.serial_number)
        signed, unsigned = (int.from_bytes(serial, "big", signed=is_signed) for is_signed in (True, False))
        return cls(
            fingerprint=certificate.fingerprint,
            sha256=_with_colons(certificate.fingerprint),
            sha1=certificate.sha1,
            serial_hexadecimal=_hexadecimal(signed),
            serial_decimal=str(signed),
            serial_hexadecimal_unsigned=_hexadecimal(unsigned),
            serial_decimal_unsigned=str(unsigned),
            not_before=format_rfc3339(certificate.not_before),
            not_after=format_rfc3339(certificate.not_after),
        )


def _with_colons(digits: str) -> str:
    return ":".join(digits[start : start + 2] for start in range(0, len(digits), 2)).upper()


def _hexadecimal(number: int) -> str:
    """Write whole bytes in capitals, as `openssl` does."""
    digits = f"{abs(number):X}"
    return ("-" if number < 0 else "") + "0" * (len(digits) % 2) + digits
