"""XML signatures of assertions, by the library signxml, with bare RSA keys.

The library gets keys only: strict parsers refuse certificates with negative serial numbers, and the key is what is
trusted. Which algorithms the real service signs with is unknown; here it is RSA with SHA-256 over exclusive canonical
XML. Signing puts the certificate into the signature as it is, or leaves the key out; verifying uses the trusted key,
and ignores the key in the signature.
"""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.saml.xml import NAMESPACES, SIGNATURE, SIGNATURE_11, ds

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
_TRANSFORMS = {"http://www.w3.org/2000/09/xmldsig#enveloped-signature", _EXCLUSIVE.value}
_HASHES = {"SHA1", "SHA256", "SHA384", "SHA512"}
_METHODS = {name for digest in _HASHES for name in (f"RSA_{digest}", f"{digest}_RSA_MGF1")}
"""RSA, and RSASSA-PSS; SHA-1 too, as the UAA accepts it: forged signatures are out of scope here."""
_EXPECTED = SignatureConfiguration(
    require_x509=False,  # the key is compared below instead
    location="./",
    signature_methods=frozenset(method for method in SignatureMethod if method.name in _METHODS),
    digest_algorithms=frozenset(digest for digest in DigestAlgorithm if digest.name in _HASHES),
)
# What the library raises for malformed documents: its own errors, and those that it trips over.
_FAILURES = (SignXMLException, InvalidSignature, etree.LxmlError, ValueError, LookupError, TypeError, AttributeError)


class InvalidSignatureError(ValueError):
    """An element lacks the one signature that it needs; the text says why."""


class ForbiddenTransform(InvalidSignatureError):
    """The signature has a forbidden transform."""


def placeholder() -> etree._Element:
    """Return the element whose place the signature gets when its parent is signed."""
    return etree.Element(ds("Signature"), {"Id": "placeholder"}, {"ds": SIGNATURE})


def sign(element: etree._Element, key: RSAPrivateKey, certificate: str | None = None) -> etree._Element:
    """Return the element, which has a `placeholder` and an attribute `ID`, signed.

    A `certificate` (PEM) is put into the signature.
    """
    signer = XMLSigner(c14n_algorithm=_EXCLUSIVE)
    if certificate is None:
        signer.signature_annotators.clear()
    return signer.sign(element, key=key, key_info=_key_info(certificate) if certificate else None)


def _key_info(certificate: str) -> etree._Element:
    info = etree.Element(ds("KeyInfo"))
    data = etree.SubElement(info, ds("X509Data"))
    etree.SubElement(data, ds("X509Certificate")).text = trust_certificate.body(certificate)
    return info


def verify_signature(root: etree._Element, key: RSAPublicKey) -> etree._Element:
    """Return the whole element `root` as `key` signed it, read again from the signed octets, without the signature.

    Raises:
        InvalidSignatureError: the one signature of `root` covers something else, or is by another key.
    """
    signature = _only_signature(root)
    _replace_key_info(signature, key)
    signed: etree._Element | None = None
    with contextlib.suppress(*_FAILURES):
        result: Any = XMLVerifier().verify(etree.tostring(root), expect_config=_EXPECTED, id_attribute="ID")
        signed = result.signed_xml if _covers_root(result, root, key) else None
    if signed is None:
        raise InvalidSignatureError("the signature is by another key, or what was signed was changed")
    return signed


def _covers_root(result: Any, root: etree._Element, key: RSAPublicKey) -> bool:
    """Return True if the signature is by this key, and of the root instead of another element."""
    by_key = result.signature_key == key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return by_key and (result.signed_xml.tag, result.signed_xml.get("ID")) == (root.tag, root.get("ID"))


def _only_signature(root: etree._Element) -> etree._Element:
    signatures = root.findall(".//ds:Signature", NAMESPACES)
    if len(signatures) != 1 or signatures[0].getparent() is not root:
        raise InvalidSignatureError("it needs exactly one signature, as its own child")
    (signature,) = signatures
    references = signature.findall("ds:SignedInfo/ds:Reference", NAMESPACES)
    if [reference.get("URI") for reference in references] != [f"#{root.get('ID')}"]:
        raise InvalidSignatureError("something other than the assertion is signed")
    transforms = [transform.get("Algorithm") for transform in signature.iterfind(".//ds:Transform", NAMESPACES)]
    if set(transforms) != _TRANSFORMS or len(transforms) != len(_TRANSFORMS):
        raise ForbiddenTransform("its signature transforms what is signed as assertions must not")
    return signature


def _replace_key_info(signature: etree._Element, key: RSAPublicKey) -> None:
    """Let the signature name the trusted key instead of its own; this place is outside of what it covers."""
    for info in signature.findall("ds:KeyInfo", NAMESPACES):
        signature.remove(info)
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = etree.Element(ds("KeyInfo"))
    etree.SubElement(info, f"{{{SIGNATURE_11}}}DEREncodedKeyValue").text = base64.b64encode(octets).decode()
    for value in signature.findall("ds:SignatureValue", NAMESPACES):
        value.addnext(info)
