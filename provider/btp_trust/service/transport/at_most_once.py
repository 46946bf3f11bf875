"""At-most-once writes: the one protocol by which slots and registrations are written.

The services know neither ETags nor idempotency keys: a repeated POST generates another key, and a repeated swap undoes
the first one. So each write follows these rules:

1. It is made for exactly the state `before`; its caller holds the write lock since that was read.
2. It is sent only while Pulumi's engine is there to record its outcome.
3. It is sent again only if the request certainly did not arrive (or got a 429), and only after another reading has
   shown the state `before`.
4. A response that shows the state afterwards ends the write.
5. After any other response, and after a lost one, the state is read until it shows the outcome: applied, or changed by
   somebody else. A client error (4xx) is followed by one reading, all else by readings for `resolve_timeout`.
6. A line says that the answer was lost, what is read and for how long at most; another one says that it was done.
7. An error that leaves the outcome open is kept, and ends every later write of this process (`WriteLock`).
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from btp_trust.errors import (
    EngineExited,
    OutcomeUnknown,
    ServiceUnavailable,
    TrustError,
    UnexpectedResponse,
    WriteNotApplied,
)
from btp_trust.service.transport.retry import RetryPolicy, was_not_sent

_State = TypeVar("_State")


class UnknownOutcomes(Protocol):
    """Keeps the error of a write whose outcome is unknown."""

    def record_unknown_outcome(self) -> AbstractContextManager[None]:
        """Keep any error of the block, except one that excludes that the write was applied."""


class WriteContext(Protocol):
    """What is written: the slots of a subaccount, or its trust configuration."""

    @property
    def retry_policy(self) -> RetryPolicy:
        """Bounds the operation, and repeats what was not sent."""

    @property
    def engine_exited(self) -> Callable[[], bool]:
        """Whether Pulumi's engine has exited."""

    @property
    def write_lock(self) -> UnknownOutcomes:
        """Ends later writes."""

    @property
    def show_user(self) -> Callable[[str], None]:
        """Shows the user a line, at once."""


@dataclass(frozen=True, kw_only=True)
class AtMostOnceWrite(ABC, Generic[_State]):
    """One write on a state that is exactly `before`."""

    unchanged: ClassVar[str]
    """How an error says that the state is still `before`."""
    unreadable: ClassVar[str]
    """How an error says that the readings failed."""
    next_command: ClassVar[str]
    """How an error says what the next `pulumi up` begins with."""
    suspects: ClassVar[str]
    """What an error asks to check if the write fails again."""

    context: WriteContext
    name: str
    before: _State
    is_applied: Callable[[_State], bool]
    """Whether a state is the result of this write, and of it alone."""
    min_poll_seconds: float = 0.0
    """Seconds for which the state is read at least after a lost response, unless the operation ends before."""

    @abstractmethod
    def send(self) -> _State:
        """Send the request, and return the state that its response shows."""

    @abstractmethod
    def read(self) -> _State:
        """Read the state."""

    @abstractmethod
    def describe(self) -> str:
        """Return the evidence of an unresolved write: the state before, and what it was to become."""

    @abstractmethod
    def describe_before(self) -> str:
        """Return a sentence about the state before."""

    @abstractmethod
    def describe_watched(self) -> str:
        """Return what is read after a lost response, for a sentence that says so."""

    @abstractmethod
    def foreign_change(self, now: _State) -> TrustError:
        """Return the error of a state that differs from what this write leaves."""

    def changed_before_sending(self, now: _State) -> TrustError:
        """Return the error of a state that changed before the request arrived."""
        return self.foreign_change(now)

    def is_unchanged(self, now: _State) -> bool:
        """Whether a state is still the one before."""
        return now == self.before

    def refine(self, error: TrustError, _cause: TrustError) -> TrustError:
        """Return the error of an unresolved write, or a more specific one by what ended the request."""
        return error

    def perform(self) -> _State:
        """Send the request at most once, and return the state afterwards.

        Raises:
            EngineExited: Pulumi's engine has exited before the request.
            WriteNotApplied: The state is still the one before.
            OutcomeUnknown: The response was lost, and the readings failed.
            TrustError: The request never arrived, or somebody else changed the state.
        """
        attempts = itertools.count()

        def attempt() -> _State:
            is_repeated = next(attempts) > 0
            # The caller's reading is older than the pause before this attempt: somebody may have written since.
            if is_repeated and not self.is_unchanged(now := self.read()):
                raise self.changed_before_sending(now)
            return self._send_once()

        return self.context.retry_policy.run_with_retries(attempt, was_not_sent)

    def _send_once(self) -> _State:
        # Asked before each attempt: the pauses between attempts may outlast the engine.
        if self.context.engine_exited():
            raise self._engine_exited_error()
        # From here on the request may have been applied.
        with self.context.write_lock.record_unknown_outcome():
            try:
                return self.send()
            # 401 and 403 pass through: the service documents that it ignored the write.
            except (UnexpectedResponse, ServiceUnavailable) as error:
                if error.not_sent:
                    raise
                return self._resolve(error)

    def _resolve(self, cause: UnexpectedResponse | ServiceUnavailable) -> _State:
        """Read until the outcome is known, for a bounded time, and at least once if any time remains."""
        polled_seconds, is_read = 0.0, False
        # Before the first reading: a service that has just lost a response may leave that one waiting, too.
        self._announce_readings(cause)
        for polled_seconds in self.context.retry_policy.poll(self._poll_seconds(cause)):  # noqa: B007 - the last one counts
            try:
                now = self.read()
            # The last reading decides: after a failed one, the state of earlier ones may be out of date.
            except TrustError:
                is_read = False
                continue
            is_read = True
            if self.is_applied(now):
                self.context.show_user(f"The {self.name} was done, once: {self.describe_watched()} showed that")
                return now
            # An unchanged state is read again: the write may still be on its way, or the reading stale.
            if not self.is_unchanged(now):
                raise self.foreign_change(now)
        raise self.refine(self._unresolved_error(cause, polled_seconds, is_read=is_read), cause)

    def _poll_seconds(self, cause: UnexpectedResponse | ServiceUnavailable) -> float:
        # A client error is the service's own answer, and it has applied nothing: one reading confirms that.
        if isinstance(cause, UnexpectedResponse) and cause.client_error:
            return 0.0
        # A short setting must leave a rollback its minute: after that, a stale reading is excluded.
        return max(self.context.retry_policy.timeouts.resolve_timeout, self.min_poll_seconds)

    def _announce_readings(self, cause: UnexpectedResponse | ServiceUnavailable) -> None:
        """Tell the user why the command goes on reading, and for how long; one reading needs no announcement."""
        if (seconds := self._poll_seconds(cause)) == 0:
            return
        how = (
            "its answer leaves open"
            if isinstance(cause, UnexpectedResponse)
            else "its answer was lost, which leaves open"
        )
        setting = " (btp-trust:resolveTimeout)" if seconds == self.context.retry_policy.timeouts.resolve_timeout else ""
        self.context.show_user(
            f"The {self.name} was sent once, and {how} whether it was done: {self.describe_watched()} will be read "
            f"until that is certain, for {min(seconds, self.context.retry_policy.remaining):.0f} s at most{setting}"
        )

    def _unresolved_error(
        self, cause: UnexpectedResponse | ServiceUnavailable, polled_seconds: float, *, is_read: bool
    ) -> WriteNotApplied | OutcomeUnknown:
        kind: type[WriteNotApplied | OutcomeUnknown] = WriteNotApplied if is_read else OutcomeUnknown
        state = f"{self.unchanged} after {polled_seconds:g} s"
        if not is_read:
            state = f"{self.unreadable} for {polled_seconds:g} s, so the outcome is unknown. Before"
        return kind(
            f"The {self.name} {_history(cause)}",
            f"{state}: {self.describe()} The state is unchanged; the write is not retried.",
            f"Wait a minute, then run `pulumi up` again: {self.next_command}. If it fails the same way, check "
            f"{self.suspects}.",
        )

    def _engine_exited_error(self) -> EngineExited:
        return EngineExited(
            f"The {self.name} was not sent: Pulumi has ended in the meantime.",
            f"The state would miss its outcome, and another run may have begun. {self.describe_before()}",
            f"Run `pulumi cancel` if the stack is locked, then `pulumi up` again: {self.next_command}.",
        )


def _history(cause: UnexpectedResponse | ServiceUnavailable) -> str:
    """Say how the request ended."""
    how = "was sent once and its answer was lost"
    if isinstance(cause, UnexpectedResponse):
        how = "was refused" if cause.client_error else "was sent once"
    return f"{how}: {cause.what} {cause.why}"
