"""What a service wants of an assertion beyond a trusted signature: servers differ in it. No HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum


class RejectionReason(Enum):
    """Why an assertion is refused, as far as servers tell it apart."""

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
    """It has no AuthnStatement, or an old one, or was issued long ago."""
    REPLAY = "replay"
    USER = "user"


@dataclass(frozen=True, slots=True)
class ValidationRules:
    """What is needed of an assertion, and what it must not have; the defaults are those of RFC 7522.

    `skew` is how far clocks may differ; `oldest` and `oldest_logon` how long ago it may be issued, and its user logged
    on, None for any time.
    """

    skew: timedelta = timedelta()
    needs_audience: bool = True
    needs_recipient: bool = True
    needs_end: bool = True
    """Some element says when it ends."""
    needs_confirmation_end: bool = False
    """The confirmation itself says when it ends."""
    allows_confirmation_start: bool = True
    allows_in_response_to: bool = True
    """A confirmation may have an `InResponseTo`."""
    needs_authn_statement: bool = False
    """It has an AuthnStatement."""
    allows_plain_base64: bool = True
    max_age: timedelta | None = None
    max_logon_age: timedelta | None = None
