"""XML signatures of assertions, by the library signxml, with bare RSA keys.

No certificate is loaded: strict parsers refuse those with negative serial numbers, and what is trusted is the key.
Which algorithms the real service signs with is not known; here it is RSA with SHA-256 over exclusive canonical XML.
Signing puts no key into the signature, or the certificate as it is; verifying uses the trusted key, whatever the
signature says of its own.
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
_METHODS = {name for each in _HASHES for name in (f"RSA_{each}", f"{each}_RSA_MGF1")}
"""RSA, and RSASSA-PSS; SHA-1 too, as the UAA takes it. Nothing here depends on what a forger could do with that."""
_EXPECTED = SignatureConfiguration(
    require_x509=False,  # no certificate of the signature's own choice: the key is compared below
    location="./",
    signature_methods=frozenset(each for each in SignatureMethod if each.name in _METHODS),
    digest_algorithms=frozenset(each for each in DigestAlgorithm if each.name in _HASHES),
)
# What the library raises for documents of strangers; besides its own errors, those that it trips over.
_FAILURES = (SignXMLException, InvalidSignature, etree.LxmlError, ValueError, LookupError, TypeError, AttributeError)


class InvalidSignatureError(ValueError):
    """An element does not carry the one signature that it needs; the text says in what it fails."""


class ForbiddenTransform(InvalidSignatureError):
    """The signature is of something that a forbidden transform makes of the element."""


def placeholder() -> etree._Element:
    """The element whose place the signature takes when its parent is signed."""
    return etree.Element(ds("Signature"), {"Id": "placeholder"}, {"ds": SIGNATURE})


def sign(element: etree._Element, key: RSAPrivateKey, certificate: str | None = None) -> etree._Element:
    """The element, with a `placeholder` and an attribute `ID`, signed; with the certificate (PEM) inside if given."""
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
    """What `key` signed, read again from the octets that were signed: the whole element `root`, without the signature.

    Raises:
        NotSigned: the root is not the one element that its one signature is of, or the key did not sign it.
    """
    signature = _only_signature(root)
    _replace_key_info(signature, key)
    signed: etree._Element | None = None
    with contextlib.suppress(*_FAILURES):
        result: Any = XMLVerifier().verify(etree.tostring(root), expect_config=_EXPECTED, id_attribute="ID")
        signed = result.signed_xml if _covers_root(result, root, key) else None
    if signed is None:
        raise InvalidSignatureError("the signature is not by a key that is trusted, or what was signed was changed")
    return signed


def _covers_root(result: Any, root: etree._Element, key: RSAPublicKey) -> bool:
    """Whether it is by this key and of the root, and no other element of the document."""
    by_key = result.signature_key == key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return by_key and (result.signed_xml.tag, result.signed_xml.get("ID")) == (root.tag, root.get("ID"))


def _only_signature(root: etree._Element) -> etree._Element:
    found = root.findall(".//ds:Signature", NAMESPACES)
    if len(found) != 1 or found[0].getparent() is not root:
        raise InvalidSignatureError("it does not carry one signature, as its own child")
    (signature,) = found
    references = signature.findall("ds:SignedInfo/ds:Reference", NAMESPACES)
    if [each.get("URI") for each in references] != [f"#{root.get('ID')}"]:
        raise InvalidSignatureError("what is signed is not the assertion")
    transforms = [each.get("Algorithm") for each in signature.iterfind(".//ds:Transform", NAMESPACES)]
    if set(transforms) != _TRANSFORMS or len(transforms) != len(_TRANSFORMS):
        raise ForbiddenTransform("its signature transforms what is signed as assertions must not")
    return signature


def _replace_key_info(signature: etree._Element, key: RSAPublicKey) -> None:
    """Let the signature name the trusted key, and none of its own; the signature does not cover that place."""
    for info in signature.findall("ds:KeyInfo", NAMESPACES):
        signature.remove(info)
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = etree.Element(ds("KeyInfo"))
    etree.SubElement(info, f"{{{SIGNATURE_11}}}DEREncodedKeyValue").text = base64.b64encode(octets).decode()
    for value in signature.findall("ds:SignatureValue", NAMESPACES):
        value.addnext(info)
