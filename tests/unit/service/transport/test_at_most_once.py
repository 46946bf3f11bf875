"""AtMostOnceWrite: the numbered rules of the protocol, on a state that is a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from btp_trust.errors import (
    EngineExited,
    OutcomeUnknown,
    ServiceUnavailable,
    SlotsChanged,
    TrustError,
    UnexpectedResponse,
    WriteNotApplied,
)
from btp_trust.service.transport.at_most_once import AtMostOnceWrite
from btp_trust.service.transport.retry import MAX_ATTEMPTS, RetryPolicy
from support.fake_clock import FakeClock
from support.fake_engine import assert_three_part_message

BEFORE, APPLIED, FOREIGN = 1, 2, 3
LOST = ServiceUnavailable("Lost.", "Evidence.", "Wait.")
UNSENT = ServiceUnavailable("Unsent.", "Evidence.", "Wait.", not_sent=True)
CLIENT_ERROR = UnexpectedResponse("Bad.", "Status 400.", "Report it.", client_error=True)


@dataclass
class Target:
    """A number that can be written; records what is kept."""

    retry_policy: RetryPolicy
    exits_after: int = 99
    kept: list[Exception] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    @property
    def write_lock(self) -> Target:
        """Itself."""
        return self

    @property
    def engine_exited(self) -> Callable[[], bool]:
        """Whether the engine exited: after so many questions."""
        return self._has_exited

    @property
    def show_user(self) -> Callable[[str], None]:
        """Records each line."""
        return self.shown.append

    def _has_exited(self) -> bool:
        self.exits_after -= 1
        return self.exits_after < 0

    @contextmanager
    def record_unknown_outcome(self) -> Iterator[None]:
        """Keep each error."""
        try:
            yield
        except Exception as error:
            self.kept.append(error)
            raise


@dataclass(frozen=True, kw_only=True)
class NumberWrite(AtMostOnceWrite[int]):
    """A write of the number: each request and each reading has a result or an error; the last one repeats."""

    unchanged = "The number is as before"
    unreadable = "The number could not be read"
    next_command = "it reads the number"
    suspects = "the line"

    responses: list[int | TrustError]
    readings: list[int | TrustError]
    log: list[str] = field(default_factory=list)

    def _next(self, results: list[int | TrustError], name: str) -> int:
        self.log.append(name)
        result = results.pop(0) if len(results) > 1 else results[0]
        if isinstance(result, TrustError):
            raise result
        return result

    def send(self) -> int:
        """Send."""
        return self._next(self.responses, "send")

    def read(self) -> int:
        """Read."""
        return self._next(self.readings, "read")

    def describe(self) -> str:
        """Return the number."""
        return f"{self.before}."

    def describe_before(self) -> str:
        """Return the number."""
        return f"Number: {self.before}."

    def describe_watched(self) -> str:
        """Return the number."""
        return "the number"

    def foreign_change(self, now: int) -> TrustError:
        """Return the error of another number."""
        return SlotsChanged("Changed.", f"Now: {now}.", "Look.")


def write(responses: list[int | TrustError], readings: list[int | TrustError], *, exits_after: int = 99) -> NumberWrite:
    """Make a write of a number that is due."""
    target = Target(FakeClock().retry_policy(), exits_after)
    return NumberWrite(
        context=target,
        name="write",
        before=BEFORE,
        is_applied=lambda now: now == APPLIED,
        responses=responses,
        readings=readings,
    )


def kept(due: NumberWrite) -> list[Exception]:
    """The errors that the target has kept."""
    assert isinstance(due.context, Target)
    return due.context.kept


def test_response_ends_write() -> None:
    """A response that shows the state ends the write without a reading."""
    due = write([APPLIED], [FOREIGN])
    assert due.perform() == APPLIED
    assert due.log == ["send"]
    assert kept(due) == []


@pytest.mark.parametrize(("exits_after", "log"), [(0, []), (1, ["send", "read"])])
def test_engine_exit_stops_write(exits_after: int, log: list[str]) -> None:
    """An attempt is sent only while the engine is there."""
    due = write([UNSENT], [BEFORE], exits_after=exits_after)
    with pytest.raises(EngineExited) as stopped:
        due.perform()
    assert_three_part_message(str(stopped.value), "Number: 1.")
    assert due.log == log


def test_unsent_write_is_compared_and_resent() -> None:
    """An unsent write is sent again right after a reading that shows the state before."""
    due = write([UNSENT, APPLIED], [BEFORE])
    assert due.perform() == APPLIED
    assert due.log == ["send", "read", "send"]


def test_changed_state_stops_resending() -> None:
    """An unsent write is given up if the state has changed since."""
    due = write([UNSENT, APPLIED], [FOREIGN])
    with pytest.raises(SlotsChanged):
        due.perform()
    assert due.log == ["send", "read"]


def test_unsent_write_is_given_up() -> None:
    """An unsent write ends with its own error after some attempts."""
    due = write([UNSENT], [BEFORE])
    with pytest.raises(ServiceUnavailable) as stopped:
        due.perform()
    assert stopped.value is UNSENT
    assert due.log.count("send") == MAX_ATTEMPTS


def test_lost_response_is_resolved() -> None:
    """After a lost response, the state is read until it shows the write; a failed reading is repeated."""
    due = write([LOST], [BEFORE, LOST, APPLIED])
    assert due.perform() == APPLIED
    assert due.log == ["send", "read", "read", "read"]


def test_foreign_change_is_reported() -> None:
    """After a lost response, another state than those two has another cause."""
    due = write([LOST], [FOREIGN])
    with pytest.raises(SlotsChanged) as stopped:
        due.perform()
    assert kept(due) == [stopped.value]


@pytest.mark.parametrize(
    ("reading", "error", "state"),
    [(BEFORE, WriteNotApplied, "is as before after 30 s"), (LOST, OutcomeUnknown, "could not be read for 30 s")],
    ids=["unchanged", "unreadable"],
)
def test_unresolved_write_is_kept(reading: int | TrustError, error: type[TrustError], state: str) -> None:
    """An unresolved write is sent once, and its error is kept."""
    due = write([LOST], [reading])
    with pytest.raises(error, match="The write was sent once and its answer was lost: Lost") as stopped:
        due.perform()
    assert_three_part_message(str(stopped.value), state, "it reads the number")
    assert due.log.count("send") == 1
    assert kept(due) == [stopped.value]


def test_client_error_is_read_once() -> None:
    """A client error is followed by one reading."""
    due = write([CLIENT_ERROR], [BEFORE])
    with pytest.raises(WriteNotApplied, match="The write was refused: Bad"):
        due.perform()
    assert due.log == ["send", "read"]


GARBLED = UnexpectedResponse("Garbled.", "No JSON.", "Report it.")


@pytest.mark.parametrize(
    ("response", "shown"),
    [
        (LOST, ["its answer was lost, which leaves open", "The write was done"]),
        (GARBLED, ["its answer leaves open", "The write was done"]),
        (APPLIED, []),
    ],
    ids=["lost", "garbled", "answered"],
)
def test_open_outcome_is_announced(response: int | TrustError, shown: list[str]) -> None:
    """Before the first reading, a line says what is read and for how long at most; afterwards, the outcome."""
    due = write([response, APPLIED], [BEFORE, APPLIED])
    assert due.perform() == APPLIED
    assert isinstance(due.context, Target)
    assert len(due.context.shown) == len(shown)
    for line, words in zip(due.context.shown, shown, strict=True):
        assert words in line
        assert "the number" in line
    assert not shown or "for 30 s at most (btp-trust:resolveTimeout)" in due.context.shown[0]


@pytest.mark.parametrize(
    ("response", "reading", "lines"), [(LOST, BEFORE, 1), (CLIENT_ERROR, BEFORE, 0), (LOST, FOREIGN, 1)]
)
def test_error_ends_announced_readings(response: TrustError, reading: int, lines: int) -> None:
    """The error says that the write was not done; a client error takes one reading, which nothing announces."""
    due = write([response], [reading])
    with pytest.raises(TrustError):
        due.perform()
    assert isinstance(due.context, Target)
    assert len(due.context.shown) == lines


def test_announced_time_is_the_real_bound() -> None:
    """A watch that is longer than the setting is announced with its own length."""
    due = replace(write([LOST], [BEFORE, APPLIED]), min_poll_seconds=60.0)
    due.perform()
    assert isinstance(due.context, Target)
    assert due.context.shown[0].endswith("for 60 s at most")
