"""The SAML metadata of a subaccount: its certificates and little else (structure: the example in SAP's description)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btp_trust_emulator import certificates
from btp_trust_emulator.switches import MetadataLayout

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROLES = (
    ("SPSSODescriptor", "AuthnRequestsSigned"),
    ("IDPSSODescriptor", "WantAuthnRequestsSigned"),
)


def document(pems: Sequence[str], layout: MetadataLayout) -> str:
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
    body = certificates.body(pem)
    return f"\n        <X509Data><X509Certificate>\n{body}\n        </X509Certificate></X509Data>"
