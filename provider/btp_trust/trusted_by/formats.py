"""Formats in which targets state the certificates that they trust: fingerprint, PEM, base64, SAML metadata.

Pure. Every format is converted to fingerprints, which are then compared.
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

METADATA_FIELD: Final = "idpMetadata"
"""Field of the Destination service's response to GET /saml2Metadata; by SAP's OpenAPI file, base64 of metadata."""
_OWN_TEXT: Final = re.compile(
    r"(?P<fingerprint>(?:key:)?[0-9a-f]{64})(?: until (?P<until>\S+))?(?: valid until (?P<valid>\S+))?"
)
_ALPHABET: Final = str.maketrans("-_", "+/")
_MAX_NESTING: Final = 4
"""How often one format may wrap another."""


def to_text(identity: CertificateIdentity) -> str:
    """Write an identity as a text that `parse_certificates` reads.

    Returns:
        The fingerprint; if known, ` until ` and the expiry; ` valid until ` and the `validUntil` of the metadata that
        names the certificate. Moments are in RFC 3339.
    """
    until = "" if identity.not_after is None else f" until {format_rfc3339(identity.not_after)}"
    valid = "" if identity.valid_until is None else f" valid until {format_rfc3339(identity.valid_until)}"
    return f"{identity.fingerprint}{until}{valid}"


def parse_certificates(text: str) -> tuple[CertificateIdentity, ...]:
    r"""Read all certificates that a text names.

    Args:
        text: A SHA-256 fingerprint, see `normalize_fingerprint`; `key:` and the SHA-256 of a public key; PEM with one
            or several certificates, see `find_blocks`; the base64 body of one certificate; the SAML metadata of one
            identity provider, of which the signing certificates count; the JSON `{"idpMetadata": …}` of the Destination
            service; base64 of metadata, PEM or JSON; or a text of `to_text`.

    Returns:
        At least one identity, in the order of the text. That of a fingerprint lacks the expiry.

    Raises:
        ValueError: `text` is something else. The message does not repeat it.
    """
    return _parse(text, _MAX_NESTING)


def _parse(text: str, depth: int) -> tuple[CertificateIdentity, ...]:
    text = _strip_marks(text)
    if not text:
        raise ValueError("it is empty")
    if not depth:
        raise ValueError(_UNRECOGNIZED)
    # The first characters decide, so that an error names the format that was meant.
    if text.startswith("<"):
        return _parse_metadata(text)
    if text.startswith(("{", '"')):
        return _parse(_metadata_in_json(text), depth - 1)
    if "-----BEGIN" in text:
        return _parse_pem(text)
    # Before plain fingerprints: a text of `to_text` begins with one, and adds moments.
    if (identity := _parse_own_text(text)) is not None:
        return (identity,)
    try:
        return (CertificateIdentity(normalize_fingerprint(text)),)
    except OtherDigest as error:
        raise ValueError(f"it is {error}") from None
    except ValueError:
        return _parse_base64(text, depth)


def _strip_marks(text: str) -> str:
    """Remove marks and blanks: around XML, and throughout other texts."""
    text = unescape_line_breaks(strip_byte_order_mark(text))
    first = next((place for place, character in enumerate(text) if strip_invisible(character).strip()), len(text))
    return text[first:].rstrip() if text[first:].startswith("<") else strip_invisible(text).strip()


def _parse_own_text(text: str) -> CertificateIdentity | None:
    match = _OWN_TEXT.fullmatch(text)
    if match is None:
        return None
    try:
        return CertificateIdentity(match["fingerprint"], _parse_moment(match["until"]), _parse_moment(match["valid"]))
    except ValueError:
        return None


def _parse_moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _metadata_in_json(text: str) -> str:
    """Return the metadata in the JSON of a response."""
    try:
        value = json.loads(text, strict=False)  # not strict: base64 in lines may have raw line breaks in a string
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, str):
        return value
    return metadata_in_response(value)


def metadata_in_response(response: Any) -> str:
    """Return the metadata in a response of the Destination service.

    Raises:
        ValueError: `response` lacks metadata. The message repeats nothing of it.
    """
    metadata = response.get(METADATA_FIELD) if isinstance(response, Mapping) else None
    if not isinstance(metadata, str):
        reason = f"it is JSON without `{METADATA_FIELD}`, the Destination service's field for metadata"
        raise ValueError(reason)  # noqa: TRY004 - the value is wrong, the call is right
    return metadata


def _parse_pem(text: str) -> tuple[CertificateIdentity, ...]:
    """Read a bundle; one block that is cut off or of another type makes the whole bundle invalid."""
    bodies = [block.body for block in find_blocks(text) if block.label == "CERTIFICATE"]
    if len(bodies) != text.count("-----BEGIN"):
        raise ValueError("it has a PEM block other than a whole certificate (BEGIN CERTIFICATE … END CERTIFICATE)")
    return tuple(_parse_certificate(body) for body in bodies)


def _parse_base64(text: str, depth: int) -> tuple[CertificateIdentity, ...]:
    """Read the base64 of a certificate, or of another format: in either alphabet, with or without padding."""
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
    """Read the signing certificates; a target that encrypts with a key may still distrust signatures made with it."""
    # Loaded where a target states metadata: every other command would wait for it.
    from btp_trust.saml.metadata import parse_signers  # noqa: PLC0415 - see above

    signers = parse_signers(text)
    if not signers:
        raise ValueError("it is SAML metadata without a signing certificate of an identity provider")
    return signers


_UNRECOGNIZED: Final = "it is neither a SHA-256 fingerprint nor an X.509 certificate"
