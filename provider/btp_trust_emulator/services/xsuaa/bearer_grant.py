"""Which assertions the open-source UAA takes, and what it says of the others: two versions of it, and both at once.

The sources of the rules are answers of real servers. Where only bounds are known of how old an assertion may be (it
was taken after 40 minutes, and refused after two days), or the logon that it tells of (three hours, 40 days), it is
what the server's library has by default, or ten days.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from btp_trust_emulator.messages import json
from btp_trust_emulator.saml.rules import Reason, Rules
from btp_trust_emulator.services import oauth
from btp_trust_emulator.switches import Bearer

if TYPE_CHECKING:
    from btp_trust_emulator.messages import Answer
    from btp_trust_emulator.saml.validation import NotAccepted

_OLD = Rules(
    skew=timedelta(seconds=60),
    needs_confirmation_end=True,
    takes_confirmation_start=False,
    needs_logon=True,
    oldest=timedelta(seconds=3000),
    oldest_logon=timedelta(days=10),
)
_CURRENT = Rules(
    skew=timedelta(seconds=300),
    needs_audience=False,
    needs_recipient=False,
    needs_end=False,
    takes_response=False,
    takes_plain_base64=False,
)
RULES = {
    Bearer.OLD: _OLD,
    Bearer.CURRENT: _CURRENT,
    Bearer.STRICT: replace(_OLD, takes_response=False, takes_plain_base64=False),
}
"""What each of them needs of an assertion."""

MISSING = "SAML Assertion is missing"
ELSEWHERE = "Incoming SAML message is invalid"
"""Of an assertion that is sent to another address than that of its alias, where it matters."""
_NO_USER = "SAML user does not exist. You can correct this by creating a shadow user for the SAML user."
_VALIDATING = "Error validating SAML message"
_DECODING = "Error decoding incoming SAML message"
_CONTRACTS = "Error determining metadata contracts"
_OLD_TEXTS = {Reason.ENCODING: _DECODING, Reason.DOCUMENT: _DECODING, Reason.ISSUER: _CONTRACTS, Reason.USER: _NO_USER}

_PREFIX = "Invalid assertion [{identity}] for SAML response [{identity}]: "
_NOT_VALID = _PREFIX + "Signature of Assertion '{identity}' from Issuer '{issuer}' was not valid"
_CURRENT_TEXTS = {
    Reason.ENCODING: "Unable to urlBase64Decode bearer assertion",
    Reason.DOCUMENT: "Unable to parse bearer assertion",
    Reason.ISSUER: _NOT_VALID,
    Reason.SIGNATURE: _NOT_VALID,
    Reason.TRANSFORM: _PREFIX + "Assertion Signature failed pre-validation: Signature contained an invalid transform",
    Reason.AUDIENCE: _PREFIX
    + "Condition '{{urn:oasis:names:tc:SAML:2.0:assertion}}AudienceRestriction' of type 'null' in assertion "
    "'{identity}' was not valid.: None of the audiences within Assertion '{identity}' matched the list of valid "
    "audiances",
    Reason.CONFIRMATION: _PREFIX + "No subject confirmation methods were met for assertion with ID '{identity}'",
    Reason.EARLY: _PREFIX + "Assertion '{identity}' with NotBefore condition of '{time}' is not yet valid",
    Reason.LATE: _PREFIX + "Assertion '{identity}' with NotOnOrAfter condition of '{time}' is no longer valid",
    Reason.SUBJECT: "Assertion [{identity}] is missing a subject",
    Reason.USER: _NO_USER,
}


def inactive(origin_key: str, version: Bearer) -> str:
    """What is said of an assertion whose issuer is registered, and inactive."""
    return _CONTRACTS if version is Bearer.OLD else f"No SAML identity provider found in zone for alias:{origin_key}"


def not_accepted(refused: NotAccepted, version: Bearer) -> Answer:
    """The answer to an assertion that is not accepted."""
    why = f"refused: {refused}"
    if version is Bearer.OLD and refused.reason is Reason.SUBJECT:
        return replace(json(500, {}), note=why)
    if version is Bearer.OLD:
        text = _OLD_TEXTS.get(refused.reason, _VALIDATING)
        is_of_client = refused.reason is Reason.USER
        return oauth.unauthorized("invalid_client" if is_of_client else "unauthorized", text, note=why)
    text = _CURRENT_TEXTS.get(refused.reason, _VALIDATING)
    said = text.format(identity=refused.identity, issuer=refused.issuer, time=refused.time)
    return oauth.unauthorized("unauthorized", said, note=why)
