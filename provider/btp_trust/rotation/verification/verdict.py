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
from btp_trust.formatting import brief, rfc3339
from btp_trust.rotation.evidence import Evidence, Verdict
from btp_trust.rotation.verification.rejection import is_refusal, other_cause
from btp_trust.service.transport.bearer import payload
from btp_trust.service.transport.redaction import scrub

NOT_THE_CERTIFICATE: Final = "not about the certificate"
_CLOCKS: Final = timedelta(seconds=60)
"""How far a target's clock may be ahead; a token from further ahead says nothing about when it was issued."""


class Again(Enum):
    """Why the same check may say something else a little later."""

    NO = "no"
    PROPAGATION = "propagation"
    """The service still signs with the old key."""
    REFUSAL = "refusal"
    """A refusal is believed when it is repeated."""
    OUTAGE = "outage"
    """Something on the way was down."""
    SIGNER = "signer"
    """It works, and nothing has shown which certificate signed."""


TRIES: Final = {Again.NO: 1, Again.PROPAGATION: 6, Again.REFUSAL: 3, Again.OUTAGE: 3, Again.SIGNER: 1}
"""How often a destination is tried that gives the same cause each time."""
PASSED_ON: Final = timedelta(seconds=60)
"""How long after a swap the service may still sign with the certificate from before: as long as its readings lag."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Evidence, and whether to try again."""

    evidence: Evidence
    again: Again = Again.NO


@dataclass(frozen=True, slots=True)
class Trial:
    """One try of one destination: what is known before its answer is judged."""

    signer: Certificate
    """Who shall sign."""
    since: datetime
    """Since when: what is older proves nothing. UTC, by the service's clock."""
    at: datetime
    """When the answer came, UTC, by the service's clock."""
    private: Collection[str] = ()
    """What must not show."""
    longest: int | None = None
    """Seconds: the longest lifetime known of this destination's tokens."""

    def finds(
        self, verdict: Verdict, detail: str, again: Again = Again.NO, *, lifetime: int | None = None
    ) -> Judgement:
        """Make a judgement; its detail is scrubbed and cut."""
        evidence = Evidence(
            verdict=verdict,
            detail=scrub(detail, self.private),
            at=rfc3339(self.at),
            fingerprint=self.signer.fingerprint,
            lifetime=lifetime if lifetime is not None else self.longest,
        )
        return Judgement(evidence, again)

    def fails(self, what: str) -> Judgement:
        """Judge a try that got no answer of the service, or none about this destination."""
        return self.finds(Verdict.INCONCLUSIVE, what, Again.OUTAGE)


def judge_error(trial: Trial, error: str) -> Judgement:
    """Judge what the service says when it got no token for the user."""
    if is_refusal(error):
        return trial.finds(Verdict.REFUSED, error, Again.REFUSAL)
    if (cause := other_cause(error)) is not None:
        return trial.finds(Verdict.INCONCLUSIVE, f"{NOT_THE_CERTIFICATE}, {cause}: {error}")
    return trial.finds(Verdict.INCONCLUSIVE, error, Again.OUTAGE)


def judge_assertion(trial: Trial, by: Certificate, issued_at: datetime) -> Judgement:
    """Judge an assertion whose signature was verified: it tells which key signed, whatever any target says."""
    if by.fingerprint != trial.signer.fingerprint:
        return trial.finds(
            Verdict.INCONCLUSIVE,
            f"the service still signs with {brief(by.fingerprint)} (assertion of {rfc3339(issued_at)})",
            Again.PROPAGATION,
        )
    if issued_at < trial.since:
        return trial.finds(
            Verdict.WEAK,
            f"{brief(by.fingerprint)} signed, but at {rfc3339(issued_at)}, before {rfc3339(trial.since)}: a cached "
            "assertion",
        )
    return trial.finds(
        Verdict.PROVED, f"{brief(by.fingerprint)} signed the assertion of {rfc3339(issued_at)}; no target was asked"
    )


def judge_token(trial: Trial, token: str, expires_in: str | float | None) -> Judgement:
    """Judge a token that the target gave for an assertion: proof only if it is no older than the swap.

    A JWT says when it was issued. Of any other token the lifetime may tell: if it is exactly as long as the longest
    ever seen of this destination, the token is new. A longer one shows only that those before were cached. A service
    that repeats a full lifetime for a cached token would deceive that, so the first one seen is no proof.
    """
    lifetime = _seconds(expires_in)
    known = trial.longest
    longest = max(filter(None, (lifetime, known)), default=None)
    issued_at = _issued_at(token)
    if issued_at is not None:
        if trial.since <= issued_at <= trial.at + _CLOCKS:
            detail = f"the target accepted the assertion and gave a token at {rfc3339(issued_at)}"
            return trial.finds(Verdict.PROVED, detail, lifetime=longest)
        detail = f"a cached token proves nothing: this one is of {rfc3339(issued_at)}, by the target's clock"
        return trial.finds(Verdict.WEAK, detail, lifetime=longest)
    if lifetime is not None and lifetime == known:
        detail = f"the target accepted the assertion and gave a token for {lifetime} s, the longest that it ever gave"
        return trial.finds(Verdict.PROVED, detail, lifetime=longest)
    detail = "a cached token proves nothing, and nothing shows that this one is new"
    return trial.finds(Verdict.WEAK, detail, lifetime=longest)


def without_signer(trial: Trial, accepted: Judgement) -> Judgement:
    """Judge a token again, where nothing shows which certificate signed the assertion that it was given for.

    Right after a swap that may still be the one from before, and a target that accepts it says nothing of the new one.
    """
    detail = f"nothing shows which certificate signed; {accepted.evidence.detail}"
    return trial.finds(Verdict.INCONCLUSIVE, detail, Again.SIGNER, lifetime=accepted.evidence.lifetime)


def _seconds(expires_in: str | float | None) -> int | None:
    try:
        seconds = int(float(expires_in or 0))
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


class _Issued(msgspec.Struct):
    iat: float


def _issued_at(token: str) -> datetime | None:
    """Read when a JWT was issued, without verifying it: it came from the service, over TLS."""
    try:
        return datetime.fromtimestamp(msgspec.json.decode(payload(token), type=_Issued).iat, UTC)
    except (ValueError, OverflowError, OSError, msgspec.DecodeError, RecursionError):
        return None
