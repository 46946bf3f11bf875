"""Judging an assertion as a token service does that takes it for an authorization grant (RFC 7522, section 3).

It is good if the one signature is of the whole of it, by a key that is trusted for its issuer; if it names this
service as audience and as recipient; and if it is valid now. Only what was signed is read.
How much a real target lets clocks differ is not known; here they all read the emulator's clock, so no second is given.
The dates of certificates are not looked at: some targets go on accepting expired ones.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from btp_trust_emulator import certificates
from btp_trust_emulator.saml import signature, xml
from btp_trust_emulator.saml.names import BEARER, NAMESPACES, saml

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lxml import etree

_BASE64URL = str.maketrans("-_", "+/")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", flags=re.ASCII)


class NotAccepted(Exception):
    """An assertion is refused; the text says why, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Relying:
    """Who is to rely on assertions.

    `entity_id` is the audience, `recipients` the URLs of the token service, `trusted` the certificates (PEM) by the
    name of the issuer.
    """

    entity_id: str
    recipients: Collection[str]
    trusted: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Accepted:
    """An assertion that is good: who spoke of whom, the SHA-256 of the certificate that proves it, its ID and end."""

    issuer: str
    name_id: str
    fingerprint: str
    assertion_id: str
    until: datetime


def decoded(text: str) -> bytes:
    """The octets of an assertion as it is sent: base64 or base64url, padded or not.

    Raises:
        NotAccepted: it is neither.
    """
    try:
        return base64.b64decode(text.translate(_BASE64URL) + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise NotAccepted("it is not base64") from exc


def judge(octets: bytes, relying: Relying, now: datetime) -> Accepted:
    """What a good assertion says.

    Raises:
        NotAccepted: it is not good.
    """
    root = _assertion(octets)
    issuer = _text(root, "saml:Issuer")
    signed, fingerprint = _signed(root, relying.trusted.get(issuer, ()))
    _check_audience(signed, relying.entity_id)
    until = _check_times(signed, relying.recipients, now)
    name_id = _text(signed, "saml:Subject/saml:NameID")
    return Accepted(issuer, name_id, fingerprint, signed.get("ID", ""), until)


def _assertion(octets: bytes) -> etree._Element:
    try:
        root = xml.read(octets)
    except xml.NotReadable as exc:
        raise NotAccepted(str(exc)) from exc
    if root.tag != saml("Assertion") or root.get("Version") != "2.0":
        raise NotAccepted("it is no SAML 2.0 assertion")
    if root.find(".//saml:Assertion", NAMESPACES) is not None:
        raise NotAccepted("there is an assertion within it")
    return root


def _signed(root: etree._Element, trusted: Sequence[str]) -> tuple[etree._Element, str]:
    """What a trusted certificate signed, and its fingerprint."""
    why = "its issuer is not trusted"
    for certificate in trusted:
        try:
            return signature.verified(root, certificates.public_key(certificate)), certificates.fingerprint(certificate)
        except signature.NotSigned as exc:
            why = str(exc)
    raise NotAccepted(why)


def _check_audience(signed: etree._Element, entity_id: str) -> None:
    """Each restriction has to name this service, and there has to be one."""
    restrictions = signed.findall("saml:Conditions/saml:AudienceRestriction", NAMESPACES)
    audiences = [{each.text for each in one.iterfind("saml:Audience", NAMESPACES)} for one in restrictions]
    if not audiences or any(entity_id not in each for each in audiences):
        raise NotAccepted("its audience is somebody else")


def _check_times(signed: etree._Element, recipients: Collection[str], now: datetime) -> datetime:
    """The end of an assertion that is valid now and confirmed for one of the recipients."""
    confirmed = [
        data
        for each in signed.iterfind("saml:Subject/saml:SubjectConfirmation", NAMESPACES)
        if each.get("Method") == BEARER
        for data in each.iterfind("saml:SubjectConfirmationData", NAMESPACES)
    ]
    here = [data for data in confirmed if data.get("Recipient") in recipients]
    if not here:
        raise NotAccepted("its recipient is somebody else")
    limited = [*signed.iterfind("saml:Conditions", NAMESPACES), *here]
    ends = [end for end in (_end(each, now) for each in limited) if end is not None]
    if not ends:
        raise NotAccepted("it does not say how long it is valid")
    return min(ends)


def _end(element: etree._Element, now: datetime) -> datetime | None:
    """The end that an element sets, which is still to come."""
    start, end = (_instant(element.get(name)) for name in ("NotBefore", "NotOnOrAfter"))
    if start is not None and now < start:
        raise NotAccepted("it is not valid yet")
    if end is not None and end <= now:
        raise NotAccepted("it has expired")
    return end


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    if not _INSTANT.fullmatch(text):
        raise NotAccepted("it has a time that is none")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as exc:
        raise NotAccepted("it has a time that is none") from exc


def _text(parent: etree._Element, path: str) -> str:
    found = parent.findall(path, NAMESPACES)
    if len(found) != 1 or not found[0].text:
        raise NotAccepted(f"it needs one {path.rpartition(':')[2]}")
    return found[0].text
