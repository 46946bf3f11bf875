"""Trust certificates with the profile of the real ones, odd as it is.

Version 3 without extensions; self-issued by `CN=cfapps.<host>/<subaccount GUID>, O=SAP, OU=CP Destination
Configuration`, all UTF8String, the common name longer than RFC 5280 allows; a serial number of ten random bytes that
is read with a sign; two years from the second of its generation; RSA with e = 65537, signed with SHA-512.
Source: two certificates of a real landscape. This module avoids libraries that load certificates: strict parsers warn
about such ones, and one day will refuse them.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from btp_trust_emulator.errors import Invalid
from btp_trust_emulator.pki import der
from btp_trust_emulator.switches import Lifetime, SerialSign

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

HOST = "cfapps.eu12.hana.ondemand.com"
_SERIAL_BYTES = 10
SERIAL, SIGNATURE_ALGORITHM, ISSUER, VALIDITY, SUBJECT, PUBLIC_KEY = range(6)
"""The places of these fields in what `fields` returns."""
_VERSION_TAG = 0xA0
_FEBRUARY_29 = (2, 29)
_REFUSED = "The certificate was not accepted."
_BEGIN_KEY = "-----BEGIN PUBLIC KEY-----"
_PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*", flags=re.ASCII)


def common_name(guid: str) -> str:
    """Return the common name of every certificate of a subaccount; also its SAML issuer name."""
    return f"{HOST}/{guid}"


def serial_number(sign: SerialSign) -> int:
    """Return a random number that takes exactly ten bytes in two's complement, with the sign asked for."""
    magnitude = secrets.randbelow(0x7F) + 1
    negative = sign is SerialSign.NEGATIVE or (sign is SerialSign.RANDOM and secrets.randbits(1) == 1)
    first = magnitude ^ 0xFF if negative else magnitude
    return int.from_bytes(bytes([first]) + secrets.token_bytes(_SERIAL_BYTES - 1), "big", signed=True)


def expiry(not_before: datetime, lifetime: Lifetime) -> datetime:
    """Return two years after `not_before`; in calendar years a 29 February becomes a 28 February."""
    if lifetime is Lifetime.DAYS_730:
        return not_before + timedelta(days=730)
    day = 28 if (not_before.month, not_before.day) == _FEBRUARY_29 else not_before.day
    return not_before.replace(year=not_before.year + 2, day=day)


def generate_certificate(key: RSAPrivateKey, guid: str, serial: int, not_before: datetime, not_after: datetime) -> str:
    """Generate a certificate of the subaccount `guid` for `key`; return its PEM."""
    algorithm = der.sequence(der.object_identifier("1.2.840.113549.1.1.13"), der.null())
    name = _name(guid)
    to_be_signed = der.sequence(
        der.explicit(0, der.integer(2)),
        der.integer(serial),
        algorithm,
        name,
        der.sequence(der.time(not_before), der.time(not_after)),
        name,
        key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    )
    signature = key.sign(to_be_signed, padding.PKCS1v15(), hashes.SHA512())
    return to_pem(der.sequence(to_be_signed, algorithm, der.bit_string(signature)))


def _name(guid: str) -> bytes:
    attributes = (
        ("2.5.4.3", common_name(guid)),
        ("2.5.4.10", "SAP"),
        ("2.5.4.11", "CP Destination Configuration"),
    )
    return der.sequence(
        *(der.set_of(der.sequence(der.object_identifier(kind), der.utf8_string(text))) for kind, text in attributes)
    )


def to_pem(octets: bytes) -> str:
    """Return DER as PEM: lines of 64 columns, LF, one LF at the end."""
    lines = "\n".join(re.findall(".{1,64}", base64.b64encode(octets).decode()))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def body(pem: str) -> str:
    """Return the base64 lines of a PEM from `to_pem`, without header, footer and the last line break."""
    return "\n".join(pem.splitlines()[1:-1])


def to_der(pem: str) -> bytes:
    """Return the DER in a PEM from `to_pem`."""
    return base64.b64decode(body(pem))


@functools.lru_cache(maxsize=256)
def fingerprint(pem: str) -> str:
    """Return the SHA-256 of the DER, as 64 lower-case hex digits."""
    return hashlib.sha256(to_der(pem)).hexdigest()


def public_key(pem: str) -> RSAPublicKey:
    """Return the RSA key in a PEM from `to_pem`.

    Raises:
        Invalid: the key is missing, or of another type.
    """
    try:
        key = load_der_public_key(fields(pem)[PUBLIC_KEY])
    except (ValueError, IndexError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey):
        raise Invalid(_REFUSED, "It has no RSA key.", "Give a subaccount's trust certificate.")
    return key


def key_identity(key: RSAPublicKey) -> str:
    """Return the name of a key without a certificate: `key:` and the SHA-256 of its SubjectPublicKeyInfo."""
    return f"key:{hashlib.sha256(key_octets(key)).hexdigest()}"


def key_octets(key: RSAPublicKey) -> bytes:
    """Return a key as SubjectPublicKeyInfo (DER)."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def verifier(pem: str) -> tuple[RSAPublicKey, str]:
    """Return the key of a certificate from `to_pem`, or of a bare RSA key (PEM), and the SHA-256 that names it."""
    if pem.startswith(_BEGIN_KEY):
        key = cast("RSAPublicKey", load_pem_public_key(pem.encode()))  # the emulator wrote it
        return key, key_identity(key)
    return public_key(pem), fingerprint(pem)


def subject_name(pem: str) -> str:
    """Return the first attribute of the subject (the common name of a trust certificate) in a PEM from `to_pem`.

    Raises:
        Invalid: the subject is unreadable.
    """
    try:
        attribute = der.members(der.members(fields(pem)[SUBJECT])[0])[0]
        _, value = der.members(attribute)
        return der.content(value).decode()
    except (ValueError, IndexError) as exc:
        raise Invalid(_REFUSED, "Its subject cannot be read.", "Give the `issuer`.") from exc


def validity(pem: str) -> tuple[datetime, datetime] | None:
    """Return the first and the last moment of a certificate in a PEM from `to_pem`; None if they are unreadable."""
    try:
        first, last = map(der.parse_time, der.members(fields(pem)[VALIDITY]))
    except (ValueError, IndexError):
        return None
    return first, last


def fields(pem: str) -> list[bytes]:
    """Return the signed fields of a certificate, from the serial number on."""
    signed = der.members(der.members(to_der(pem))[0])
    return signed[1:] if signed[0][0] == _VERSION_TAG else signed


def normalized(pem: str) -> str:
    """Return the same certificate as `to_pem` would write it.

    Raises:
        Invalid: `pem` is not one PEM certificate around one DER value.
    """
    match = _PEM.fullmatch(pem)
    octets = _decode_base64(match.group(1)) if match else b""
    if not _is_one_sequence(octets):
        raise Invalid(
            _REFUSED,
            "The text is not one PEM certificate: BEGIN line, base64 of one DER sequence, END line.",
            "Give the PEM text of exactly one certificate.",
        )
    return to_pem(octets)


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        return b""


def _is_one_sequence(octets: bytes) -> bool:
    """Return True if the outermost DER value is a SEQUENCE of 256 to 65535 bytes that fills `octets`."""
    return octets[:2] == b"\x30\x82" and len(octets) == int.from_bytes(octets[2:4], "big") + 4
