"""The signer of an assertion: found by the bare keys, independently of the claims of the document."""

from __future__ import annotations

import base64
import subprocess
import sys
import textwrap
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from btp_trust.certificate import parse_pem
from btp_trust.saml.assertion import MAX_BYTES, SignedAssertion, SignerUnknown, find_signer
from btp_trust_emulator.pki import keys, trust_certificate
from btp_trust_emulator.saml import signature
from btp_trust_emulator.saml.xml import ASSERTION, ds, saml
from support.paths import REFERENCE
from support.saml import NOW, Signer, element

NEW, OLD = Signer(), Signer()
SIGNERS = {trust_certificate.fingerprint(signer.certificate): signer for signer in (NEW, OLD)}
KNOWN = [parse_pem(signer.certificate) for signer in (NEW, OLD)]
REAL = REFERENCE / "certificates" / "real-active.pem"


def encoded(octets: bytes) -> str:
    """Return base64, as the service sends it."""
    return base64.b64encode(octets).decode()


def rejection(octets: bytes) -> str:
    """Return the reason of the rejection, which quotes nothing of the assertion."""
    with pytest.raises(SignerUnknown) as caught:
        find_signer(encoded(octets), KNOWN)
    assert "joe" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("signer", [NEW, OLD], ids=["new", "old"])
def test_signer_is_found(signer: Signer) -> None:
    """The certificate whose key signed is found; its negative serial number, which loaders refuse, is accepted."""
    signed = find_signer(encoded(signer.assertion()), KNOWN)
    assert signed == SignedAssertion(parse_pem(signer.certificate), NOW)


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda octets: base64.b64encode(octets).decode(), id="base64"),
        pytest.param(lambda octets: base64.urlsafe_b64encode(octets).decode(), id="base64url"),
        pytest.param(lambda octets: base64.urlsafe_b64encode(octets).decode().rstrip("="), id="unpadded"),
        pytest.param(lambda octets: base64.encodebytes(octets).decode(), id="in lines"),
    ],
)
def test_base64_variants_are_read(encode: Callable[[bytes], str]) -> None:
    """Both alphabets, missing padding and line breaks give the same signer."""
    assert find_signer(encode(NEW.assertion()), KNOWN).certificate == KNOWN[0]


def test_embedded_certificate_is_ignored() -> None:
    """An assertion of an unknown key that brings a known certificate is rejected."""
    unknown_key = keys.generate(1024)
    for signer in (NEW, OLD):
        root = signature.sign(unsigned(), unknown_key, signer.certificate)
        assert "changed after signing" in rejection(etree.tostring(root))
        assert find_signer(
            encoded(etree.tostring(signature.sign(unsigned(), signer.key, NEW.certificate))), KNOWN
        ).certificate == (parse_pem(signer.certificate))


def unsigned() -> etree._Element:
    """Return an assertion with a placeholder for its signature."""
    root = etree.fromstring(NEW.assertion())
    original = element(root, "ds:Signature")
    original.addprevious(signature.placeholder())
    root.remove(original)
    return root


@pytest.mark.parametrize("method", ["RSA_SHA256", "RSA_SHA512", "SHA256_RSA_MGF1"])
def test_usual_algorithms_are_read(method: str) -> None:
    """RSA with PKCS#1 and PSS padding is verified; the algorithms of the service are undocumented."""
    signer: Any = XMLSigner(signature_algorithm=SignatureMethod[method], digest_algorithm=DigestAlgorithm.SHA512)
    signer.signature_annotators.clear()
    root = signer.sign(unsigned(), key=OLD.key)
    assert find_signer(encoded(etree.tostring(root)), KNOWN).certificate == KNOWN[1]


def test_time_without_zone_is_utc() -> None:
    """An IssueInstant without a time zone is UTC, as SAML says."""
    octets = NEW.assertion(before=lambda root: root.set("IssueInstant", "2027-03-04T05:06:07"))
    assert find_signer(encoded(octets), KNOWN).issued_at == NOW


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
@settings(max_examples=150)
def test_changed_octet_changes_no_result(position: int, change: int) -> None:
    """A document with one changed octet is rejected, or gives the same signer and time."""
    octets = bytearray(SIGNED)
    octets[position % len(octets)] ^= change
    try:
        signed = find_signer(encoded(bytes(octets)), KNOWN)
    except SignerUnknown:
        return
    assert signed == SignedAssertion(KNOWN[0], NOW)


SIGNED = NEW.assertion()


@given(st.text(max_size=80) | st.binary(max_size=80).map(encoded))
def test_any_text_is_rejected(text: str) -> None:
    """Arbitrary texts of the service raise SignerUnknown."""
    with pytest.raises(SignerUnknown):
        find_signer(text, KNOWN)


def wrapped(root: etree._Element, *, same_id: bool, inside: str = "Object") -> bytes:
    """Return another assertion around the signed one, which is inside the signature or beside it."""
    evil = deepcopy(root)
    signature_of_evil = element(evil, "ds:Signature")
    if inside == "Object":
        etree.SubElement(signature_of_evil, ds("Object")).append(root)
    else:
        etree.SubElement(evil, saml("Advice")).append(root)
    evil.set("IssueInstant", "2030-01-01T00:00:00Z")
    if not same_id:
        evil.set("ID", "_evil")
    return etree.tostring(evil)


def move_signature(root: etree._Element) -> None:
    """Move the signature below another child of the assertion."""
    element(root, "saml:Subject").append(element(root, "ds:Signature"))


def double_signature(root: etree._Element) -> None:
    """Add a second signature."""
    root.append(deepcopy(element(root, "ds:Signature")))


def refer_elsewhere(root: etree._Element) -> None:
    """Let the signature refer to another element."""
    element(root, "ds:Signature/ds:SignedInfo/ds:Reference").set("URI", "")


def use_transform(algorithm: str) -> Callable[[etree._Element], None]:
    """Use a transform that assertions must not have."""

    def change(root: etree._Element) -> None:
        element(root, "ds:Signature/ds:SignedInfo/ds:Reference/ds:Transforms/ds:Transform").set("Algorithm", algorithm)

    return change


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        pytest.param(wrapped(etree.fromstring(SIGNED), same_id=True), "exactly one signature", id="wrapped, same ID"),
        pytest.param(wrapped(etree.fromstring(SIGNED), same_id=False), "exactly one signature", id="wrapped"),
        pytest.param(
            wrapped(etree.fromstring(SIGNED), same_id=False, inside="Advice"), "exactly one signature", id="beside"
        ),
        pytest.param(NEW.assertion(after=move_signature), "exactly one signature", id="moved"),
        pytest.param(NEW.assertion(after=double_signature), "exactly one signature", id="doubled"),
        pytest.param(NEW.assertion(after=refer_elsewhere), "as a whole", id="another reference"),
        pytest.param(
            NEW.assertion(after=use_transform("http://www.w3.org/TR/1999/REC-xslt-19991116")), "transforms", id="XSLT"
        ),
        pytest.param(
            NEW.assertion(after=lambda root: root.remove(element(root, "ds:Signature"))), "exactly one", id="unsigned"
        ),
        pytest.param(
            NEW.assertion(
                after=lambda root: element(root, "ds:Signature").remove(element(root, "ds:Signature/ds:SignatureValue"))
            ),
            "lacks a value",
            id="SignatureValue missing",
        ),
        pytest.param(
            NEW.assertion(
                before=lambda root: etree.SubElement(root, saml("Advice")).append(etree.Element(saml("Assertion")))
            ),
            "another assertion",
            id="nested",
        ),
        pytest.param(
            NEW.assertion(before=lambda root: root.set("IssueInstant", "soon")), "issued", id="malformed IssueInstant"
        ),
        pytest.param(Signer().assertion(), "changed after signing", id="an unknown key"),
        pytest.param(b"<a/>", "not a SAML 2.0 assertion", id="another document"),
        pytest.param(f'<Assertion xmlns="{ASSERTION}"/>'.encode(), "not a SAML 2.0 assertion", id="ID missing"),
        pytest.param(b"<a", "malformed", id="malformed XML"),
        pytest.param(b" " * (MAX_BYTES + 3), f"more than {MAX_BYTES}", id="too large"),
        pytest.param(b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>', "document type", id="DTD"),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>', "document type", id="external entity"
        ),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
            + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
            + b"]><a>&j;</a>",
            "",
            id="a billion laughs",
        ),
    ],
)
def test_deceiving_document_is_rejected(octets: bytes, why: str) -> None:
    """Wrapped, moved and malformed documents are rejected for their reason; the message quotes nothing of them."""
    assert why in rejection(octets)


def test_broken_digest_is_rejected() -> None:
    """A signature with SHA-1 is rejected."""
    signer: Any = XMLSigner.__new__(XMLSigner)
    signer.check_deprecated_methods = lambda: None
    signer.__init__(signature_algorithm=SignatureMethod.RSA_SHA1, digest_algorithm=DigestAlgorithm.SHA1)
    signer.signature_annotators.clear()
    assert "changed after signing" in rejection(etree.tostring(signer.sign(unsigned(), key=NEW.key)))


def test_public_key_equals_openssls() -> None:
    """The public key of a certificate of the service is the one that OpenSSL reads."""
    pem = REAL.read_text() if REAL.exists() else NEW.certificate
    output = subprocess.run(
        ["openssl", "x509", "-noout", "-pubkey"], input=pem, capture_output=True, text=True, check=True
    )
    assert output.stdout.splitlines()[1:-1] == textwrap.wrap(parse_pem(pem).public_key, 64)


def test_libraries_load_on_first_assertion() -> None:
    """Importing the module loads only light modules: the plugin imports it for every command."""
    probe = "import sys, btp_trust.saml.assertion; print({'lxml', 'signxml'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout == "set()\n"
