"""The metadata of an identity provider is read as far as its signatures are to be trusted, and no further."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from assertions import ISSUER, Signer

from btp_trust_emulator import Invalid, MetadataLayout, certificates, metadata
from btp_trust_emulator.saml import idp_metadata

if TYPE_CHECKING:
    from collections.abc import Callable

PEMS = (Signer().certificate, Signer().certificate)
GENERIC = metadata.document(PEMS, MetadataLayout.SECOND_KEY_DESCRIPTOR)


def named(text: str) -> str:
    """The document with an entity ID."""
    return text.replace("<ns3:EntityDescriptor", f'<ns3:EntityDescriptor entityID="{ISSUER}"', 1)


NAMED = named(GENERIC)


@pytest.mark.parametrize("layout", MetadataLayout)
def test_what_the_emulator_exports_can_be_read_with_an_entity_id_added(layout: MetadataLayout) -> None:
    """Both certificates in their order, each once, wherever the layout puts the second one."""
    parsed = idp_metadata.parse(named(metadata.document((*PEMS, PEMS[0]), layout)))
    assert parsed == idp_metadata.IdpMetadata(ISSUER, PEMS)


def test_a_key_for_encryption_signs_nothing() -> None:
    """Without a `use` it may sign."""
    other = NAMED.replace('use="signing"', 'use="encryption"')
    with pytest.raises(Invalid, match="certificate to sign with"):
        idp_metadata.parse(other)
    assert idp_metadata.parse(NAMED.replace(' use="signing"', "")).certificates == PEMS


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda _: GENERIC, "no EntityDescriptor with an `entityID`", id="no entity ID"),
        pytest.param(lambda text: text.replace("ns3:EntityD", "ns3:EntitiesD"), "no EntityDescriptor", id="many"),
        pytest.param(lambda text: text.replace("IDPSSOD", "AttributeAuthorityD"), "No IDPSSODescriptor", id="no role"),
        pytest.param(lambda text: text[:-3], "no well-formed XML", id="cut short"),
        pytest.param(lambda text: text.replace(certificates.body(PEMS[0]), "!"), "one PEM", id="no certificate"),
        pytest.param(lambda text: text.replace(certificates.body(PEMS[0]), ""), "one PEM", id="an empty certificate"),
    ],
)
def test_what_says_too_little_is_refused(change: Callable[[str], str], why: str) -> None:
    """With the reason."""
    with pytest.raises(Invalid, match=why):
        idp_metadata.parse(change(NAMED))
