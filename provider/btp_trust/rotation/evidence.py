"""Evidence: what a verification found for a destination, as it is recorded in the state."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class OnVerificationFailure(StrEnum):
    """What to do if a target refuses what signs since a swap."""

    ROLLBACK = "rollback"
    REPORT = "report"


class Verdict(StrEnum):
    """What was found out about one destination."""

    VERIFIED = "verified"
    """The new certificate signed, and, where a target was asked, it accepted that."""
    WEAK = "weak"
    """It works, but perhaps with a token from before the swap."""
    REJECTED = "rejected"
    """The target answered with a refusal."""
    INCONCLUSIVE = "inconclusive"
    """Nobody can tell yet."""


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was found out about one destination, and when: kept in the state, so nothing in it is private."""

    verdict: Verdict
    detail: str
    at: str
    """RFC 3339, UTC, by the service's clock."""
    fingerprint: str
    """The certificate that signed, or should have."""
    lifetime: int | None = None
    """Seconds: the longest that a token of this destination was ever valid for."""
    after_rollback: str | None = None
    """What the same check said once the earlier certificate signed again."""

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"{self.verdict.value}: {self.detail}"
