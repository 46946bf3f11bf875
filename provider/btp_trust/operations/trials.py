"""Try destinations as the user, and judge what comes back; again for a while, where it may change by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from btp_trust.assertion import Unproven, signer
from btp_trust.certificate import Certificate
from btp_trust.errors import Refused, TrustError
from btp_trust.model import brief
from btp_trust.plan.scrub import identities, scrub
from btp_trust.plan.verification import (
    TRIES,
    Again,
    Evidence,
    Judgement,
    Trial,
    Verdict,
    judge_assertion,
    judge_error,
    judge_token,
)
from btp_trust.service.destinations import SAML_ASSERTION, AuthToken, Destination, DestinationClient
from btp_trust.service.patience import Patience
from btp_trust.service.user_tokens import UserToken

_PAUSES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each round of tries; a swap may take a while to reach all of the service."""


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


@dataclass(slots=True)
class _Tried:
    """A destination, and how often it has given the same answer."""

    kind: str
    judgement: Judgement | None = None
    times: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether trying once more would tell nothing else."""
        return self.judgement is not None and self.times >= TRIES[self.judgement.again]

    @property
    def was_refused(self) -> bool:
        return self.judgement is not None and self.judgement.again is Again.REFUSAL

    @property
    def is_old(self) -> bool:
        """Whether the service still signs with the other certificate."""
        return self.judgement is not None and self.judgement.again is Again.PROPAGATION

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
        found = self._destinations.find(name, self._token.value, skip_token_retrieval=True)
        if found is None:
            raise Refused(
                f"Destination {name!r} is not found.",
                "Neither the service instance of the connection nor its subaccount has one of that name.",
                "Correct the name in verify_destinations, or create the destination.",
                prop="verify_destinations",
            )
        if not found.destination.signs_with_the_subaccounts_key:
            raise Refused(
                f"Destination {name!r} tells nothing about the trust certificate.",
                _why_not(found.destination),
                f"Take {name!r} out of verify_destinations.",
                prop="verify_destinations",
            )
        return found.destination

    def run(self, names: Collection[str], question: Question) -> dict[str, Evidence]:
        """Try destinations until each has told what it can; stop at a refusal that was repeated.

        Those that return the assertion itself come first: while they show the old key, to ask a target would be to
        ask about the old one.
        """
        evidence, tried = {}, {}
        for name in names:
            try:
                tried[name] = _Tried(self.look(name).authentication)
            except TrustError as error:
                evidence[name] = self._trial(name, question).fails(f"{error.what} {error.why}").evidence
            except Exception as error:  # noqa: BLE001 - as in `_try_safely`
                evidence[name] = self._trial(name, question).fails(_faulty(error)).evidence
        telling = {name: each for name, each in tried.items() if each.kind == SAML_ASSERTION}
        asking = {name: each for name, each in tried.items() if each.kind != SAML_ASSERTION}
        self._settle(telling, question)
        is_old = any(each.is_old for each in telling.values())
        if not is_old:
            self._settle(asking, question)
        reason = f"{brief(question.signer.fingerprint)} does not sign yet" if is_old else "another target refused first"
        for name, each in tried.items():
            untried = self._trial(name, question).finds(Verdict.INCONCLUSIVE, f"not tried: {reason}")
            evidence[name] = (each.judgement or untried).evidence
        return {name: evidence[name] for name in names}

    def _settle(self, tried: Mapping[str, _Tried], question: Question) -> None:
        """Try in rounds, each time first what was refused: users may be refused meanwhile."""
        for pause in _PAUSES:
            if all(each.is_settled for each in tried.values()) or not self._patience.pause(pause):
                return
            pending = [(name, each) for name, each in tried.items() if not each.is_settled]
            for name, each in sorted(pending, key=lambda item: not item[1].was_refused):
                each.take(self._try_safely(name, each.kind, question))
                if each.was_refused and each.is_settled:
                    return

    def _try_safely(self, name: str, kind: str, question: Question) -> Judgement:
        """Try, whatever happens: what this command has swapped is not recorded yet, and must be."""
        try:
            return self._try(name, kind, question)
        except Exception as error:  # noqa: BLE001 - see above; a fault of ours tells nothing about the target
            return self._trial(name, question).fails(_faulty(error))

    def _try(self, name: str, kind: str, question: Question) -> Judgement:
        try:
            found = self._destinations.find(name, self._token.value, skip_token_retrieval=False)
        except TrustError as error:
            return self._trial(name, question).fails(f"{error.what} {error.why}")
        token = found.token if found is not None else None
        trial = self._trial(name, question, found.at if found is not None else None)
        if token is None or not (token.error or token.value):
            return trial.fails("the service gives neither a token nor an error")
        if kind == SAML_ASSERTION:
            return _judge_assertion(trial, token, question)
        if token.error:
            return judge_error(trial, token.error)
        return judge_token(trial, token.value or "", token.expires_in)

    def _trial(self, name: str, question: Question, at: datetime | None = None) -> Trial:
        known = question.known.get(name)
        longest = known.lifetime if known is not None else None
        return Trial(question.signer, question.since, at or question.since, self._private, longest)


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


def _faulty(error: Exception) -> str:
    return f"the check itself failed ({type(error).__name__})"


def _why_not(destination: Destination) -> str:
    if destination.key_store:
        return "It has a key store of its own, and signs with that."
    if destination.assertion_provider == "ClientProvided":
        return "Its assertions are brought by the client, and the service signs none for it."
    kind = scrub(destination.authentication) or "none"
    return f"Its Authentication is {kind}; only SAMLAssertion and OAuth2SAMLBearerAssertion are signed with it."
