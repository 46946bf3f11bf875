"""SAML 2.0 metadata of a subaccount as identity provider: write it, read it, and what XSUAA keeps of it.

Pure: no network, no clock. Only what may sign counts: certificates of an IDPSSODescriptor, for signing.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from btp_trust.certificate import PLACEHOLDER_SSO_SERVICE, Certificate, CertificateIdentity, parse_identity
from btp_trust.parsing.pem import decode_base64
from btp_trust.saml.xml_moment import parse_xs_datetime


class XmlParser:
    """Collects what it needs of a document: a subclass says what. Names are `<namespace> <local name>`.

    Args:
        text: The document.

    Raises:
        ValueError: It is not well-formed, or has a document type. The message does not repeat the text.
    """

    def __init__(self, text: str) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        try:
            parser.Parse(text, True)  # noqa: FBT003 - expat has no name for it: this is all of the document
        except (expat.ExpatError, UnicodeEncodeError):
            raise ValueError("it cannot be read as XML") from None

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Meet the beginning of an element."""

    def end(self, name: str) -> None:
        """Meet the end of an element."""

    def characters(self, text: str) -> None:
        """Meet some text."""


def _refuse_doctype(*_: object) -> None:
    raise ValueError("it is XML with a document type declaration, which metadata does not need")


_METADATA: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
_SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig#"
_ENTITIES: Final = f"{_METADATA} EntitiesDescriptor"
_PATH: Final = (
    *(f"{_METADATA} {name}" for name in ("EntityDescriptor", "IDPSSODescriptor", "KeyDescriptor")),
    *(f"{_SIGNATURE} {name}" for name in ("KeyInfo", "X509Data", "X509Certificate")),
)
_ELEMENTS_WITH_VALIDITY: Final = (_ENTITIES, *_PATH[:2])
"""What may have a `validUntil` for the identity provider."""


class MetadataLayout(StrEnum):
    """Where metadata has a second certificate: the open-source UAA trusts both in either; of XSUAA nothing is known."""

    KEY_DESCRIPTORS = "key-descriptors"
    """A KeyDescriptor for each."""
    X509_DATA = "x509-data"
    """One KeyDescriptor with an X509Data for each."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What metadata says of an identity provider."""

    entity_id: str
    signers: tuple[CertificateIdentity, ...]
    """Each certificate that it may sign with, in the order of the document, where one may be repeated."""
    layout: MetadataLayout | None = None
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
            return parse_metadata(location)
        except ValueError:
            return None

    @property
    def trusted(self) -> tuple[str, ...]:
        """SHA-256 fingerprints, sorted, of what it may sign with today: nothing while it is inactive."""
        found = self.metadata
        return found.fingerprints if found is not None and self.active else ()


def write_metadata(
    certificates: Sequence[Certificate],
    *,
    entity_id: str | None = None,
    key_name: str | None = None,
    layout: MetadataLayout = MetadataLayout.KEY_DESCRIPTORS,
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
    data = [_X509_DATA_TEMPLATE.format(body=each.body) for each in certificates]
    groups = ["\n".join(data)] if layout is MetadataLayout.X509_DATA else data
    keys = "\n".join(_KEY_DESCRIPTOR_TEMPLATE.format(alias=alias, data=each) for each in groups)
    issuer = quoteattr(entity_id or certificates[0].entity_id)
    return _DOCUMENT_TEMPLATE.format(
        entity_id=issuer, keys=keys, login=PLACEHOLDER_SSO_SERVICE, consumer=_PLACEHOLDER_CONSUMER_SERVICE
    )


def parse_metadata(text: str) -> Metadata:
    """Read metadata of one identity provider, which may stand alone or as the only one in an EntitiesDescriptor.

    Raises:
        ValueError: It is none. The message does not repeat the text.
    """
    found = _find_entity(text)
    if not found.entity_id:
        raise ValueError("it is no SAML metadata of one entity (no EntityDescriptor with an entityID)")
    signers = found.signers
    several = MetadataLayout.KEY_DESCRIPTORS if found.key_descriptor_count > 1 else MetadataLayout.X509_DATA
    return Metadata(found.entity_id, signers, several if len({each.fingerprint for each in signers}) > 1 else None)


def parse_signers(text: str) -> tuple[CertificateIdentity, ...]:
    """Read the certificates that the identity provider of metadata may sign with.

    Its entityID may be missing, as in the example of the Destination service's description. How long the document
    may be believed is a part of each (`validUntil` of the elements around it; SAML 2.0 metadata, 2.3 and 2.4.1).

    Raises:
        ValueError: It is no metadata of one identity provider. The message does not repeat the text.
    """
    return _find_entity(text).signers


@dataclass(slots=True)
class _Entity:
    """One EntityDescriptor."""

    entity_id: str
    is_identity_provider: bool = False
    signing_certificates: list[tuple[str, datetime | None]] = field(default_factory=list)
    """Base64 of each certificate to sign with, and `validUntil`."""
    key_descriptor_count: int = 0

    @property
    def signers(self) -> tuple[CertificateIdentity, ...]:
        """Each certificate to sign with, in the order of the document."""
        try:
            return tuple(_parse_signer(body, until) for body, until in self.signing_certificates)
        except (binascii.Error, ValueError):
            raise ValueError("it has an X509Certificate that is none") from None


def _parse_signer(body: str, until: datetime | None) -> CertificateIdentity:
    found = parse_identity(decode_base64(body))
    return CertificateIdentity(found.fingerprint, found.not_after, until)


def _find_entity(text: str) -> _Entity:
    """Find the one entity; among several the one identity provider, for only it is asked about."""
    entities = _MetadataParser(text).entities
    if not entities:
        raise ValueError("it is no SAML metadata of one entity (no EntityDescriptor with an entityID)")
    providers = [each for each in entities if each.is_identity_provider]
    if len(providers) > 1:
        raise ValueError(
            f"it is SAML metadata of {len(providers)} identity providers, and which one is meant cannot be told; the "
            "EntityDescriptor of that one alone is needed"
        )
    return (providers or entities)[0]


class _MetadataParser(XmlParser):
    """The entities, and the content of each certificate to sign with."""

    def __init__(self, text: str) -> None:
        self.entities: list[_Entity] = []
        self._path: list[str] = []
        self._validity_stack: list[datetime | None] = []
        super().__init__(text)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        is_for_encryption = attributes.get("use", "signing") != "signing"
        if self._path or name != _ENTITIES:  # an EntitiesDescriptor at the root may hold others: its path is nothing
            self._path.append("" if is_for_encryption else name)
        self._validity_stack.append(self._valid_until(name, attributes))
        path = tuple(self._path)
        if path == _PATH[:1]:
            self.entities.append(_Entity(attributes.get("entityID", "")))
        elif path == _PATH[:2]:
            self.entities[-1].is_identity_provider = True
        elif path == _PATH[:3]:
            self.entities[-1].key_descriptor_count += 1
        elif path == _PATH:
            self.entities[-1].signing_certificates.append(("", self._validity_stack[-1]))

    def end(self, _: str) -> None:
        self._validity_stack.pop()
        if self._path:
            self._path.pop()

    def characters(self, text: str) -> None:
        if tuple(self._path) == _PATH:
            body, limit = self.entities[-1].signing_certificates[-1]
            self.entities[-1].signing_certificates[-1] = (body + text, limit)

    def _valid_until(self, name: str, attributes: Mapping[str, str]) -> datetime | None:
        """Return the earliest end of what is said by this element and those around it."""
        around = self._validity_stack[-1] if self._validity_stack else None
        if name not in _ELEMENTS_WITH_VALIDITY or "validUntil" not in attributes:
            return around
        own = parse_xs_datetime(attributes["validUntil"])
        return own if around is None else min(own, around)


_PLACEHOLDER_CONSUMER_SERVICE: Final = PLACEHOLDER_SSO_SERVICE.replace(
    "SingleSignOnService", "AssertionConsumerService"
).replace("/>", ' index="0"/>')
_X509_DATA_TEMPLATE: Final = """\
        <X509Data>
          <X509Certificate>{body}</X509Certificate>
        </X509Data>"""
_KEY_DESCRIPTOR_TEMPLATE: Final = """\
    <md:KeyDescriptor use="signing">
      <KeyInfo>{alias}
{data}
      </KeyInfo>
    </md:KeyDescriptor>"""
_DOCUMENT_TEMPLATE: Final = """\
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
