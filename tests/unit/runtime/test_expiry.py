"""Expiry of the signer: what is due, what comes next, and when a strict run ends with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from btp_trust.certificate import Certificate
from btp_trust.errors import ConfigurationError
from btp_trust.runtime.expiry import (
    DueStep,
    ExpiryContext,
    ExpiryFinding,
    expiry_by_state,
    find_expiry,
)
from btp_trust.runtime.expiry_limits import ExpiryLimits, parse_expiry_limits
from btp_trust.snapshot import Snapshot

NOW: Final = datetime(2028, 10, 1, 12, tzinfo=UTC)
LIMITS: Final = ExpiryLimits()
A, B = "a" * 64, "b" * 64
NAMES: Final = {"2026-11": A, "2028-11": B}


def certificate(fingerprint: str, days_left: float, *, age: float = 600) -> Certificate:
    """Return a certificate that was made `age` days ago."""
    return Certificate(
        fingerprint, "", "issuer", "01", NOW - timedelta(days=age), NOW + timedelta(days=days_left, hours=1)
    )


def find(
    days_left: float, successor: Certificate | None = None, limits: ExpiryLimits = LIMITS, **context: object
) -> ExpiryFinding | None:
    """Look at a signer with this many days left, and at the passive certificate."""
    snapshot = Snapshot("guid", certificate(A, days_left), successor, NOW)
    return find_expiry(snapshot, limits, ExpiryContext(names=NAMES, **context))  # type: ignore[arg-type]


@given(days=st.integers(-1000, 1000), warning=st.integers(0, 400), failure=st.integers(0, 400))
def test_warns_within_the_days(days: int, warning: int, failure: int) -> None:
    """From `expiryWarning` days on; an error from `expiryFailure` days on; 0 turns both off."""
    limits = ExpiryLimits(timedelta(days=warning), timedelta(days=failure))
    finding = find(days, limits=limits)
    assert (finding is not None) == (warning > 0 and days < warning)
    assert finding is None or finding.is_failure == (days < failure)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (30, "aaaaaaaa (2026-11) expires in 30 days, at 2028-10-31T13:00:00Z."),
        (1, "expires in 1 day"),
        (0, "expires in 0 days"),
        (-1, "aaaaaaaa (2026-11) expired today"),
        (-6.5, "expired 6 days ago"),
        (-2, "expired 1 day ago"),
    ],
)
def test_says_when_in_whole_days(days: float, words: str) -> None:
    """Before and after the expiry."""
    finding = find(days)
    assert finding is not None
    assert words in finding.what


GOOD: Final = certificate(B, 700, age=10)
SHORT: Final = certificate(B, 40, age=10)
OLDER: Final = certificate(B, 5, age=900)


@pytest.mark.parametrize(
    ("passive", "context", "words", "is_failure"),
    [
        (None, {}, 'Prepare a successor: generation="2028-10" on a PassiveTrustCertificate', True),
        (OLDER, {}, "Prepare a successor", True),
        (SHORT, {}, 'too short to serve. Prepare a successor: generation="2028-11-2"', True),
        (GOOD, {}, 'then rotate: generation="2028-11" on a RotationTrigger, which is first created', True),
        (GOOD, {"has_trigger": True}, 'then rotate: generation="2028-11" on the RotationTrigger.', True),
        (
            GOOD,
            {"declared": B, "has_trigger": True},
            'restore it, as the program declares it: on_drift="restore"',
            True,
        ),
        (GOOD, {"waiting": ("hr: no",)}, "hand it over first (hr: no), then rotate", True),
        (GOOD, {"names": {}}, "the generation that names it", True),
        (GOOD, {"is_prepared_enough": True}, "then rotate", False),
        (None, {"is_prepared_enough": True}, "Prepare a successor", True),
        (
            None,
            {"pending_generation": "n"},
            "This command generates 'n': hand it over to the targets, then rotate",
            False,
        ),
        (GOOD, {"next_signer": GOOD}, "This command makes bbbbbbbb (2028-11) sign.", False),
        (SHORT, {"next_signer": SHORT}, "bbbbbbbb (2028-11) sign, which itself expires in 40 days", False),
        (None, {"renews": True}, "This command renews it in place.", False),
    ],
)
def test_names_the_next_step(
    passive: Certificate | None, context: Mapping[str, object], words: str, *, is_failure: bool
) -> None:
    """Fitted to the slots and to the command; a command that takes the step is never an error."""
    snapshot = Snapshot("guid", certificate(A, 3), passive, NOW)
    finding = find_expiry(snapshot, LIMITS, replace(ExpiryContext(names=NAMES), **context))
    assert finding is not None
    assert words in finding.remedy
    assert finding.is_failure == is_failure


@pytest.mark.parametrize(
    ("passive", "context", "step"),
    [
        (None, {}, DueStep.PREPARE),
        (SHORT, {"has_targets": True}, DueStep.PREPARE),
        (GOOD, {}, DueStep.HAND_OVER),
        (GOOD, {"has_targets": True, "waiting": ("hr: no",)}, DueStep.HAND_OVER),
        (GOOD, {"has_targets": True}, DueStep.ROTATE),
        (GOOD, {"declared": B}, DueStep.RESTORE),
        (GOOD, {"declared": B, "waiting": ("hr: no",)}, DueStep.HAND_OVER),
        (None, {"pending_generation": "n"}, DueStep.UNDER_WAY),
        (GOOD, {"next_signer": GOOD}, DueStep.UNDER_WAY),
        (None, {"renews": True}, DueStep.UNDER_WAY),
    ],
)
def test_step_follows_the_slots(passive: Certificate | None, context: Mapping[str, Any], step: DueStep) -> None:
    """The step is that of the sentence; where the program tells of no target, the hand-over comes first."""
    finding = find(3, passive, **context)
    assert finding is not None
    assert finding.step is step


@pytest.mark.parametrize(
    ("days", "passive", "context", "words"),
    [
        (90, SHORT, {}, "Passive bbbbbbbb (2028-11) expires in 40 days"),
        (300, certificate(B, 200, age=10), {}, "Passive bbbbbbbb (2028-11) expires in 200 days"),
        (90, SHORT, {"pending_generation": "n"}, None),
        (90, GOOD, {}, None),
        (90, OLDER, {}, None),
        (90, OLDER, {"next_signer": OLDER}, "makes bbbbbbbb (2028-11) sign, which itself expires in 5 days"),
        (90, GOOD, {"next_signer": GOOD}, None),
    ],
)
def test_warns_of_a_short_successor(
    days: int, passive: Certificate, context: Mapping[str, Any], words: str | None
) -> None:
    """A successor that ends before the signer, or within the warning; never an error."""
    finding = find(days, passive, **context)
    assert (finding is None) == (words is None)
    assert finding is None or (words is not None and words in finding.what and not finding.is_failure)
    assert finding is None or finding.step is DueStep.PREPARE


def test_empty_slot_expires_never() -> None:
    """Other messages are about that."""
    assert find_expiry(Snapshot("guid", None, None, NOW), LIMITS, ExpiryContext()) is None


def test_renew_after_never_overflows() -> None:
    """A certificate of the first days that there are has no earlier moment."""
    assert LIMITS.renew_after(datetime(2028, 11, 30, tzinfo=UTC)) == "2028-10-01T00:00:00Z"
    first = datetime(1, 1, 2, tzinfo=UTC)
    assert LIMITS.renew_after(first) == ExpiryLimits(timedelta(days=3650)).renew_after(first)


def test_state_tells_of_the_expiry() -> None:
    """While the service is out of reach, by the dates of the state."""
    assert "aaaaaaaa expired 3 days ago" in str(expiry_by_state(A, NOW - timedelta(days=3), NOW, LIMITS))
    assert expiry_by_state(A, NOW + timedelta(days=300), NOW, LIMITS) is None


@pytest.mark.parametrize("key", ["btp-trust:expiryWarning", "btp-trust:expiryFailure"])
@pytest.mark.parametrize("text", ["", "-1", "1.5", "3651", "sixty", "1" * 5000, "٣", " 5"])
def test_refuses_other_days(key: str, text: str) -> None:
    """Only whole days from 0 to 3650."""
    with pytest.raises(ConfigurationError, match=key):
        parse_expiry_limits({key: text}.get)


def test_reads_both_limits() -> None:
    """Each has its default."""
    assert parse_expiry_limits(lambda _: None) == ExpiryLimits(timedelta(days=60), timedelta(days=14))
    config: dict[str, str] = {"btp-trust:expiryWarning": "0", "btp-trust:expiryFailure": "3650"}
    assert parse_expiry_limits(config.get) == ExpiryLimits(timedelta(), timedelta(days=3650))
