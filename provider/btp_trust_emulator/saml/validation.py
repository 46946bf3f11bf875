"""Judging an assertion as a token service does that takes it for an authorization grant (RFC 7522, section 3).

It is good if the one signature is of the whole of it, by a key that is trusted for its issuer; if it names this
service as audience and as recipient; and if it is valid now. Only what was signed is read. What may be missing, and how
far clocks may differ, is said by the rules of the service; a signature never is.
The dates of certificates are not looked at: no version of the UAA does, and some targets go on accepting expired ones.
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
    """An assertion is refused; the text says why, and repeats nothing of it.

    What servers repeat in their own texts is beside it: `identity` (its ID), `issuer`, and a `time` in it.
    """

    def __init__(self, why: str, reason: RejectionReason, time: str = "") -> None:
        super().__init__(why)
        self.reason = reason
        self.time = time
        self.identity = ""
        self.issuer = ""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who is to rely on assertions.

    `entity_id` is the audience, `recipients` the URLs of the token service, `trusted` the certificates (PEM) by the
    name of the issuer, `rules` what else is needed.
    """

    entity_id: str
    recipients: Collection[str]
    trusted: Mapping[str, Sequence[str]]
    rules: ValidationRules = field(default_factory=ValidationRules)


@dataclass(frozen=True, slots=True)
class ValidAssertion:
    """An assertion that is good: who spoke of whom, the SHA-256 of the certificate that proves it, its ID and end."""

    issuer: str
    name_id: str
    fingerprint: str
    assertion_id: str
    until: datetime


def decode_assertion(text: str, rules: ValidationRules) -> bytes:
    """The octets of an assertion as it is sent: base64url or, if the rules take it, base64; padded or not.

    Raises:
        AssertionRejected: it is neither.
    """
    if not rules.allows_plain_base64 and re.search("[+/]", text):
        raise AssertionRejected("it is not base64url", RejectionReason.ENCODING)
    try:
        return base64.b64decode(text.translate(_BASE64URL) + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise AssertionRejected("it is not base64", RejectionReason.ENCODING) from exc


def validate(octets: bytes, relying_party: RelyingParty, now: datetime) -> ValidAssertion:
    """What a good assertion says.

    Raises:
        AssertionRejected: it is not good.
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
        raise AssertionRejected("its issuer is not trusted", RejectionReason.ISSUER)
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
        raise AssertionRejected("it is no SAML 2.0 assertion", RejectionReason.DOCUMENT)
    if root.find(".//saml:Assertion", NAMESPACES) is not None:
        raise AssertionRejected("there is an assertion within it", RejectionReason.DOCUMENT)
    return root


def _signed(root: etree._Element, trusted: Sequence[str]) -> tuple[etree._Element, str]:
    """What a trusted certificate signed, and its fingerprint."""
    why, reason = "its issuer has no certificate", RejectionReason.SIGNATURE
    for certificate in trusted:
        try:
            return signature.verify_signature(
                root, trust_certificate.public_key(certificate)
            ), trust_certificate.fingerprint(certificate)
        except signature.InvalidSignatureError as exc:
            why = str(exc)
            reason = (
                RejectionReason.TRANSFORM
                if isinstance(exc, signature.ForbiddenTransform)
                else RejectionReason.SIGNATURE
            )
    raise AssertionRejected(why, reason)


def _check_age(signed: etree._Element, rules: ValidationRules, now: datetime) -> None:
    """Neither it nor the logon that it tells of may be too old; if it has to tell of one, it does."""
    logons = signed.findall("saml:AuthnStatement", NAMESPACES)
    if rules.needs_authn_statement and not logons:
        raise AssertionRejected("it has no AuthnStatement", RejectionReason.STATEMENT)
    dated = [(signed.get("IssueInstant"), rules.max_age)]
    dated += [(each.get("AuthnInstant"), rules.max_logon_age) for each in logons]
    for text, max_age in dated:
        if max_age is not None and not _is_within(_parse_instant(text), max_age, rules.skew, now):
            raise AssertionRejected(
                "it was issued too long ago, or its user logged on too long ago", RejectionReason.STATEMENT
            )


def _is_within(moment: datetime | None, max_age: timedelta, skew: timedelta, now: datetime) -> bool:
    return moment is not None and now - max_age - skew <= moment <= now + skew


def _check_audience(signed: etree._Element, entity_id: str, rules: ValidationRules) -> None:
    """Each restriction has to name this service; there has to be one, unless the rules do without."""
    restrictions = signed.findall("saml:Conditions/saml:AudienceRestriction", NAMESPACES)
    audiences = [{each.text for each in one.iterfind("saml:Audience", NAMESPACES)} for one in restrictions]
    if (rules.needs_audience and not audiences) or any(entity_id not in each for each in audiences):
        raise AssertionRejected("its audience is somebody else", RejectionReason.AUDIENCE)


def _check_times(
    signed: etree._Element, recipients: Collection[str], rules: ValidationRules, now: datetime
) -> datetime:
    """The end of an assertion that is valid now and confirmed for one of the recipients."""
    confirmations = signed.findall("saml:Subject/saml:SubjectConfirmation", NAMESPACES)
    confirmed = [
        data
        for each in confirmations
        if each.get("Method") == BEARER
        for data in each.iterfind("saml:SubjectConfirmationData", NAMESPACES)
    ]
    here = [data for data in confirmed if _is_for_recipient(data, recipients, rules)]
    if not here and (confirmations or rules.needs_recipient):
        raise AssertionRejected("its recipient is somebody else", RejectionReason.CONFIRMATION)
    _check_confirmations(here, rules)
    limited = [*signed.iterfind("saml:Conditions", NAMESPACES), *here]
    ends = [end for end in (_parse_end(each, rules.skew, now) for each in limited) if end is not None]
    if rules.needs_end and not ends:
        raise AssertionRejected("it does not say how long it is valid", RejectionReason.CONFIRMATION)
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
    """The end that an element sets, and with the difference that clocks may have, which is still to come."""
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
        raise AssertionRejected("it has a time that is none", RejectionReason.DOCUMENT)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as exc:
        raise AssertionRejected("it has a time that is none", RejectionReason.DOCUMENT) from exc


def _text(parent: etree._Element, path: str, reason: RejectionReason) -> str:
    found = parent.findall(path, NAMESPACES)
    if len(found) != 1 or not found[0].text:
        raise AssertionRejected(f"it needs one {path.rpartition(':')[2]}", reason)
    return found[0].text
