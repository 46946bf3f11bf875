"""The statements of the targets of a subaccount, in the form in which they are compared, recorded and shown."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from enum import Enum
from typing import Final, Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from btp_trust.formatting import parse_rfc3339
from btp_trust.property_bag import UNKNOWN

TRUSTED: Final = "trusted"
OPEN: Final = "still to be attested"
ATTESTED_THEN: Final = "attested then, not since"
OBSERVED_THEN: Final = "observed then, not since"


class Sighting(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who has seen a certificate in a target, and when."""

    by: str
    on: str
    """As in the attestation."""
    ticket: str | None = None

    def __post_init__(self) -> None:
        """Refuse a time other than a day or a moment."""
        parse_time_of_attestation(self.on)

    @property
    def day(self) -> date:
        """The day, in UTC."""
        time = parse_time_of_attestation(self.on)
        return time.date() if isinstance(time, datetime) else time

    def is_before(self, moment: datetime) -> bool:
        """Return True if all of the stated time is before this moment."""
        time = parse_time_of_attestation(self.on)
        return time < moment if isinstance(time, datetime) else time < moment.date()

    def is_after(self, moment: datetime) -> bool:
        """Return True if all of the stated time is after this moment: of a day, only a later one is."""
        time = parse_time_of_attestation(self.on)
        return time > moment if isinstance(time, datetime) else time > moment.date()

    def is_older_than(self, other: Sighting) -> bool:
        """Return True if the other one is later, as far as both times show it."""
        time = parse_time_of_attestation(other.on)
        return self.is_before(time) if isinstance(time, datetime) else self.day < time

    def __str__(self) -> str:
        """Write both, and the change request, as a part of a sentence."""
        return f"by {self.by} on {self.on}" + (f" ({self.ticket})" if self.ticket else "")


def parse_time_of_attestation(text: str) -> date | datetime:
    """Parse a day, or a text of `format_rfc3339`.

    Raises:
        ValueError: `text` is something else.
    """
    return parse_rfc3339(text) if "T" in text else date.fromisoformat(text)


class CertificateStatement(msgspec.Struct, frozen=True):
    """The certificates that a target is stated to trust."""

    certificates: dict[str, str]
    """{fingerprint: `TRUSTED`}, or UNKNOWN for each. A preview shows what goes or comes as one line, and the rest
    unmarked; in a list, the rest would move up, so that the signer at its end would have a minus."""

    @property
    def is_unknown(self) -> bool:
        """Whether the target may trust other certificates by now: these are the recorded ones."""
        return UNKNOWN in self.certificates.values()


class Observation(CertificateStatement, frozen=True, tag_field="kind", tag="observed"):
    """The certificates that a target trusts, by its own statement."""

    @classmethod
    def of(cls, *fingerprints: str) -> Self:
        """Write these fingerprints, sorted, each once."""
        return cls(dict.fromkeys(sorted(set(fingerprints)), TRUSTED))


class Attestation(CertificateStatement, frozen=True, omit_defaults=True, tag_field="kind", tag="attested"):
    """A person's statement that a target trusts these certificates; for targets that lack an API.

    A certificate that the statement before named, and this one lacks, stays among the certificates as `… then, not
    since`: nobody has denied it.
    """

    by: str | None = None
    """Absent while the attestation is still to be filled in."""
    on: str | None = None
    """The day, or the moment in RFC 3339; both in UTC."""
    ticket: str | None = None

    def __post_init__(self) -> None:
        """Refuse a time other than a day or a moment."""
        if self.on is not None:
            parse_time_of_attestation(self.on)

    @classmethod
    def of(
        cls, fingerprints: Collection[str], by: str | None = None, on: str | None = None, ticket: str | None = None
    ) -> Self:
        """Attest these fingerprints; without `by`, they wait for the person who attests them."""
        return cls(dict.fromkeys(sorted(fingerprints), OPEN if by is None else TRUSTED), by, on, ticket)

    @property
    def fingerprints(self) -> list[str]:
        """The certificates that are attested, or to be attested, now; sorted, as the engine keeps no order."""
        return sorted(fingerprint for fingerprint, state in self.certificates.items() if state in (TRUSTED, OPEN))

    @property
    def sighting(self) -> Sighting | None:
        """Who attested that, and when; absent while that is still to be filled in."""
        return None if self.by is None or self.on is None else Sighting(self.by, self.on, self.ticket)


class DeferredUpload(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="switches at rotation"):
    """A target with room for one certificate: calls fail from the swap until its owner uploads the new certificate."""

    owner: str
    ticket: str | None = None


TrustStatement = Observation | Attestation | DeferredUpload | str
"""The statement of one target; a text stands for a value unknown in previews."""


def recorded_as_unknown(recorded: TrustStatement | None) -> dict[str, str]:
    """Return the recorded certificates, each unknown.

    One unknown value in their place would show all of them with a minus, the signer too. A saved plan lets each of
    them stay or go.
    """
    return dict.fromkeys(recorded.certificates, UNKNOWN) if isinstance(recorded, Observation | Attestation) else {}


def with_earlier_certificates(statement: TrustStatement, recorded: TrustStatement | None) -> TrustStatement:
    """Keep what an attestation leaves out of the recorded statement.

    A person who attests the next certificate denies none: with a minus, the signer would look as if it were lost.
    """
    if not isinstance(statement, Attestation) or not isinstance(recorded, Observation | Attestation):
        return statement
    then = OBSERVED_THEN if isinstance(recorded, Observation) else ATTESTED_THEN
    earlier = {
        fingerprint: then if state == TRUSTED else state
        for fingerprint, state in recorded.certificates.items()
        if state != OPEN
    }
    return replace(statement, certificates=dict(sorted({**earlier, **statement.certificates}.items())))


class TrustStatus(Enum):
    """The answer for one target, in the order in which sentences list them."""

    REJECTED = "rejected"
    """A verification saw the target reject this certificate, and the attestation is older than that."""
    NO = "no"
    PENDING = "not known yet"
    """This command changes what the statement is made of."""
    UNKNOWN = "not known"
    BEFORE = ATTESTED_THEN
    GAP = "gap"
    YES = "yes"


class TargetStatus(Struct, frozen=True):
    """Whether a target trusts the certificate that is declared to sign."""

    target: str
    status: TrustStatus
    source: str
    """Origin of the answer: `observed`, `attested`, or empty."""
    sentence: str
    """The answer, its origin, and the certificates that the target trusts instead."""

    @property
    def lacks_trust(self) -> bool:
        """Return True if the target must trust the certificate, and its trust is denied or unknown."""
        return self.status not in (TrustStatus.YES, TrustStatus.GAP)

    @property
    def is_denied(self) -> bool:
        """Return True if the target is known to lack the certificate, or has rejected it."""
        return self.status in (TrustStatus.REJECTED, TrustStatus.NO)

    def __str__(self) -> str:
        """Write the answer as a part of a sentence about all targets."""
        return f"{self.target} {self.label}"

    @property
    def label(self) -> str:
        """The answer alone."""
        return f"{self.status.value} ({self.source})" if self.source else self.status.value
