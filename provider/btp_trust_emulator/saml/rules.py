"""What a service wants of an assertion beyond a trusted signature: servers differ in it. No HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum


class Reason(Enum):
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
class Rules:
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
    takes_confirmation_start: bool = True
    takes_response: bool = True
    """A confirmation may have an `InResponseTo`."""
    needs_logon: bool = False
    """It has an AuthnStatement."""
    takes_plain_base64: bool = True
    oldest: timedelta | None = None
    oldest_logon: timedelta | None = None
