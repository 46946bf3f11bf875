"""The commands: gather, decide, print, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from btp_trust.runtime.expiry_limits import ExpiryLimits
from btp_trust.runtime.host import Host
from btp_trust_cli.connections import Selection, find_sources, missing_connection
from btp_trust_cli.diagnosis import examine
from btp_trust_cli.doctor import doctor_document, doctor_text
from btp_trust_cli.exit_codes import Severity, worst
from btp_trust_cli.landscape import SubaccountStatus, by_urgency
from btp_trust_cli.reading import read_landscape
from btp_trust_cli.status import status_text
from btp_trust_cli.status_document import status_document
from btp_trust_cli.terminal import Terminal


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """The options of `btp-trust status`."""

    selection: Selection = field(default_factory=Selection)
    as_json: bool = False
    fail_within: timedelta | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class DoctorRequest:
    """The options of `btp-trust doctor`."""

    selection: Selection = field(default_factory=Selection)
    as_json: bool = False


def run_status(request: StatusRequest, host: Host | None = None, terminal: Terminal | None = None) -> Severity:
    """Print the status of all subaccounts, and return the most serious one."""
    terminal = terminal or Terminal.of_process()
    statuses = _read_and_judge(request, host or Host(), terminal)
    if request.as_json:
        text = f"{json.dumps(status_document(statuses, request.as_of), indent=2, ensure_ascii=False)}\n"
    else:
        text = status_text(statuses, width=terminal.width, is_colored=terminal.is_colored)
    terminal.show(text)
    return worst(status.severity for status in statuses)


def run_doctor(request: DoctorRequest, host: Host | None = None, terminal: Terminal | None = None) -> Severity:
    """Print the steps of all connections, and return the most serious outcome."""
    terminal = terminal or Terminal.of_process()
    sources = find_sources(request.selection, host or Host())
    with terminal.progress(
        sum(len(source.connections) + len(source.xsuaa_connections) for source in sources)
    ) as on_done:
        diagnoses = examine(sources, on_done)
    if request.as_json:
        terminal.show(f"{json.dumps(doctor_document(diagnoses), indent=2, ensure_ascii=False)}\n")
    else:
        terminal.show(doctor_text(diagnoses, width=terminal.width, is_colored=terminal.is_colored))
    return worst(diagnosis.severity for diagnosis in diagnoses)


def gather(selection: Selection, host: Host, terminal: Terminal) -> list[SubaccountStatus]:
    """Read all subaccounts of a selection, with a bar on a terminal.

    Raises:
        TrustError: Nothing can be read: Pulumi's command line is missing or refuses, a setting is unusable, or no
            connection is found.
    """
    sources = find_sources(selection, host)
    if not any(source.error or source.connections for source in sources):
        raise missing_connection(sources)
    with terminal.progress(sum(len(source.connections) for source in sources)) as on_read:
        return read_landscape(sources, on_read)


def read_statuses(
    selection: Selection, as_of: datetime | None, host: Host, terminal: Terminal
) -> list[SubaccountStatus]:
    """Read all subaccounts of a selection and judge them, now or at another date; the most urgent first.

    Raises:
        TrustError: Nothing can be read: Pulumi's command line is missing or refuses, or a setting is unusable.
    """
    return _read_and_judge(StatusRequest(selection, as_of=as_of), host, terminal)


def _read_and_judge(request: StatusRequest, host: Host, terminal: Terminal) -> list[SubaccountStatus]:
    return by_urgency(judge(status, request) for status in gather(request.selection, host, terminal))


def present(statuses: Sequence[SubaccountStatus], as_of: datetime | None, host: Host) -> datetime:
    """Return the moment of a document: `--as-of`, else that of the services; without a reading, that of the machine."""
    read = [status.read_at for status in statuses if status.read_at]
    return as_of or max(read, default=None) or host.clock()


def judge(status: SubaccountStatus, request: StatusRequest) -> SubaccountStatus:
    """Apply the options to what was read."""
    limits = status.limits if request.fail_within is None else stricter(status.limits, request.fail_within)
    status = replace(status, limits=limits)
    return status if request.as_of is None else status.as_of(request.as_of)


def stricter(limits: ExpiryLimits, fail_within: timedelta) -> ExpiryLimits:
    """Return limits that fail from another moment on; what fails is warned of at the latest then."""
    return ExpiryLimits(max(limits.warning, fail_within), fail_within)
