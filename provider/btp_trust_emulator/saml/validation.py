"""Validation of an assertion by a token service that accepts it as an authorization grant (RFC 7522, section 3).

An assertion is valid if its one signature covers the whole of it, by a key that is trusted for its issuer; if it names
this service as audience and as recipient; and if the time is right. Only signed content is read. The rules of the
service say what is optional, and how far clocks may differ; a signature is always required.
The dates of certificates are ignored, as in all versions of the UAA; some targets continue with expired ones.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from btp_trust_emulator.pki import trust_certificate
from btp_trust_emulator.saml import signature, xml
from btp_trust_emulator.saml.rules import RejectionReason, ValidationRules
from btp_trust_emulator.saml.xml import BEARER, NAMESPACES, saml

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta

    from lxml import etree

_BASE64URL = str.maketrans("-_", "+/")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", flags=re.ASCII)
_NO_END = datetime.max.replace(tzinfo=UTC)


class AssertionRejected(Exception):
    """An assertion is rejected; the text says why, in words of its own.

    Beside the text stand what servers repeat in their own texts: `identity` (the assertion's ID), `issuer`, and a
    `time`.
    """

    def __init__(self, why: str, reason: RejectionReason, time: str = "") -> None:
        super().__init__(why)
        self.reason = reason
        self.time = time
        self.identity = ""
        self.issuer = ""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The service that relies on assertions.

    `entity_id` is the audience, `recipients` the URLs of the token service, `trusted` the certificates or keys (PEM) by
    issuer, `rules` what else is required.
    """

    entity_id: str
    recipients: Collection[str]
    trusted: Mapping[str, Sequence[str]]
    rules: ValidationRules = field(default_factory=ValidationRules)


@dataclass(frozen=True, slots=True)
class ValidAssertion:
    """A valid assertion: issuer, user, ID, end, and the SHA-256 of what verifies it: a certificate, or a `key:`."""

    issuer: str
    name_id: str
    fingerprint: str
    assertion_id: str
    until: datetime


def decode_assertion(text: str, rules: ValidationRules) -> bytes:
    """Return the octets of an assertion as it is sent: base64url or, by the rules, base64; padding is optional.

    Raises:
        AssertionRejected: `text` has another encoding.
    """
    if not rules.allows_plain_base64 and re.search("[+/]", text):
        raise AssertionRejected("it is not base64url", RejectionReason.ENCODING)
    try:
        return base64.b64decode(text.translate(_BASE64URL) + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise AssertionRejected("it is not base64", RejectionReason.ENCODING) from exc


def validate(octets: bytes, relying_party: RelyingParty, now: datetime) -> ValidAssertion:
    """Return the content of a valid assertion.

    Raises:
        AssertionRejected: the assertion is invalid.
    """
    root = _assertion(octets)
    try:
        return _validate(root, relying_party, now)
    except AssertionRejected as exc:
        exc.identity = root.get("ID", "")
        exc.issuer = root.findtext("saml:Issuer", "", NAMESPACES)
        raise


def _validate(root: etree._Element, relying_party: RelyingParty, now: datetime) -> ValidAssertion:
    issuer = _text(root, "saml:Issuer", RejectionReason.ISSUER)
    if issuer not in relying_party.trusted:
        raise AssertionRejected("its issuer is unknown", RejectionReason.ISSUER)
    signed, fingerprint = _signed(root, relying_party.trusted[issuer])
    rules = relying_party.rules
    _check_audience(signed, relying_party.entity_id, rules)
    until = _check_times(signed, relying_party.recipients, rules, now)
    _check_age(signed, rules, now)
    name_id = _text(signed, "saml:Subject/saml:NameID", RejectionReason.SUBJECT)
    return ValidAssertion(issuer, name_id, fingerprint, signed.get("ID", ""), until)


def _assertion(octets: bytes) -> etree._Element:
    try:
        root = xml.parse_xml(octets)
    except xml.UnreadableXml as exc:
        raise AssertionRejected(str(exc), RejectionReason.DOCUMENT) from exc
    if root.tag != saml("Assertion") or root.get("Version") != "2.0":
        raise AssertionRejected("it is not a SAML 2.0 assertion", RejectionReason.DOCUMENT)
    if root.find(".//saml:Assertion", NAMESPACES) is not None:
        raise AssertionRejected("there is an assertion within it", RejectionReason.DOCUMENT)
    return root


def _signed(root: etree._Element, trusted: Sequence[str]) -> tuple[etree._Element, str]:
    """Return the element that a trusted certificate signed, and its fingerprint."""
    why, reason = "its issuer has no certificate", RejectionReason.SIGNATURE
    for certificate in trusted:
        try:
            key, name = trust_certificate.verifier(certificate)
            return signature.verify_signature(root, key), name
        except signature.InvalidSignatureError as exc:
            why = str(exc)
            reason = (
                RejectionReason.TRANSFORM
                if isinstance(exc, signature.ForbiddenTransform)
                else RejectionReason.SIGNATURE
            )
    raise AssertionRejected(why, reason)


def _check_age(signed: etree._Element, rules: ValidationRules, now: datetime) -> None:
    """Check the age of the assertion and of its logon; if the rules ask for a logon, check that there is one."""
    logons = signed.findall("saml:AuthnStatement", NAMESPACES)
    if rules.needs_authn_statement and not logons:
        raise AssertionRejected("it has no AuthnStatement", RejectionReason.STATEMENT)
    dated = [(signed.get("IssueInstant"), rules.max_age)]
    dated += [(logon.get("AuthnInstant"), rules.max_logon_age) for logon in logons]
    for text, max_age in dated:
        if max_age is not None and not _is_within(_parse_instant(text), max_age, rules.skew, now):
            raise AssertionRejected(
                "it was issued too long ago, or its user logged on too long ago", RejectionReason.STATEMENT
            )


def _is_within(moment: datetime | None, max_age: timedelta, skew: timedelta, now: datetime) -> bool:
    return moment is not None and now - max_age - skew <= moment <= now + skew


def _check_audience(signed: etree._Element, entity_id: str, rules: ValidationRules) -> None:
    """Check that each restriction names this service; by the rules, there must be one."""
    restrictions = signed.findall("saml:Conditions/saml:AudienceRestriction", NAMESPACES)
    groups = [
        {audience.text for audience in restriction.iterfind("saml:Audience", NAMESPACES)}
        for restriction in restrictions
    ]
    if (rules.needs_audience and not groups) or any(entity_id not in audiences for audiences in groups):
        raise AssertionRejected("its audience is another target", RejectionReason.AUDIENCE)


def _check_times(
    signed: etree._Element, recipients: Collection[str], rules: ValidationRules, now: datetime
) -> datetime:
    """Return the end of an assertion that is valid now and confirmed for one of the recipients."""
    confirmations = signed.findall("saml:Subject/saml:SubjectConfirmation", NAMESPACES)
    confirmed = [
        data
        for confirmation in confirmations
        if confirmation.get("Method") == BEARER
        for data in confirmation.iterfind("saml:SubjectConfirmationData", NAMESPACES)
    ]
    here = [data for data in confirmed if _is_for_recipient(data, recipients, rules)]
    if not here and (confirmations or rules.needs_recipient):
        raise AssertionRejected("its recipient is another target", RejectionReason.CONFIRMATION)
    _check_confirmations(here, rules)
    limited = [*signed.iterfind("saml:Conditions", NAMESPACES), *here]
    ends = [end for end in (_parse_end(element, rules.skew, now) for element in limited) if end is not None]
    if rules.needs_end and not ends:
        raise AssertionRejected("it needs an end", RejectionReason.CONFIRMATION)
    return min(ends, default=_NO_END)


def _is_for_recipient(data: etree._Element, recipients: Collection[str], rules: ValidationRules) -> bool:
    recipient = data.get("Recipient")
    return recipient in recipients or (recipient is None and not rules.needs_recipient)


def _check_confirmations(here: Sequence[etree._Element], rules: ValidationRules) -> None:
    for data in here:
        lacks_end = rules.needs_confirmation_end and data.get("NotOnOrAfter") is None
        starts = not rules.allows_confirmation_start and data.get("NotBefore") is not None
        if lacks_end or starts:
            raise AssertionRejected("its confirmation has no end, or a beginning", RejectionReason.CONFIRMATION)
        if not rules.allows_in_response_to and data.get("InResponseTo") is not None:
            raise AssertionRejected("its confirmation responds to a request", RejectionReason.CONFIRMATION)


def _parse_end(element: etree._Element, skew: timedelta, now: datetime) -> datetime | None:
    """Return the end that an element sets, if any, later by the skew."""
    start, end = (_parse_instant(element.get(name)) for name in ("NotBefore", "NotOnOrAfter"))
    if start is not None and now < start - skew:
        raise AssertionRejected("it is not valid yet", RejectionReason.EARLY, element.get("NotBefore", ""))
    if end is None:
        return None
    if end + skew <= now:
        raise AssertionRejected("it has expired", RejectionReason.LATE, element.get("NotOnOrAfter", ""))
    return end + skew


def _parse_instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    if not _INSTANT.fullmatch(text):
        raise AssertionRejected("it has a malformed time", RejectionReason.DOCUMENT)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as exc:
        raise AssertionRejected("it has a malformed time", RejectionReason.DOCUMENT) from exc


def _text(parent: etree._Element, path: str, reason: RejectionReason) -> str:
    elements = parent.findall(path, NAMESPACES)
    if len(elements) != 1 or not elements[0].text:
        raise AssertionRejected(f"it needs one {path.rpartition(':')[2]}", reason)
    return elements[0].text
