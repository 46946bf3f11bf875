"""The JSON of `btp-trust status`: stable, `docs/reference/command-line.md` describes each field. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from btp_trust.formatting import format_rfc3339
from btp_trust_cli.exit_codes import MOST_SERIOUS_FIRST, Severity, worst
from btp_trust_cli.landscape import Due, SlotStatus, SubaccountStatus
from btp_trust_cli.rendering import error_document

FORMAT: Final = 1
"""Grows when a field changes its meaning; more fields leave it."""


def status_document(statuses: Sequence[SubaccountStatus], as_of: datetime | None = None) -> dict[str, Any]:
    """Return everything that the table shows, and more, for other programs."""
    severity = worst(status.severity for status in statuses)
    return {
        "format": FORMAT,
        "as_of": as_of and format_rfc3339(as_of),
        "state": severity.name,
        "exit_code": int(severity),
        "counts": {severity.name: number for severity, number in count(statuses).items()},
        "subaccounts": [_subaccount(status) for status in statuses],
    }


def count(statuses: Sequence[SubaccountStatus]) -> dict[Severity, int]:
    """Return how many subaccounts have each severity, the most serious first."""
    found = Counter(status.severity for status in statuses)
    return {severity: found[severity] for severity in MOST_SERIOUS_FIRST}


def _subaccount(status: SubaccountStatus) -> dict[str, Any]:
    return {
        "state": status.severity.name,
        "subaccount_id": status.subaccount_id,
        "name": status.name,
        "label": status.label,
        "connection": status.connection or None,
        "stack": status.stack,
        "read_at": status.read_at and format_rfc3339(status.read_at),
        "active": _slot(status.active),
        "passive": _slot(status.passive),
        "drift": [{"what": drift.what, "why": drift.why, "is_undone": drift.is_undone} for drift in status.drifts],
        "due": _due(status.next_due, is_due=status.finding is not None),
        "targets": [
            {"target": target.target, "trusts": target.status.value, "source": target.source, "detail": target.sentence}
            for target in status.targets
        ],
        "error": error_document(status.error),
    }


def _slot(slot: SlotStatus | None) -> dict[str, Any] | None:
    return (
        None
        if slot is None
        else {
            "fingerprint": slot.certificate.fingerprint,
            "generation": slot.generation,
            "not_before": format_rfc3339(slot.certificate.not_before),
            "not_after": format_rfc3339(slot.certificate.not_after),
            "days_left": slot.days_left,
        }
    )


def _due(due: Due | None, *, is_due: bool) -> dict[str, Any] | None:
    return (
        None
        if due is None
        else {
            "step": due.step.value,
            "at": format_rfc3339(due.at),
            "is_due": is_due,
            "what": due.what,
            "why": due.why,
            "remedy": due.remedy,
        }
    )
