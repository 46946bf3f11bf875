"""The rows of the policy's table: which destinations are verified, and which of them roll back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from btp_trust.formatting import format_rfc3339
from btp_trust.rotation.evidence import Evidence, OnVerificationFailure, Verdict
from btp_trust.rotation.verification.policy import (
    VerificationCause,
    VerificationRun,
    inconclusive_destinations,
    is_older,
    rejecting_destinations,
    rolls_back,
    select_destinations,
)
from btp_trust.rotation.verification.verdict import ProbeResult, RetryCause
from support.fake_engine import make_certificate, make_snapshot

OLD, NEW = make_certificate("a"), make_certificate("b", created_on_day=10)
STEP = make_snapshot(NEW, OLD)
ALL = ("s4", "sf")


def evidence(verdict: Verdict, seconds: int = 0) -> Evidence:
    """Return evidence that was found so many seconds after the step."""
    at = format_rfc3339(STEP.now + timedelta(seconds=seconds))
    return Evidence(verdict=verdict, detail="x", at=at, fingerprint=NEW.fingerprint)


@pytest.mark.parametrize(
    ("cause", "run"),
    [
        pytest.param(VerificationCause(swapped=True), VerificationRun(ALL, ALL), id="swap"),
        pytest.param(
            VerificationCause(signer_was_found=True, is_approved=True), VerificationRun(ALL, ALL), id="approved signer"
        ),
        pytest.param(VerificationCause(signer_was_found=True), VerificationRun(ALL, ()), id="unapproved signer"),
        pytest.param(VerificationCause(requested=True), VerificationRun(ALL, ()), id="request"),
        pytest.param(
            VerificationCause(open_destinations=("sf",)), VerificationRun(("sf",), ("sf",)), id="inconclusive"
        ),
        pytest.param(
            VerificationCause(open_destinations=("sf",), requested=True),
            VerificationRun(ALL, ("sf",)),
            id="inconclusive and requested",
        ),
        pytest.param(VerificationCause(is_approved=True), None, id="edited list"),
    ],
)
def test_cause_selects_destinations(cause: VerificationCause, run: VerificationRun | None) -> None:
    """Each cause selects its row of the table."""
    assert select_destinations(ALL, cause) == run


def test_empty_list_verifies_nothing() -> None:
    """A trigger whose list is empty is left alone, even after a swap."""
    assert select_destinations((), VerificationCause(swapped=True)) is None


def test_rollback_needs_the_previous_signer() -> None:
    """The policy and the previous signer in the passive slot are both needed."""
    rollback, report = OnVerificationFailure.ROLLBACK, OnVerificationFailure.REPORT
    assert rolls_back(STEP, OLD.fingerprint, rollback)
    assert not rolls_back(STEP, OLD.fingerprint, report)
    assert not rolls_back(STEP, "c" * 64, rollback)
    assert not rolls_back(make_snapshot(NEW), OLD.fingerprint, rollback)
    assert [is_older(slots) for slots in (STEP, make_snapshot(OLD, NEW), make_snapshot(OLD))] == [False, True, False]


def test_rejecting_destinations_are_listed() -> None:
    """Only the verdict `rejected` counts."""
    assert rejecting_destinations({verdict.value: evidence(verdict) for verdict in Verdict}) == ["rejected"]


@pytest.mark.parametrize(("seconds", "is_repeated"), [(59, True), (60, False)])
def test_unknown_signer_repeats_for_minute(seconds: int, *, is_repeated: bool) -> None:
    """A target that accepted an unknown signer is verified again until the swap is a minute old."""
    accepted = ProbeResult(evidence(Verdict.INCONCLUSIVE, seconds), RetryCause.UNKNOWN_SIGNER)
    down = ProbeResult(evidence(Verdict.INCONCLUSIVE, seconds), RetryCause.OUTAGE)
    results = {"s4": accepted, "sf": down, "weak": ProbeResult(evidence(Verdict.WEAK))}
    assert inconclusive_destinations(results, STEP.now) == (["s4", "sf"] if is_repeated else ["sf"])
    assert inconclusive_destinations(results, None) == ["sf"]
