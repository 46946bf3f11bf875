"""An assertion is accepted or rejected as a whole, and an independent verifier agrees."""

from __future__ import annotations

import base64
import shutil
import subprocess
from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from signxml.signer import XMLSigner

from btp_trust_emulator.pki import keys, trust_certificate
from btp_trust_emulator.saml import assertion, signature, validation, xml
from btp_trust_emulator.saml.assertion import Statement
from btp_trust_emulator.saml.rules import ValidationRules
from btp_trust_emulator.saml.xml import BEARER, ds, saml
from support.saml import (
    AUDIENCE,
    GUID,
    ISSUER,
    NOW,
    RECIPIENT,
    STATEMENT,
    Signer,
    element,
    relying_party,
    remove_element,
    set_attribute,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIGNER, OTHER_SIGNER = Signer(), Signer()
RELYING = relying_party(SIGNER)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1)
DATA = "saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData"


def refused(octets: bytes, signer: Signer = SIGNER, seconds: float = 0) -> str:
    """Return why an assertion is rejected, so many seconds after it was made."""
    with pytest.raises(validation.AssertionRejected) as refusal:
        validation.validate(octets, relying_party(signer), NOW + timedelta(seconds=seconds))
    return str(refusal.value)


@given(
    TEXTS,
    TEXTS,
    st.dictionaries(TEXTS, st.lists(TEXTS, max_size=2), max_size=2),
    st.sampled_from([None, SIGNER.certificate]),
)
@settings(max_examples=25)
def test_statement_round_trips(
    name: str, qualifier: str, attributes: dict[str, list[str]], certificate: str | None
) -> None:
    """Any statement is accepted as it was made; the signature may contain the certificate."""
    stated = Statement(ISSUER, name, AUDIENCE, RECIPIENT, name_qualifier=qualifier, attributes=attributes)
    octets = assertion.sign_assertion(stated, NOW, SIGNER.key, certificate)
    accepted = validation.validate(octets, RELYING, NOW)
    assert (accepted.issuer, accepted.name_id) == (ISSUER, name)
    assert accepted.fingerprint == trust_certificate.fingerprint(SIGNER.certificate)
    assert accepted.until == NOW + assertion.LIFETIME


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
@settings(max_examples=200, deadline=None)
def test_changed_octet_changes_no_content(position: int, change: int) -> None:
    """A changed assertion is rejected, or has the same content (as after white space in a tag)."""
    octets = bytearray(SIGNED)
    octets[position % len(octets)] ^= change
    try:
        accepted = validation.validate(bytes(octets), RELYING, NOW)
    except validation.AssertionRejected:
        return
    assert accepted == validation.validate(SIGNED, RELYING, NOW)


SIGNED = SIGNER.assertion()


def test_lifetime_is_exact() -> None:
    """An assertion is valid from its first second to before its last."""
    lifetime = assertion.LIFETIME.total_seconds()
    for seconds in (0, lifetime - 0.001):
        assert validation.validate(SIGNED, RELYING, NOW + timedelta(seconds=seconds)).name_id == STATEMENT.name_id
    assert refused(SIGNED, seconds=-0.001) == "it is not valid yet"
    assert refused(SIGNED, seconds=lifetime) == "it has expired"


def test_each_trusted_certificate_is_enough() -> None:
    """Each of several certificates is enough, and the result names the one that signed."""
    both = relying_party(OTHER_SIGNER, SIGNER)
    for signer in (SIGNER, OTHER_SIGNER):
        accepted = validation.validate(signer.assertion(), both, NOW)
        assert accepted.fingerprint == trust_certificate.fingerprint(signer.certificate)


def endless(root: etree._Element) -> None:
    """Change an assertion so that its elements lack an end."""
    for path in ("saml:Conditions", DATA):
        del element(root, path).attrib["NotOnOrAfter"]


def second_restriction(root: etree._Element) -> None:
    """Add a second audience restriction, for another audience."""
    restriction = etree.SubElement(element(root, "saml:Conditions"), saml("AudienceRestriction"))
    etree.SubElement(restriction, saml("Audience")).text = "somebody"


@pytest.mark.parametrize(
    ("before", "why"),
    [
        pytest.param(set_attribute(".", "Version", "1.1"), "it is not a SAML 2.0 assertion", id="another version"),
        pytest.param(remove_element("saml:Conditions"), "its audience is another target", id="conditions missing"),
        pytest.param(second_restriction, "its audience is another target", id="a second restriction"),
        pytest.param(remove_element("saml:Subject"), "its recipient is another target", id="subject missing"),
        pytest.param(remove_element("saml:Subject/saml:NameID"), "it needs one NameID", id="name missing"),
        pytest.param(set_attribute(DATA, "Recipient", None), "its recipient is another target", id="recipient missing"),
        pytest.param(
            set_attribute("saml:Subject/saml:SubjectConfirmation", "Method", BEARER.replace("bearer", "holder-of-key")),
            "its recipient is another target",
            id="a method other than bearer",
        ),
        pytest.param(endless, "it needs an end", id="end missing"),
        pytest.param(
            set_attribute("saml:Conditions", "NotBefore", "now"), "it has a malformed time", id="a malformed time"
        ),
        pytest.param(
            set_attribute("saml:Conditions", "NotBefore", "2027-02-30T00:00:00Z"),
            "it has a malformed time",
            id="a malformed date",
        ),
        pytest.param(
            set_attribute(DATA, "NotOnOrAfter", "2027-03-04T05:06:06.5Z"), "it has expired", id="confirmed too late"
        ),
        pytest.param(lambda root: root.append(etree.Element(saml("Issuer"))), "it needs one Issuer", id="two issuers"),
    ],
)
def test_incomplete_assertion_is_rejected(before: Callable[[etree._Element], None], why: str) -> None:
    """A signed assertion that lacks a required part is rejected."""
    assert refused(SIGNER.assertion(before)) == why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"issuer": "somebody"}, "its issuer is unknown", id="wrong issuer"),
        pytest.param({"audience": "somebody"}, "its audience is another target", id="wrong audience"),
        pytest.param({"recipient": "https://elsewhere"}, "its recipient is another target", id="wrong recipient"),
        pytest.param({"recipient": None}, "its recipient is another target", id="recipient missing"),
    ],
)
def test_foreign_assertion_is_rejected(changes: dict[str, str | None], why: str) -> None:
    """Issuer, audience and recipient are compared as they are."""
    assert refused(SIGNER.assertion(changes=changes)) == why


def wrapped(root: etree._Element, *, same_id: bool) -> bytes:
    """Return another assertion around the signed one, which hides inside the signature."""
    evil = deepcopy(root)
    sign = element(evil, "ds:Signature")
    etree.SubElement(sign, ds("Object")).append(root)
    element(evil, "saml:Subject/saml:NameID").text = "admin"
    if not same_id:
        evil.set("ID", "_evil")
    return etree.tostring(evil)


def moved(root: etree._Element) -> None:
    """Move the signature into another element of the assertion."""
    element(root, "saml:Subject").append(element(root, "ds:Signature"))


def doubled(root: etree._Element) -> None:
    """Add a second signature."""
    root.append(deepcopy(element(root, "ds:Signature")))


def emptied(root: etree._Element) -> None:
    """Refer to the whole document instead of an ID."""
    element(root, "ds:Signature/ds:SignedInfo/ds:Reference").set("URI", "")


def transformed(root: etree._Element) -> None:
    """Add a transform that may change anything."""
    transforms = element(root, "ds:Signature/ds:SignedInfo/ds:Reference/ds:Transforms")
    etree.SubElement(transforms, ds("Transform"), {"Algorithm": "http://www.w3.org/TR/1999/REC-xslt-19991116"})


def blanked(root: etree._Element) -> None:
    """Remove the octets of the signature."""
    element(root, "ds:Signature/ds:SignatureValue").text = None


def renamed(root: etree._Element) -> None:
    """Give the signature another name."""
    element(root, "saml:Subject/saml:NameID").text = "admin"


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        pytest.param(SIGNER.assertion(after=renamed), "the signature is by another key", id="tampered"),
        pytest.param(
            SIGNER.assertion(after=remove_element("ds:Signature")), "it needs exactly one signature", id="unsigned"
        ),
        pytest.param(
            SIGNER.assertion(after=remove_element("ds:Signature/ds:SignatureValue")),
            "the signature",
            id="value missing",
        ),
        pytest.param(SIGNER.assertion(after=blanked), "the signature is by another key", id="an empty value"),
        pytest.param(OTHER_SIGNER.assertion(), "the signature is by another key", id="another signer"),
        pytest.param(SIGNER.assertion(after=moved), "it needs exactly one signature", id="signature elsewhere"),
        pytest.param(SIGNER.assertion(after=doubled), "it needs exactly one signature", id="two signatures"),
        pytest.param(
            SIGNER.assertion(after=emptied), "something other than the assertion is signed", id="an empty reference"
        ),
        pytest.param(SIGNER.assertion(after=transformed), "its signature transforms", id="a strange transform"),
        pytest.param(wrapped(xml.parse_xml(SIGNED), same_id=False), "there is an assertion within", id="wrapped"),
        pytest.param(
            wrapped(xml.parse_xml(SIGNED), same_id=True), "there is an assertion within", id="wrapped, same ID"
        ),
        pytest.param(b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + SIGNED, "it has a document type", id="a document type"),
        pytest.param(b"<a>" + bytes(600000) + b"</a>", "it is larger than", id="too large"),
        pytest.param(b"<a", "it is not well-formed XML", id="plain text"),
        pytest.param(b"<a/>", "it is not a SAML 2.0 assertion", id="something else"),
    ],
)
def test_unsigned_content_is_rejected(octets: bytes, why: str) -> None:
    """An assertion is rejected if it was changed, unsigned, signed by others, or if something else was."""
    assert refused(octets).startswith(why)


@pytest.mark.parametrize("certificate", [OTHER_SIGNER.certificate, None], ids=["certificate", "key"])
def test_embedded_key_is_ignored(certificate: str | None) -> None:
    """An unknown certificate, or bare key, in the signature is ignored."""
    root = assertion.assertion_element(STATEMENT, NOW)
    if certificate:
        root = signature.sign(root, OTHER_SIGNER.key, certificate)
    else:
        root = XMLSigner(c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#").sign(root, key=OTHER_SIGNER.key)
    assert refused(etree.tostring(root)).startswith("the signature is by another key")


def test_shared_secret_is_no_signature() -> None:
    """A keyed hash is rejected, even with the public key as the secret."""
    public = SIGNER.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signer = XMLSigner(signature_algorithm="hmac-sha256", c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
    root = signer.sign(assertion.assertion_element(STATEMENT, NOW), key=public)
    assert refused(etree.tostring(root)).startswith("the signature is by another key")


def test_comment_does_not_cut_name() -> None:
    """A comment in a name leaves the name whole, because comments are unsigned."""
    octets = SIGNER.assertion(changes={"name_id": "joe@example.com.evil"}).replace(b".evil", b"<!-- -->.evil")
    assert validation.validate(octets, RELYING, NOW).name_id == "joe@example.com.evil"


@given(st.binary(), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]), st.sampled_from(["", "="]))
def test_usual_encodings_are_accepted(octets: bytes, encode: Callable[[bytes], bytes], stripped: str) -> None:
    """An assertion may be base64 or base64url, padded or not."""
    assert validation.decode_assertion(encode(octets).decode().rstrip(stripped or None), ValidationRules()) == octets


@pytest.mark.parametrize("text", ["a", "a b", "é", "a===="])
def test_malformed_base64_is_rejected(text: str) -> None:
    """Text in another encoding is rejected as a whole."""
    with pytest.raises(validation.AssertionRejected, match="base64"):
        validation.decode_assertion(text, ValidationRules())


@pytest.fixture(scope="session")
def xmlsec1() -> str:
    """Provide the command of the XML Security Library."""
    command = shutil.which("xmlsec1")
    if command is None:
        pytest.skip("the command xmlsec1 is missing on this machine")
    return command


def judged_good(command: str, folder: Path, octets: bytes, signer: Signer = SIGNER) -> bool:
    """Return True if xmlsec1 finds that the signer signed these octets."""
    key, document = folder / "key.pem", folder / "assertion.xml"
    key.write_bytes(signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    document.write_bytes(octets)
    arguments = ["--verify", "--enabled-key-data", "rsa", "--pubkey-pem", str(key), "--id-attr:ID", saml_name()]
    return subprocess.run([command, *arguments, str(document)], capture_output=True, check=False).returncode == 0


def saml_name() -> str:
    """Return the name of the element that the attribute ID is of, as xmlsec1 wants it."""
    return saml("Assertion").removeprefix("{").replace("}", ":")


def test_independent_verifier_agrees(xmlsec1: str, tmp_path: Path) -> None:
    """xmlsec1 verifies what is accepted here, and rejects what was changed or signed by others."""
    assert judged_good(xmlsec1, tmp_path, SIGNED)
    assert judged_good(xmlsec1, tmp_path, assertion.sign_assertion(STATEMENT, NOW, SIGNER.key, SIGNER.certificate))
    assert not judged_good(xmlsec1, tmp_path, SIGNER.assertion(after=renamed))
    assert not judged_good(xmlsec1, tmp_path, OTHER_SIGNER.assertion())


def test_independent_signature_is_accepted(xmlsec1: str, tmp_path: Path) -> None:
    """An assertion that xmlsec1 signed, with the key in its signature, is accepted."""
    root = xml.parse_xml(SIGNED)
    for path in ("ds:SignedInfo/ds:Reference/ds:DigestValue", "ds:SignatureValue"):
        element(root, f"ds:Signature/{path}").text = None
    etree.SubElement(etree.SubElement(element(root, "ds:Signature"), ds("KeyInfo")), ds("KeyValue"))
    key, template, signed = (tmp_path / name for name in ("key.pem", "template.xml", "signed.xml"))
    key.write_text(keys.to_pem(SIGNER.key))
    template.write_bytes(etree.tostring(root))
    arguments = ["--sign", "--privkey-pem", str(key), "--id-attr:ID", saml_name(), "--output", str(signed)]
    subprocess.run([xmlsec1, *arguments, str(template)], capture_output=True, check=True)
    accepted = validation.validate(signed.read_bytes(), RELYING, NOW)
    assert accepted.name_id == STATEMENT.name_id
    assert trust_certificate.common_name(GUID) == accepted.issuer
