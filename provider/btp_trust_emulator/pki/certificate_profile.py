"""What a target may require of a certificate or show of one: its names, serial number, signature algorithm and key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btp_trust_emulator.pki import der, trust_certificate
from btp_trust_emulator.pki.trust_certificate import ISSUER, SERIAL, SIGNATURE_ALGORITHM, SUBJECT
from btp_trust_emulator.switches import CertificateProfile

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_NAMES = {"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU"}
_ATTRIBUTES = {der.object_identifier(dotted): name for dotted, name in _NAMES.items()}
_SHA_256_WITH_RSA = der.object_identifier("1.2.840.113549.1.1.11")
_SIGN_BIT = 0x80
_MAX_BITS = 2048


def subject_and_issuer(pem: str) -> tuple[str, str]:
    """Return both names in a PEM from `to_pem`, such as `CN=a,O=b`."""
    fields = trust_certificate.fields(pem)
    return _name_text(fields[SUBJECT]), _name_text(fields[ISSUER])


def _name_text(name: bytes) -> str:
    attributes = [der.members(member) for part in der.members(name) for member in der.members(part)]
    return ",".join(
        f"{_ATTRIBUTES.get(kind, kind.hex())}={der.content(value).decode(errors='replace')}"
        for kind, value in attributes
    )


def profile_violation(profile: CertificateProfile, key: RSAPublicKey, pem: str | None) -> str | None:
    """Return what a target with this profile refuses in a key, or in its certificate (PEM) where it is known."""
    if profile is CertificateProfile.RSA_2048:
        return f"its key has {key.key_size} bits" if key.key_size > _MAX_BITS else None
    if pem is None or profile is CertificateProfile.ANY:
        return None
    fields = trust_certificate.fields(pem)
    if profile is CertificateProfile.SHA_256:
        is_sha_256 = _SHA_256_WITH_RSA in fields[SIGNATURE_ALGORITHM]
        return None if is_sha_256 else "its signature algorithm is not supported"
    return "its serial number is negative" if der.content(fields[SERIAL])[0] & _SIGN_BIT else None
