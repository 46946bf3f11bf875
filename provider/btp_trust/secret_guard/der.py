"""Recognize private keys and certificates by the first octets of their DER, which may be cut off. Pure."""

from __future__ import annotations

from typing import Final

_KEY_STORE_HEADERS: Final = (b"openssh-key-v1", b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
"""The first octets of OpenSSH keys and of Java key stores."""
_PASSWORD_BASED_OIDS: Final = (b"\x2a\x86\x48\x86\xf7\x0d\x01\x05", b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01")
"""Algorithms of encrypted private keys: PKCS#5 and PKCS#12."""
_PRIVATE_KEY_VERSIONS: Final = (b"\x00", b"\x01", b"\x03")
"""Version numbers of PKCS#1 and PKCS#8, of SEC1, of PKCS#12. Public structures begin with something else."""
_INTEGER, _OBJECT_IDENTIFIER, _SEQUENCE, _LONG_FORM = 0x02, 0x06, 0x30, 0x80


def is_private_key(octets: bytes) -> bool:
    """Return True for the beginning of a private key or of a key store."""
    if octets.startswith(_KEY_STORE_HEADERS):
        return True
    content = _content(octets, _SEQUENCE)
    version = _content(content, _INTEGER)
    if content[:2] == b"\x02\x01" and version[:1] in _PRIVATE_KEY_VERSIONS:
        # Next come: an INTEGER in PKCS#1, an OCTET STRING in SEC1, a SEQUENCE in PKCS#8 and PKCS#12.
        return content[3:4] in (b"\x02", b"\x04", b"\x30")
    algorithm = _content(_content(content, _SEQUENCE), _OBJECT_IDENTIFIER)
    return algorithm.startswith(_PASSWORD_BASED_OIDS)


def is_certificate(octets: bytes) -> bool:
    """Return True for the beginning of a certificate, of a list of them, or of a certificate request."""
    # A SEQUENCE begins a certificate or a request, an object identifier PKCS#7, a list of certificates.
    return _content(octets, _SEQUENCE)[:1] in (b"\x30", b"\x06") and not is_private_key(octets)


def _content(octets: bytes, tag: int) -> bytes:
    """Return the content of a DER value, empty for another tag; the end may be cut off."""
    if len(octets) < 2 or octets[0] != tag:  # noqa: PLR2004 - a tag and a length
        return b""
    return octets[2 + (octets[1] - _LONG_FORM if octets[1] > _LONG_FORM else 0) :]
