"""Statuses for pages: each state, with history and targets, and as many of them as a test wants."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta

from msgspec import structs

from btp_trust.formatting import format_rfc3339
from btp_trust.rotation.events import Event, EventKind
from btp_trust.rotation.schema import RotationState
from btp_trust.trusted_by.statements import Observation, TrustStatement
from btp_trust_cli.landscape import SubaccountStatus, by_urgency
from btp_trust_cli.recorded import RecordedSubaccount
from support.fake_engine import make_certificate
from support.statuses import ALL, GUID, NAMES, OLD, YOUNG, status

HOSTILE = '<img src="https://evil.example/x" onerror="alert(1)"></script>&"\''
"""A name that becomes a request and a script where it is not escaped."""


def _event(days: int, step: EventKind, why: str | None = None) -> Event:
    at = format_rfc3339(OLD.not_before + timedelta(days=days))
    previous = None if step is EventKind.VERIFY else YOUNG.fingerprint
    return Event(at=at, step=step, signer=OLD.fingerprint, previous=previous, why=why)


EVENTS = [
    _event(300, EventKind.ROTATE),
    _event(340, EventKind.VERIFY, "s4: verified, hr: rejected"),
    _event(380, EventKind.ROLL_BACK, "Generation '2028-01' was rejected by hr."),
    _event(500, EventKind.FOUND),
    _event(540, EventKind.RESTORE, HOSTILE),
]


def recorded(name: str, connection: str) -> RecordedSubaccount:
    """Return the state of a stack with a history and two targets, whose names are hostile."""
    targets: dict[str, TrustStatement] = {
        "s4": Observation.of(OLD.fingerprint, YOUNG.fingerprint),
        HOSTILE: Observation.of(OLD.fingerprint),
    }
    rotation = RotationState(fingerprint=OLD.fingerprint, generation="2026-01", trusted_by=targets, history=EVENTS)
    return RecordedSubaccount(GUID, connection, name, rotation=rotation, bound_names=NAMES)


def hostile_status() -> SubaccountStatus:
    """Return a status with a history, all of whose names are hostile."""
    found = status(OLD, YOUNG, day=690)
    return replace(found, name=HOSTILE, stack=HOSTILE, connection=HOSTILE, recorded=recorded(HOSTILE, HOSTILE))


def report_statuses() -> list[SubaccountStatus]:
    """Return each state once or twice, by urgency."""
    busy = replace(status(OLD, YOUNG, day=650), name="acme-busy", stack="dev", recorded=recorded("acme-busy", "prod"))
    return by_urgency([*ALL, busy, replace(hostile_status(), stack="dev")])


def many_statuses(number: int) -> list[SubaccountStatus]:
    """Return so many subaccounts, a third of each state but one, by urgency."""
    moments = itertools.cycle((100, 690, 725))
    names = (f"acme-{index:04}" for index in range(number))
    return by_urgency(
        replace(
            status(OLD, make_certificate("c", created_on_day=day - 30) if day > 100 else None, day=day),
            subaccount_id=f"{index:08}{GUID[8:]}",
            name=name,
            stack=f"stack-{index % 7}",
            connection=name,
            recorded=recorded(name, name),
        )
        for index, (day, name) in enumerate(zip(moments, names, strict=False))
    )


def at_one_moment(statuses: list[SubaccountStatus]) -> list[SubaccountStatus]:
    """Return the same, all judged at the latest moment of a reading."""
    latest = moment_of(statuses)
    snapshots = (each.snapshot and structs.replace(each.snapshot, now=latest) for each in statuses)
    return by_urgency(replace(each, snapshot=new) for each, new in zip(statuses, snapshots, strict=True))


def moment_of(statuses: list[SubaccountStatus]) -> datetime:
    """Return the latest moment of a reading."""
    return max(each.snapshot.now for each in statuses if each.snapshot)
