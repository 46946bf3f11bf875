"""`btp-trust metrics`: gather, and print, write or serve."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from prometheus_client import Metric

from btp_trust.errors import TrustError
from btp_trust.runtime.host import Host
from btp_trust_cli.commands import read_statuses
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity, worst
from btp_trust_cli.files import write_atomically
from btp_trust_cli.metrics.families import Reading, metric_families
from btp_trust_cli.metrics.server import serve
from btp_trust_cli.metrics.text import from_text, to_openmetrics
from btp_trust_cli.options import Address
from btp_trust_cli.status import summary_line
from btp_trust_cli.terminal import Terminal

INTERVAL: Final = 900
"""Seconds between two readings while the metrics are served."""


@dataclass(frozen=True, slots=True)
class MetricsRequest:
    """The options of `btp-trust metrics`."""

    selection: Selection = field(default_factory=Selection)
    as_of: datetime | None = None
    textfile: Path | None = None
    address: Address | None = None
    interval: int = INTERVAL


def run_metrics(request: MetricsRequest, host: Host | None = None, terminal: Terminal | None = None) -> Severity:
    """Print, write or serve the metrics; return the most serious state of all subaccounts."""
    host, terminal = host or Host(), terminal or Terminal.of_process()
    if request.address is not None:
        serve(lambda: _read(request, host, terminal), request.address, request.interval, host, terminal)
    reading = _read(request, host, terminal)
    if request.textfile is not None:
        _write(request.textfile, reading)
    if reading.error is not None:
        raise reading.error
    statuses = reading.statuses
    shown = to_openmetrics(metric_families(reading)) if request.textfile is None else f"{summary_line(statuses)}\n"
    terminal.show(shown)
    return worst(status.severity for status in statuses)


def _read(request: MetricsRequest, host: Host, terminal: Terminal) -> Reading:
    """Read all subaccounts; a failure is a part of the result."""
    try:
        statuses = read_statuses(request.selection, request.as_of, host, terminal)
    except TrustError as error:
        return Reading(host.clock(), error=error)
    return Reading(host.clock(), statuses)


def _write(path: Path, reading: Reading) -> None:
    """Replace the file; what this run failed to read keeps its samples."""
    write_atomically(path, to_openmetrics(metric_families(reading, _earlier(path))))


def _earlier(path: Path) -> list[Metric]:
    """Return the metrics of a file; of a missing or unreadable one, none."""
    try:
        return from_text(path.read_text(errors="replace"))
    except OSError:
        return []
