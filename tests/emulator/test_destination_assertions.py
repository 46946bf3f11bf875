"""Finding a destination signs an assertion that follows the destination and the user."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.saml import signature, xml
from btp_trust_emulator.saml.xml import NAMESPACES
from support.destinations import SAML, DestinationScenario
from support.saml import element

if TYPE_CHECKING:
    pass


def assertion_in(token: dict[str, Any]) -> Any:
    """Return the assertion that a client gets itself."""
    assert token["type"] == "SAML2.0"
    assert token["http_header"] == {"key": "Authorization", "value": f"SAML2.0 {token['value']}"}
    octets = base64.b64decode(token["value"])
    assert octets.startswith(b"<?xml version")
    return xml.parse_xml(octets)


def texts(root: Any, name: str) -> list[str]:
    """Return the values of an attribute of the user."""
    path = f"saml:AttributeStatement/saml:Attribute[@Name='{name}']/saml:AttributeValue"
    return [element.text for element in root.iterfind(path, NAMESPACES)]


def test_assertion_states_destination_and_user(scenario: DestinationScenario) -> None:
    """The assertion has the active key's signature, and the content that SAP documents."""
    scenario.create(SAML)
    root = assertion_in(scenario.auth_token("saml"))
    active, _ = scenario.emulator.certificates(scenario.guid)
    assert signature.verify_signature(root, trust_certificate.public_key(str(active))) is not None
    assert element(root, "saml:Issuer").text == trust_certificate.common_name(scenario.guid)
    assert element(root, "saml:Subject/saml:NameID").text == "joe"
    assert element(root, "saml:Conditions/saml:AudienceRestriction/saml:Audience").text == SAML["audience"]
    data = element(root, "saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData")
    assert data.get("Recipient") == SAML["assertionRecipient"]
    assert texts(root, "Groups") == ["admins", "users"]
    assert texts(root, "email") == ["joe@example.com"]
    assert len(texts(root, "user_uuid")) == 1
    assert scenario.emulator.journal()[-1].note == f"signed with {scenario.fingerprint()}"


@pytest.mark.parametrize(
    ("changes", "path", "text"),
    [
        pytest.param({"assertionIssuer": "me"}, "saml:Issuer", "me", id="another issuer"),
        pytest.param({"userIdSource": "email"}, "saml:Subject/saml:NameID", "joe@example.com", id="a claim"),
        pytest.param({"userIdSource": "$.ext_attr['enhancer']"}, "saml:Subject/saml:NameID", "XSUAA", id="a path"),
        pytest.param(
            {"nameIdFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"},
            "saml:Subject/saml:NameID",
            "joe@example.com",
            id="the e-mail address",
        ),
        pytest.param(
            {},
            "saml:AuthnStatement/saml:AuthnContext/saml:AuthnContextClassRef",
            SAML["authnContextClassRef"],
            id="the context",
        ),
    ],
)
def test_properties_decide_assertion_content(
    scenario: DestinationScenario, changes: dict[str, str], path: str, text: str
) -> None:
    """The documented properties decide what the assertion states."""
    scenario.create({**SAML, **changes})
    assert element(assertion_in(scenario.auth_token("saml")), path).text == text


def test_certificate_and_uuid_are_optional(scenario: DestinationScenario) -> None:
    """The certificate is left out and the UUID is in by default; the name may have a qualifier."""
    options = {"includeSigningCertificateInSAMLAssertion": "true", "skipUserUuidInSAMLAttributes": "true"}
    scenario.create({**SAML, **options, "nameQualifier": "domain"})
    root = assertion_in(scenario.auth_token("saml"))
    shown = element(root, "ds:Signature/ds:KeyInfo/ds:X509Data/ds:X509Certificate").text
    active, _ = scenario.emulator.certificates(scenario.guid)
    assert shown == trust_certificate.body(str(active))
    assert texts(root, "user_uuid") == []
    assert element(root, "saml:Subject/saml:NameID").get("NameQualifier") == "domain"
