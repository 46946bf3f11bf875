"""Reading the metadata of an identity provider: its entity ID, its certificates to sign with, where it logs users on.

Nothing is judged here: what a trusting subaccount makes of metadata is in `targets.registration`.
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
    """The XML for one or two certificates, the active one first. No entity ID, no prolog, as in the example."""
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
    return "".join(_descriptor(each) for each in data)


def _descriptor(data: str) -> str:
    return f'\n    <ns3:KeyDescriptor use="signing">\n      <KeyInfo>{data}\n      </KeyInfo>\n    </ns3:KeyDescriptor>'


def _data(pem: str) -> str:
    body = trust_certificate.body(pem)
    return f"\n        <X509Data><X509Certificate>\n{body}\n        </X509Certificate></X509Data>"


_ENTITY = f"{{{METADATA}}}EntityDescriptor"
_ENTITIES = f"{{{METADATA}}}EntitiesDescriptor"
_ROLE = "md:IDPSSODescriptor"


class InvalidMetadata(ValueError):
    """The text is no metadata of an entity; the message says why, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class IdpMetadata:
    """What metadata says of an identity provider.

    `certificates` (PEM) are those to sign with, in the order of the document, each once; `first_certificates` are
    those of them that come first in their `X509Data`. `services` are binding and location of each
    `SingleSignOnService`, None for an attribute that is not there.
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
        return tuple(trust_certificate.fingerprint(each) for each in self.certificates)


def parse_idp_metadata(text: str) -> IdpMetadata:
    """What metadata says, of one entity or of the first in an `EntitiesDescriptor` that is an identity provider.

    Raises:
        NotMetadata: it is no metadata of an entity with an entity ID.
    """
    try:
        root = xml.parse_xml(text.encode())
    except (xml.UnreadableXml, UnicodeEncodeError) as exc:
        raise InvalidMetadata(f"it was not read: {exc}") from exc
    found = list(_entities(root))
    entity = next((each for each in found if each.find(_ROLE, NAMESPACES) is not None), next(iter(found), None))
    entity_id = None if entity is None else entity.get("entityID")
    if entity is None or not entity_id:
        raise InvalidMetadata("it is no EntityDescriptor with an `entityID`")
    read = [[_certificate(each) for each in group] for group in _groups(entity)]
    return IdpMetadata(
        entity_id,
        _unique(each for group in read for each in group),
        _unique(group[0] for group in read if group),
        tuple((each.get("Binding"), each.get("Location")) for each in _services(entity)),
        entity.find(_ROLE, NAMESPACES) is not None,
        any(each is None for group in read for each in group),
    )


def _entities(root: etree._Element) -> Iterator[etree._Element]:
    return root.iter(_ENTITY) if root.tag == _ENTITIES else iter([root] if root.tag == _ENTITY else [])


def _services(entity: etree._Element) -> list[etree._Element]:
    return entity.findall(f"{_ROLE}/md:SingleSignOnService", NAMESPACES)


def _groups(entity: etree._Element) -> list[list[etree._Element]]:
    """The certificates of each `X509Data` to sign with."""
    return [
        data.findall("ds:X509Certificate", NAMESPACES)
        for descriptor in entity.iterfind(f"{_ROLE}/md:KeyDescriptor", NAMESPACES)
        if descriptor.get("use", "signing") == "signing"
        for data in descriptor.iterfind("ds:KeyInfo/ds:X509Data", NAMESPACES)
    ]


def _certificate(element: etree._Element) -> str | None:
    """The PEM; None for what is none, or has no RSA key."""
    try:
        pem = trust_certificate.normalized(f"-----BEGIN CERTIFICATE-----{element.text or ''}-----END CERTIFICATE-----")
        trust_certificate.public_key(pem)
    except Invalid:
        return None
    return pem


def _unique(found: Iterator[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in found if each is not None))
