"""Events as iCalendar (RFC 5545). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from icalendar import Calendar, Event

from btp_trust_cli.calendar_feed.events import CalendarEvent
from btp_trust_cli.rendering import printable

_HEADER: Final[dict[str, Any]] = {
    "prodid": "-//btp-trust//btp-trust calendar//EN",
    "version": "2.0",
    "method": "PUBLISH",
    "x-wr-calname": "Trust certificates",
}


def to_icalendar(events: Iterable[CalendarEvent], as_of: datetime) -> str:
    """Return the text of a calendar; for the same events and the same moment, the same text."""
    calendar = Calendar()
    for name, value in _HEADER.items():
        calendar.add(name, value)
    calendar.add("x-published-ttl", "P1D")
    for event in events:
        calendar.add_component(_component(event, as_of))
    return str(calendar.to_ical().decode())


def _component(event: CalendarEvent, as_of: datetime) -> Event:
    component = Event()
    component.add("uid", event.uid)
    component.add("dtstamp", as_of.replace(microsecond=0))
    component.add("dtstart", event.start)
    if event.end is not None:
        component.add("dtend", event.end)
    # Control characters are outside of its grammar: one in a name would make calendars refuse the whole file.
    component.add("summary", printable(event.summary))
    component.add("description", printable(event.description))
    component.add("transp", "TRANSPARENT")  # it leaves its readers free for meetings
    return component
