"""Evidence: what a verification found for a destination, as it is recorded in the state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec


class OnVerificationFailure(StrEnum):
    """What to do if a target rejects the signer since a swap."""

    ROLLBACK = "rollback"
    REPORT = "report"


class Verdict(StrEnum):
    """Result of the verification of one destination."""

    VERIFIED = "verified"
    """The new certificate signed, and a target, if one was called, accepted the assertion."""
    WEAK = "weak"
    """The destination works, but the token may be older than the swap."""
    REJECTED = "rejected"
    """The target rejected the assertion."""
    INCONCLUSIVE = "inconclusive"
    """The probes found nothing either way."""


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a verification found for one destination, and when. The state keeps it, so its texts are redacted."""

    verdict: Verdict
    detail: str
    at: str
    """RFC 3339, UTC, by the service's clock."""
    fingerprint: str
    """The certificate that signed, or should have."""
    lifetime: int | None = None
    """Seconds: the longest lifetime of a token of this destination so far."""
    after_rollback: str | None = None
    """Result of the same probe once the earlier certificate signed again."""

    def __str__(self) -> str:
        """Return the verdict and its detail."""
        return f"{self.verdict.value}: {self.detail}"


def evidence_lines(
    evidence: Mapping[str, Evidence], names: Iterable[str] | None = None, *, with_rollback: bool = False
) -> str:
    """List evidence, an indented line for each destination.

    Args:
        evidence: Evidence by destination.
        names: Destinations to list; default all.
        with_rollback: Add the result after the rollback.
    """
    return "\n".join(
        f"  {name}: {evidence[name]}"
        + (f"; after the rollback: {evidence[name].after_rollback}" if with_rollback else "")
        for name in (evidence if names is None else names)
    )
