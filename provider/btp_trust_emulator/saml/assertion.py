"""Making assertions: SAML 2.0 core, section 2, with what RFC 7522 requires of a bearer assertion.

Issuer, recipient, audience, name and attributes are as SAP documents them. How long an assertion of the real service
is valid is unknown; here it is ten minutes from the second in which it is made.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from lxml import etree

from btp_trust_emulator.saml import signature
from btp_trust_emulator.saml.xml import ASSERTION, BASIC, BEARER, UNSPECIFIED, UNSPECIFIED_CONTEXT, saml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Statement:
    """The content of an assertion: issuer, audience, user; `attributes` are names with their values."""

    issuer: str
    name_id: str
    audience: str
    recipient: str | None = None
    name_id_format: str = UNSPECIFIED
    name_qualifier: str | None = None
    authn_context: str = UNSPECIFIED_CONTEXT
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def sign_assertion(statement: Statement, now: datetime, key: RSAPrivateKey, certificate: str | None = None) -> bytes:
    """Return an assertion valid from `now` (cut to the second), signed with `key`.

    A `certificate` (PEM) is put into the signature.
    """
    element = signature.sign(assertion_element(statement, now.replace(microsecond=0)), key, certificate)
    return etree.tostring(element, xml_declaration=True, encoding="UTF-8")


def assertion_element(statement: Statement, now: datetime) -> etree._Element:
    """Return the assertion, with a placeholder for its signature."""
    until = format_instant(now + LIFETIME)
    root = etree.Element(
        saml("Assertion"),
        {"ID": f"_{secrets.token_hex(16)}", "IssueInstant": format_instant(now), "Version": "2.0"},
        {"saml": ASSERTION},
    )
    _add(root, "Issuer", statement.issuer)
    root.append(signature.placeholder())
    _add_subject(root, statement, until)
    conditions = _add(root, "Conditions", NotBefore=format_instant(now), NotOnOrAfter=until)
    _add(_add(conditions, "AudienceRestriction"), "Audience", statement.audience)
    context = _add(_add(root, "AuthnStatement", AuthnInstant=format_instant(now)), "AuthnContext")
    _add(
        context, "AuthnContextClassRef", statement.authn_context or "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
    )
    if statement.attributes:
        _add_attributes(root, statement.attributes)
    return root


def format_instant(moment: datetime) -> str:
    """Return a time (UTC, whole seconds) as SAML writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _add_subject(root: etree._Element, statement: Statement, until: str) -> None:
    subject = _add(root, "Subject")
    name = _add(subject, "NameID", statement.name_id, Format=statement.name_id_format)
    if statement.name_qualifier is not None:
        name.set("NameQualifier", statement.name_qualifier)
    data = _add(_add(subject, "SubjectConfirmation", Method=BEARER), "SubjectConfirmationData", NotOnOrAfter=until)
    if statement.recipient is not None:
        data.set("Recipient", statement.recipient)


def _add_attributes(root: etree._Element, attributes: Mapping[str, Sequence[str]]) -> None:
    statement = _add(root, "AttributeStatement")
    for name, values in attributes.items():
        attribute = _add(statement, "Attribute", Name=name, NameFormat=BASIC)
        for value in values:
            _add(attribute, "AttributeValue", value)


def _add(parent: etree._Element, tag: str, text: str | None = None, **attributes: str) -> etree._Element:
    child = etree.SubElement(parent, saml(tag), attributes)
    child.text = text
    return child
