"""SAML 2.0 metadata of a subaccount as identity provider: write it, read it, and what XSUAA keeps of it.

Pure: no network, no clock. Only what may sign counts: certificates of an IDPSSODescriptor, for signing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from btp_trust.certificate import NO_LOGIN, Certificate, Identity, identify
from btp_trust.xml_reader import XmlReader

_METADATA: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
_SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig#"
_PATH: Final = (
    *(f"{_METADATA} {name}" for name in ("EntityDescriptor", "IDPSSODescriptor", "KeyDescriptor")),
    *(f"{_SIGNATURE} {name}" for name in ("KeyInfo", "X509Data", "X509Certificate")),
)


class Layout(StrEnum):
    """Where metadata has a second certificate: the open-source UAA trusts both in either; of XSUAA nothing is known."""

    KEY_DESCRIPTORS = "key-descriptors"
    """A KeyDescriptor for each."""
    X509_DATA = "x509-data"
    """One KeyDescriptor with an X509Data for each."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What metadata says of an identity provider."""

    entity_id: str
    signers: tuple[Identity, ...]
    """Each certificate that it may sign with, in the order of the document, where one may be repeated."""
    layout: Layout | None = None
    """None with fewer than two certificates."""

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """SHA-256 of each certificate that it may sign with, once, sorted."""
        return tuple(sorted({each.fingerprint for each in self.signers}))


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """A trust of a subaccount, as XSUAA shows it."""

    id: str
    origin_key: str
    type: str
    name: str
    active: bool
    config: Mapping[str, Any] | None
    """Its settings; None if they cannot be read."""

    @property
    def metadata(self) -> Metadata | None:
        """What its metadata says; None if it is not SAML, has none in it, or cannot be read."""
        location = (self.config or {}).get("metaDataLocation")
        if self.type != "saml" or not isinstance(location, str):
            return None
        try:
            return read(location)
        except ValueError:
            return None

    @property
    def trusted(self) -> tuple[str, ...]:
        """SHA-256 fingerprints, sorted, of what it may sign with today: nothing while it is inactive."""
        found = self.metadata
        return found.fingerprints if found is not None and self.active else ()


def write(
    certificates: Sequence[Certificate],
    *,
    entity_id: str | None = None,
    key_name: str | None = None,
    layout: Layout = Layout.KEY_DESCRIPTORS,
) -> str:
    """Write metadata with the parts of SAP's template (page "User Propagation between Cloud Foundry Applications").

    Not its `ID`, which holds a slash as no XML identifier may, and is of use for signed documents only. In each role
    the endpoint that OASIS' schema asks for: the UAA refuses an identity provider without. Never two certificates in
    one X509Data: an older UAA takes the first of them only.

    Args:
        certificates: At least one; the first comes first.
        entity_id: The issuer of assertions; without it, the issuer name of the first certificate.
        key_name: Alias of the keys; targets do without.
        layout: Where a second certificate is.
    """
    alias = "" if key_name is None else f"\n        <KeyName>{escape(key_name)}</KeyName>"
    data = [_DATA.format(body=each.body) for each in certificates]
    groups = ["\n".join(data)] if layout is Layout.X509_DATA else data
    keys = "\n".join(_KEY.format(alias=alias, data=each) for each in groups)
    issuer = quoteattr(entity_id or certificates[0].entity_id)
    return _DOCUMENT.format(entity_id=issuer, keys=keys, login=NO_LOGIN, consumer=_NO_CONSUMER)


def read(text: str) -> Metadata:
    """Read metadata of one identity provider.

    Raises:
        ValueError: It is none. The message does not repeat the text.
    """
    found = _Reader(text)
    if not found.entity_id:
        raise ValueError("it is no SAML metadata of one entity (no EntityDescriptor with an entityID)")
    try:
        signers = tuple(identify(base64.b64decode("".join(each.split()), validate=True)) for each in found.bodies)
    except (binascii.Error, ValueError):
        raise ValueError("it has an X509Certificate that is none") from None
    several = Layout.KEY_DESCRIPTORS if found.descriptors > 1 else Layout.X509_DATA
    return Metadata(found.entity_id, signers, several if len(set(signers)) > 1 else None)


class _Reader(XmlReader):
    """The entity ID, and the content of each certificate to sign with."""

    def __init__(self, text: str) -> None:
        self.entity_id = ""
        self.bodies: list[str] = []
        self.descriptors = 0
        self._path: list[str] = []
        super().__init__(text)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        is_for_something_else = attributes.get("use", "signing") != "signing"
        self._path.append("" if is_for_something_else else name)
        if tuple(self._path) == _PATH[:1]:
            self.entity_id = attributes.get("entityID", "")
        self.descriptors += tuple(self._path) == _PATH[:3]
        if tuple(self._path) == _PATH:
            self.bodies.append("")

    def end(self, _: str) -> None:
        self._path.pop()

    def characters(self, text: str) -> None:
        if tuple(self._path) == _PATH:
            self.bodies[-1] += text


_NO_CONSUMER: Final = NO_LOGIN.replace("SingleSignOnService", "AssertionConsumerService").replace("/>", ' index="0"/>')
_DATA: Final = """\
        <X509Data>
          <X509Certificate>{body}</X509Certificate>
        </X509Data>"""
_KEY: Final = """\
    <md:KeyDescriptor use="signing">
      <KeyInfo>{alias}
{data}
      </KeyInfo>
    </md:KeyDescriptor>"""
_DOCUMENT: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns="http://www.w3.org/2000/09/xmldsig#" \
entityID={entity_id}>
  <md:SPSSODescriptor AuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
{keys}
    {consumer}
  </md:SPSSODescriptor>
  <md:IDPSSODescriptor WantAuthnRequestsSigned="true" \
protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
{keys}
    {login}
  </md:IDPSSODescriptor>
</md:EntityDescriptor>
"""
