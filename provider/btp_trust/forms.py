"""The forms in which a target says which certificates it trusts: fingerprint, PEM, base64, SAML metadata.

Pure: no network, no clock. Each form is brought to fingerprints, for nothing else is compared.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import Final

from btp_trust import saml
from btp_trust.certificate import Identity, identify, normalize_fingerprint
from btp_trust.model import rfc3339

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", re.ASCII)
_UNTIL: Final = " until "
_SHA1: Final = re.compile(r"[0-9a-fA-F]{40}")


def write(identity: Identity) -> str:
    """Write what `read` needs of a certificate: its fingerprint and, if known, ` until ` its expiry in RFC 3339."""
    until = identity.not_after
    return identity.fingerprint if until is None else f"{identity.fingerprint}{_UNTIL}{rfc3339(until)}"


def read(text: str) -> tuple[Identity, ...]:
    r"""Read all certificates that a text names.

    Args:
        text: A SHA-256 fingerprint (colons, blanks and capitals are accepted); PEM with one or several certificates,
            its line feeds perhaps written as a backslash and n; the base64 body of one certificate; or the SAML
            metadata of an identity provider, of which what it may sign with counts. Or what `write` has written.

    Returns:
        One identity or several, in the order of the text. The expiry of a fingerprint is not known.

    Raises:
        ValueError: It is none of these. The message does not repeat the text.
    """
    text = text.replace("\\n", "\n").strip().removeprefix("\ufeff").strip()
    if not text:
        raise ValueError("it is empty")
    if text.startswith("<"):
        return _metadata(text)
    if "-----BEGIN" in text:
        return _pem(text)
    fingerprint, _, until = text.partition(_UNTIL)
    try:
        return (Identity(normalize_fingerprint(fingerprint), datetime.fromisoformat(until) if until else None),)
    except ValueError:
        return (_body(text),)


def _pem(text: str) -> tuple[Identity, ...]:
    """Read a bundle; a block that is cut off or of another kind makes all of it doubtful."""
    bodies = _PEM.findall(text)
    if len(bodies) != text.count("-----BEGIN"):
        raise ValueError("it has a PEM block that is no whole certificate (BEGIN CERTIFICATE … END CERTIFICATE)")
    return tuple(_body(body) for body in bodies)


def _body(text: str) -> Identity:
    digits = re.sub(r"[:\s]", "", text)
    if _SHA1.fullmatch(digits):
        raise ValueError("it is a SHA-1 fingerprint (40 hexadecimal digits); one of SHA-256 has 64")
    try:
        return identify(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("it is neither a SHA-256 fingerprint nor an X.509 certificate") from None


def _metadata(text: str) -> tuple[Identity, ...]:
    """Read those with which an identity provider may sign: a key to encrypt with tells nothing of whom one trusts."""
    signers = saml.read(text).signers
    if not signers:
        raise ValueError("it is SAML metadata without a certificate with which an identity provider may sign")
    return signers
