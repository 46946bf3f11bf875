"""SAML metadata: writing that of a subaccount, and reading that of an identity provider.

Reading only parses: `services.xsuaa.registration` decides what a trusting subaccount accepts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btp_trust_emulator.errors import Invalid
from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.saml import xml
from btp_trust_emulator.saml.xml import METADATA, NAMESPACES
from btp_trust_emulator.switches import MetadataLayout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lxml import etree


_ROLES = (
    ("SPSSODescriptor", "AuthnRequestsSigned"),
    ("IDPSSODescriptor", "WantAuthnRequestsSigned"),
)


def metadata_document(pems: Sequence[str], layout: MetadataLayout) -> str:
    """Return the XML for one or two certificates, the active one first.

    Entity ID and prolog are left out, as in SAP's example.
    """
    keys = _keys(pems, layout)
    roles = "".join(_role(element, signed, keys) for element, signed in _ROLES)
    return (
        '<ns3:EntityDescriptor xmlns="http://www.w3.org/2000/09/xmldsig#"'
        ' xmlns:ns2="http://www.w3.org/2001/04/xmlenc#"'
        ' xmlns:ns3="urn:oasis:names:tc:SAML:2.0:metadata"'
        f' xmlns:ns4="urn:oasis:names:tc:SAML:2.0:assertion">{roles}\n</ns3:EntityDescriptor>'
    )


def _role(element: str, signed: str, keys: str) -> str:
    protocol = "urn:oasis:names:tc:SAML:2.0:protocol"
    start = f'\n  <ns3:{element} {signed}="true" protocolSupportEnumeration="{protocol}">'
    return f"{start}{keys}\n  </ns3:{element}>"


def _keys(pems: Sequence[str], layout: MetadataLayout) -> str:
    data = [_data(pem) for pem in pems]
    if layout is MetadataLayout.SECOND_X509_DATA:
        data = ["".join(data)]
    return "".join(_descriptor(part) for part in data)


def _descriptor(data: str) -> str:
    return f'\n    <ns3:KeyDescriptor use="signing">\n      <KeyInfo>{data}\n      </KeyInfo>\n    </ns3:KeyDescriptor>'


def _data(pem: str) -> str:
    body = trust_certificate.body(pem)
    return f"\n        <X509Data><X509Certificate>\n{body}\n        </X509Certificate></X509Data>"


_ENTITY = f"{{{METADATA}}}EntityDescriptor"
_ENTITIES = f"{{{METADATA}}}EntitiesDescriptor"
_ROLE = "md:IDPSSODescriptor"


class InvalidMetadata(ValueError):
    """The text has no entity with an entity ID; the message says why, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class IdpMetadata:
    """What metadata says of an identity provider.

    `certificates` (PEM) are those to sign with, in the order of the document, each once; `first_certificates` are those
    that come first in their `X509Data`. `services` are binding and location of each `SingleSignOnService`; missing
    attributes are None.
    """

    entity_id: str
    certificates: tuple[str, ...]
    first_certificates: tuple[str, ...]
    services: tuple[tuple[str | None, str | None], ...] = ()
    has_role: bool = True
    has_broken_certificate: bool = False

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The SHA-256 of each certificate."""
        return tuple(trust_certificate.fingerprint(certificate) for certificate in self.certificates)


def parse_idp_metadata(text: str) -> IdpMetadata:
    """Parse the metadata of one entity, or of the first in an `EntitiesDescriptor` that is an identity provider.

    Raises:
        InvalidMetadata: `text` has no entity with an entity ID.
    """
    try:
        root = xml.parse_xml(text.encode())
    except (xml.UnreadableXml, UnicodeEncodeError) as exc:
        raise InvalidMetadata(f"it is unreadable: {exc}") from exc
    entities = list(_entities(root))
    with_role = (entity for entity in entities if entity.find(_ROLE, NAMESPACES) is not None)
    entity = next(with_role, next(iter(entities), None))
    entity_id = None if entity is None else entity.get("entityID")
    if entity is None or not entity_id:
        raise InvalidMetadata("it is not an EntityDescriptor with an `entityID`")
    groups = [[_certificate(element) for element in group] for group in _groups(entity)]
    return IdpMetadata(
        entity_id,
        _unique(certificate for group in groups for certificate in group),
        _unique(group[0] for group in groups if group),
        tuple((service.get("Binding"), service.get("Location")) for service in _services(entity)),
        entity.find(_ROLE, NAMESPACES) is not None,
        any(certificate is None for group in groups for certificate in group),
    )


def _entities(root: etree._Element) -> Iterator[etree._Element]:
    return root.iter(_ENTITY) if root.tag == _ENTITIES else iter([root] if root.tag == _ENTITY else [])


def _services(entity: etree._Element) -> list[etree._Element]:
    return entity.findall(f"{_ROLE}/md:SingleSignOnService", NAMESPACES)


def _groups(entity: etree._Element) -> list[list[etree._Element]]:
    """Return the certificates of each `X509Data` to sign with."""
    return [
        data.findall("ds:X509Certificate", NAMESPACES)
        for descriptor in entity.iterfind(f"{_ROLE}/md:KeyDescriptor", NAMESPACES)
        if descriptor.get("use", "signing") == "signing"
        for data in descriptor.iterfind("ds:KeyInfo/ds:X509Data", NAMESPACES)
    ]


def _certificate(element: etree._Element) -> str | None:
    """Return the PEM if the text is a certificate with an RSA key, or else None."""
    try:
        pem = trust_certificate.normalized(f"-----BEGIN CERTIFICATE-----{element.text or ''}-----END CERTIFICATE-----")
        trust_certificate.public_key(pem)
    except Invalid:
        return None
    return pem


def _unique(certificates: Iterator[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(certificate for certificate in certificates if certificate is not None))
