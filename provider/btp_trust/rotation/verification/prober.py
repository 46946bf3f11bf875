"""Probes of destinations as the user, repeated for a while where the result may change by itself.

One probe at a time, so that requests have a fixed order; each destination gets its share of the time.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from btp_trust.errors import CredentialsRejected, NotAuthorized, Refused, TrustError
from btp_trust.formatting import short_fingerprint
from btp_trust.rotation.evidence import Verdict
from btp_trust.rotation.schema import RotationInputs
from btp_trust.rotation.verification.inspection import inspect, require_trust_certificate
from btp_trust.rotation.verification.probes import (
    ProbeRequest,
    ProbeState,
    has_final_rejection,
    is_signer_verified,
    is_waiting_for_signer,
    may_change,
)
from btp_trust.rotation.verification.verdict import (
    Probe,
    ProbeResult,
    RetryCause,
    evaluate_assertion,
    evaluate_error,
    evaluate_token,
    with_unknown_signer,
)
from btp_trust.runtime.session import Session
from btp_trust.saml.assertion import SignerUnknown, find_signer
from btp_trust.service.credentials.user_tokens import UserToken
from btp_trust.service.destinations import AuthToken, Destination, DestinationClient
from btp_trust.service.transport.redaction import user_identifiers
from btp_trust.service.transport.retry import RetryPolicy

# Half a minute in all, in as many rounds as the largest of ATTEMPTS.
_PAUSES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each round of probes; a swap may take a while to reach all of the service."""
_FIRST_PROBE_SECONDS: Final = 5.0
"""Seconds that a destination gets at most while others wait for their first probe: a slow one would hide a
rejection behind it. Later it gets its share of what remains."""
_PERMANENT_ERRORS: Final = (Refused, CredentialsRejected, NotAuthorized)
"""Errors that a repeated probe ends with again."""


class DestinationProber:
    """Probes destinations as one user.

    Args:
        destinations: Client for the destinations of the connection.
        token: The user's token.
        retry_policy: Deadline of all probes together.
    """

    def __init__(self, destinations: DestinationClient, token: UserToken, retry_policy: RetryPolicy) -> None:
        self._destinations = destinations
        self._token = token
        self._retry_policy = retry_policy
        self._user_identifiers = user_identifiers(token.value, token.secrets)

    def find_destination(self, name: str) -> Destination:
        """Find a destination, and skip its token.

        Raises:
            Refused: The destination is missing or unsuitable.
            TrustError: The service is unable to answer.
        """
        return inspect(self._destinations, name, self._token.value)

    def run(self, names: Collection[str], request: ProbeRequest) -> dict[str, ProbeResult]:
        """Probe destinations until each result is final, or a decisive destination has rejected for good.

        Destinations that return the assertion itself come first: while they show the old key, a target would answer
        about the old one; and they alone show which key a target has accepted.
        """
        states = self._inspect_destinations(names, request)
        if not any(state.shows_signer for state in states):
            # Targets that are still open leave the signer unknown: a destination that is done may show it.
            fallbacks = self._inspect_destinations(request.fallback_destinations, request)
            states += [state for state in fallbacks if state.shows_signer]
        self._probe_in_rounds(states, request)
        skipped = _skip_reason(states, request)
        return {
            state.name: state.result or self._create_probe(state.name, request).result(Verdict.INCONCLUSIVE, skipped)
            for state in states
        }

    def _inspect_destinations(self, names: Collection[str], request: ProbeRequest) -> list[ProbeState]:
        """Read the authentication of each destination; after an error, a probe may still read it."""
        states = [ProbeState(name) for name in names]
        for state in states:
            with self._retry_policy.shortened_deadline(self._time_share(len(states), is_first_round=True)):
                try:
                    state.authentication = inspect(self._destinations, state.name, self._token.value).authentication
                except Exception as error:  # noqa: BLE001 - as in `_probe_safely`
                    state.record_result(self._result_of_error(state.name, request, error))
        return states

    def _probe_in_rounds(self, states: list[ProbeState], request: ProbeRequest) -> None:
        """Probe in rounds until all results are final, or a decisive rejection was repeated."""
        for number, pause in enumerate(_PAUSES):
            pending = [state for state in states if may_change(state, states)]
            if number == 0:
                # A failed inspection is the first attempt of its destination: it is repeated after a pause.
                pending = [state for state in pending if state.result is None]
            elif not pending or has_final_rejection(states, request.decisive):
                return
            if not self._retry_policy.pause(pause):
                return
            pending.sort(key=lambda state: state.priority)
            self._probe_round(pending, states, request, is_first_round=number == 0)

    def _probe_round(
        self, pending: list[ProbeState], states: list[ProbeState], request: ProbeRequest, *, is_first_round: bool
    ) -> None:
        """Probe each destination once; a decisive rejection ends the round, so that its repetition comes next."""
        for number, state in enumerate(pending):
            if is_waiting_for_signer(states) and not state.shows_signer:
                continue
            share = self._time_share(len(pending) - number, is_first_round=is_first_round)
            with self._retry_policy.shortened_deadline(share):
                result = self._probe_safely(state, request, is_signer_verified=is_signer_verified(states))
            state.record_result(result)
            # Users may be rejected, and slow destinations behind this one would delay the rollback.
            if state.has_retry_cause(RetryCause.REJECTION) and state.name in request.decisive:
                return

    def _time_share(self, pending_count: int, *, is_first_round: bool) -> float:
        """Return the seconds for one of the pending destinations; one share is kept to repeat a rejection."""
        fair = self._retry_policy.remaining / (pending_count + 1)
        return min(_FIRST_PROBE_SECONDS, fair) if is_first_round and pending_count > 1 else fair

    def _probe_safely(self, state: ProbeState, request: ProbeRequest, *, is_signer_verified: bool) -> ProbeResult:
        """Probe and catch every error: the swap of this command still has to be recorded."""
        try:
            return self._probe_once(state, request, is_signer_verified=is_signer_verified)
        except Exception as error:  # noqa: BLE001 - see above; a fault of ours says little about the target
            return self._result_of_error(state.name, request, error)

    def _probe_once(self, state: ProbeState, request: ProbeRequest, *, is_signer_verified: bool) -> ProbeResult:
        response = self._destinations.find(state.name, self._token.value, skip_token_retrieval=False)
        token = response.token if response is not None else None
        probe = self._create_probe(state.name, request, response.answered_at if response is not None else None)
        if response is not None and not state.authentication:
            state.authentication = require_trust_certificate(response.destination).authentication
        if token is None or not (token.error or token.value):
            return probe.inconclusive("the service gives neither a token nor an error")
        if state.shows_signer:
            return _evaluate_assertion(probe, token, request)
        if token.error:
            return evaluate_error(probe, token.error)
        accepted = evaluate_token(probe, token.value or "", token.expires_in)
        return accepted if is_signer_verified else with_unknown_signer(probe, accepted)

    def _result_of_error(self, name: str, request: ProbeRequest, error: Exception) -> ProbeResult:
        """Evaluate a probe that ended with an error, or was skipped after one."""
        probe = self._create_probe(name, request)
        if request.without_retries or isinstance(error, _PERMANENT_ERRORS):
            return probe.result(Verdict.INCONCLUSIVE, _error_text(error))
        return probe.inconclusive(_error_text(error))

    def _create_probe(self, name: str, request: ProbeRequest, at: datetime | None = None) -> Probe:
        return request.probe(name, at, self._user_identifiers)


def prober_for(session: Session, new: RotationInputs) -> DestinationProber:
    """Fetch the user's token and create a prober.

    Raises:
        TrustError: Fetching the token failed.
    """
    token = session.user_tokens(new.connection).fetch()
    return DestinationProber(session.destination_client(new.connection), token, session.retry_policy)


def probe_destinations(
    session: Session, new: RotationInputs, names: Collection[str], request: ProbeRequest
) -> dict[str, ProbeResult]:
    """Probe destinations as the user; if the user's token is missing, all are inconclusive."""
    if not names:
        return {}
    try:
        prober = prober_for(session, new)
    except TrustError as error:
        return {name: request.probe(name).inconclusive(_error_text(error)) for name in names}
    return prober.run(names, request)


def _skip_reason(states: list[ProbeState], request: ProbeRequest) -> str:
    if is_waiting_for_signer(states):
        return f"skipped: {short_fingerprint(request.signer.fingerprint)} does not sign yet"
    is_rejected = has_final_rejection(states, request.decisive)
    return "skipped: another target rejected first" if is_rejected else "skipped: no time was left"


def _evaluate_assertion(probe: Probe, token: AuthToken, request: ProbeRequest) -> ProbeResult:
    """Evaluate the answer of a destination that returns the assertion: it comes from the service itself."""
    if token.error:
        return probe.inconclusive(token.error)
    # With the other certificate: if that one still signs, a repeated probe is worth its time.
    candidates = [certificate for certificate in (request.signer, request.other) if certificate is not None]
    try:
        signed = find_signer(token.value or "", candidates)
    except SignerUnknown as problem:
        return probe.result(Verdict.INCONCLUSIVE, f"the assertion is no evidence: {problem}")
    return evaluate_assertion(probe, signed.certificate, signed.issued_at)


def _error_text(error: Exception) -> str:
    if isinstance(error, TrustError):
        return f"{error.what} {error.why}"
    # The class alone: the text of a library's error may quote a token.
    return f"the probe itself failed ({type(error).__name__})"
