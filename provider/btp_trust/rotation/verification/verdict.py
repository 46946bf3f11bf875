"""Verdict of one probe: what an answer of the service says about the declared certificate. Pure.

Only a target's rejection rolls back. Other answers may be weak, as a token may be cached, or inconclusive, as a target
may be down.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

import msgspec
from msgspec import Struct

from btp_trust.certificate import Certificate
from btp_trust.formatting import format_rfc3339, short_fingerprint
from btp_trust.parsing import structs
from btp_trust.rotation.evidence import Evidence, Verdict
from btp_trust.service.transport.bearer import jwt_payload
from btp_trust.service.transport.redaction import redact

OTHER_CAUSE: Final = "not about the certificate"
_CLOCK_SKEW: Final = timedelta(seconds=60)
"""How far a target's clock may be ahead; the issue time of a token from further ahead is unknown."""


class RetryCause(Enum):
    """Why the same probe may have another result a little later."""

    NO = "no"
    SIGNER_DELAY = "signer delay"
    """The service still signs with the old key."""
    REJECTION = "rejection"
    """A rejection counts when it is repeated."""
    OUTAGE = "outage"
    """The service, the network or the target was down."""
    UNKNOWN_SIGNER = "signer"
    """The target accepted an assertion with an unknown signer."""


ATTEMPTS: Final = {
    RetryCause.NO: 1,
    RetryCause.SIGNER_DELAY: 6,  # in each round of the prober
    RetryCause.REJECTION: 3,  # a target may have to load its new certificate first
    RetryCause.OUTAGE: 3,
    RetryCause.UNKNOWN_SIGNER: 1,  # a command a minute later probes once more
}
"""Probes of a destination that gives the same cause each time."""
SIGNER_DELAY_TIME: Final = timedelta(seconds=60)
"""How long after a swap the service may still sign with the certificate from before: as long as its readings lag."""


class ProbeResult(Struct, frozen=True):
    """Evidence, and whether a repeated probe may change it."""

    evidence: Evidence
    retry_cause: RetryCause = RetryCause.NO


class Probe(Struct, frozen=True):
    """One probe of one destination: what is known before its answer is evaluated."""

    signer: Certificate
    """The certificate that must sign."""
    since: datetime
    """Older tokens and assertions are no evidence. UTC, by the service's clock."""
    at: datetime
    """When the answer came, UTC, by the service's clock."""
    user_identifiers: Collection[str] = ()
    """Texts to redact."""
    longest_lifetime: int | None = None
    """Seconds: the longest known lifetime of this destination's tokens."""

    def result(
        self, verdict: Verdict, detail: str, retry_cause: RetryCause = RetryCause.NO, *, lifetime: int | None = None
    ) -> ProbeResult:
        """Create a result with a redacted and truncated detail."""
        evidence = Evidence(
            verdict=verdict,
            detail=redact(detail, self.user_identifiers),
            at=format_rfc3339(self.at),
            fingerprint=self.signer.fingerprint,
            lifetime=lifetime if lifetime is not None else self.longest_lifetime,
        )
        return ProbeResult(evidence, retry_cause)

    def inconclusive(self, detail: str) -> ProbeResult:
        """Create the result of a probe that got no answer about this destination."""
        return self.result(Verdict.INCONCLUSIVE, detail, RetryCause.OUTAGE)


def evaluate_error(probe: Probe, error: str) -> ProbeResult:
    """Evaluate the error that the service reports instead of a token for the user."""
    # Compiling its expressions takes as long as a request: only an error needs them.
    from btp_trust.rotation.verification.rejection import ErrorCause, classify_error  # noqa: PLC0415

    cause = classify_error(error)
    if cause is ErrorCause.ASSERTION:
        return probe.result(Verdict.REJECTED, error, RetryCause.REJECTION)
    if cause is ErrorCause.UNKNOWN:
        return probe.result(Verdict.INCONCLUSIVE, error, RetryCause.OUTAGE)
    return probe.result(Verdict.INCONCLUSIVE, f"{OTHER_CAUSE}, {cause.value}: {error}")


def evaluate_assertion(probe: Probe, signer: Certificate, issued_at: datetime) -> ProbeResult:
    """Evaluate an assertion whose signature was verified: it shows which key signed, independently of the targets."""
    fingerprint, moment = short_fingerprint(signer.fingerprint), format_rfc3339(issued_at)
    if signer.fingerprint != probe.signer.fingerprint:
        detail = f"the service still signs with {fingerprint} (assertion of {moment})"
        return probe.result(Verdict.INCONCLUSIVE, detail, RetryCause.SIGNER_DELAY)
    if issued_at < probe.since:
        detail = f"{fingerprint} signed, but at {moment}, before {format_rfc3339(probe.since)}: a cached assertion"
        return probe.result(Verdict.WEAK, detail)
    detail = f"{fingerprint} signed the assertion of {moment}; this destination calls no target"
    return probe.result(Verdict.VERIFIED, detail)


def evaluate_token(probe: Probe, token: str, expires_in: str | float | None) -> ProbeResult:
    """Evaluate a token that the target gave for an assertion: it is evidence if it was issued since the swap.

    A JWT states when it was issued. Another token is new if its lifetime is exactly the longest of this destination so
    far. A longer one shows only that the earlier ones were cached. The first lifetime is no evidence: a service might
    repeat a full lifetime for a cached token.
    """
    lifetime = _seconds(expires_in)
    known = probe.longest_lifetime
    longest_lifetime = max(filter(None, (lifetime, known)), default=None)
    issued_at = _issued_at(token)
    if issued_at is not None:
        if probe.since <= issued_at <= probe.at + _CLOCK_SKEW:
            detail = f"the target accepted the assertion and gave a token at {format_rfc3339(issued_at)}"
            return probe.result(Verdict.VERIFIED, detail, lifetime=longest_lifetime)
        detail = f"the token may be cached: it was issued at {format_rfc3339(issued_at)} by the target's clock"
        return probe.result(Verdict.WEAK, detail, lifetime=longest_lifetime)
    if lifetime is not None and lifetime == known:
        detail = f"the target accepted the assertion and gave a token for {lifetime} s, the longest that it ever gave"
        return probe.result(Verdict.VERIFIED, detail, lifetime=longest_lifetime)
    detail = "the token may be cached: its age is unknown"
    return probe.result(Verdict.WEAK, detail, lifetime=longest_lifetime)


def with_unknown_signer(probe: Probe, accepted: ProbeResult) -> ProbeResult:
    """Evaluate a token again, because the signer of the assertion is unknown.

    Right after a swap the previous certificate may still sign; a target that accepts it says nothing about the new one.
    """
    detail = f"nothing shows which certificate signed; {accepted.evidence.detail}"
    return probe.result(Verdict.INCONCLUSIVE, detail, RetryCause.UNKNOWN_SIGNER, lifetime=accepted.evidence.lifetime)


def _seconds(expires_in: str | float | None) -> int | None:
    try:
        seconds = int(float(expires_in or 0))  # the service passes on strings, numbers and fractions
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


class _IssuedClaim(msgspec.Struct):
    iat: float


def _issued_at(token: str) -> datetime | None:
    """Return when a JWT was issued. Its signature is left unverified: it came from the service, over TLS."""
    try:
        return datetime.fromtimestamp(structs.decode(jwt_payload(token), _IssuedClaim).iat, UTC)
    except (ValueError, OverflowError, OSError, msgspec.DecodeError, RecursionError):
        return None
