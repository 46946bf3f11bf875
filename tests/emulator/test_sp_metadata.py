"""The metadata of a subaccount names the subaccount and its addresses: that for browsers, then that for assertions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from lxml import etree

from btp_trust_emulator import Emulator
from btp_trust_emulator.pki import client_ca, trust_certificate
from btp_trust_emulator.saml import signature, xml
from btp_trust_emulator.saml.xml import NAMESPACES

if TYPE_CHECKING:
    import httpx

    from btp_trust_emulator import Target

ROLE = "md:SPSSODescriptor"


@pytest.fixture
def target(module_emulator: Emulator) -> Target:
    """Provide a subaccount."""
    return module_emulator.target(module_emulator.create_subaccount().guid)


@pytest.fixture
def document(target: Target, http: httpx.Client) -> etree._Element:
    """Provide its metadata."""
    response = http.get(f"{target.url}/saml/metadata")
    assert response.headers["content-type"] == "application/samlmetadata+xml"
    return etree.fromstring(response.content)


def test_token_service_is_second_address(document: etree._Element, target: Target) -> None:
    """The default and first address is for browsers; the token service is the second."""
    consumers = [
        dict(consumer.attrib) for consumer in document.findall(f"{ROLE}/md:AssertionConsumerService", NAMESPACES)
    ]
    browsers = f"{target.url}/saml/SSO/alias/{target.entity_id}"
    assert consumers == [
        {"Binding": xml.POST_BINDING, "Location": browsers, "index": "0", "isDefault": "true"},
        {"Binding": xml.URI_BINDING, "Location": target.token_service_url, "index": "1"},
    ]


def test_audience_is_entity_id(document: etree._Element, target: Target) -> None:
    """The entity ID is the audience of a destination."""
    assert document.get("entityID") == target.entity_id


def test_parts_follow_standard_order(document: etree._Element) -> None:
    """Keys, addresses to log off, formats and consumers stand in the order of the standard."""
    role = document.find(ROLE, NAMESPACES)
    assert role is not None
    kinds = [etree.QName(element).localname for element in role]
    order = ["KeyDescriptor", "SingleLogoutService", "NameIDFormat", "AssertionConsumerService"]
    assert kinds == sorted(kinds, key=order.index)
    assert set(kinds) == set(order)
    formats = [
        str(name_id_format.text).rpartition(":")[2] for name_id_format in role.iterfind("md:NameIDFormat", NAMESPACES)
    ]
    assert formats == ["emailAddress", "X509SubjectName", "unspecified", "persistent", "transient"]


def test_metadata_signs_itself(document: etree._Element, module_emulator: Emulator) -> None:
    """The whole of it is signed with the key that it shows; the certificate stays the same."""
    certificate = trust_certificate.normalized(client_ca.token_server_certificate(module_emulator._landscape.token_key))
    signed = signature.verify_signature(document, trust_certificate.public_key(certificate))
    assert signed.get("entityID") == document.get("entityID")
    certificates = {element.text for element in document.iterfind(f"{ROLE}//ds:X509Certificate", NAMESPACES)}
    assert certificates == {trust_certificate.body(certificate)}


def test_other_methods_are_refused(target: Target, http: httpx.Client) -> None:
    """Other methods than GET are 405."""
    assert http.post(f"{target.url}/saml/metadata").status_code == 405
