"""The SAML metadata of a subaccount as a service provider: what a destination to it needs (SAP's documentation).

That is the entity ID, which is the audience, and the address of the token service for assertions. The first address in
the metadata is for browsers that log on; the second one is the token service. The parts and their order are as in the
open-source UAA, and the NameID formats are those that it accepts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from btp_trust_emulator.backend.account import entity_id
from btp_trust_emulator.backend.service_keys import token_service_url
from btp_trust_emulator.messages import Response
from btp_trust_emulator.pki import client_ca, keys, trust_certificate
from btp_trust_emulator.saml import signature, xml
from btp_trust_emulator.saml.xml import METADATA, PROTOCOL, ds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.landscape import Landscape

_MEDIA_TYPE = "application/samlmetadata+xml"


def metadata_response(account: Account, landscape: Landscape) -> Response:
    """Return the metadata of a subaccount, signed with the key of its token server."""
    certificate = client_ca.token_server_certificate(landscape.token_key)
    root = sp_metadata_element(account, landscape.addresses.url(account), certificate)
    signed = signature.sign(root, keys.from_pem(landscape.token_key), certificate)
    return Response(200, etree.tostring(signed, xml_declaration=True, encoding="UTF-8"), _MEDIA_TYPE)


def sp_metadata_element(account: Account, url: str, certificate: str) -> etree._Element:
    """Return the metadata of the subaccount whose token server, with this certificate (PEM), is at `url`."""
    name = entity_id(account)
    root = etree.Element(f"{{{METADATA}}}EntityDescriptor", {"entityID": name, "ID": f"_{name}"}, {"md": METADATA})
    root.append(signature.placeholder())
    wants = {"AuthnRequestsSigned": "true", "WantAssertionsSigned": "true", "protocolSupportEnumeration": PROTOCOL}
    role = _add(root, "SPSSODescriptor", wants)
    for use in ("signing", "encryption"):
        _add_key(role, use, certificate)
    for binding in (xml.POST_BINDING, xml.REDIRECT_BINDING):
        _add(role, "SingleLogoutService", {"Binding": binding, "Location": f"{url}/saml/SingleLogout/alias/{name}"})
    for name_id_format in xml.NAME_ID_FORMATS:
        _add(role, "NameIDFormat").text = name_id_format
    consumers = (
        (f"{url}/saml/SSO/alias/{name}", xml.POST_BINDING),
        (token_service_url(account, url), xml.URI_BINDING),
    )
    for index, (location, binding) in enumerate(consumers):
        default = {} if index else {"isDefault": "true"}
        place = {"Binding": binding, "Location": location, "index": str(index), **default}
        _add(role, "AssertionConsumerService", place)
    return root


def _add_key(role: etree._Element, use: str, certificate: str) -> None:
    info = etree.SubElement(_add(role, "KeyDescriptor", {"use": use}), ds("KeyInfo"), nsmap={"ds": xml.SIGNATURE})
    data = etree.SubElement(info, ds("X509Data"))
    etree.SubElement(data, ds("X509Certificate")).text = trust_certificate.body(certificate)


def _add(parent: etree._Element, tag: str, attributes: Mapping[str, str] | None = None) -> etree._Element:
    return etree.SubElement(parent, f"{{{METADATA}}}{tag}", dict(attributes or {}))
