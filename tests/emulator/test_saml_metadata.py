"""The metadata of an identity provider is read as far as its signatures are to be trusted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from btp_trust_emulator import MetadataLayout
from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.saml import metadata
from btp_trust_emulator.saml import metadata as idp_metadata
from support.saml import ISSUER, Signer

if TYPE_CHECKING:
    from collections.abc import Callable

PEMS = (Signer().certificate, Signer().certificate)
GENERIC = metadata.metadata_document(PEMS, MetadataLayout.SECOND_KEY_DESCRIPTOR)
IN_ONE_KEY = metadata.metadata_document(PEMS, MetadataLayout.SECOND_X509_DATA)


def named(text: str) -> str:
    """Return the document with an entity ID."""
    return text.replace("<ns3:EntityDescriptor", f'<ns3:EntityDescriptor entityID="{ISSUER}"', 1)


NAMED = named(GENERIC)


@pytest.mark.parametrize("layout", MetadataLayout)
def test_exported_metadata_is_readable(layout: MetadataLayout) -> None:
    """Both certificates are read in their order, each once, from either layout."""
    parsed = idp_metadata.parse_idp_metadata(named(metadata.metadata_document((*PEMS, PEMS[0]), layout)))
    assert parsed == idp_metadata.IdpMetadata(ISSUER, PEMS, PEMS)


def test_first_certificates_are_distinguished() -> None:
    """Two certificates in one `X509Data` are both read, and one of them is the first."""
    joined = re.sub(r"</X509Data>\s*<X509Data>", "", IN_ONE_KEY)
    parsed = idp_metadata.parse_idp_metadata(named(joined))
    assert (parsed.certificates, parsed.first_certificates) == (PEMS, PEMS[:1])


def test_encryption_key_is_ignored() -> None:
    """A key for encryption is left out; one that lacks `use` may sign."""
    assert idp_metadata.parse_idp_metadata(NAMED.replace('use="signing"', 'use="encryption"')).certificates == ()
    assert idp_metadata.parse_idp_metadata(NAMED.replace(' use="signing"', "")).certificates == PEMS


@pytest.mark.parametrize("body", ["!", ""])
def test_broken_certificate_is_reported(body: str) -> None:
    """A malformed certificate is reported, and the others are read."""
    parsed = idp_metadata.parse_idp_metadata(NAMED.replace(trust_certificate.body(PEMS[0]), body))
    assert (parsed.certificates, parsed.has_broken_certificate) == (PEMS[1:], True)


def test_first_identity_provider_is_read() -> None:
    """Of several entities, the first identity provider is read, at any depth."""
    other = NAMED.replace(ISSUER, "a service").replace("IDPSSOD", "AttributeAuthorityD")
    md = 'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
    group = "<md:EntitiesDescriptor {0}>{1}<md:EntitiesDescriptor>{2}</md:EntitiesDescriptor></md:EntitiesDescriptor>"
    assert idp_metadata.parse_idp_metadata(group.format(md, other, NAMED)) == idp_metadata.parse_idp_metadata(NAMED)
    assert idp_metadata.parse_idp_metadata(group.format(md, other, "")).has_role is False


def test_logon_services_are_read() -> None:
    """Binding and location of each service are read as they are."""
    service = '<ns3:SingleSignOnService Binding="a binding"/></ns3:IDPSSODescriptor>'
    assert idp_metadata.parse_idp_metadata(NAMED.replace("</ns3:IDPSSODescriptor>", service)).services == (
        ("a binding", None),
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda _: GENERIC, "an EntityDescriptor with an `entityID`", id="entity ID missing"),
        pytest.param(lambda text: text.replace("ns3:EntityD", "ns3:EntitiesD"), "an EntityDescriptor", id="empty"),
        pytest.param(lambda text: text.replace("ns3:EntityD", "ns3:Affiliation"), "an EntityDescriptor", id="other"),
        pytest.param(lambda text: text[:-3], "well-formed XML", id="cut short"),
        pytest.param(lambda text: text + chr(0xD800), "it is unreadable", id="an unencodable text"),
    ],
)
def test_malformed_metadata_is_refused(change: Callable[[str], str], why: str) -> None:
    """Other text than metadata is refused with the reason."""
    with pytest.raises(idp_metadata.InvalidMetadata, match=why):
        idp_metadata.parse_idp_metadata(change(NAMED))
