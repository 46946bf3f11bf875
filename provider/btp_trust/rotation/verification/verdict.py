"""What an answer of the service proves about the certificate that shall sign. Pure.

Only a target's refusal leads back. What proves nothing says so: a token may be a cached one, a target may be down.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

import msgspec

from btp_trust.certificate import Certificate
from btp_trust.formatting import format_rfc3339, short_fingerprint
from btp_trust.rotation.evidence import Evidence, Verdict
from btp_trust.rotation.verification.rejection import is_target_rejection, other_cause
from btp_trust.service.transport.bearer import jwt_payload
from btp_trust.service.transport.redaction import redact

OTHER_CAUSE: Final = "not about the certificate"
_CLOCK_SKEW: Final = timedelta(seconds=60)
"""How far a target's clock may be ahead; a token from further ahead says nothing about when it was issued."""


class RetryCause(Enum):
    """Why the same check may say something else a little later."""

    NO = "no"
    PROPAGATION = "propagation"
    """The service still signs with the old key."""
    REJECTION = "refusal"
    """A refusal is believed when it is repeated."""
    OUTAGE = "outage"
    """Something on the way was down."""
    UNKNOWN_SIGNER = "signer"
    """It works, and nothing has shown which certificate signed."""


ATTEMPTS: Final = {
    RetryCause.NO: 1,
    RetryCause.PROPAGATION: 6,
    RetryCause.REJECTION: 3,
    RetryCause.OUTAGE: 3,
    RetryCause.UNKNOWN_SIGNER: 1,
}
"""How often a destination is tried that gives the same cause each time."""
PROPAGATION_TIME: Final = timedelta(seconds=60)
"""How long after a swap the service may still sign with the certificate from before: as long as its readings lag."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Evidence, and whether to try again."""

    evidence: Evidence
    retry_cause: RetryCause = RetryCause.NO


@dataclass(frozen=True, slots=True)
class Probe:
    """One try of one destination: what is known before its answer is judged."""

    signer: Certificate
    """Who shall sign."""
    since: datetime
    """Since when: what is older proves nothing. UTC, by the service's clock."""
    at: datetime
    """When the answer came, UTC, by the service's clock."""
    user_identifiers: Collection[str] = ()
    """What must not show."""
    longest_lifetime: int | None = None
    """Seconds: the longest lifetime known of this destination's tokens."""

    def result(
        self, verdict: Verdict, detail: str, retry_cause: RetryCause = RetryCause.NO, *, lifetime: int | None = None
    ) -> ProbeResult:
        """Make a judgement; its detail is scrubbed and cut."""
        evidence = Evidence(
            verdict=verdict,
            detail=redact(detail, self.user_identifiers),
            at=format_rfc3339(self.at),
            fingerprint=self.signer.fingerprint,
            lifetime=lifetime if lifetime is not None else self.longest_lifetime,
        )
        return ProbeResult(evidence, retry_cause)

    def inconclusive(self, what: str) -> ProbeResult:
        """Judge a try that got no answer of the service, or none about this destination."""
        return self.result(Verdict.INCONCLUSIVE, what, RetryCause.OUTAGE)


def evaluate_error(probe: Probe, error: str) -> ProbeResult:
    """Judge what the service says when it got no token for the user."""
    if is_target_rejection(error):
        return probe.result(Verdict.REJECTED, error, RetryCause.REJECTION)
    if (cause := other_cause(error)) is not None:
        return probe.result(Verdict.INCONCLUSIVE, f"{OTHER_CAUSE}, {cause}: {error}")
    return probe.result(Verdict.INCONCLUSIVE, error, RetryCause.OUTAGE)


def evaluate_assertion(probe: Probe, by: Certificate, issued_at: datetime) -> ProbeResult:
    """Judge an assertion whose signature was verified: it tells which key signed, whatever any target says."""
    if by.fingerprint != probe.signer.fingerprint:
        return probe.result(
            Verdict.INCONCLUSIVE,
            f"the service still signs with {short_fingerprint(by.fingerprint)} (assertion of {format_rfc3339(issued_at)})",
            RetryCause.PROPAGATION,
        )
    if issued_at < probe.since:
        return probe.result(
            Verdict.WEAK,
            f"{short_fingerprint(by.fingerprint)} signed, but at {format_rfc3339(issued_at)}, before {format_rfc3339(probe.since)}: a cached "
            "assertion",
        )
    return probe.result(
        Verdict.VERIFIED,
        f"{short_fingerprint(by.fingerprint)} signed the assertion of {format_rfc3339(issued_at)}; no target was asked",
    )


def evaluate_token(probe: Probe, token: str, expires_in: str | float | None) -> ProbeResult:
    """Judge a token that the target gave for an assertion: proof only if it is no older than the swap.

    A JWT says when it was issued. Of any other token the lifetime may tell: if it is exactly as long as the longest
    ever seen of this destination, the token is new. A longer one shows only that those before were cached. A service
    that repeats a full lifetime for a cached token would deceive that, so the first one seen is no proof.
    """
    lifetime = _seconds(expires_in)
    known = probe.longest_lifetime
    longest_lifetime = max(filter(None, (lifetime, known)), default=None)
    issued_at = _issued_at(token)
    if issued_at is not None:
        if probe.since <= issued_at <= probe.at + _CLOCK_SKEW:
            detail = f"the target accepted the assertion and gave a token at {format_rfc3339(issued_at)}"
            return probe.result(Verdict.VERIFIED, detail, lifetime=longest_lifetime)
        detail = f"a cached token proves nothing: this one is of {format_rfc3339(issued_at)}, by the target's clock"
        return probe.result(Verdict.WEAK, detail, lifetime=longest_lifetime)
    if lifetime is not None and lifetime == known:
        detail = f"the target accepted the assertion and gave a token for {lifetime} s, the longest that it ever gave"
        return probe.result(Verdict.VERIFIED, detail, lifetime=longest_lifetime)
    detail = "a cached token proves nothing, and nothing shows that this one is new"
    return probe.result(Verdict.WEAK, detail, lifetime=longest_lifetime)


def with_unknown_signer(probe: Probe, accepted: ProbeResult) -> ProbeResult:
    """Judge a token again, where nothing shows which certificate signed the assertion that it was given for.

    Right after a swap that may still be the one from before, and a target that accepts it says nothing of the new one.
    """
    detail = f"nothing shows which certificate signed; {accepted.evidence.detail}"
    return probe.result(Verdict.INCONCLUSIVE, detail, RetryCause.UNKNOWN_SIGNER, lifetime=accepted.evidence.lifetime)


def _seconds(expires_in: str | float | None) -> int | None:
    try:
        seconds = int(float(expires_in or 0))
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


class _IssuedClaim(msgspec.Struct):
    iat: float


def _issued_at(token: str) -> datetime | None:
    """Read when a JWT was issued, without verifying it: it came from the service, over TLS."""
    try:
        return datetime.fromtimestamp(msgspec.json.decode(jwt_payload(token), type=_IssuedClaim).iat, UTC)
    except (ValueError, OverflowError, OSError, msgspec.DecodeError, RecursionError):
        return None
