"""Probes of a verification: the request, the state of each destination, and what the states say together. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from btp_trust.certificate import Certificate
from btp_trust.rotation.evidence import Evidence, Verdict
from btp_trust.rotation.verification.verdict import ATTEMPTS, Probe, ProbeResult, RetryCause
from btp_trust.service.destinations import SAML_ASSERTION


class ProbeRequest(Struct, frozen=True):
    """What the probes have to verify."""

    signer: Certificate
    """The certificate that must sign."""
    other: Certificate | None
    """The certificate in the other slot."""
    since: datetime
    """Older tokens and assertions are no evidence. UTC, by the service's clock."""
    known: Mapping[str, Evidence]
    """Evidence of earlier commands, by destination."""
    fallback_destinations: Collection[str] = ()
    """Further destinations, which are probed if only they show the signer."""
    decisive: Collection[str] = ()
    """Destinations whose rejection ends the probes at once: users are rejected, and a rollback helps."""
    without_retries: bool = False
    """Leave a destination alone after its first error."""

    def probe(self, name: str, at: datetime | None = None, user_identifiers: Collection[str] = ()) -> Probe:
        """Begin a probe; the longest known lifetime of the destination's tokens is passed on."""
        evidence = self.known.get(name)
        lifetime = evidence.lifetime if evidence is not None else None
        return Probe(self.signer, self.since, at or self.since, user_identifiers, lifetime)


class ProbeState(Struct):
    """A destination, its last result, and how often it gave the same cause for a retry."""

    name: str
    authentication: str = ""
    """Empty until it was read."""
    result: ProbeResult | None = None
    repetitions: int = 0

    @property
    def shows_signer(self) -> bool:
        """True if the destination returns the assertion itself."""
        return self.authentication == SAML_ASSERTION

    @property
    def is_finished(self) -> bool:
        """True if another probe would give the same result."""
        return self.result is not None and self.repetitions >= ATTEMPTS[self.result.retry_cause]

    @property
    def has_verified_signer(self) -> bool:
        """True if the destination showed that the certificate signs."""
        is_verified = self.result is not None and self.result.evidence.verdict is Verdict.VERIFIED
        return self.shows_signer and is_verified

    @property
    def priority(self) -> tuple[bool, bool, bool]:
        """Sort key within a round: first if users may be rejected, last if it may be slow."""
        return (
            not self.has_retry_cause(RetryCause.REJECTION),
            self.has_retry_cause(RetryCause.OUTAGE),
            not self.shows_signer,
        )

    def has_retry_cause(self, retry_cause: RetryCause) -> bool:
        """Return True if this is why the last result may change."""
        return self.result is not None and self.result.retry_cause is retry_cause

    def record_result(self, result: ProbeResult) -> None:
        """Record a result; another cause than before restarts the count."""
        is_same = self.result is not None and self.result.retry_cause is result.retry_cause
        self.result, self.repetitions = result, self.repetitions + 1 if is_same else 1


def is_waiting_for_signer(states: Iterable[ProbeState]) -> bool:
    """Return True if the service still signs with the other certificate."""
    return any(state.shows_signer and state.has_retry_cause(RetryCause.SIGNER_DELAY) for state in states)


def is_signer_verified(states: Iterable[ProbeState]) -> bool:
    """Return True if a destination showed that the certificate signs."""
    return any(state.has_verified_signer for state in states)


def has_final_rejection(states: Iterable[ProbeState], decisive: Collection[str]) -> bool:
    """Return True if a decisive destination repeated its rejection often enough."""
    rejected = (state for state in states if state.has_retry_cause(RetryCause.REJECTION))
    return any(state.is_finished for state in rejected if state.name in decisive)


def may_change(state: ProbeState, states: Iterable[ProbeState]) -> bool:
    """Return True if another probe may tell more: its result is provisional, or the signer is known by now."""
    was_signer_unknown = state.has_retry_cause(RetryCause.UNKNOWN_SIGNER)
    return not state.is_finished or (was_signer_unknown and is_signer_verified(states))
