"""The certificates in the form that a target wants: each file says which of them it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from btp_trust.certificate import Certificate
from btp_trust.formatting import brief
from btp_trust.handover.target_types import Form
from btp_trust.saml import metadata

Held = Literal["new", "old", "both"]
_SUFFIXES: Final = {Form.PEM: "pem", Form.BODY: "txt", Form.CER: "cer", Form.METADATA: "xml", Form.JSON: "json"}
_BOTH: Final = (Form.METADATA, Form.JSON)
"""Forms that can hold two certificates."""


class File(msgspec.Struct, frozen=True):
    """A file of a hand-over. There is nothing secret in it."""

    name: str
    """`<target>.<new|old|both>.<first eight digits of the fingerprint>.<suffix>`; of `both`, those of the new one."""
    form: Form
    holds: Held
    """Which certificates are in it."""
    content: str


def files(
    name: str, forms: Sequence[Form], new: Certificate, old: Certificate | None, key_name: str | None
) -> Iterator[File]:
    """Give the files of a target: what to upload, and the old certificate for the way back.

    Args:
        name: The target's name.
        forms: The forms that it wants.
        new: The certificate to be handed over.
        old: What signs until the swap; None if it is unknown, or is the same.
        key_name: Alias for metadata.
    """
    for form in forms:
        yield _file(name, form, "new", [new], key_name)
        if old is not None:
            yield _file(name, form, "old", [old], key_name)
        if old is not None and form in _BOTH:
            yield _file(name, form, "both", [new, old], key_name)


def _file(name: str, form: Form, held: Held, certificates: Sequence[Certificate], key_name: str | None) -> File:
    first = certificates[0]
    match form:
        case Form.PEM:
            content = first.pem
        case Form.BODY | Form.CER:
            content = first.body
        case Form.METADATA:
            content = metadata.write(certificates, key_name=key_name)
        case _:
            content = _signing_certificates(certificates)
    return File(f"{name}.{held}.{brief(first.fingerprint)}.{_SUFFIXES[form]}", form, held, content)


def _signing_certificates(certificates: Sequence[Certificate]) -> str:
    """Write what `/Applications/v1/` and `/IdentityProviders/v1/` of SAP Cloud Identity Services take.

    The default is tried first, so of two it is the old one, which signs until the swap.
    """
    listed = [{"base64Certificate": each.pem, "isDefault": each is certificates[-1]} for each in certificates]
    return json.dumps({"saml2Configuration": {"certificatesForSigning": listed}}, indent=2) + "\n"
