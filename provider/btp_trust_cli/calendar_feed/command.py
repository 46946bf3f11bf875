"""`btp-trust calendar`: gather, and print or write."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from btp_trust.runtime.host import Host
from btp_trust_cli.calendar_feed.events import calendar_events
from btp_trust_cli.calendar_feed.text import to_icalendar
from btp_trust_cli.commands import read_statuses
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
    # By the service's clock, as all judgements are.
    as_of = request.as_of or max((status.read_at for status in statuses if status.read_at), default=host.clock())
    events = calendar_events(statuses, as_of)
    text = to_icalendar(events, as_of)
    if request.output is None:
        terminal.show(text)
    else:
        write_atomically(request.output, text)
        terminal.show(f"{summary_line(statuses)}\n{len(events)} events in {request.output}\n")
    return worst(status.severity for status in statuses)
