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
from btp_trust_emulator.saml.rules import Reason, Rules
from btp_trust_emulator.saml.xml import BEARER, NAMESPACES, saml

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta

    from lxml import etree

_BASE64URL = str.maketrans("-_", "+/")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", flags=re.ASCII)
_NO_END = datetime.max.replace(tzinfo=UTC)


class NotAccepted(Exception):
    """An assertion is refused; the text says why, and repeats nothing of it.

    What servers repeat in their own texts is beside it: `identity` (its ID), `issuer`, and a `time` in it.
    """

    def __init__(self, why: str, reason: Reason, time: str = "") -> None:
        super().__init__(why)
        self.reason = reason
        self.time = time
        self.identity = ""
        self.issuer = ""


@dataclass(frozen=True, slots=True)
class Relying:
    """Who is to rely on assertions.

    `entity_id` is the audience, `recipients` the URLs of the token service, `trusted` the certificates (PEM) by the
    name of the issuer, `rules` what else is needed.
    """

    entity_id: str
    recipients: Collection[str]
    trusted: Mapping[str, Sequence[str]]
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True)
class Accepted:
    """An assertion that is good: who spoke of whom, the SHA-256 of the certificate that proves it, its ID and end."""

    issuer: str
    name_id: str
    fingerprint: str
    assertion_id: str
    until: datetime


def decoded(text: str, rules: Rules) -> bytes:
    """The octets of an assertion as it is sent: base64url or, if the rules take it, base64; padded or not.

    Raises:
        NotAccepted: it is neither.
    """
    if not rules.takes_plain_base64 and re.search("[+/]", text):
        raise NotAccepted("it is not base64url", Reason.ENCODING)
    try:
        return base64.b64decode(text.translate(_BASE64URL) + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise NotAccepted("it is not base64", Reason.ENCODING) from exc


def judge(octets: bytes, relying: Relying, now: datetime) -> Accepted:
    """What a good assertion says.

    Raises:
        NotAccepted: it is not good.
    """
    root = _assertion(octets)
    try:
        return _judged(root, relying, now)
    except NotAccepted as exc:
        exc.identity = root.get("ID", "")
        exc.issuer = root.findtext("saml:Issuer", "", NAMESPACES)
        raise


def _judged(root: etree._Element, relying: Relying, now: datetime) -> Accepted:
    issuer = _text(root, "saml:Issuer", Reason.ISSUER)
    if issuer not in relying.trusted:
        raise NotAccepted("its issuer is not trusted", Reason.ISSUER)
    signed, fingerprint = _signed(root, relying.trusted[issuer])
    rules = relying.rules
    _check_audience(signed, relying.entity_id, rules)
    until = _check_times(signed, relying.recipients, rules, now)
    _check_age(signed, rules, now)
    name_id = _text(signed, "saml:Subject/saml:NameID", Reason.SUBJECT)
    return Accepted(issuer, name_id, fingerprint, signed.get("ID", ""), until)


def _assertion(octets: bytes) -> etree._Element:
    try:
        root = xml.read(octets)
    except xml.NotReadable as exc:
        raise NotAccepted(str(exc), Reason.DOCUMENT) from exc
    if root.tag != saml("Assertion") or root.get("Version") != "2.0":
        raise NotAccepted("it is no SAML 2.0 assertion", Reason.DOCUMENT)
    if root.find(".//saml:Assertion", NAMESPACES) is not None:
        raise NotAccepted("there is an assertion within it", Reason.DOCUMENT)
    return root


def _signed(root: etree._Element, trusted: Sequence[str]) -> tuple[etree._Element, str]:
    """What a trusted certificate signed, and its fingerprint."""
    why, reason = "its issuer has no certificate", Reason.SIGNATURE
    for certificate in trusted:
        try:
            return signature.verified(root, trust_certificate.public_key(certificate)), trust_certificate.fingerprint(
                certificate
            )
        except signature.NotSigned as exc:
            why = str(exc)
            reason = Reason.TRANSFORM if isinstance(exc, signature.Transformed) else Reason.SIGNATURE
    raise NotAccepted(why, reason)


def _check_age(signed: etree._Element, rules: Rules, now: datetime) -> None:
    """Neither it nor the logon that it tells of may be too old; if it has to tell of one, it does."""
    logons = signed.findall("saml:AuthnStatement", NAMESPACES)
    if rules.needs_logon and not logons:
        raise NotAccepted("it has no AuthnStatement", Reason.STATEMENT)
    dated = [(signed.get("IssueInstant"), rules.oldest)]
    dated += [(each.get("AuthnInstant"), rules.oldest_logon) for each in logons]
    for text, oldest in dated:
        if oldest is not None and not _is_within(_instant(text), oldest, rules.skew, now):
            raise NotAccepted("it was issued too long ago, or its user logged on too long ago", Reason.STATEMENT)


def _is_within(moment: datetime | None, oldest: timedelta, skew: timedelta, now: datetime) -> bool:
    return moment is not None and now - oldest - skew <= moment <= now + skew


def _check_audience(signed: etree._Element, entity_id: str, rules: Rules) -> None:
    """Each restriction has to name this service; there has to be one, unless the rules do without."""
    restrictions = signed.findall("saml:Conditions/saml:AudienceRestriction", NAMESPACES)
    audiences = [{each.text for each in one.iterfind("saml:Audience", NAMESPACES)} for one in restrictions]
    if (rules.needs_audience and not audiences) or any(entity_id not in each for each in audiences):
        raise NotAccepted("its audience is somebody else", Reason.AUDIENCE)


def _check_times(signed: etree._Element, recipients: Collection[str], rules: Rules, now: datetime) -> datetime:
    """The end of an assertion that is valid now and confirmed for one of the recipients."""
    confirmations = signed.findall("saml:Subject/saml:SubjectConfirmation", NAMESPACES)
    confirmed = [
        data
        for each in confirmations
        if each.get("Method") == BEARER
        for data in each.iterfind("saml:SubjectConfirmationData", NAMESPACES)
    ]
    here = [data for data in confirmed if _is_for(data, recipients, rules)]
    if not here and (confirmations or rules.needs_recipient):
        raise NotAccepted("its recipient is somebody else", Reason.CONFIRMATION)
    _check_confirmations(here, rules)
    limited = [*signed.iterfind("saml:Conditions", NAMESPACES), *here]
    ends = [end for end in (_end(each, rules.skew, now) for each in limited) if end is not None]
    if rules.needs_end and not ends:
        raise NotAccepted("it does not say how long it is valid", Reason.CONFIRMATION)
    return min(ends, default=_NO_END)


def _is_for(data: etree._Element, recipients: Collection[str], rules: Rules) -> bool:
    recipient = data.get("Recipient")
    return recipient in recipients or (recipient is None and not rules.needs_recipient)


def _check_confirmations(here: Sequence[etree._Element], rules: Rules) -> None:
    for data in here:
        lacks_end = rules.needs_confirmation_end and data.get("NotOnOrAfter") is None
        starts = not rules.takes_confirmation_start and data.get("NotBefore") is not None
        if lacks_end or starts:
            raise NotAccepted("its confirmation has no end, or a beginning", Reason.CONFIRMATION)
        if not rules.takes_response and data.get("InResponseTo") is not None:
            raise NotAccepted("its confirmation responds to a request", Reason.CONFIRMATION)


def _end(element: etree._Element, skew: timedelta, now: datetime) -> datetime | None:
    """The end that an element sets, and with the difference that clocks may have, which is still to come."""
    start, end = (_instant(element.get(name)) for name in ("NotBefore", "NotOnOrAfter"))
    if start is not None and now < start - skew:
        raise NotAccepted("it is not valid yet", Reason.EARLY, element.get("NotBefore", ""))
    if end is None:
        return None
    if end + skew <= now:
        raise NotAccepted("it has expired", Reason.LATE, element.get("NotOnOrAfter", ""))
    return end + skew


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    if not _INSTANT.fullmatch(text):
        raise NotAccepted("it has a time that is none", Reason.DOCUMENT)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as exc:
        raise NotAccepted("it has a time that is none", Reason.DOCUMENT) from exc


def _text(parent: etree._Element, path: str, reason: Reason) -> str:
    found = parent.findall(path, NAMESPACES)
    if len(found) != 1 or not found[0].text:
        raise NotAccepted(f"it needs one {path.rpartition(':')[2]}", reason)
    return found[0].text
