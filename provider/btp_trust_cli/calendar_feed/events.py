"""The events of a subaccount: what comes if everything stays as it is. Pure.

An event is a matter, such as the expiry of one certificate: its identity stays while texts and other events change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from btp_trust.rotation.time_limits import NEVER, parse_duration
from btp_trust.rotation.window import next_opening
from btp_trust_cli.landscape import SlotStatus, SubaccountStatus
from btp_trust_cli.thresholds import notice_days

_NO_WARNING: Final = "From then on targets reject every user."
_AFTER_PASSIVE: Final = "From then on it can serve neither as the successor nor for a rollback."
_REFUSED: Final = "The RotationTrigger of stack {stack} refuses a rotation meanwhile."
_ALLOWED: Final = "The RotationTrigger of stack {stack} lets a rotation pass meanwhile: {window}."


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """An entry of a calendar."""

    uid: str
    """The same for the same matter, in each run."""
    start: datetime | date
    """UTC; a day for something that is to be done on that day."""
    summary: str
    description: str
    end: datetime | None = None
    """None for a moment, or a day."""

    @property
    def last_day(self) -> date:
        """The day, in UTC, with which it is over."""
        if self.end is not None:
            return (self.end - timedelta.resolution).date()
        return self.start.date() if isinstance(self.start, datetime) else self.start


def calendar_events(statuses: Iterable[SubaccountStatus], as_of: datetime) -> list[CalendarEvent]:
    """Return what comes, from the day of `as_of` on, each once: two stacks may have the same subaccount."""
    found: dict[str, CalendarEvent] = {}
    for status in statuses:
        for event in _events(status, as_of):
            if event.last_day >= as_of.date():
                found.setdefault(event.uid, event)
    return sorted(found.values(), key=_order)


def _order(event: CalendarEvent) -> tuple[str, str]:
    return event.start.isoformat(), event.uid


def _events(status: SubaccountStatus, as_of: datetime) -> Iterator[CalendarEvent]:
    if status.error is not None:
        yield _unreadable(status, as_of)
    if status.active is not None:
        yield from _signer_events(status, status.active)
    if status.passive is not None:
        yield _passive_expiry(status, status.passive)
    yield from _freezes(status)
    yield from _next_window(status, as_of)


def _unreadable(status: SubaccountStatus, as_of: datetime) -> CalendarEvent:
    error = status.error
    return CalendarEvent(
        _uid("unreadable", status.stack or "", status.connection),
        as_of.date(),
        f"{status.label}: what comes is unknown ({type(error).__name__})",
        " ".join(str(error).splitlines()),
    )


def _signer_events(status: SubaccountStatus, slot: SlotStatus) -> Iterator[CalendarEvent]:
    identity = (status.subaccount_id or "", slot.certificate.fingerprint)
    expiry = slot.certificate.not_after
    for days in notice_days(status.limits):
        moment = expiry - timedelta(days=days)
        step, text = _step_at(status, moment)
        summary = f"{status.label}: {step} within {days} days"
        yield CalendarEvent(_uid(f"notice-{days}", *identity), moment.date(), summary, text)
    yield CalendarEvent(
        _uid("expiry", *identity), expiry, f"{status.label}: the signer {slot.label} expires", _NO_WARNING
    )


def _step_at(status: SubaccountStatus, moment: datetime) -> tuple[str, str]:
    """Return the step that will be due, and the words of the status then."""
    finding = status.finding_at(moment)
    return (
        (finding.step.value, f"{finding.what} {finding.why} {finding.remedy}") if finding else ("expiry", _NO_WARNING)
    )


def _passive_expiry(status: SubaccountStatus, slot: SlotStatus) -> CalendarEvent:
    return CalendarEvent(
        _uid("passive-expiry", status.subaccount_id or "", slot.certificate.fingerprint),
        slot.certificate.not_after,
        f"{status.label}: passive {slot.label} expires",
        _AFTER_PASSIVE,
    )


def _freezes(status: SubaccountStatus) -> Iterator[CalendarEvent]:
    rotation = status.recorded.rotation if status.recorded else None
    for freeze in rotation.freeze if rotation else ():
        yield CalendarEvent(
            _uid("freeze", status.subaccount_id or "", status.stack or "", freeze.start, freeze.to),
            freeze.begins,
            f"{status.label}: freeze, {freeze.why}",
            _REFUSED.format(stack=status.stack),
            freeze.ends,
        )


def _next_window(status: SubaccountStatus, as_of: datetime) -> Iterator[CalendarEvent]:
    window = status.recorded.rotation.window if status.recorded and status.recorded.rotation else None
    if window is None or (opening := next_opening(window, as_of)) == NEVER:
        return
    yield CalendarEvent(
        _uid("window", status.subaccount_id or "", status.stack or ""),
        opening,
        f"{status.label}: the window for a rotation opens",
        _ALLOWED.format(stack=status.stack, window=window),
        opening + min(parse_duration(window.duration), NEVER - opening),
    )


def _uid(kind: str, *parts: str) -> str:
    return f"{kind}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:24]}@btp-trust"
