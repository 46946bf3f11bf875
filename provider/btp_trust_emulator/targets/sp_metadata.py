"""The SAML metadata of a subaccount as a service provider: what a destination to it needs (SAP's documentation).

Nothing but the entity ID, which is the audience, and the address of the token service for assertions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from btp_trust_emulator.exchange import Answer, not_allowed
from btp_trust_emulator.grants import entity_id
from btp_trust_emulator.saml.names import METADATA, PROTOCOL, URI_BINDING

if TYPE_CHECKING:
    from btp_trust_emulator.exchange import Call
    from btp_trust_emulator.state import Account


def answer(call: Call, account: Account, url: str) -> Answer:
    """The metadata of the subaccount whose token server is at `url`."""
    if call.method != "GET":
        return not_allowed("GET")
    root = etree.Element(f"{{{METADATA}}}EntityDescriptor", {"entityID": entity_id(account)}, {"md": METADATA})
    role = etree.SubElement(root, f"{{{METADATA}}}SPSSODescriptor", {"protocolSupportEnumeration": PROTOCOL})
    location = token_service_url(account, url)
    consumer = {"Location": location, "Binding": URI_BINDING, "index": "1"}
    etree.SubElement(role, f"{{{METADATA}}}AssertionConsumerService", consumer)
    return Answer(200, etree.tostring(root, xml_declaration=True, encoding="UTF-8"), "application/samlmetadata+xml")


def token_service_url(account: Account, url: str) -> str:
    """Where the subaccount takes assertions."""
    return f"{url}/oauth/token/alias/{entity_id(account)}"
