"""What people are notified of, from statuses with chosen contents."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.errors import ServiceUnavailable
from btp_trust.rotation.schema import OnDrift, RotationState
from btp_trust.runtime.expiry_limits import ExpiryLimits
from btp_trust_cli.exit_codes import Severity
from btp_trust_cli.landscape import SubaccountStatus
from btp_trust_cli.notify.channels import alert_message, slack_message, webhook_message
from btp_trust_cli.notify.notifications import (
    MANY,
    Kind,
    Notification,
    find_notifications,
    place_of,
    whole_run_failed,
)
from btp_trust_cli.recorded import RecordedSubaccount
from btp_trust_cli.thresholds import USUAL_DAYS
from support.fake_engine import make_certificate
from support.statuses import ALL, CLOSED, ERROR, GUID, NAMES, OLD, ROTATING, YOUNG, status

MESSAGES = Path(__file__).parent / "messages.json"
SHORT = make_certificate("b", created_on_day=50, valid_days=100)


def only(*statuses: SubaccountStatus) -> Notification:
    """Return the one notification of these statuses."""
    (notification,) = find_notifications(statuses)
    return notification


@given(left=st.integers(-40, 100))
def test_each_threshold_is_a_matter(left: int) -> None:
    """The identity changes when a threshold is passed, and at the expiry; before the first, nothing is due."""
    found = find_notifications([status(day=730 - left)])
    if left > 60:
        assert found == []
        return
    (notification,) = found
    if left <= 0:
        assert notification.key == f"expired {GUID} {OLD.fingerprint}"
        assert notification.kind is Kind.EXPIRED
    else:
        threshold = min(days for days in USUAL_DAYS if left <= days)
        assert notification.key == f"expiry {GUID} {OLD.fingerprint} {threshold}"
        assert f" in {left} day" in notification.subject
    assert notification.severity is (Severity.CRITICAL if left <= 14 else Severity.WARNING)


@pytest.mark.parametrize(("warning", "threshold"), [(90, "90"), (80, "80"), (0, None), (70, None)])
def test_first_threshold_is_the_warning(warning: int, threshold: str | None) -> None:
    """`btp-trust:expiryWarning` of the stack; at 0 it stays silent."""
    seen = replace(status(day=730 - 75), limits=ExpiryLimits(timedelta(days=warning)))
    found = [notification.key.rpartition(" ")[2] for notification in find_notifications([seen])]
    assert found == ([] if threshold is None else [threshold])


@given(day=st.integers(0, 800))
def test_two_stacks_have_one_matter(day: int) -> None:
    """An expiry is that of the subaccount; a drift that of a stack."""
    both = [replace(status(day=day), stack=name) for name in ("a", "b")]
    assert len(find_notifications(both)) == len(find_notifications(both[:1]))


def test_short_successor_is_a_step() -> None:
    """It is due although the signer lasts; the identity is that of both certificates."""
    notification = only(status(passive=SHORT))
    assert notification.kind is Kind.STEP
    assert notification.key == f"step {GUID} {OLD.fingerprint} {SHORT.fingerprint}"
    assert "prepare, the passive certificate is too short" in notification.subject


def test_drift_matters_by_its_slots() -> None:
    """Another swap is another matter; what the next deployment undoes is a warning."""
    restoring = RotationState(fingerprint=OLD.fingerprint, generation="2026-01", on_drift=OnDrift.RESTORE)
    recorded = RecordedSubaccount(GUID, "prod", rotation=restoring, bound_names=NAMES)
    swapped = replace(status(YOUNG, OLD, day=610), recorded=recorded, stack="live")
    renewed = replace(status(make_certificate("c", created_on_day=600), day=610), recorded=recorded, stack="live")
    assert only(swapped).severity is Severity.WARNING
    assert only(renewed).severity is Severity.CRITICAL
    assert only(swapped).key != only(renewed).key != only(replace(renewed, stack="other")).key
    assert "differ from the state of stack live" in only(renewed).subject


def test_error_matters_by_its_kind() -> None:
    """In each place; its words are those of the error."""
    closed = SubaccountStatus("prod", "live", error=ERROR)
    notification = only(closed)
    assert (notification.kind, notification.severity) == (Kind.ERROR, Severity.UNKNOWN)
    assert notification.place == place_of(closed) == "live/prod"
    assert notification.text == "GET was refused: 403. The token is for other things. Use another key."
    assert len(find_notifications([closed, replace(closed, connection="b"), replace(closed, stack=None)])) == 3


@given(count=st.integers(1, 9), others=st.integers(0, 9))
def test_outage_is_one_matter(count: int, others: int) -> None:
    """Many errors of one class are one notification; those of another class are apart."""
    away = ServiceUnavailable("No answer.", "Nothing came.", "Wait.")
    down = [SubaccountStatus(f"c{number}", "live", error=ERROR) for number in range(count)]
    found = find_notifications([*down, *(SubaccountStatus(f"d{n}", "live", error=away) for n in range(others))])
    assert len(found) == sum(1 if number > MANY else number for number in (count, others))
    if count > MANY:
        outage = next(notification for notification in found if notification.key == "outage NotAuthorized")
        assert outage.subject == f"{count} subaccounts cannot be read (NotAuthorized)"
        assert outage.place == place_of(down[0])
        assert f"connection c4 and {count - MANY} more" in outage.text
        assert alert_message(outage, "")["resource"]["resourceInstance"] == "live/c0"


def test_messages_are_stable() -> None:
    """Each kind in each form: JSON for programs, Slack's text, the custom event of SAP Alert Notification."""
    found = find_notifications([*ALL, status(day=800), status(passive=SHORT), replace(CLOSED, snapshot=None)])
    everything = [*found, whole_run_failed(ERROR)]
    assert {notification.kind for notification in everything} == set(Kind)
    messages = [
        {
            "webhook": webhook_message(notification, "an-id"),
            "slack": slack_message(notification, "an-id"),
            "alert-notification": alert_message(notification, "an-id"),
        }
        for notification in everything
    ]
    assert messages == json.loads(MESSAGES.read_text())


def test_text_of_slack_is_escaped() -> None:
    """A name that holds Slack's markup calls nobody."""
    notification = replace(only(ROTATING), subject="<!channel> & co", text="a < b")
    assert slack_message(notification, "") == {"text": "*WARNING: &lt;!channel&gt; &amp; co*\na &lt; b"}


def test_event_has_fields_of_sap() -> None:
    """Those that ResourceEvent requires, with values that it knows."""
    for notification in (*find_notifications(ALL), whole_run_failed(ERROR)):
        event = alert_message(notification, "an-id")
        assert {"eventType", "severity", "category", "subject", "body", "resource"} <= set(event)
        assert event["severity"] in {"INFO", "NOTICE", "WARNING", "ERROR", "FATAL"}
        assert event["category"] in {"EXCEPTION", "ALERT", "NOTIFICATION"}
        assert all(event["resource"].values())
