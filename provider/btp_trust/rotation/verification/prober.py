"""Try destinations as the user, and judge what comes back; again for a while, where it may change by itself.

One after the other, so that what is seen is in a certain order; and none may use up the time of those behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from btp_trust.certificate import Certificate
from btp_trust.errors import CredentialsRejected, NotAuthorized, Refused, TrustError
from btp_trust.formatting import short_fingerprint
from btp_trust.rotation.evidence import Evidence, Verdict
from btp_trust.rotation.verification.inspection import inspect, require_trust_certificate
from btp_trust.rotation.verification.verdict import (
    ATTEMPTS,
    Probe,
    ProbeResult,
    RetryCause,
    evaluate_assertion,
    evaluate_error,
    evaluate_token,
    with_unknown_signer,
)
from btp_trust.saml.assertion import SignerUnknown, find_signer
from btp_trust.service.credentials.user_tokens import UserToken
from btp_trust.service.destinations import SAML_ASSERTION, AuthToken, Destination, DestinationClient
from btp_trust.service.transport.redaction import user_identifiers
from btp_trust.service.transport.retry import RetryPolicy

_PAUSES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each round of tries; a swap may take a while to reach all of the service."""
_FIRST_PROBE_SECONDS: Final = 5.0
"""Seconds that a destination gets at most while others have not been tried yet: one that is slow must not hide a
refusal behind it. Later it gets its share of what remains."""
_PERMANENT_ERRORS: Final = (Refused, CredentialsRejected, NotAuthorized)
"""Errors that the same try ends with again."""


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """What is to be proved."""

    signer: Certificate
    """Who shall sign."""
    other: Certificate | None
    """Who did before."""
    since: datetime
    """What is older proves nothing. UTC, by the service's clock."""
    known: Mapping[str, Evidence]
    """What earlier commands found out, by destination."""
    fallback_destinations: Collection[str] = ()
    """Destinations that need not be tried, but may show who signs."""
    decisive: Collection[str] = ()
    """Destinations whose refusal ends the trials: users are refused, and something can be done about it."""
    without_retries: bool = False
    """Whether one that gives no answer is left alone."""

    def probe(self, name: str, at: datetime | None = None, private: Collection[str] = ()) -> Probe:
        """Begin to judge one try; what is known of the destination's tokens goes on to be known."""
        known = self.known.get(name)
        return Probe(self.signer, self.since, at or self.since, private, known.lifetime if known is not None else None)


@dataclass(slots=True)
class _Tried:
    """A destination, and how often it has given the same answer."""

    name: str
    kind: str = ""
    """Its Authentication, once that was seen."""
    result: ProbeResult | None = None
    repetitions: int = 0

    @property
    def shows_signer(self) -> bool:
        """Whether it returns the assertion itself."""
        return self.kind == SAML_ASSERTION

    @property
    def is_final(self) -> bool:
        """Whether trying once more would tell nothing else."""
        return self.result is not None and self.repetitions >= ATTEMPTS[self.result.retry_cause]

    def has_retry_cause(self, retry_cause: RetryCause) -> bool:
        """Whether this is why its last answer may change."""
        return self.result is not None and self.result.retry_cause is retry_cause

    @property
    def has_verified_signer(self) -> bool:
        """Whether it has proved that the certificate signs."""
        is_proved = self.result is not None and self.result.evidence.verdict is Verdict.VERIFIED
        return self.shows_signer and is_proved

    @property
    def priority(self) -> tuple[bool, bool, bool]:
        """Say when its turn is in a round: early if users may be refused, late if it may be slow."""
        return (
            not self.has_retry_cause(RetryCause.REJECTION),
            self.has_retry_cause(RetryCause.OUTAGE),
            not self.shows_signer,
        )

    def record_result(self, result: ProbeResult) -> None:
        """Count the answer, from one if it is another than before."""
        is_same = self.result is not None and self.result.retry_cause is result.retry_cause
        self.result, self.repetitions = result, self.repetitions + 1 if is_same else 1


class DestinationProber:
    """Tries destinations as one user.

    Args:
        destinations: What reads the destinations of the connection.
        token: The user's token.
        patience: How long everything may take.
    """

    def __init__(self, destinations: DestinationClient, token: UserToken, retry_policy: RetryPolicy) -> None:
        self._destinations = destinations
        self._token = token
        self._retry_policy = retry_policy
        self._user_identifiers = user_identifiers(token.value, token.secrets)

    def find_destination(self, name: str) -> Destination:
        """Find a destination without fetching a token.

        Raises:
            Refused: There is none, or it tells nothing about the certificate.
            TrustError: The service does not tell.
        """
        return inspect(self._destinations, name, self._token.value)

    def run(self, names: Collection[str], request: ProbeRequest) -> dict[str, ProbeResult]:
        """Try destinations until each has told what it can, or until one has refused whose refusal is urgent.

        Those that return the assertion itself come first: while they show the old key, to ask a target would be to
        ask about the old one; and without one of them nothing shows which key a target has accepted.
        """
        states = self._inspect_destinations(names, request)
        if not any(each.shows_signer for each in states):
            states += [
                each for each in self._inspect_destinations(request.fallback_destinations, request) if each.shows_signer
            ]
        self._probe_in_rounds(states, request)
        skip_reason = self._skip_reason(states, request)
        return {
            each.name: each.result or self._create_probe(each.name, request).result(Verdict.INCONCLUSIVE, skip_reason)
            for each in states
        }

    def _inspect_destinations(self, names: Collection[str], request: ProbeRequest) -> list[_Tried]:
        """See what kind each destination is; of one that cannot be seen, trying it may still tell."""
        looked = [_Tried(name) for name in names]
        for each in looked:
            with self._retry_policy.shortened_deadline(self._time_share(len(looked), is_first_round=True)):
                try:
                    each.kind = inspect(self._destinations, each.name, self._token.value).authentication
                except Exception as error:  # noqa: BLE001 - as in `_try_safely`
                    each.record_result(self._result_of_error(each.name, request, error))
        return looked

    def _probe_in_rounds(self, states: list[_Tried], request: ProbeRequest) -> None:
        """Try in rounds, until nothing that may change is left, or an urgent refusal was repeated."""
        for number, pause in enumerate(_PAUSES):
            pending = [each for each in states if _may_change(each, states)]
            if number == 0:
                pending = [each for each in pending if each.result is None]
            elif not pending or _is_rejection_final(states, request):
                return
            if not self._retry_policy.pause(pause):
                return
            self._probe_round(
                sorted(pending, key=lambda each: each.priority), states, request, is_first_round=number == 0
            )

    def _probe_round(
        self, pending: list[_Tried], states: list[_Tried], request: ProbeRequest, *, is_first_round: bool
    ) -> None:
        """Give each its turn, up to a refusal that is urgent: that is asked again before anything else is."""
        for number, each in enumerate(pending):
            if _is_propagating(states) and not each.shows_signer:
                continue
            with self._retry_policy.shortened_deadline(
                self._time_share(len(pending) - number, is_first_round=is_first_round)
            ):
                each.record_result(self._probe_safely(each, request, is_signer_verified=_is_signer_verified(states)))
            if each.has_retry_cause(RetryCause.REJECTION) and each.name in request.decisive:
                return

    def _time_share(self, pending_count: int, *, is_first_round: bool) -> float:
        """Seconds for one of so many that wait, so that some are left to hear a refusal again."""
        fair = self._retry_policy.remaining / (pending_count + 1)
        return min(_FIRST_PROBE_SECONDS, fair) if is_first_round and pending_count > 1 else fair

    def _probe_safely(self, each: _Tried, request: ProbeRequest, *, is_signer_verified: bool) -> ProbeResult:
        """Try, whatever happens: what this command has swapped is not recorded yet, and must be."""
        try:
            return self._probe_once(each, request, is_signer_verified=is_signer_verified)
        except Exception as error:  # noqa: BLE001 - see above; a fault of ours tells nothing about the target
            return self._result_of_error(each.name, request, error)

    def _probe_once(self, each: _Tried, request: ProbeRequest, *, is_signer_verified: bool) -> ProbeResult:
        found = self._destinations.find(each.name, self._token.value, skip_token_retrieval=False)
        token = found.token if found is not None else None
        probe = self._create_probe(each.name, request, found.answered_at if found is not None else None)
        if found is not None and not each.kind:
            each.kind = require_trust_certificate(found.destination).authentication
        if token is None or not (token.error or token.value):
            return probe.inconclusive("the service gives neither a token nor an error")
        if each.shows_signer:
            return _evaluate_assertion(probe, token, request)
        if token.error:
            return evaluate_error(probe, token.error)
        accepted = evaluate_token(probe, token.value or "", token.expires_in)
        return accepted if is_signer_verified else with_unknown_signer(probe, accepted)

    def _result_of_error(self, name: str, request: ProbeRequest, error: Exception) -> ProbeResult:
        """Judge a try that ended with an error, or was never made."""
        probe = self._create_probe(name, request)
        if request.without_retries or isinstance(error, _PERMANENT_ERRORS):
            return probe.result(Verdict.INCONCLUSIVE, _error_text(error))
        return probe.inconclusive(_error_text(error))

    def _create_probe(self, name: str, request: ProbeRequest, at: datetime | None = None) -> Probe:
        return request.probe(name, at, self._user_identifiers)

    def _skip_reason(self, states: list[_Tried], request: ProbeRequest) -> str:
        if _is_propagating(states):
            return f"not tried: {short_fingerprint(request.signer.fingerprint)} does not sign yet"
        return f"not tried: {'another target refused first' if _is_rejection_final(states, request) else 'no time was left'}"


def _is_propagating(states: list[_Tried]) -> bool:
    """Whether the service still signs with the other certificate."""
    return any(each.shows_signer and each.has_retry_cause(RetryCause.PROPAGATION) for each in states)


def _is_signer_verified(states: list[_Tried]) -> bool:
    """Whether the certificate was seen signing."""
    return any(each.has_verified_signer for each in states)


def _is_rejection_final(states: list[_Tried], request: ProbeRequest) -> bool:
    """Whether an urgent refusal was repeated."""
    return any(
        each.has_retry_cause(RetryCause.REJECTION) and each.is_final for each in states if each.name in request.decisive
    )


def _may_change(each: _Tried, states: list[_Tried]) -> bool:
    """Whether trying it may tell more: nothing is settled yet, or by now it is known who signs."""
    return not each.is_final or (each.has_retry_cause(RetryCause.UNKNOWN_SIGNER) and _is_signer_verified(states))


def _evaluate_assertion(probe: Probe, token: AuthToken, request: ProbeRequest) -> ProbeResult:
    """Judge the answer of a destination that returns the assertion: no target is behind it that could refuse."""
    if token.error:
        return probe.inconclusive(token.error)
    known = [certificate for certificate in (request.signer, request.other) if certificate is not None]
    try:
        signed = find_signer(token.value or "", known)
    except SignerUnknown as problem:
        return probe.result(Verdict.INCONCLUSIVE, f"the assertion proves nothing: {problem}")
    return evaluate_assertion(probe, signed.certificate, signed.issued_at)


def _error_text(error: Exception) -> str:
    if isinstance(error, TrustError):
        return f"{error.what} {error.why}"
    return f"the check itself failed ({type(error).__name__})"
