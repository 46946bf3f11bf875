"""Reading untrusted XML: document types, entities, network access and unusually large documents are refused."""

from __future__ import annotations

from typing import Any

from lxml import etree

ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
SIGNATURE_11 = "http://www.w3.org/2009/xmldsig11#"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
EMAIL_ADDRESS = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
NAME_ID_FORMATS = (
    EMAIL_ADDRESS,
    "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName",
    UNSPECIFIED,
    "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
)
UNSPECIFIED_CONTEXT = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
BASIC = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
URI_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:URI"
POST_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
REDIRECT_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
NAMESPACES = {"saml": ASSERTION, "md": METADATA, "ds": SIGNATURE}


def saml(tag: str) -> str:
    """Return the qualified name of an element of assertions."""
    return f"{{{ASSERTION}}}{tag}"


def ds(tag: str) -> str:
    """Return the qualified name of an element of signatures."""
    return f"{{{SIGNATURE}}}{tag}"


_MAX_DOCUMENT_BYTES = 512 * 1024


class UnreadableXml(ValueError):
    """The octets are not XML that is read here; the text says why."""


def parse_xml(octets: bytes) -> etree._Element:
    """Return the root of a document.

    Raises:
        UnreadableXml: `octets` is malformed, larger than half a megabyte, or has a document type.
    """
    if len(octets) > _MAX_DOCUMENT_BYTES:
        raise UnreadableXml("it is larger than half a megabyte")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        raise UnreadableXml("it is not well-formed XML") from exc
    tree: Any = root.getroottree()
    if tree.docinfo.doctype:
        raise UnreadableXml("it has a document type")
    return root
