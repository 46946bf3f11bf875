"""Who signed an assertion: told by the bare keys, whatever the document says of itself, however it deceives."""

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
SIGNERS = {trust_certificate.fingerprint(each.certificate): each for each in (NEW, OLD)}
KNOWN = [parse_pem(each.certificate) for each in (NEW, OLD)]
REAL = REFERENCE / "certificates" / "real-active.pem"


def encoded(octets: bytes) -> str:
    """As the service sends it."""
    return base64.b64encode(octets).decode()


def unproven(octets: bytes) -> str:
    """Why nobody can tell; the text repeats nothing of the assertion."""
    with pytest.raises(SignerUnknown) as caught:
        find_signer(encoded(octets), KNOWN)
    assert "joe" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("each", [NEW, OLD], ids=["the new one", "the old one"])
def test_the_key_that_signed_is_told(each: Signer) -> None:
    """Their certificates have negative serial numbers, which loaders refuse; none is loaded."""
    found = find_signer(encoded(each.assertion()), KNOWN)
    assert found == SignedAssertion(parse_pem(each.certificate), NOW)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda octets: base64.b64encode(octets).decode(), id="base64"),
        pytest.param(lambda octets: base64.urlsafe_b64encode(octets).decode(), id="base64url"),
        pytest.param(lambda octets: base64.urlsafe_b64encode(octets).decode().rstrip("="), id="without padding"),
        pytest.param(lambda octets: base64.encodebytes(octets).decode(), id="in lines"),
    ],
)
def test_each_way_to_write_base64_is_read(form: Callable[[bytes], str]) -> None:
    """The service has changed its own once."""
    assert find_signer(form(NEW.assertion()), KNOWN).certificate == KNOWN[0]


def test_the_certificate_inside_the_signature_does_not_count() -> None:
    """A stranger's assertion that brings the old or the new certificate is by neither."""
    stranger = keys.generate(1024)
    for each in (NEW, OLD):
        root = signature.sign(unsigned(), stranger, each.certificate)
        assert "neither" in unproven(etree.tostring(root))
        assert find_signer(
            encoded(etree.tostring(signature.sign(unsigned(), each.key, NEW.certificate))), KNOWN
        ).certificate == (parse_pem(each.certificate))


def unsigned() -> etree._Element:
    """An assertion with a place for its signature."""
    root = etree.fromstring(NEW.assertion())
    found = element(root, "ds:Signature")
    found.addprevious(signature.placeholder())
    root.remove(found)
    return root


@pytest.mark.parametrize("method", ["RSA_SHA256", "RSA_SHA512", "SHA256_RSA_MGF1"])
def test_the_usual_algorithms_are_read(method: str) -> None:
    """Which of them the service takes is not documented."""
    made: Any = XMLSigner(signature_algorithm=SignatureMethod[method], digest_algorithm=DigestAlgorithm.SHA512)
    made.signature_annotators.clear()
    root = made.sign(unsigned(), key=OLD.key)
    assert find_signer(encoded(etree.tostring(root)), KNOWN).certificate == KNOWN[1]


def test_a_moment_without_a_zone_is_utc() -> None:
    """SAML says so."""
    octets = NEW.assertion(before=lambda root: root.set("IssueInstant", "2027-03-04T05:06:07"))
    assert find_signer(encoded(octets), KNOWN).issued_at == NOW


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
@settings(max_examples=150)
def test_no_octet_can_be_changed_to_say_something_else(position: int, change: int) -> None:
    """The changed document proves nothing, or says the very same."""
    octets = bytearray(SIGNED)
    octets[position % len(octets)] ^= change
    try:
        found = find_signer(encoded(bytes(octets)), KNOWN)
    except SignerUnknown:
        return
    assert found == SignedAssertion(KNOWN[0], NOW)


SIGNED = NEW.assertion()


@given(st.text(max_size=80) | st.binary(max_size=80).map(encoded))
def test_no_text_is_more_than_unproven(text: str) -> None:
    """Whatever the service sends."""
    with pytest.raises(SignerUnknown):
        find_signer(text, KNOWN)


def wrapped(root: etree._Element, *, same_id: bool, inside: str = "Object") -> bytes:
    """Another assertion around the signed one, which hides inside the signature or beside it."""
    evil = deepcopy(root)
    sign = element(evil, "ds:Signature")
    if inside == "Object":
        etree.SubElement(sign, ds("Object")).append(root)
    else:
        etree.SubElement(evil, saml("Advice")).append(root)
    evil.set("IssueInstant", "2030-01-01T00:00:00Z")
    if not same_id:
        evil.set("ID", "_evil")
    return etree.tostring(evil)


def moved(root: etree._Element) -> None:
    """The signature, not as a child of the assertion."""
    element(root, "saml:Subject").append(element(root, "ds:Signature"))


def doubled(root: etree._Element) -> None:
    """A second signature."""
    root.append(deepcopy(element(root, "ds:Signature")))


def points_elsewhere(root: etree._Element) -> None:
    """A reference to another element."""
    element(root, "ds:Signature/ds:SignedInfo/ds:Reference").set("URI", "")


def transforms(algorithm: str) -> Callable[[etree._Element], None]:
    """Another transform than those of assertions."""

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
        pytest.param(NEW.assertion(after=moved), "exactly one signature", id="moved"),
        pytest.param(NEW.assertion(after=doubled), "exactly one signature", id="doubled"),
        pytest.param(NEW.assertion(after=points_elsewhere), "as a whole", id="another reference"),
        pytest.param(
            NEW.assertion(after=transforms("http://www.w3.org/TR/1999/REC-xslt-19991116")), "transforms", id="XSLT"
        ),
        pytest.param(
            NEW.assertion(after=lambda root: root.remove(element(root, "ds:Signature"))), "exactly one", id="unsigned"
        ),
        pytest.param(
            NEW.assertion(
                after=lambda root: element(root, "ds:Signature").remove(element(root, "ds:Signature/ds:SignatureValue"))
            ),
            "no value",
            id="no value",
        ),
        pytest.param(
            NEW.assertion(
                before=lambda root: etree.SubElement(root, saml("Advice")).append(etree.Element(saml("Assertion")))
            ),
            "another assertion",
            id="nested",
        ),
        pytest.param(NEW.assertion(before=lambda root: root.set("IssueInstant", "soon")), "issued", id="no moment"),
        pytest.param(Signer().assertion(), "neither", id="a stranger"),
        pytest.param(b"<a/>", "not a SAML 2.0 assertion", id="another document"),
        pytest.param(f'<Assertion xmlns="{ASSERTION}"/>'.encode(), "not a SAML 2.0 assertion", id="no ID"),
        pytest.param(b"<a", "malformed", id="no XML"),
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
def test_what_deceives_or_is_none_proves_nothing(octets: bytes, why: str) -> None:
    """The reason is told, and nothing of the document."""
    assert why in unproven(octets)


def test_a_digest_that_is_broken_does_not_count() -> None:
    """SHA-1 proves nothing."""
    made: Any = XMLSigner.__new__(XMLSigner)
    made.check_deprecated_methods = lambda: None
    made.__init__(signature_algorithm=SignatureMethod.RSA_SHA1, digest_algorithm=DigestAlgorithm.SHA1)
    made.signature_annotators.clear()
    assert "neither" in unproven(etree.tostring(made.sign(unsigned(), key=NEW.key)))


def test_a_real_certificate_has_its_key_read() -> None:
    """As OpenSSL reads it."""
    pem = REAL.read_text() if REAL.exists() else NEW.certificate
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-pubkey"], input=pem, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1:-1] == textwrap.wrap(parse_pem(pem).public_key, 64)


def test_the_libraries_are_loaded_only_for_an_assertion() -> None:
    """The module itself is light: the plugin imports it for every command."""
    probe = "import sys, btp_trust.saml.assertion; print({'lxml', 'signxml'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout == "set()\n"
