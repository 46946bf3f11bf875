"""The certificates in the formats of a target; each file name says which of them are inside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from btp_trust.certificate import Certificate
from btp_trust.formatting import short_fingerprint
from btp_trust.handover.target_types import FileFormat
from btp_trust.saml.metadata import write_metadata

HeldCertificates = Literal["new", "old", "both"]
_SUFFIXES: Final = {
    FileFormat.PEM: "pem",
    FileFormat.BODY: "txt",
    FileFormat.CER: "cer",
    FileFormat.METADATA: "xml",
    FileFormat.JSON: "json",
}
_FORMATS_FOR_TWO: Final = (FileFormat.METADATA, FileFormat.JSON)
"""Formats with room for two certificates."""


class File(msgspec.Struct, frozen=True):
    """A file of a hand-over; its content is public."""

    name: str
    """`<target>.<new|old|both>.<first eight digits of the fingerprint>.<suffix>`; of `both`, those of the new one."""
    form: FileFormat
    holds: HeldCertificates
    """Which certificates are in it."""
    content: str


def build_files(
    name: str, forms: Sequence[FileFormat], new: Certificate, old: Certificate | None, key_name: str | None
) -> Iterator[File]:
    """Build the files of a target: those to upload, and the old certificate for a rollback.

    Args:
        name: The target's name.
        forms: The formats of the target.
        new: The certificate to hand over.
        old: The certificate that signs until the swap; None if it is unknown, or equals `new`.
        key_name: Alias for metadata.
    """
    for form in forms:
        yield _build_file(name, form, "new", [new], key_name)
        if old is not None:
            yield _build_file(name, form, "old", [old], key_name)
        if old is not None and form in _FORMATS_FOR_TWO:
            yield _build_file(name, form, "both", [new, old], key_name)


def _build_file(
    name: str, form: FileFormat, held: HeldCertificates, certificates: Sequence[Certificate], key_name: str | None
) -> File:
    first = certificates[0]
    match form:
        case FileFormat.PEM:
            content = first.pem
        case FileFormat.BODY | FileFormat.CER:
            content = first.body
        case FileFormat.METADATA:
            content = write_metadata(certificates, key_name=key_name)
        case _:
            content = _signing_certificates(certificates)
    return File(f"{name}.{held}.{short_fingerprint(first.fingerprint)}.{_SUFFIXES[form]}", form, held, content)


def _signing_certificates(certificates: Sequence[Certificate]) -> str:
    """Write the fragment for `/Applications/v1/` and `/IdentityProviders/v1/` of SAP Cloud Identity Services."""
    # The service tries the default first; until the swap the old certificate signs, which is the last of two.
    default = certificates[-1]
    entries = [
        {"base64Certificate": certificate.pem, "isDefault": certificate is default} for certificate in certificates
    ]
    return json.dumps({"saml2Configuration": {"certificatesForSigning": entries}}, indent=2) + "\n"
