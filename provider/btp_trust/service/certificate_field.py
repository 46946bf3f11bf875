"""The certificate field of a communication system: which certificate or key its text is, and how one is written.

SAP leaves open what `…CertificatePublicKeyBase64` holds. A text that stands there shows it, and a new one is
written in the same format. Pure.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from btp_trust.certificate import Certificate, identify_key
from btp_trust.formatting import short_fingerprint
from btp_trust.parsing.pem import decode_base64, find_blocks
from btp_trust.parsing.x509 import decode_certificate, is_public_key

_UNREADABLE_PREFIX: Final = "other:"
"""Begins the identity of a text of another kind: its SHA-256 follows, so that a change is noticed."""


class FieldFormat(StrEnum):
    """Formats in which a field may hold a certificate."""

    CERTIFICATE = "certificate"
    """The DER in base64, on one line."""
    PEM = "pem"
    """The PEM, with its BEGIN and END, on one line."""
    KEY = "key"
    """The key alone: its SubjectPublicKeyInfo in base64."""


class FieldContent(Struct, frozen=True):
    """The certificate or the key that a field holds."""

    format: FieldFormat
    identity: str
    """SHA-256 fingerprint of the certificate; for a key alone the same as `key`."""
    key: str
    """`key:` and the SHA-256 of its SubjectPublicKeyInfo."""
    not_after: datetime | None = None
    """UTC; None for a key."""


def parse_field(field: str) -> FieldContent | None:
    """Parse the text of a field; None if it holds something else."""
    block = next((block for block in find_blocks(field) if block.label == "CERTIFICATE"), None)
    try:
        der = decode_base64(field if block is None else block.body)
    except ValueError:
        return None
    try:
        fields = decode_certificate(der)
    except ValueError:
        return _key_alone(der) if block is None and is_public_key(der) else None
    format_ = FieldFormat.CERTIFICATE if block is None else FieldFormat.PEM
    return FieldContent(format_, hashlib.sha256(der).hexdigest(), identify_key(fields.public_key), fields.not_after)


def _key_alone(der: bytes) -> FieldContent:
    key = identify_key(der)
    return FieldContent(FieldFormat.KEY, key, key)


def tell_format(field: str) -> FieldFormat | None:
    """Tell the format of a field by its text; None if it is empty, or of another kind."""
    content = parse_field(field)
    return None if content is None else content.format


def identity(field: str) -> str:
    """Identify what a field holds, so that two readings can be compared.

    Returns:
        The fingerprint of its certificate, `key:` and the SHA-256 of its key, or an empty text for an empty field; a
        text of another kind has an identity of its own.
    """
    if not field.strip():
        return ""
    content = parse_field(field)
    return content.identity if content else f"{_UNREADABLE_PREFIX}{hashlib.sha256(field.encode()).hexdigest()}"


def trusts(field: str, certificate: Certificate) -> bool:
    """Return True if a field holds this certificate, or its key where keys alone are stored."""
    return identity(field) in {certificate.fingerprint, certificate.key_identity}


def is_same(field: str, other: str) -> bool:
    """Return True if two fields hold the same: a service may answer with another format than it was sent.

    A key alone is the same as each certificate of that key.
    """
    contents = parse_field(field), parse_field(other)
    keys = {content.key for content in contents if content is not None}
    has_key_alone = any(content is not None and content.format is FieldFormat.KEY for content in contents)
    return identity(field) == identity(other) or (has_key_alone and None not in contents and len(keys) == 1)


def encode(certificate: Certificate, format_: FieldFormat) -> str:
    """Write a certificate as the text of a field."""
    if format_ is FieldFormat.KEY:
        return certificate.public_key
    return certificate.pem.replace("\n", "") if format_ is FieldFormat.PEM else certificate.body


def describe(field: str) -> str:
    """Name what a field holds in a sentence."""
    return describe_identity(identity(field))


def describe_identity(identity: str) -> str:
    """Name the content of a field by its identity, in a sentence."""
    if not identity:
        return "no certificate"
    if identity.startswith(_UNREADABLE_PREFIX):
        return "an unreadable text"
    return short_fingerprint(identity)
