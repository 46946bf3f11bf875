"""What a service requires of an assertion beyond a trusted signature: servers differ in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum


class RejectionReason(Enum):
    """Why an assertion is rejected, as far as servers distinguish the reasons."""

    ENCODING = "encoding"
    DOCUMENT = "document"
    ISSUER = "issuer"
    SIGNATURE = "signature"
    TRANSFORM = "transform"
    AUDIENCE = "audience"
    CONFIRMATION = "confirmation"
    EARLY = "early"
    LATE = "late"
    SUBJECT = "subject"
    STATEMENT = "statement"
    """The AuthnStatement is missing or old, or the assertion was issued long ago."""
    REPLAY = "replay"
    USER = "user"


@dataclass(frozen=True, slots=True)
class ValidationRules:
    """What is required of an assertion, and what it must leave out; the defaults are those of RFC 7522.

    `skew` is how far clocks may differ; `max_age` and `max_logon_age` how long ago the assertion may be issued, and its
    user logged on, None for any time.
    """

    skew: timedelta = timedelta()
    needs_audience: bool = True
    needs_recipient: bool = True
    needs_end: bool = True
    """Some element has a `NotOnOrAfter`."""
    needs_confirmation_end: bool = False
    """The confirmation itself has a `NotOnOrAfter`."""
    allows_confirmation_start: bool = True
    allows_in_response_to: bool = True
    """A confirmation may have an `InResponseTo`."""
    needs_authn_statement: bool = False
    """The assertion has an AuthnStatement."""
    allows_plain_base64: bool = True
    max_age: timedelta | None = None
    max_logon_age: timedelta | None = None
