"""The model: what is urgent, and what is due next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.active.schema import ActiveState
from btp_trust.certificate import Certificate
from btp_trust.passive.schema import PassiveState
from btp_trust.runtime.expiry import DueStep
from btp_trust.runtime.expiry_limits import ExpiryLimits
from btp_trust.snapshot import Snapshot
from btp_trust_cli.exit_codes import MOST_SERIOUS_FIRST, Severity
from btp_trust_cli.landscape import SubaccountStatus, by_urgency
from btp_trust_cli.recorded import RecordedSubaccount
from support.fake_engine import make_certificate, make_snapshot
from support.statuses import ERROR, GUID, OLD, YOUNG, status


def recorded(**resources: object) -> RecordedSubaccount:
    """Return what a stack records."""
    return RecordedSubaccount(GUID, "prod", **resources)  # type: ignore[arg-type]


@given(day=st.integers(0, 1000), warning=st.integers(0, 400), failure=st.integers(0, 400))
def test_severity_follows_the_limits(day: int, warning: int, failure: int) -> None:
    """Critical is what ends a strict run, a warning what each command warns of."""
    limits = ExpiryLimits(timedelta(days=warning), timedelta(days=failure))
    severity = replace(status(day=day), limits=limits).severity
    left = 730 - day
    warns = warning > 0 and left <= warning
    assert severity is (Severity.CRITICAL if warns and left <= failure else Severity.WARNING if warns else Severity.OK)


@given(day=st.integers(0, 669))
def test_next_step_is_due_later(day: int) -> None:
    """Before the warning, the next step is what the warning will say, at the moment of its beginning."""
    due = status(day=day).next_due
    assert due is not None
    assert due.step is DueStep.PREPARE
    assert due.at == OLD.not_after - timedelta(days=60)
    assert "expires in 60 days" in due.what


def test_due_step_is_due_already() -> None:
    """A step that is due has a moment that has passed."""
    due = status(day=700).next_due
    assert due is not None
    assert due.at == OLD.not_after - timedelta(days=60)
    assert "expires in 30 days" in due.what


def test_short_successor_is_due_now() -> None:
    """A passive certificate that ends too early is due although the signer lasts."""
    short = make_certificate("b", created_on_day=50, valid_days=100)
    seen = status(passive=short)
    assert seen.severity is Severity.WARNING
    assert seen.next_due is not None
    assert seen.snapshot is not None
    assert seen.next_due.at == seen.snapshot.now


def test_successor_is_handed_over_next() -> None:
    """A good successor leaves the hand-over; the warning at 0 days is off."""
    due = status(passive=YOUNG, day=610).next_due
    assert due is not None
    assert due.step is DueStep.HAND_OVER
    off = replace(status(), limits=ExpiryLimits(timedelta(), timedelta()))
    assert off.next_due is None


def test_empty_slots_are_fine() -> None:
    """A new subaccount is OK: it has yet to get a certificate."""
    empty = status(None)
    assert (empty.severity, empty.next_due, empty.active, empty.passive) == (Severity.OK, None, None, None)


def test_unreadable_subaccount_is_unknown() -> None:
    """It has an error in place of slots."""
    seen = SubaccountStatus("prod", "live", error=ERROR)
    assert seen.severity is Severity.UNKNOWN
    assert seen.label == "connection prod"
    assert (seen.active, seen.drifts, seen.targets, seen.finding, seen.next_due) == (None, (), (), None, None)
    assert seen.finding_at(datetime(2028, 1, 1, tzinfo=UTC)) is None
    assert seen.as_of(datetime(2028, 1, 1, tzinfo=UTC)) is seen
    assert SubaccountStatus("", "live", error=ERROR).label == "stack live"


def test_another_date_moves_only_judgements() -> None:
    """The slots and the moment of the reading stay."""
    seen = status().as_of(OLD.not_after)
    assert seen.severity is Severity.CRITICAL
    assert seen.active is not None
    assert seen.active.days_left == 0
    assert seen.read_at == make_snapshot(OLD).now


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), max_size=8))
def test_urgent_ones_come_first(days: list[tuple[int, bool]]) -> None:
    """By severity, then by the end of the signer."""
    rows = [status(day=day) if ok else SubaccountStatus("x", error=ERROR) for day, ok in days]
    ranks = [MOST_SERIOUS_FIRST.index(row.severity) for row in by_urgency(rows)]
    assert ranks == sorted(ranks)


def test_earlier_expiry_comes_first() -> None:
    """Among equally serious ones; one whose active slot is empty comes last."""
    later = replace(status(make_certificate("c", created_on_day=50)), name="a")
    assert by_urgency([status(None), later, status()]) == [status(), later, status(None)]


@pytest.mark.parametrize(
    ("active", "severity", "words"),
    [
        (OLD, Severity.OK, ""),
        (YOUNG, Severity.CRITICAL, "bbbbbbbb signs, not aaaaaaaa"),
        (None, Severity.CRITICAL, "The active slot is empty"),
    ],
)
def test_other_signer_is_critical(active: Certificate | None, severity: Severity, words: str) -> None:
    """A stack that has only ActiveTrustCertificate recorded the signer."""
    seen = replace(status(active, day=610), recorded=recorded(active=ActiveState(fingerprint=OLD.fingerprint)))
    assert seen.severity is severity
    assert words in "".join(drift.what for drift in seen.drifts)
    assert bool(seen.drifts) == bool(words)


def test_lost_passive_is_critical() -> None:
    """A recorded certificate that left both slots is gone, and its generation with it."""
    kept = recorded(passive=PassiveState(fingerprint=YOUNG.fingerprint, generation="2028-11"))
    seen = replace(status(), recorded=kept)
    assert seen.severity is Severity.CRITICAL
    assert "generation '2028-11'" in seen.drifts[0].what


def test_prepared_stack_is_warned() -> None:
    """A successor is all that a stack of two resources could bring about: a warning, as in `pulumi up`."""
    kept = recorded(passive=PassiveState(fingerprint=YOUNG.fingerprint, generation="2028-11"))
    seen = replace(status(OLD, YOUNG, day=725), recorded=kept)
    assert seen.severity is Severity.WARNING
    assert replace(seen, recorded=None).severity is Severity.CRITICAL


def test_recorded_names_label_slots() -> None:
    """The generation stands beside the fingerprint."""
    kept = recorded(bound_names={"2026-01": OLD.fingerprint})
    seen = replace(status(OLD, YOUNG, day=610), recorded=kept)
    assert seen.active is not None
    assert seen.passive is not None
    assert (seen.active.label, seen.passive.label) == ("aaaaaaaa (2026-01)", "bbbbbbbb")
    assert recorded().targets(Snapshot(GUID, None, None, OLD.not_before)) == ()
