"""The forms in which a target says which certificates it trusts: fingerprint, PEM, base64, SAML metadata.

Pure: no network, no clock. Each form is brought to fingerprints, for nothing else is compared.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from btp_trust.certificate import CertificateIdentity, parse_identity
from btp_trust.formatting import format_rfc3339
from btp_trust.parsing.fingerprint import OtherDigest, normalize_fingerprint
from btp_trust.parsing.pem import decode_base64, find_blocks
from btp_trust.parsing.text_decoding import decode, strip_byte_order_mark, strip_invisible, unescape_line_breaks
from btp_trust.saml import metadata as saml

METADATA_FIELD: Final = "idpMetadata"
"""The field of the Destination service's answer to GET /saml2Metadata; SAP's OpenAPI file: base64 of metadata."""
_OWN_TEXT: Final = re.compile(
    r"(?P<fingerprint>[0-9a-f]{64})(?: until (?P<until>\S+))?(?: valid until (?P<valid>\S+))?"
)
_ALPHABET: Final = str.maketrans("-_", "+/")
_MAX_NESTING: Final = 4
"""How often one form may hold another."""


def to_text(identity: CertificateIdentity) -> str:
    """Write what `read` needs of a certificate.

    Returns:
        Its fingerprint; if known, ` until ` and its expiry; ` valid until ` and the `validUntil` of the metadata that
        named it. Moments are in RFC 3339.
    """
    until = "" if identity.not_after is None else f" until {format_rfc3339(identity.not_after)}"
    valid = "" if identity.valid_until is None else f" valid until {format_rfc3339(identity.valid_until)}"
    return f"{identity.fingerprint}{until}{valid}"


def parse_certificates(text: str) -> tuple[CertificateIdentity, ...]:
    r"""Read all certificates that a text names.

    Args:
        text: A SHA-256 fingerprint, see `normalize_fingerprint`; PEM with one or several certificates, see `blocks`;
            the base64 body of one certificate; the SAML metadata of one identity provider, of which what it may sign
            with counts; the JSON `{"idpMetadata": …}` as the Destination service answers it; base64 of metadata, PEM or
            JSON. Or what `write` has written.

    Returns:
        One identity or several, in the order of the text. The expiry of a fingerprint is not known.

    Raises:
        ValueError: It is none of these. The message does not repeat the text.
    """
    return _parse(text, _MAX_NESTING)


def _parse(text: str, depth: int) -> tuple[CertificateIdentity, ...]:
    text = _strip_marks(text)
    if not text:
        raise ValueError("it is empty")
    if not depth:
        raise ValueError(_UNRECOGNIZED)
    if text.startswith("<"):
        return _parse_metadata(text)
    if text.startswith(("{", '"')):
        return _parse(_metadata_in_json(text), depth - 1)
    if "-----BEGIN" in text:
        return _parse_pem(text)
    if (written := _parse_own_text(text)) is not None:
        return (written,)
    try:
        return (CertificateIdentity(normalize_fingerprint(text)),)
    except OtherDigest as error:
        raise ValueError(f"it is {error}") from None
    except ValueError:
        return _parse_base64(text, depth)


def _strip_marks(text: str) -> str:
    """Take off what stands around; XML keeps what is in it."""
    text = unescape_line_breaks(strip_byte_order_mark(text))
    first = next((place for place, each in enumerate(text) if strip_invisible(each).strip()), len(text))
    return text[first:].rstrip() if text[first:].startswith("<") else strip_invisible(text).strip()


def _parse_own_text(text: str) -> CertificateIdentity | None:
    found = _OWN_TEXT.fullmatch(text)
    if found is None:
        return None
    try:
        return CertificateIdentity(found["fingerprint"], _parse_moment(found["until"]), _parse_moment(found["valid"]))
    except ValueError:
        return None


def _parse_moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _metadata_in_json(text: str) -> str:
    """Take the metadata out of the service's answer."""
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, str):
        return value
    return metadata_in_response(value)


def metadata_in_response(answer: Any) -> str:
    """Return the metadata in an answer of the Destination service.

    Raises:
        ValueError: It is no such answer. The message does not repeat it.
    """
    metadata = answer.get(METADATA_FIELD) if isinstance(answer, Mapping) else None
    if not isinstance(metadata, str):
        reason = f"it is JSON without `{METADATA_FIELD}`, the field in which the Destination service gives metadata"
        raise ValueError(reason)  # noqa: TRY004 - the text's mistake, not a caller's
    return metadata


def _parse_pem(text: str) -> tuple[CertificateIdentity, ...]:
    """Read a bundle; a block that is cut off or of another kind makes all of it doubtful."""
    bodies = [each.body for each in find_blocks(text) if each.label == "CERTIFICATE"]
    if len(bodies) != text.count("-----BEGIN"):
        raise ValueError("it has a PEM block that is no whole certificate (BEGIN CERTIFICATE … END CERTIFICATE)")
    return tuple(_parse_certificate(each) for each in bodies)


def _parse_base64(text: str, depth: int) -> tuple[CertificateIdentity, ...]:
    """Read the base64 of a certificate, or of another form: in either alphabet, padded or not."""
    word = "".join(text.split()).rstrip("=").translate(_ALPHABET)
    text = word + "=" * (-len(word) % 4)
    try:
        inner = _strip_marks(decode(decode_base64(text)))
    except ValueError:
        inner = ""
    return _parse(inner, depth - 1) if inner.startswith(("<", "{", '"', "-----BEGIN")) else (_parse_certificate(text),)


def _parse_certificate(body: str) -> CertificateIdentity:
    try:
        return parse_identity(decode_base64(body))
    except (binascii.Error, ValueError):
        raise ValueError(_UNRECOGNIZED) from None


def _parse_metadata(text: str) -> tuple[CertificateIdentity, ...]:
    """Read those with which an identity provider may sign: a key to encrypt with tells nothing of whom one trusts."""
    signers = saml.parse_signers(text)
    if not signers:
        raise ValueError("it is SAML metadata without a certificate with which an identity provider may sign")
    return signers


_UNRECOGNIZED: Final = "it is neither a SHA-256 fingerprint nor an X.509 certificate"
