"""The signer of a SAML assertion: which of two known keys signed it, found out offline.

Pure. The functions import the XML libraries, so that a command that reads no assertion starts faster.

The document is untrusted. Its size is bounded, a document type is refused, and the only signature must be that of the
root element, by a key that was known before. The certificate inside the signature is ignored.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from btp_trust.certificate import Certificate

if TYPE_CHECKING:
    from lxml import etree

MAX_BYTES: Final = 256_000
"""Largest assertion that is read; one with many attributes has about 10,000 bytes."""
_ASSERTION: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
_SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig#"
_SIGNATURE_11: Final = "http://www.w3.org/2009/xmldsig11#"
_NAMESPACES: Final = {"saml": _ASSERTION, "ds": _SIGNATURE}
_ENVELOPED: Final = f"{_SIGNATURE}enveloped-signature"
_CANONICALIZATIONS: Final = frozenset(
    {
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
    }
)
"""All of them drop comments, which could otherwise split a signed value."""
# SHA-1 is left out: a signature with a broken digest is no evidence.
_SIGNATURE_METHODS: Final = (
    "RSA_SHA256",
    "RSA_SHA384",
    "RSA_SHA512",
    "SHA256_RSA_MGF1",
    "SHA384_RSA_MGF1",
    "SHA512_RSA_MGF1",
)
_DIGESTS: Final = ("SHA256", "SHA384", "SHA512")


class SignerUnknown(ValueError):
    """The signer of an assertion is unknown. The message repeats nothing of the assertion."""


class SignedAssertion(Struct, frozen=True):
    """The signer of an assertion, and its IssueInstant."""

    certificate: Certificate
    issued_at: datetime
    """UTC."""


def find_signer(encoded: str, known: Iterable[Certificate]) -> SignedAssertion:
    """Find the known certificate whose key signed an assertion.

    Args:
        encoded: The assertion in base64 or base64url; padding and line breaks are optional.
        known: The certificates to try, in this order.

    Raises:
        SignerUnknown: `encoded` is not an assertion, its signature covers only a part, or another key signed it.
    """
    root = _parse_assertion(_decode_base64(encoded))
    signature = _find_signature(root)
    for certificate in known:
        signed = _verify_signature(root, signature, certificate)
        if signed is not None:
            return SignedAssertion(certificate, _issue_instant(signed))
    raise SignerUnknown("its signature is by neither certificate, or it was changed after signing")


def _decode_base64(encoded: str) -> bytes:
    text = "".join(encoded.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    if len(text) > MAX_BYTES * 4 // 3:  # refused before it is decoded, which would need as much memory again
        raise SignerUnknown(f"it has more than {MAX_BYTES} bytes")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise SignerUnknown("it is not base64") from None


def _parse_assertion(document: bytes) -> etree._Element:
    from lxml import etree  # noqa: PLC0415 - see the module's docstring

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_pis=True)
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise SignerUnknown("it is malformed XML") from None
    tree: Any = root.getroottree()
    # lxml shows the document type only after parsing; until then, its entities stay unresolved.
    if tree.docinfo.doctype:
        raise SignerUnknown("it has a document type")
    if root.tag != f"{{{_ASSERTION}}}Assertion" or not root.get("ID"):
        raise SignerUnknown("it is not a SAML 2.0 assertion with an ID")
    return root


def _find_signature(root: etree._Element) -> etree._Element:
    """Return the only signature, if it is that of the root.

    Signature wrapping: an attacker puts the signed assertion beside or inside another one that is then read.
    """
    identifier = root.get("ID")
    signatures = root.findall(".//ds:Signature", _NAMESPACES)
    # All spellings: a reader that resolves the reference by another attribute must find the same element.
    namesakes = [element for element in root.iter() if identifier in (element.get(name) for name in ("ID", "Id", "id"))]
    if len(signatures) != 1 or signatures[0].getparent() is not root or namesakes != [root]:
        raise SignerUnknown("it must carry exactly one signature, which is of itself")
    if root.find(".//saml:Assertion", _NAMESPACES) is not None:
        raise SignerUnknown("there is another assertion inside it")
    (signature,) = signatures
    references = [element.get("URI") for element in signature.iterfind(".//ds:Reference", _NAMESPACES)]
    if references != [f"#{identifier}"]:
        raise SignerUnknown("its signature must cover the assertion as a whole")
    transforms = {element.get("Algorithm") for element in signature.iterfind(".//ds:Transform", _NAMESPACES)}
    if not {_ENVELOPED} <= transforms <= {_ENVELOPED, *_CANONICALIZATIONS}:
        raise SignerUnknown("its signature has transforms that assertions must not have")
    return signature


def _verify_signature(
    root: etree._Element, signature: etree._Element, certificate: Certificate
) -> etree._Element | None:
    """Return the element that the certificate's key signed, parsed from the signed octets; None for another key."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from lxml import etree  # noqa: PLC0415
    from signxml.algorithms import DigestAlgorithm, SignatureMethod  # noqa: PLC0415
    from signxml.exceptions import SignXMLException  # noqa: PLC0415
    from signxml.verifier import SignatureConfiguration, XMLVerifier  # noqa: PLC0415

    expected = SignatureConfiguration(
        require_x509=False,
        location="./",
        signature_methods=frozenset(SignatureMethod[name] for name in _SIGNATURE_METHODS),
        digest_algorithms=frozenset(DigestAlgorithm[name] for name in _DIGESTS),
    )
    _replace_key_info(signature, certificate)
    # A document may be malformed in ways that the libraries do not check: any of their errors rejects it.
    try:
        result: Any = XMLVerifier().verify(etree.tostring(root), id_attribute="ID", expect_config=expected)
    except (InvalidSignature, SignXMLException, etree.LxmlError, ValueError, LookupError, AttributeError, TypeError):
        return None
    signed: etree._Element = result.signed_xml  # `_find_signature` has checked that the reference names the root
    return signed


def _replace_key_info(signature: etree._Element, certificate: Certificate) -> None:
    """Make the signature name the key of `certificate` alone: KeyInfo is outside of the signed part.

    The key stands there bare, for certificate loaders refuse negative serial numbers, which the service issues.
    """
    from lxml import etree  # noqa: PLC0415

    for key_info in signature.findall("ds:KeyInfo", _NAMESPACES):
        signature.remove(key_info)
    info = etree.Element(f"{{{_SIGNATURE}}}KeyInfo")
    etree.SubElement(info, f"{{{_SIGNATURE_11}}}DEREncodedKeyValue").text = certificate.public_key
    value = signature.find("ds:SignatureValue", _NAMESPACES)
    if value is None:
        raise SignerUnknown("its signature lacks a value")
    value.addnext(info)


def _issue_instant(signed: etree._Element) -> datetime:
    # `signed` is what the signature covers, so the time is as trustworthy as the signer.
    try:
        moment = datetime.fromisoformat(signed.get("IssueInstant", ""))
    except ValueError:
        raise SignerUnknown("it lacks the time at which it was issued") from None
    # SAML 2.0 core, 1.3.3: times are in UTC, also where the zone is missing.
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
