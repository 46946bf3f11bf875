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
from btp_trust.formatting import brief
from btp_trust.rotation.evidence import Evidence, Verdict
from btp_trust.rotation.verification.inspection import inspect, telling
from btp_trust.rotation.verification.verdict import (
    TRIES,
    Again,
    Judgement,
    Trial,
    judge_assertion,
    judge_error,
    judge_token,
    without_signer,
)
from btp_trust.saml.assertion import Unproven, signer
from btp_trust.service.credentials.user_tokens import UserToken
from btp_trust.service.destinations import SAML_ASSERTION, AuthToken, Destination, DestinationClient
from btp_trust.service.transport.redaction import identities
from btp_trust.service.transport.retry import Patience

_PAUSES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each round of tries; a swap may take a while to reach all of the service."""
_AT_FIRST: Final = 5.0
"""Seconds that a destination gets at most while others have not been tried yet: one that is slow must not hide a
refusal behind it. Later it gets its share of what remains."""
_LASTING: Final = (Refused, CredentialsRejected, NotAuthorized)
"""Errors that the same try ends with again."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be proved."""

    signer: Certificate
    """Who shall sign."""
    other: Certificate | None
    """Who did before."""
    since: datetime
    """What is older proves nothing. UTC, by the service's clock."""
    known: Mapping[str, Evidence]
    """What earlier commands found out, by destination."""
    others: Collection[str] = ()
    """Destinations that need not be tried, but may show who signs."""
    urgent: Collection[str] = ()
    """Destinations whose refusal ends the trials: users are refused, and something can be done about it."""
    is_brief: bool = False
    """Whether one that gives no answer is left alone."""

    def trial(self, name: str, at: datetime | None = None, private: Collection[str] = ()) -> Trial:
        """Begin to judge one try; what is known of the destination's tokens goes on to be known."""
        known = self.known.get(name)
        return Trial(self.signer, self.since, at or self.since, private, known.lifetime if known is not None else None)


@dataclass(slots=True)
class _Tried:
    """A destination, and how often it has given the same answer."""

    name: str
    kind: str = ""
    """Its Authentication, once that was seen."""
    judgement: Judgement | None = None
    times: int = 0

    @property
    def shows_signer(self) -> bool:
        """Whether it returns the assertion itself."""
        return self.kind == SAML_ASSERTION

    @property
    def is_settled(self) -> bool:
        """Whether trying once more would tell nothing else."""
        return self.judgement is not None and self.times >= TRIES[self.judgement.again]

    def is_for(self, again: Again) -> bool:
        """Whether this is why its last answer may change."""
        return self.judgement is not None and self.judgement.again is again

    @property
    def has_shown_signer(self) -> bool:
        """Whether it has proved that the certificate signs."""
        is_proved = self.judgement is not None and self.judgement.evidence.verdict is Verdict.PROVED
        return self.shows_signer and is_proved

    @property
    def place(self) -> tuple[bool, bool, bool]:
        """Say when its turn is in a round: early if users may be refused, late if it may be slow."""
        return not self.is_for(Again.REFUSAL), self.is_for(Again.OUTAGE), not self.shows_signer

    def take(self, judgement: Judgement) -> None:
        """Count the answer, from one if it is another than before."""
        is_same = self.judgement is not None and self.judgement.again is judgement.again
        self.judgement, self.times = judgement, self.times + 1 if is_same else 1


class Trials:
    """Tries destinations as one user.

    Args:
        destinations: What reads the destinations of the connection.
        token: The user's token.
        patience: How long everything may take.
    """

    def __init__(self, destinations: DestinationClient, token: UserToken, patience: Patience) -> None:
        self._destinations = destinations
        self._token = token
        self._patience = patience
        self._private = identities(token.value, token.private)

    def look(self, name: str) -> Destination:
        """Find a destination without fetching a token.

        Raises:
            Refused: There is none, or it tells nothing about the certificate.
            TrustError: The service does not tell.
        """
        return inspect(self._destinations, name, self._token.value)

    def run(self, names: Collection[str], question: Question) -> dict[str, Judgement]:
        """Try destinations until each has told what it can, or until one has refused whose refusal is urgent.

        Those that return the assertion itself come first: while they show the old key, to ask a target would be to
        ask about the old one; and without one of them nothing shows which key a target has accepted.
        """
        tried = self._looked_at(names, question)
        if not any(each.shows_signer for each in tried):
            tried += [each for each in self._looked_at(question.others, question) if each.shows_signer]
        self._settle(tried, question)
        untried = self._why_untried(tried, question)
        return {
            each.name: each.judgement or self._trial(each.name, question).finds(Verdict.INCONCLUSIVE, untried)
            for each in tried
        }

    def _looked_at(self, names: Collection[str], question: Question) -> list[_Tried]:
        """See what kind each destination is; of one that cannot be seen, trying it may still tell."""
        looked = [_Tried(name) for name in names]
        for each in looked:
            with self._patience.within(self._share(len(looked), is_first=True)):
                try:
                    each.kind = inspect(self._destinations, each.name, self._token.value).authentication
                except Exception as error:  # noqa: BLE001 - as in `_try_safely`
                    each.take(self._unanswered(each.name, question, error))
        return looked

    def _settle(self, tried: list[_Tried], question: Question) -> None:
        """Try in rounds, until nothing that may change is left, or an urgent refusal was repeated."""
        for number, pause in enumerate(_PAUSES):
            pending = [each for each in tried if _is_pending(each, tried)]
            if number == 0:
                pending = [each for each in pending if each.judgement is None]
            elif not pending or _is_over(tried, question):
                return
            if not self._patience.pause(pause):
                return
            self._round(sorted(pending, key=lambda each: each.place), tried, question, is_first=number == 0)

    def _round(self, pending: list[_Tried], tried: list[_Tried], question: Question, *, is_first: bool) -> None:
        """Give each its turn, up to a refusal that is urgent: that is asked again before anything else is."""
        for number, each in enumerate(pending):
            if _is_old(tried) and not each.shows_signer:
                continue
            with self._patience.within(self._share(len(pending) - number, is_first=is_first)):
                each.take(self._try_safely(each, question, is_shown=_is_shown(tried)))
            if each.is_for(Again.REFUSAL) and each.name in question.urgent:
                return

    def _share(self, waiting: int, *, is_first: bool) -> float:
        """Seconds for one of so many that wait, so that some are left to hear a refusal again."""
        fair = self._patience.remaining / (waiting + 1)
        return min(_AT_FIRST, fair) if is_first and waiting > 1 else fair

    def _try_safely(self, each: _Tried, question: Question, *, is_shown: bool) -> Judgement:
        """Try, whatever happens: what this command has swapped is not recorded yet, and must be."""
        try:
            return self._try(each, question, is_shown=is_shown)
        except Exception as error:  # noqa: BLE001 - see above; a fault of ours tells nothing about the target
            return self._unanswered(each.name, question, error)

    def _try(self, each: _Tried, question: Question, *, is_shown: bool) -> Judgement:
        found = self._destinations.find(each.name, self._token.value, skip_token_retrieval=False)
        token = found.token if found is not None else None
        trial = self._trial(each.name, question, found.at if found is not None else None)
        if found is not None and not each.kind:
            each.kind = telling(found.destination).authentication
        if token is None or not (token.error or token.value):
            return trial.fails("the service gives neither a token nor an error")
        if each.shows_signer:
            return _judge_assertion(trial, token, question)
        if token.error:
            return judge_error(trial, token.error)
        accepted = judge_token(trial, token.value or "", token.expires_in)
        return accepted if is_shown else without_signer(trial, accepted)

    def _unanswered(self, name: str, question: Question, error: Exception) -> Judgement:
        """Judge a try that ended with an error, or was never made."""
        trial = self._trial(name, question)
        if question.is_brief or isinstance(error, _LASTING):
            return trial.finds(Verdict.INCONCLUSIVE, _told(error))
        return trial.fails(_told(error))

    def _trial(self, name: str, question: Question, at: datetime | None = None) -> Trial:
        return question.trial(name, at, self._private)

    def _why_untried(self, tried: list[_Tried], question: Question) -> str:
        if _is_old(tried):
            return f"not tried: {brief(question.signer.fingerprint)} does not sign yet"
        return f"not tried: {'another target refused first' if _is_over(tried, question) else 'no time was left'}"


def _is_old(tried: list[_Tried]) -> bool:
    """Whether the service still signs with the other certificate."""
    return any(each.shows_signer and each.is_for(Again.PROPAGATION) for each in tried)


def _is_shown(tried: list[_Tried]) -> bool:
    """Whether the certificate was seen signing."""
    return any(each.has_shown_signer for each in tried)


def _is_over(tried: list[_Tried], question: Question) -> bool:
    """Whether an urgent refusal was repeated."""
    return any(each.is_for(Again.REFUSAL) and each.is_settled for each in tried if each.name in question.urgent)


def _is_pending(each: _Tried, tried: list[_Tried]) -> bool:
    """Whether trying it may tell more: nothing is settled yet, or by now it is known who signs."""
    return not each.is_settled or (each.is_for(Again.SIGNER) and _is_shown(tried))


def _judge_assertion(trial: Trial, token: AuthToken, question: Question) -> Judgement:
    """Judge the answer of a destination that returns the assertion: no target is behind it that could refuse."""
    if token.error:
        return trial.fails(token.error)
    known = [certificate for certificate in (question.signer, question.other) if certificate is not None]
    try:
        signed = signer(token.value or "", known)
    except Unproven as problem:
        return trial.finds(Verdict.INCONCLUSIVE, f"the assertion proves nothing: {problem}")
    return judge_assertion(trial, signed.by, signed.issued_at)


def _told(error: Exception) -> str:
    if isinstance(error, TrustError):
        return f"{error.what} {error.why}"
    return f"the check itself failed ({type(error).__name__})"
