"""The names of SAML 2.0 and of XML signatures: namespaces and identifiers."""

from __future__ import annotations

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
    """The qualified name of an element of assertions."""
    return f"{{{ASSERTION}}}{tag}"


def ds(tag: str) -> str:
    """The qualified name of an element of signatures."""
    return f"{{{SIGNATURE}}}{tag}"
