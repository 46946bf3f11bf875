"""The text in a communication system's certificate field, in each of the formats that it may have."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from btp_trust_emulator.errors import Invalid
from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.switches import FieldFormat

if TYPE_CHECKING:
    from collections.abc import Callable

_BEGIN = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class FieldContent:
    """What a field holds: an RSA key, and the certificate (PEM) around it unless only the key is stored."""

    key: RSAPublicKey
    certificate: str | None

    @property
    def identity(self) -> str:
        """The SHA-256 of the certificate; of the key, `key:` stands before it."""
        if self.certificate is not None:
            return trust_certificate.fingerprint(self.certificate)
        return trust_certificate.key_identity(self.key)

    @property
    def verifier(self) -> str:
        """The certificate, or the key where it is all there is, as PEM."""
        if self.certificate is not None:
            return self.certificate
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def encode(pem: str, field_format: FieldFormat) -> str:
    """Return the text of a field that holds a certificate (PEM).

    Raises:
        Invalid: `pem` is other than one certificate with an RSA key.
    """
    normalized = trust_certificate.normalized(pem)
    key = trust_certificate.public_key(normalized)
    texts: dict[FieldFormat, Callable[[], str]] = {
        FieldFormat.CERTIFICATE: lambda: base64.b64encode(trust_certificate.to_der(normalized)).decode(),
        FieldFormat.PEM: lambda: normalized.replace("\n", ""),
        FieldFormat.KEY: lambda: base64.b64encode(trust_certificate.key_octets(key)).decode(),
    }
    return texts[field_format]()


def decode(text: str, field_format: FieldFormat) -> FieldContent:
    """Return what the text of a field holds.

    Raises:
        Invalid: the text has another format, or the key another type.
    """
    if field_format is FieldFormat.KEY:
        return FieldContent(_decode_key(text), None)
    is_pem = text.startswith(_BEGIN)
    if is_pem is not (field_format is FieldFormat.PEM) or (not is_pem and re.search(r"\s", text)):
        raise _invalid(field_format)
    pem = trust_certificate.normalized(text if is_pem else f"{_BEGIN}{text}-----END CERTIFICATE-----")
    return FieldContent(trust_certificate.public_key(pem), pem)


def _decode_key(text: str) -> RSAPublicKey:
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey):
        raise _invalid(FieldFormat.KEY)
    return key


def _invalid(field_format: FieldFormat) -> Invalid:
    return Invalid(
        "The certificate was not accepted.",
        f"The text does not have the format {field_format.value} of an RSA key.",
        "Send the format that the field has.",
    )
