"""`btp-trust notify`: gather, decide, record, send."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from btp_trust.errors import TrustError
from btp_trust.formatting import format_rfc3339
from btp_trust.runtime.host import Host
from btp_trust.service.transport.http_client import create_tls_context, open_client
from btp_trust.service.transport.retry import RetryPolicy, Timeouts
from btp_trust_cli.commands import read_statuses
from btp_trust_cli.connections import Selection
from btp_trust_cli.exit_codes import Severity, worst
from btp_trust_cli.landscape import SubaccountStatus
from btp_trust_cli.notify.channels import Channel
from btp_trust_cli.notify.delivery import Result, deliver, unknown_since
from btp_trust_cli.notify.endpoints import find_channels, require_channels
from btp_trust_cli.notify.ledger import EMPTY, Delivery, Entry, Ledger
from btp_trust_cli.notify.ledger_file import LedgerFile, locked_ledger, read_ledger
from btp_trust_cli.notify.notifications import (
    WHOLE_RUN,
    Notification,
    find_notifications,
    place_of,
    whole_run_failed,
)
from btp_trust_cli.notify.report import Line, dry_run_text, result_text
from btp_trust_cli.terminal import Terminal


@dataclass(frozen=True, slots=True)
class NotifyRequest:
    """The options of `btp-trust notify`."""

    selection: Selection = field(default_factory=Selection)
    state: Path | None = None
    """The file of the ledger; only a dry run does without."""
    as_of: datetime | None = None
    is_dry_run: bool = False
    resend: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found out."""

    statuses: Sequence[SubaccountStatus]
    notifications: Sequence[Notification]
    places: frozenset[str]
    """Where it could read: matters that are missing there are over."""
    error: TrustError | None = None
    """Why the whole reading failed."""

    @property
    def severity(self) -> Severity:
        """The most serious one."""
        return worst(status.severity for status in self.statuses)


def run_notify(request: NotifyRequest, host: Host | None = None, terminal: Terminal | None = None) -> Severity:
    """Send what is due and is still to be sent; return the most serious state, UNKNOWN if a delivery failed."""
    host, terminal = host or Host(), terminal or Terminal.of_process()
    if request.is_dry_run or request.state is None:
        return _dry_run(request, host, terminal)
    channels = require_channels(host.environ)  # before the reading, which takes long
    found = _find(request, host, terminal)
    with locked_ledger(request.state) as file:
        file.save(file.ledger.of_lasting(found.notifications, found.places))
        lines = [*_send_all(file, found, channels, request, host)]
    terminal.show(result_text(found.statuses, len(found.notifications), lines, terminal.width))
    if found.error is not None:
        raise found.error
    deliveries = (Severity.UNKNOWN for line in lines if line.error is not None)
    return worst([found.severity, *deliveries])


def _dry_run(request: NotifyRequest, host: Host, terminal: Terminal) -> Severity:
    found = _find(request, host, terminal)
    ledger = EMPTY if request.state is None else read_ledger(request.state)
    channels = find_channels(host.environ)
    to_send = {
        channel.name: ledger.to_send(channel.name, found.notifications, resend=request.resend) for channel in channels
    }
    terminal.show(dry_run_text(found.statuses, to_send or {"no channel": found.notifications}, terminal.width))
    if found.error is not None:
        raise found.error
    return found.severity


def _find(request: NotifyRequest, host: Host, terminal: Terminal) -> Found:
    """Read all subaccounts; a run that fails as a whole is a matter of its own."""
    try:
        statuses = read_statuses(request.selection, request.as_of, host, terminal)
    except TrustError as error:
        return Found((), [whole_run_failed(error)], frozenset(), error)
    read = [status for status in statuses if status.error is None]
    stacks = {f"{status.stack or ''}/" for status in read}
    return Found(
        statuses, find_notifications(statuses), frozenset({WHOLE_RUN, *stacks, *(place_of(status) for status in read)})
    )


def _send_all(
    file: LedgerFile, found: Found, channels: Sequence[Channel], request: NotifyRequest, host: Host
) -> Iterator[Line]:
    retry_policy = RetryPolicy(Timeouts(), host.sleep, host.monotonic)
    with open_client(create_tls_context(), host.transport) as http:
        for channel in channels:
            to_send = file.ledger.to_send(channel.name, found.notifications, resend=request.resend)
            yield from _unknown_lines(file.ledger, channel, found.notifications, to_send)
            for notification in to_send:
                entry = _entry(file.ledger, channel, notification, host)
                file.save(file.ledger.having(entry))
                result = deliver(channel, notification, entry.id, http, retry_policy)
                file.save(_after(file.ledger, entry, result))
                yield Line(channel.name, notification, result.delivery, result.error)


def _entry(ledger: Ledger, channel: Channel, notification: Notification, host: Host) -> Entry:
    """Return the entry of a message that is about to leave; a second copy has the identity of the first."""
    known = ledger.find(channel.name, notification.key)
    identity = known.id if known else uuid.uuid4().hex
    at = format_rfc3339(host.clock())
    return Entry(channel.name, notification.key, notification.place, identity, Delivery.SENDING, at)


def _after(ledger: Ledger, entry: Entry, result: Result) -> Ledger:
    if result.delivery is None:
        return ledger.lacking(entry.channel, entry.key)
    return ledger.having(Entry(entry.channel, entry.key, entry.place, entry.id, result.delivery, entry.at))


def _unknown_lines(
    ledger: Ledger, channel: Channel, notifications: Sequence[Notification], to_send: Sequence[Notification]
) -> Iterator[Line]:
    """Give the messages of earlier runs whose delivery is still unknown."""
    for notification in notifications:
        entry = ledger.find(channel.name, notification.key)
        if entry is not None and entry.delivery is Delivery.UNKNOWN and notification not in to_send:
            yield Line(channel.name, notification, Delivery.UNKNOWN, unknown_since(channel, entry))
