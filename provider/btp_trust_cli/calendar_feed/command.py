"""`btp-trust calendar`: gather, and print or write."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from btp_trust.runtime.host import Host
from btp_trust_cli.calendar_feed.events import calendar_events
from btp_trust_cli.calendar_feed.text import to_icalendar
from btp_trust_cli.commands import present, read_statuses
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity, worst
from btp_trust_cli.files import write_atomically
from btp_trust_cli.status import summary_line
from btp_trust_cli.terminal import Terminal


@dataclass(frozen=True, slots=True)
class CalendarRequest:
    """The options of `btp-trust calendar`."""

    selection: Selection = field(default_factory=Selection)
    as_of: datetime | None = None
    output: Path | None = None


def run_calendar(request: CalendarRequest, host: Host | None = None, terminal: Terminal | None = None) -> Severity:
    """Print or write the calendar; return the most serious state of all subaccounts."""
    host, terminal = host or Host(), terminal or Terminal.of_process()
    statuses = read_statuses(request.selection, request.as_of, host, terminal)
    now = present(statuses, request.as_of, host)
    events = calendar_events(statuses, now)
    text = to_icalendar(events, now)
    if request.output is None:
        terminal.show(text)
    else:
        write_atomically(request.output, text)
        terminal.show(f"{summary_line(statuses)}\n{len(events)} events in {request.output}\n")
    return worst(status.severity for status in statuses)
