"""`btp-trust report`: gather, write the page, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from btp_trust.runtime.host import Host
from btp_trust_cli.commands import StatusRequest, gather, judge
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity, worst
from btp_trust_cli.files import write_atomically
from btp_trust_cli.landscape import SubaccountStatus, by_urgency
from btp_trust_cli.report.page import report_page
from btp_trust_cli.status import summary_line
from btp_trust_cli.terminal import Terminal

PRINTED: Final = Path("-")
"""As `--output`: the page is printed."""


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """The options of `btp-trust report`."""

    output: Path
    selection: Selection = field(default_factory=Selection)
    as_of: datetime | None = None


def run_report(request: ReportRequest, host: Host | None = None, terminal: Terminal | None = None) -> Severity:
    """Write the page, and return the most serious state.

    Raises:
        TrustError: Pulumi's command line is missing or refuses, or the file cannot be written.
    """
    host, terminal = host or Host(), terminal or Terminal.of_process()
    options = StatusRequest(as_of=request.as_of)
    statuses = by_urgency(judge(status, options) for status in gather(request.selection, host, terminal))
    page = report_page(statuses, present(statuses, request.as_of, host), request.as_of)
    if request.output == PRINTED:
        terminal.show(page)
    else:
        write_atomically(request.output, page)
        terminal.show(f"{summary_line(statuses)}\nThe report is {request.output}\n")
    return worst(status.severity for status in statuses)


def present(statuses: Sequence[SubaccountStatus], as_of: datetime | None, host: Host) -> datetime:
    """Return the moment of the page: `--as-of`, else that of the services; without a reading, that of the machine."""
    read = [status.read_at for status in statuses if status.read_at]
    return as_of or max(read, default=None) or host.clock()
