"""The rows of a report: what the page shows of each subaccount. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from btp_trust.formatting import format_day, format_rfc3339
from btp_trust.rotation.events import EventKind
from btp_trust_cli.exit_codes import MOST_SERIOUS_FIRST, Severity
from btp_trust_cli.history.model import NamedEvent, events_of
from btp_trust_cli.landscape import SlotStatus, SubaccountStatus
from btp_trust_cli.report.timeline import TimeLine
from btp_trust_cli.status import next_step, paragraphs

_LAST: str = format_day(datetime.max.replace(tzinfo=UTC))
"""Sorts what has no date behind all that has one."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The validity of a certificate."""

    slot: str
    label: str
    title: str
    x: float
    width: float
    due_x: float | None
    """Where its warning begins; None for a passive certificate, and where the warning is off."""
    critical_x: float | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment: something that happened, or becomes due."""

    kind: str
    title: str
    x: float


@dataclass(frozen=True, slots=True)
class Row:
    """One subaccount."""

    status: SubaccountStatus
    rank: int
    """Its place by urgency."""
    expires: str
    """The last day of the signer, for sorting."""
    due: str
    """The day on which the next step becomes due, for sorting."""
    next_step: str
    due_since: str | None
    """The day from which on a step is due that is due now."""
    paragraphs: tuple[str, ...]
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    events: tuple[NamedEvent, ...]

    @property
    def severity(self) -> Severity:
        """Its state."""
        return self.status.severity

    @property
    def slots(self) -> tuple[tuple[str, SlotStatus | None], ...]:
        """Both slots with their names."""
        return ("active", self.status.active), ("passive", self.status.passive)

    @property
    def words(self) -> str:
        """What a filter looks into, in small letters as the script makes them: `casefold` would make ss of ß."""
        status = self.status
        places = (status.label, status.stack, status.connection, status.subaccount_id, self.next_step)
        certificates = (slot.label for _, slot in self.slots if slot)
        targets = (target.target for target in status.targets)
        return " ".join(text for text in (*places, *certificates, *targets) if text).lower()


def time_line(statuses: Sequence[SubaccountStatus], now: datetime) -> TimeLine:
    """Return one time line for all subaccounts."""
    return TimeLine.around(now, (moment for status in statuses for moment in _moments(status)))


def rows_of(statuses: Iterable[SubaccountStatus], line: TimeLine) -> list[Row]:
    """Return the rows, in the order of the statuses: by urgency."""
    return [_row(status, rank, line) for rank, status in enumerate(statuses)]


def severities(rows: Sequence[Row]) -> list[tuple[Severity, int]]:
    """Return how many rows have each state, the most serious first."""
    return [(severity, sum(row.severity is severity for row in rows)) for severity in MOST_SERIOUS_FIRST]


def _moments(status: SubaccountStatus) -> Iterator[datetime]:
    for slot in (status.active, status.passive):
        if slot is not None:
            yield from (slot.certificate.not_before, slot.certificate.not_after)
    yield from (event.at for event in events_of(status.recorded))


def _row(status: SubaccountStatus, rank: int, line: TimeLine) -> Row:
    events, due = events_of(status.recorded), status.next_due
    return Row(
        status,
        rank,
        format_day(status.active.certificate.not_after) if status.active else _LAST,
        format_day(due.at) if due else _LAST,
        next_step(status),
        format_day(due.at) if due and status.finding else None,
        tuple(paragraphs(status)),
        tuple(_bars(status, line)),
        tuple(_marks(status, events, line)),
        events,
    )


def _bars(status: SubaccountStatus, line: TimeLine) -> Iterator[Bar]:
    for name, slot in (("active", status.active), ("passive", status.passive)):
        if slot is not None:
            yield _bar(name, slot, status, line)


def _bar(name: str, slot: SlotStatus, status: SubaccountStatus, line: TimeLine) -> Bar:
    first, last = slot.certificate.not_before, slot.certificate.not_after
    title = f"{name}: {slot.label}, {format_day(first)} to {format_day(last)}, {slot.days_left} days left"
    warns = name == "active" and status.next_due is not None
    return Bar(
        name,
        slot.label,
        title,
        line.x(first),
        line.width(first, last),
        line.x(status.limits.warned_from(last)) if warns else None,
        line.x(last - status.limits.failure) if warns else None,
    )


def _marks(status: SubaccountStatus, events: Sequence[NamedEvent], line: TimeLine) -> Iterator[Mark]:
    for event in reversed(events):
        if line.shows(event.at):
            yield Mark(_kind(event), event_sentence(event), line.x(event.at))
    if (due := status.next_due) is not None and line.shows(due.at):
        yield Mark("due", f"{due.step.value}: due from {format_day(due.at)}", line.x(due.at))


def _kind(event: NamedEvent) -> str:
    return event.event.step.value.replace(" ", "-")


def event_sentence(event: NamedEvent) -> str:
    """Return an event in one line."""
    certificates = event.signer if event.event.step is EventKind.VERIFY else f"{event.previous} → {event.signer}"
    why = f" ({event.event.why})" if event.event.why else ""
    return f"{format_rfc3339(event.at)} {event.event.step.value}: {certificates}{why}"
