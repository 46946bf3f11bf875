"""The certificates in the form that a target wants: each file says which of them it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final, Literal
from xml.sax.saxutils import escape, quoteattr

import msgspec

from btp_trust.certificate import Certificate
from btp_trust.handover.kinds import Form
from btp_trust.model import brief

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
            content = _metadata(certificates, key_name)
        case _:
            content = _signing_certificates(certificates)
    return File(f"{name}.{held}.{brief(first.fingerprint)}.{_SUFFIXES[form]}", form, held, content)


def _signing_certificates(certificates: Sequence[Certificate]) -> str:
    """Write what `/Applications/v1/` and `/IdentityProviders/v1/` of SAP Cloud Identity Services take.

    The default is tried first, so of two it is the old one, which signs until the swap.
    """
    listed = [{"base64Certificate": each.pem, "isDefault": each is certificates[-1]} for each in certificates]
    return json.dumps({"saml2Configuration": {"certificatesForSigning": listed}}, indent=2) + "\n"


def _metadata(certificates: Sequence[Certificate], key_name: str | None) -> str:
    """Write metadata with the parts of SAP's template (page "User Propagation between Cloud Foundry Applications").

    Not its `ID`, which holds a slash as no XML identifier may, and is of use for signed documents only.
    """
    alias = "" if key_name is None else f"\n        <KeyName>{escape(key_name)}</KeyName>"
    keys = "\n".join(_KEY.format(alias=alias, body=each.body) for each in certificates)
    return _METADATA.format(entity_id=quoteattr(certificates[0].issuer_name), keys=keys)


_KEY: Final = """\
    <md:KeyDescriptor use="signing">
      <KeyInfo>{alias}
        <X509Data>
          <X509Certificate>{body}</X509Certificate>
        </X509Data>
      </KeyInfo>
    </md:KeyDescriptor>"""
_METADATA: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns="http://www.w3.org/2000/09/xmldsig#" \
entityID={entity_id}>
  <md:SPSSODescriptor AuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
{keys}
  </md:SPSSODescriptor>
  <md:IDPSSODescriptor WantAuthnRequestsSigned="true" \
protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
{keys}
  </md:IDPSSODescriptor>
</md:EntityDescriptor>
"""
