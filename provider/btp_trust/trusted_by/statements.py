"""The statements of the targets of a subaccount, in the form in which they are compared, recorded and shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum

import msgspec


class Attestation(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="attested"):
    """A person's statement that a target trusts the certificate; for targets that lack an API."""

    fingerprint: str
    by: str | None = None
    """None: the attestation is still to be filled in."""
    on: date | None = None
    """The day, in UTC."""
    ticket: str | None = None


class DeferredUpload(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="switches at rotation"):
    """A target with room for one certificate: calls fail from the swap until its owner uploads the new certificate."""

    owner: str
    ticket: str | None = None


TrustStatement = list[str] | Attestation | DeferredUpload | str
"""The sorted fingerprints that a target trusts, or one of the above; a text stands for a value unknown in previews."""


class TrustStatus(Enum):
    """The answer for one target, in the order in which sentences list them."""

    NO = "no"
    UNKNOWN = "not known"
    GAP = "gap"
    YES = "yes"


@dataclass(frozen=True, slots=True)
class TargetStatus:
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
        return self.status in (TrustStatus.NO, TrustStatus.UNKNOWN)

    def __str__(self) -> str:
        """Write the answer as a part of a sentence about all targets."""
        return f"{self.target} {self.label}"

    @property
    def label(self) -> str:
        """The answer without the target."""
        return f"{self.status.value} ({self.source})" if self.source else self.status.value
