"""What the targets of a subaccount said: kept as it is compared and shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum

import msgspec


class Attestation(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="attested"):
    """Somebody answers for a target that nobody can ask."""

    fingerprint: str
    by: str | None = None
    """None: nobody does yet."""
    on: date | None = None
    """The day, in UTC."""
    ticket: str | None = None


class DeferredUpload(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="switches at rotation"):
    """A target that holds one certificate only: it fails from the swap until its owner uploads the new one."""

    owner: str
    ticket: str | None = None


TrustStatement = list[str] | Attestation | DeferredUpload | str
"""The fingerprints that a target trusts, sorted; or one of the above; a text where a preview does not know it."""


class TrustStatus(Enum):
    """The answer for one target, in the order in which a sentence has them."""

    NO = "no"
    UNKNOWN = "not known"
    GAP = "gap"
    YES = "yes"


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """Whether a target trusts the certificate that is to sign."""

    target: str
    status: TrustStatus
    source: str
    """Where it comes from in one word, `observed` or `attested`; empty where there is none."""
    sentence: str
    """Yes or no, where that comes from, and what the target trusts instead."""

    @property
    def lacks_trust(self) -> bool:
        """Whether the target has to trust the certificate, and does not as far as is known."""
        return self.status in (TrustStatus.NO, TrustStatus.UNKNOWN)

    def __str__(self) -> str:
        """Say it as a part of a sentence about all targets."""
        return f"{self.target} {self.label}"

    @property
    def label(self) -> str:
        """The answer without the target."""
        return f"{self.status.value} ({self.source})" if self.source else self.status.value
