"""Which assertions the open-source UAA accepts, and the texts of its rejections: two versions, and both at once.

The sources of the rules are responses of real servers. For the age of an assertion (accepted after 40 minutes, rejected
after two days) and of the logon in it (three hours, 40 days) only bounds are known: here it is the default of the
server's library, or ten days.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from btp_trust_emulator.messages import json
from btp_trust_emulator.saml.rules import RejectionReason, ValidationRules
from btp_trust_emulator.services import oauth
from btp_trust_emulator.switches import Bearer

if TYPE_CHECKING:
    from btp_trust_emulator.messages import Response
    from btp_trust_emulator.saml.validation import AssertionRejected

# Version 77.18: its SAML library checks the logon and both ages, and accepts clocks that differ by a minute.
_OLD = ValidationRules(
    skew=timedelta(seconds=60),
    needs_confirmation_end=True,
    allows_confirmation_start=False,
    needs_authn_statement=True,
    max_age=timedelta(seconds=3000),
    max_logon_age=timedelta(days=10),
)
# Later versions: a bearer path of their own, which checks audience and recipient only if
# the assertion names them.
_CURRENT = ValidationRules(
    skew=timedelta(seconds=300),
    needs_audience=False,
    needs_recipient=False,
    needs_end=False,
    allows_in_response_to=False,
    allows_plain_base64=False,
)
RULES = {
    Bearer.OLD: _OLD,
    Bearer.CURRENT: _CURRENT,
    Bearer.STRICT: replace(_OLD, allows_in_response_to=False, allows_plain_base64=False),
}
"""What each version requires of an assertion."""

MISSING_ASSERTION = "SAML Assertion is missing"
WRONG_ENDPOINT = "Incoming SAML message is invalid"
"""The text for an assertion that is sent to another address than that of its alias, where it matters."""
_NO_USER = "SAML user does not exist. You can correct this by creating a shadow user for the SAML user."
_VALIDATION_ERROR = "Error validating SAML message"
_DECODING_ERROR = "Error decoding incoming SAML message"
_METADATA_ERROR = "Error determining metadata contracts"
# Old versions answer with one sentence for many causes, and only these causes have a sentence of their own.
_OLD_TEXTS = {
    RejectionReason.ENCODING: _DECODING_ERROR,
    RejectionReason.DOCUMENT: _DECODING_ERROR,
    RejectionReason.ISSUER: _METADATA_ERROR,
    RejectionReason.USER: _NO_USER,
}

_PREFIX = "Invalid assertion [{identity}] for SAML response [{identity}]: "
_NOT_VALID = _PREFIX + "Signature of Assertion '{identity}' from Issuer '{issuer}' was not valid"
# Recorded as they were sent, the spelling of "audiances" included: clients that match texts must match these.
_CURRENT_TEXTS = {
    RejectionReason.ENCODING: "Unable to urlBase64Decode bearer assertion",
    RejectionReason.DOCUMENT: "Unable to parse bearer assertion",
    RejectionReason.ISSUER: _NOT_VALID,
    RejectionReason.SIGNATURE: _NOT_VALID,
    RejectionReason.TRANSFORM: _PREFIX
    + "Assertion Signature failed pre-validation: Signature contained an invalid transform",
    RejectionReason.AUDIENCE: _PREFIX
    + "Condition '{{urn:oasis:names:tc:SAML:2.0:assertion}}AudienceRestriction' of type 'null' in assertion "
    "'{identity}' was not valid.: None of the audiences within Assertion '{identity}' matched the list of valid "
    "audiances",
    RejectionReason.CONFIRMATION: _PREFIX
    + "No subject confirmation methods were met for assertion with ID '{identity}'",
    RejectionReason.EARLY: _PREFIX + "Assertion '{identity}' with NotBefore condition of '{time}' is not yet valid",
    RejectionReason.LATE: _PREFIX + "Assertion '{identity}' with NotOnOrAfter condition of '{time}' is no longer valid",
    RejectionReason.SUBJECT: "Assertion [{identity}] is missing a subject",
    RejectionReason.USER: _NO_USER,
}


def inactive_provider_text(origin_key: str, version: Bearer) -> str:
    """Return the text for an assertion whose issuer is registered, and inactive."""
    return (
        _METADATA_ERROR if version is Bearer.OLD else f"No SAML identity provider found in zone for alias:{origin_key}"
    )


def rejection_response(rejected: AssertionRejected, version: Bearer) -> Response:
    """Return the response to an assertion that is rejected."""
    note = f"rejected: {rejected}"
    if version is Bearer.OLD and rejected.reason is RejectionReason.SUBJECT:
        return replace(json(500, {}), note=note)
    if version is Bearer.OLD:
        text = _OLD_TEXTS.get(rejected.reason, _VALIDATION_ERROR)
        is_of_client = rejected.reason is RejectionReason.USER
        return oauth.unauthorized_response("invalid_client" if is_of_client else "unauthorized", text, note=note)
    text = _CURRENT_TEXTS.get(rejected.reason, _VALIDATION_ERROR)
    description = text.format(identity=rejected.identity, issuer=rejected.issuer, time=rejected.time)
    return oauth.unauthorized_response("unauthorized", description, note=note)
