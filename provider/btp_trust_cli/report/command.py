"""`btp-trust report`: gather, write the page, and the exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from btp_trust.runtime.host import Host
from btp_trust_cli.commands import present, read_statuses
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity, worst
from btp_trust_cli.files import write_atomically
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
    statuses = read_statuses(request.selection, request.as_of, host, terminal)
    page = report_page(statuses, present(statuses, request.as_of, host), request.as_of)
    if request.output == PRINTED:
        terminal.show(page)
    else:
        write_atomically(request.output, page)
        terminal.show(f"{summary_line(statuses)}\nThe report is {request.output}\n")
    return worst(status.severity for status in statuses)
