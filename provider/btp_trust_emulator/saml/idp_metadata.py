"""Reading the metadata of an identity provider: its entity ID, and the certificates that it may sign with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btp_trust_emulator import certificates
from btp_trust_emulator.errors import Invalid
from btp_trust_emulator.saml import xml
from btp_trust_emulator.saml.names import METADATA, NAMESPACES

if TYPE_CHECKING:
    from lxml import etree

_CERTIFICATES = "ds:KeyInfo/ds:X509Data/ds:X509Certificate"


@dataclass(frozen=True, slots=True)
class IdpMetadata:
    """What is relied on: the entity ID, and the certificates (PEM) in the order of the document."""

    entity_id: str
    certificates: tuple[str, ...]

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The SHA-256 of each certificate."""
        return tuple(certificates.fingerprint(each) for each in self.certificates)


def parse(text: str) -> IdpMetadata:
    """What the metadata of one identity provider says; certificates that are there twice are taken once.

    Raises:
        Invalid: it is no metadata with an entity ID and a role of an identity provider that has a certificate.
    """
    try:
        root = xml.read(text.encode())
    except xml.NotReadable as exc:
        raise _refusal(f"It was not read: {exc}.") from exc
    entity_id = root.get("entityID")
    if root.tag != f"{{{METADATA}}}EntityDescriptor" or not entity_id:
        raise _refusal("It is no EntityDescriptor with an `entityID`.")
    found = tuple(dict.fromkeys(_certificate(each) for each in _elements(root)))
    if not found:
        raise _refusal("No IDPSSODescriptor in it has a certificate to sign with.")
    return IdpMetadata(entity_id, found)


def _elements(root: etree._Element) -> list[etree._Element]:
    descriptors = root.findall("md:IDPSSODescriptor/md:KeyDescriptor", NAMESPACES)
    return [
        certificate
        for descriptor in descriptors
        if descriptor.get("use", "signing") == "signing"
        for certificate in descriptor.iterfind(_CERTIFICATES, NAMESPACES)
    ]


def _certificate(element: etree._Element) -> str:
    pem = certificates.normalized(f"-----BEGIN CERTIFICATE-----{element.text or ''}-----END CERTIFICATE-----")
    certificates.public_key(pem)
    return pem


def _refusal(why: str) -> Invalid:
    return Invalid("The metadata was not taken.", why, "Give the SAML metadata of one identity provider.")
