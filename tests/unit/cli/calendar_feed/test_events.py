"""The calendar, from statuses with chosen contents."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from msgspec import structs

from btp_trust.rotation.time_limits import Freeze
from btp_trust.rotation.window import Window
from btp_trust.runtime.expiry_limits import ExpiryLimits
from btp_trust_cli.calendar_feed.events import CalendarEvent, calendar_events
from btp_trust_cli.calendar_feed.text import to_icalendar
from btp_trust_cli.landscape import SubaccountStatus
from btp_trust_cli.recorded import RecordedSubaccount
from btp_trust_cli.thresholds import notice_days
from support.fake_engine import make_certificate
from support.statuses import ALL, ERROR, GUID, NAMES, OLD, ROTATING, ROTATION, YOUNG, status

TEXT = (Path(__file__).parent / "calendar.ics").read_text().replace("\n", "\r\n")
NOW = datetime(2027, 6, 1, 12, 30, 5, 77, tzinfo=UTC)
LIMITED = structs.replace(
    ROTATION,
    freeze=[
        Freeze(start="2027-05-01", to="2027-05-31", why="go-live"),
        Freeze(start="2027-12-15", to="2028-01-05", why="year-end closing"),
    ],
    window=Window(cron="0 2 * * SUN", duration="4h", time_zone="Europe/Berlin"),
)
WAITING = replace(
    ROTATING, stack="live", recorded=RecordedSubaccount(GUID, "prod", rotation=LIMITED, bound_names=NAMES)
)


def kinds(events: list[CalendarEvent]) -> list[str]:
    """Return the kinds of events in their order."""
    return [event.uid.partition("@")[0].rpartition("-")[0] for event in events]


def test_text_is_stable() -> None:
    """Notices, expiries, a freeze, a window and what is unreadable; the same bytes for the same state and moment."""
    everything = [WAITING, *ALL]
    assert to_icalendar(calendar_events(everything, NOW), NOW) == TEXT
    assert to_icalendar(calendar_events(everything[::-1], NOW), NOW) == TEXT


def test_calendar_can_be_read() -> None:
    """Each event has what RFC 5545 requires; lines end with CRLF and have 75 octets at most."""
    events: list[Any] = Calendar.from_ical(TEXT).walk("VEVENT")
    assert len({event["uid"] for event in events}) == len(events)
    assert all({"UID", "DTSTAMP", "DTSTART", "SUMMARY", "DESCRIPTION"} <= set(event) for event in events)
    assert {event["dtstamp"].dt for event in events} == {NOW.replace(microsecond=0)}
    lines = TEXT.split("\r\n")
    assert max(len(line.encode()) for line in lines) <= 75
    assert not any("\n" in line for line in lines)


def test_notices_come_before_the_expiry() -> None:
    """Whole days ahead, in the words that the status will have then; the successor's end is there as well."""
    events = calendar_events([status(OLD, YOUNG)], OLD.not_before)
    assert kinds(events) == [*(f"notice-{days}" for days in (60, 30, 14, 7, 3)), "expiry", "passive-expiry"]
    assert events[1].start == (OLD.not_after - timedelta(days=30)).date()
    assert "expires in 30 days" in events[1].description
    assert events[1].summary == "acme-prod (11111111): hand over within 30 days"
    assert events[5].start == OLD.not_after


@pytest.mark.parametrize(
    ("warning", "days"),
    [(0, ()), (3, (3,)), (10, (10, 7, 3)), (60, (60, 30, 14, 7, 3)), (90, (90, 60, 30, 14, 7, 3))],
)
def test_first_notice_is_the_warning(warning: int, days: tuple[int, ...]) -> None:
    """`btp-trust:expiryWarning` of the stack; 0 turns notices off, and leaves the expiry."""
    limits = ExpiryLimits(timedelta(days=warning))
    assert notice_days(limits) == days
    events = calendar_events([replace(status(), limits=limits)], OLD.not_before)
    assert kinds(events) == [*(f"notice-{day}" for day in days), "expiry"]


@given(day=st.integers(0, 800))
def test_past_events_are_gone(day: int) -> None:
    """An event is there up to the end of its day."""
    moment = OLD.not_before + timedelta(days=day)
    ahead = [each for each in (60, 30, 14, 7, 3, 0) if (OLD.not_after - timedelta(days=each)).date() >= moment.date()]
    assert len(calendar_events([status()], moment)) == len(ahead)


@given(day=st.integers(0, 700), later=st.integers(0, 700))
def test_identity_of_an_event_stays(day: int, later: int) -> None:
    """By the certificate and the kind: another run, stack, name or generation is the same matter."""
    one, other = (
        {event.uid for event in calendar_events([each], OLD.not_before)}
        for each in (status(day=day), replace(status(day=later), stack="other", name="renamed", connection="x"))
    )
    assert one == other
    replaced = {event.uid for event in calendar_events([status(make_certificate("c"))], OLD.not_before)}
    assert one.isdisjoint(replaced)


def test_two_stacks_have_one_event() -> None:
    """Each matter of a subaccount that two stacks reach is there once."""
    both = [replace(status(), stack=name) for name in ("a", "b")]
    assert len(calendar_events(both, OLD.not_before)) == len(calendar_events(both[:1], OLD.not_before))


def test_limits_of_time_are_events() -> None:
    """A freeze with its reason, up to its last day; the next window, in its time zone."""
    freeze, window = (
        next(event for event in calendar_events([WAITING], NOW) if event.uid.startswith(kind))
        for kind in ("freeze", "window")
    )
    assert freeze.summary == "acme-prod (11111111): freeze, year-end closing"
    assert (freeze.start, freeze.end) == (datetime(2027, 12, 15, tzinfo=UTC), datetime(2028, 1, 6, tzinfo=UTC))
    assert window.start == datetime(2027, 6, 6, 0, tzinfo=UTC)
    assert window.end == datetime(2027, 6, 6, 4, tzinfo=UTC)
    assert "'0 2 * * SUN' (Europe/Berlin) for 4h" in window.description


def test_last_window_has_no_successor() -> None:
    """At the end of the calendar there is none, and a window that would outlast it is cut."""
    assert "window" not in kinds(calendar_events([WAITING], datetime(9999, 12, 31, 23, tzinfo=UTC)))
    daily = structs.replace(LIMITED, window=Window(cron="0 2 * * *", duration="30d"))
    seen = replace(WAITING, recorded=RecordedSubaccount(GUID, "prod", rotation=daily))
    (window,) = calendar_events([seen], datetime(9999, 12, 20, tzinfo=UTC))
    assert window.end == datetime.max.replace(tzinfo=UTC)


def test_unreadable_subaccount_is_said() -> None:
    """Today, as what comes there is unknown."""
    (event,) = calendar_events([SubaccountStatus("prod", "live", error=ERROR)], NOW)
    assert event.start == date(2027, 6, 1)
    assert event.summary == "connection prod: what comes is unknown (NotAuthorized)"
    assert "Use another key." in event.description


@given(st.text(min_size=1) | st.sampled_from(['a,b;c\\n"d"', "a\r\nEND:VEVENT", "x" * 3000, "\x08", "\ud800"]))
def test_names_stay_inside_their_lines(name: str) -> None:
    """Separators, line feeds and control characters of a name leave the file one that calendars read."""
    text = to_icalendar(calendar_events([replace(WAITING, name=name)], NOW), NOW)
    assert re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", text) is None
    assert text.count("\r\n") == text.count("\n") == text.count("\r")
    assert len(Calendar.from_ical(text).walk("VEVENT")) == len(calendar_events([WAITING], NOW))
    assert text.encode()
