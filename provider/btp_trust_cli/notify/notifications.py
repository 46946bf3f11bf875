"""What people are notified of: each matter with an identity, by which it is sent once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from btp_trust.errors import TrustError
from btp_trust.formatting import format_rfc3339
from btp_trust.runtime.expiry import ExpiryFinding
from btp_trust_cli.exit_codes import MOST_SERIOUS_FIRST, Severity
from btp_trust_cli.landscape import SlotStatus, SubaccountStatus
from btp_trust_cli.thresholds import notice_days

FORMAT: Final = 1
"""Of the JSON of a webhook: grows when a field changes its meaning; more fields leave it."""
MANY: Final = 5
"""So many errors of one class are matters of their own; more of them are one outage."""
WHOLE_RUN: Final = "run"
"""The place of a failure of the whole run; others are `<stack>/<connection>`."""


class Kind(StrEnum):
    """Kinds of notifications."""

    EXPIRY = "expiry"
    """The signer expires within so many days."""
    EXPIRED = "expired"
    STEP = "step"
    """A step is due although the signer lasts: its successor is too short."""
    DRIFT = "drift"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notification:
    """One matter, in words."""

    key: str
    """Its identity: the same in each run while the matter lasts."""
    place: str
    """Where it was found: what was read there later decides whether it lasts."""
    kind: Kind
    severity: Severity
    subject: str
    text: str
    status: SubaccountStatus | None = None
    """None for a failure of the whole run, or of many subaccounts."""
    step: str | None = None

    def document(self, identity: str) -> dict[str, Any]:
        """Return it for other programs; `identity` is that of the delivery."""
        status = self.status
        return {
            "format": FORMAT,
            "id": identity,
            "kind": self.kind.value,
            "state": self.severity.name,
            "subject": self.subject,
            "text": self.text,
            "step": self.step,
            "subaccount_id": status and status.subaccount_id,
            "name": status and status.name,
            "connection": (status and status.connection) or None,
            "stack": status and status.stack,
            "signer": _signer(status.active if status else None),
        }


def _signer(slot: SlotStatus | None) -> dict[str, Any] | None:
    if slot is None:
        return None
    return {
        "fingerprint": slot.certificate.fingerprint,
        "generation": slot.generation,
        "not_after": format_rfc3339(slot.certificate.not_after),
        "days_left": slot.days_left,
    }


def place_of(status: SubaccountStatus) -> str:
    """Name the place where a subaccount is read."""
    return f"{status.stack or ''}/{status.connection}"


def find_notifications(statuses: Iterable[SubaccountStatus]) -> list[Notification]:
    """Return what holds now, each matter once: two stacks may have the same subaccount."""
    found: dict[str, Notification] = {}
    for status in statuses:
        for notification in _notifications(status):
            found.setdefault(notification.key, notification)
    return _with_outages(found.values())


def _with_outages(notifications: Iterable[Notification]) -> list[Notification]:
    """Join the errors of one class, where there are many: a proxy that is down is one matter."""
    joined: list[Notification] = []
    errors: dict[str, list[Notification]] = {}
    for notification in notifications:
        if notification.kind is Kind.ERROR and notification.status is not None:
            errors.setdefault(type(notification.status.error).__name__, []).append(notification)
        else:
            joined.append(notification)
    for name, group in errors.items():
        joined += [_outage(name, group)] if len(group) > MANY else group
    return sorted(joined, key=lambda notification: MOST_SERIOUS_FIRST.index(notification.severity))


def _outage(name: str, group: Sequence[Notification]) -> Notification:
    labels = [notification.status.label for notification in group if notification.status]
    subject = f"{len(group)} subaccounts cannot be read ({name})"
    text = f"{', '.join(labels[:MANY])} and {len(group) - MANY} more. The first of them: {group[0].text}"
    # It is over when the first of them can be read; the others are then matters of their own again.
    return Notification(f"outage {name}", group[0].place, Kind.ERROR, Severity.UNKNOWN, subject, text)


def whole_run_failed(error: TrustError) -> Notification:
    """Return the notification of a run that could read nothing."""
    kind = type(error).__name__
    subject = f"btp-trust could read nothing ({kind})"
    return Notification(f"error {WHOLE_RUN} {kind}", WHOLE_RUN, Kind.ERROR, Severity.UNKNOWN, subject, _lines(error))


def _notifications(status: SubaccountStatus) -> Iterator[Notification]:
    if status.error is not None:
        yield _error(status, status.error)
    if status.drifts:
        yield _drift(status)
    if status.finding is not None and status.active is not None and status.snapshot is not None:
        left = status.active.certificate.not_after - status.snapshot.now
        yield _due(status, status.active, left, status.finding)


def _error(status: SubaccountStatus, error: TrustError) -> Notification:
    kind, place = type(error).__name__, place_of(status)
    subject = f"{status.label}: cannot be read ({kind})"
    return Notification(f"error {place} {kind}", place, Kind.ERROR, Severity.UNKNOWN, subject, _lines(error), status)


def _drift(status: SubaccountStatus) -> Notification:
    slots, place = status.snapshot.slots if status.snapshot else None, place_of(status)
    is_undone = all(drift.is_undone for drift in status.drifts)
    return Notification(
        f"drift {place} {status.subaccount_id} {slots}",
        place,
        Kind.DRIFT,
        Severity.WARNING if is_undone else Severity.CRITICAL,
        f"{status.label}: the slots differ from the state of stack {status.stack}",
        " ".join(f"{drift.what} {drift.why} {drift.remedy}" for drift in status.drifts),
        status,
    )


def _due(status: SubaccountStatus, signer: SlotStatus, left: timedelta, finding: ExpiryFinding) -> Notification:
    kind, matter, subject = _matter(status, signer, left)
    return Notification(
        f"{kind} {status.subaccount_id} {matter}",
        place_of(status),
        kind,
        Severity.CRITICAL if finding.is_failure else Severity.WARNING,
        f"{status.label}: {finding.step.value}, {subject}",
        f"{finding.what} {finding.why} {finding.remedy}",
        status,
        finding.step.value,
    )


def _matter(status: SubaccountStatus, signer: SlotStatus, left: timedelta) -> tuple[Kind, str, str]:
    """Return the kind, the identity within the subaccount, and the words."""
    fingerprint = signer.certificate.fingerprint
    if left <= timedelta():
        return Kind.EXPIRED, fingerprint, f"the signer {signer.label} has expired"
    if passed := [days for days in notice_days(status.limits) if left <= timedelta(days=days)]:
        days = "1 day" if signer.days_left == 1 else f"{signer.days_left} days"
        return Kind.EXPIRY, f"{fingerprint} {passed[-1]}", f"the signer {signer.label} expires in {days}"
    successor = status.passive.certificate.fingerprint if status.passive else ""
    return Kind.STEP, f"{fingerprint} {successor}", "the passive certificate is too short to serve"


def _lines(error: TrustError) -> str:
    return " ".join(str(error).splitlines())
