"""One SAML assertion: which of two known keys signed it, told offline.

Pure: no network, no clock. The XML libraries are loaded when an assertion has to be read, not with the plugin, which
starts for every command. What comes in is a stranger's document: it is bounded in size, a document type is refused,
and the one signature must be of the root itself, by a key that was known before. No certificate of the signature's
own choice counts, and none is loaded: loaders refuse those with negative serial numbers.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from btp_trust.certificate import Certificate

if TYPE_CHECKING:
    from lxml import etree

MAX_BYTES: Final = 256_000
"""Largest assertion that is read; one with many attributes has some ten thousand bytes."""
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
"""None of them keeps comments, so that none hides in what was signed."""
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
    """Nobody can tell who signed it. The message repeats nothing of the assertion."""


@dataclass(frozen=True, slots=True)
class SignedAssertion:
    """Who signed an assertion, and when it says that it was issued."""

    certificate: Certificate
    issued_at: datetime
    """UTC."""


def find_signer(encoded: str, known: Iterable[Certificate]) -> SignedAssertion:
    """Tell which of the known certificates has the key that signed an assertion.

    Args:
        encoded: The assertion, base64 or base64url, with or without padding and line breaks.
        known: The certificates that it may be.

    Raises:
        Unproven: It is no assertion, carries no signature of itself as a whole, or none of them signed it.
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
    if len(text) > MAX_BYTES * 4 // 3:
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
        raise SignerUnknown("it is no well-formed XML") from None
    tree: Any = root.getroottree()
    if tree.docinfo.doctype:
        raise SignerUnknown("it has a document type")
    if root.tag != f"{{{_ASSERTION}}}Assertion" or not root.get("ID"):
        raise SignerUnknown("it is no SAML 2.0 assertion with an ID")
    return root


def _find_signature(root: etree._Element) -> etree._Element:
    """Find the signature, and see that it is of the root: a second one, or a second assertion, may deceive."""
    identifier = root.get("ID")
    found = root.findall(".//ds:Signature", _NAMESPACES)
    same = [element for element in root.iter() if identifier in (element.get(name) for name in ("ID", "Id", "id"))]
    if len(found) != 1 or found[0].getparent() is not root or same != [root]:
        raise SignerUnknown("it does not carry exactly one signature, of itself")
    if root.find(".//saml:Assertion", _NAMESPACES) is not None:
        raise SignerUnknown("there is another assertion inside it")
    references = [element.get("URI") for element in found[0].iterfind(".//ds:Reference", _NAMESPACES)]
    if references != [f"#{identifier}"]:
        raise SignerUnknown("what is signed is not the assertion as a whole")
    transforms = {element.get("Algorithm") for element in found[0].iterfind(".//ds:Transform", _NAMESPACES)}
    if not {_ENVELOPED} <= transforms <= {_ENVELOPED, *_CANONICALIZATIONS}:
        raise SignerUnknown("its signature transforms it in a way that assertions must not")
    return found[0]


def _verify_signature(
    root: etree._Element, signature: etree._Element, certificate: Certificate
) -> etree._Element | None:
    """Return what this certificate's key signed, read again from the octets that were signed; None if it did not."""
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
    try:
        result: Any = XMLVerifier().verify(etree.tostring(root), id_attribute="ID", expect_config=expected)
    except (InvalidSignature, SignXMLException, etree.LxmlError, ValueError, LookupError, AttributeError, TypeError):
        return None
    signed: etree._Element = result.signed_xml  # `_only_signature` has seen that the reference names the root
    return signed


def _replace_key_info(signature: etree._Element, certificate: Certificate) -> None:
    """Let the signature name this key and no other: its KeyInfo is outside of what is signed."""
    from lxml import etree  # noqa: PLC0415

    for given in signature.findall("ds:KeyInfo", _NAMESPACES):
        signature.remove(given)
    info = etree.Element(f"{{{_SIGNATURE}}}KeyInfo")
    etree.SubElement(info, f"{{{_SIGNATURE_11}}}DEREncodedKeyValue").text = certificate.public_key
    value = signature.find("ds:SignatureValue", _NAMESPACES)
    if value is None:
        raise SignerUnknown("its signature has no value")
    value.addnext(info)


def _issue_instant(signed: etree._Element) -> datetime:
    try:
        moment = datetime.fromisoformat(signed.get("IssueInstant", ""))
    except ValueError:
        raise SignerUnknown("it does not say when it was issued") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
