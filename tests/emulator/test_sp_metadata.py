"""The metadata of a subaccount says who it is, and where assertions go; browsers come first."""

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
    """Its metadata."""
    response = http.get(f"{target.url}/saml/metadata")
    assert response.headers["content-type"] == "application/samlmetadata+xml"
    return etree.fromstring(response.content)


def test_browsers_are_sent_elsewhere_than_assertions(document: etree._Element, target: Target) -> None:
    """The default, and first, is where browsers log on; the token service is the second."""
    consumers = [dict(each.attrib) for each in document.findall(f"{ROLE}/md:AssertionConsumerService", NAMESPACES)]
    browsers = f"{target.url}/saml/SSO/alias/{target.entity_id}"
    assert consumers == [
        {"Binding": xml.POST_BINDING, "Location": browsers, "index": "0", "isDefault": "true"},
        {"Binding": xml.URI_BINDING, "Location": target.token_service_url, "index": "1"},
    ]


def test_the_audience_is_the_entity_id(document: etree._Element, target: Target) -> None:
    """As a destination has it."""
    assert document.get("entityID") == target.entity_id


def test_the_other_parts_are_there_in_the_order_of_the_standard(document: etree._Element) -> None:
    """Keys, where to log off, formats, and at the end where assertions go."""
    role = document.find(ROLE, NAMESPACES)
    assert role is not None
    kinds = [etree.QName(each).localname for each in role]
    order = ["KeyDescriptor", "SingleLogoutService", "NameIDFormat", "AssertionConsumerService"]
    assert kinds == sorted(kinds, key=order.index)
    assert set(kinds) == set(order)
    formats = [str(each.text).rpartition(":")[2] for each in role.iterfind("md:NameIDFormat", NAMESPACES)]
    assert formats == ["emailAddress", "X509SubjectName", "unspecified", "persistent", "transient"]


def test_it_is_signed_with_the_key_that_it_shows(document: etree._Element, module_emulator: Emulator) -> None:
    """The whole of it; the certificate is always the same."""
    certificate = trust_certificate.normalized(client_ca.token_server_certificate(module_emulator._landscape.token_key))
    signed = signature.verify_signature(document, trust_certificate.public_key(certificate))
    assert signed.get("entityID") == document.get("entityID")
    shown = {each.text for each in document.iterfind(f"{ROLE}//ds:X509Certificate", NAMESPACES)}
    assert shown == {trust_certificate.body(certificate)}


def test_no_other_method_gets_it(target: Target, http: httpx.Client) -> None:
    """405."""
    assert http.post(f"{target.url}/saml/metadata").status_code == 405
