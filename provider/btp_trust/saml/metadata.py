"""SAML 2.0 metadata of a subaccount as identity provider: write it, read it, and read what XSUAA keeps of it.

Pure. Only signing certificates of an IDPSSODescriptor count.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from msgspec import Struct, field

from btp_trust.certificate import PLACEHOLDER_SSO_SERVICE, Certificate, CertificateIdentity, parse_identity
from btp_trust.parsing.pem import decode_base64
from btp_trust.saml.xml_moment import parse_xs_datetime
from btp_trust.saml.xml_parser import XmlParser

_METADATA: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
_SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig#"
_ENTITIES: Final = f"{_METADATA} EntitiesDescriptor"
_PATH: Final = (
    *(f"{_METADATA} {name}" for name in ("EntityDescriptor", "IDPSSODescriptor", "KeyDescriptor")),
    *(f"{_SIGNATURE} {name}" for name in ("KeyInfo", "X509Data", "X509Certificate")),
)
_ELEMENTS_WITH_VALIDITY: Final = (_ENTITIES, *_PATH[:2])
"""Elements whose `validUntil` limits the identity provider."""


class MetadataLayout(StrEnum):
    """Where metadata has a second certificate: the open-source UAA trusts both in either; XSUAA is undocumented."""

    KEY_DESCRIPTORS = "key-descriptors"
    """A KeyDescriptor for each."""
    X509_DATA = "x509-data"
    """One KeyDescriptor with an X509Data for each."""


class Metadata(Struct, frozen=True):
    """An identity provider as its metadata describes it."""

    entity_id: str
    signers: tuple[CertificateIdentity, ...]
    """Each signing certificate in the order of the document, repetitions included."""
    layout: MetadataLayout | None = None
    """None for metadata with at most one certificate."""

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """SHA-256 of each signing certificate, once, sorted."""
        return tuple(sorted({signer.fingerprint for signer in self.signers}))


class IdentityProvider(Struct, frozen=True):
    """An identity provider in the trust configuration of a subaccount, as XSUAA shows it."""

    id: str
    origin_key: str
    type: str
    name: str
    active: bool
    config: Mapping[str, Any] | None
    """Its settings; None if they are unreadable."""

    @property
    def metadata(self) -> Metadata | None:
        """Its metadata; None for another protocol than SAML, or if the metadata is missing or unreadable."""
        location = (self.config or {}).get("metaDataLocation")
        if self.type != "saml" or not isinstance(location, str):
            return None
        try:
            return parse_metadata(location)
        except ValueError:
            return None

    @property
    def trusted(self) -> tuple[str, ...]:
        """SHA-256 fingerprints, sorted, of the signing certificates that are trusted today; empty while inactive."""
        # `validUntil` is ignored here: the UAA trusts metadata beyond it.
        metadata = self.metadata
        return metadata.fingerprints if metadata is not None and self.active else ()


def write_metadata(
    certificates: Sequence[Certificate],
    *,
    entity_id: str | None = None,
    key_name: str | None = None,
    layout: MetadataLayout = MetadataLayout.KEY_DESCRIPTORS,
) -> str:
    """Write metadata with the parts of SAP's template (page "User Propagation between Cloud Foundry Applications").

    Args:
        certificates: At least one; they keep their order.
        entity_id: The issuer of assertions; the default is the issuer name of the first certificate.
        key_name: Alias of the keys; optional for targets.
        layout: Where a second certificate is.
    """
    # The template's `ID` is left out: it holds a slash, which XML identifiers must not, and only signed documents
    # need one. Each role has the endpoint that OASIS' schema requires: the UAA refuses an identity provider that lacks
    # it. Each X509Data has one certificate: an older UAA reads the first of several only.
    alias = "" if key_name is None else f"\n        <KeyName>{escape(key_name)}</KeyName>"
    data = [_X509_DATA_TEMPLATE.format(body=certificate.body) for certificate in certificates]
    groups = ["\n".join(data)] if layout is MetadataLayout.X509_DATA else data
    keys = "\n".join(_KEY_DESCRIPTOR_TEMPLATE.format(alias=alias, data=group) for group in groups)
    issuer = quoteattr(entity_id or certificates[0].entity_id)
    return _DOCUMENT_TEMPLATE.format(
        entity_id=issuer, keys=keys, login=PLACEHOLDER_SSO_SERVICE, consumer=_PLACEHOLDER_CONSUMER_SERVICE
    )


def parse_metadata(text: str) -> Metadata:
    """Read metadata of one identity provider, which may stand alone or as the only one in an EntitiesDescriptor.

    Raises:
        ValueError: `text` is not such metadata. The message does not repeat it.
    """
    entity = _find_entity(text)
    if not entity.entity_id:
        raise ValueError(_NO_ENTITY)
    signers = entity.signers
    layout = MetadataLayout.KEY_DESCRIPTORS if entity.key_descriptor_count > 1 else MetadataLayout.X509_DATA
    has_several = len({signer.fingerprint for signer in signers}) > 1
    return Metadata(entity.entity_id, signers, layout if has_several else None)


def parse_signers(text: str) -> tuple[CertificateIdentity, ...]:
    """Read the signing certificates of the identity provider in metadata.

    The entityID is optional: the example in the Destination service's API description lacks it. Each certificate has
    the earliest `validUntil` of the elements around it (SAML 2.0 metadata, 2.3 and 2.4.1).

    Raises:
        ValueError: `text` is not metadata of one identity provider. The message does not repeat it.
    """
    return _find_entity(text).signers


class _Entity(Struct):
    """One EntityDescriptor."""

    entity_id: str
    is_identity_provider: bool = False
    signing_certificates: list[tuple[str, datetime | None]] = field(default_factory=list)
    """Base64 of each signing certificate, and its `validUntil`."""
    key_descriptor_count: int = 0

    @property
    def signers(self) -> tuple[CertificateIdentity, ...]:
        """Each signing certificate, in the order of the document."""
        try:
            return tuple(_parse_signer(body, until) for body, until in self.signing_certificates)
        except (binascii.Error, ValueError):
            raise ValueError("it has an X509Certificate that is unreadable") from None


def _parse_signer(body: str, until: datetime | None) -> CertificateIdentity:
    identity = parse_identity(decode_base64(body))
    return CertificateIdentity(identity.fingerprint, identity.not_after, until)


def _find_entity(text: str) -> _Entity:
    """Return the only entity, or the only identity provider among several entities."""
    entities = _MetadataParser(text).entities
    if not entities:
        raise ValueError(_NO_ENTITY)
    providers = [entity for entity in entities if entity.is_identity_provider]
    if len(providers) > 1:
        raise ValueError(
            f"it is SAML metadata of {len(providers)} identity providers, and the one that is meant is unknown; the "
            "EntityDescriptor of that one alone is needed"
        )
    return (providers or entities)[0]


class _MetadataParser(XmlParser):
    """Collects the entities, and the content of each signing certificate."""

    def __init__(self, text: str) -> None:
        self.entities: list[_Entity] = []
        self._path: list[str] = []
        self._validity_stack: list[datetime | None] = []
        super().__init__(text)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        # A KeyDescriptor that lacks `use` serves both purposes (SAML 2.0 metadata, 2.4.1.1).
        is_for_encryption = attributes.get("use", "signing") != "signing"
        if self._path or name != _ENTITIES:  # EntitiesDescriptors may be nested: an entity's path begins below them
            # An empty name keeps the descriptor, and all below it, out of the exact paths.
            self._path.append("" if is_for_encryption else name)
        self._validity_stack.append(self._valid_until(name, attributes))
        # Only the exact path counts: an Extensions element may hold anything, other entities included.
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
        # An EntitiesDescriptor around the entity is in the validity stack alone.
        if self._path:
            self._path.pop()

    def characters(self, text: str) -> None:
        if tuple(self._path) == _PATH:  # expat may split the text of one element into several calls
            body, limit = self.entities[-1].signing_certificates[-1]
            self.entities[-1].signing_certificates[-1] = (body + text, limit)

    def _valid_until(self, name: str, attributes: Mapping[str, str]) -> datetime | None:
        """Return the earliest `validUntil` of this element and those around it."""
        around = self._validity_stack[-1] if self._validity_stack else None
        if name not in _ELEMENTS_WITH_VALIDITY or "validUntil" not in attributes:
            return around
        own = parse_xs_datetime(attributes["validUntil"])
        return own if around is None else min(own, around)


_NO_ENTITY: Final = "it is not SAML metadata of one entity: an EntityDescriptor with an entityID is missing"
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
