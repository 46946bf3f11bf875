"""Errors after a rejection: each names the target, its answer, both certificates and what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from btp_trust.errors import Refused, TrustError
from btp_trust.rotation.evidence import Evidence, Verdict, evidence_lines
from btp_trust.rotation.verification.messages import (
    rollback_error,
    rollback_failed_error,
    rollback_impossible_error,
    unknown_rollback_outcome_error,
)
from btp_trust.rotation.verification.refusal_times import SigningStart
from support.fake_engine import assert_three_part_message, make_certificate, make_snapshot

OLD, NEW = make_certificate("a"), make_certificate("b", created_on_day=10)
STEP, BACK = make_snapshot(NEW, OLD), make_snapshot(OLD, NEW)
SINCE = SigningStart(STEP.now)


def evidence(verdict: Verdict, after_rollback: str | None = None) -> Evidence:
    """Return evidence about the new certificate."""
    return Evidence(verdict=verdict, detail="HTTP 401", at="x", fingerprint="b" * 64, after_rollback=after_rollback)


FOUND = {"s4": evidence(Verdict.REJECTED), "sf": evidence(Verdict.VERIFIED)}


@pytest.mark.parametrize(("earlier", "declaration"), [("a", 'generation="a"'), (None, "a name of the present signer")])
def test_rollback_error_says_what_to_revert(earlier: str | None, declaration: str) -> None:
    """The name of the earlier generation, if it has one, can be copied from the message."""
    message = str(rollback_error("b", earlier, FOUND, BACK, since=SINCE))
    assert_three_part_message(message, "'b' was rejected by the target of s4", OLD.fingerprint, "b" * 64, declaration)


def test_second_rejection_raises_doubt() -> None:
    """If the earlier certificate was rejected too, the new one may not be the cause."""
    both = {"s4": evidence(Verdict.REJECTED, "rejected: HTTP 401"), "sf": evidence(Verdict.REJECTED, "verified: x")}
    message = str(rollback_error("b", "a", both, BACK, since=SINCE))
    assert f"Users of sf were refused from {SINCE} to" in message
    assert f"Users of s4 are refused since {SINCE}, and still." in message
    assert "\ns4 rejected the earlier certificate as well" in message
    assert "  s4: rejected: HTTP 401; after the rollback: rejected: HTTP 401" in message


def test_other_rollback_errors_have_three_parts() -> None:
    """A rollback of unknown outcome, an impossible and a failed one name the slots, the target and the remedy."""
    failed: TrustError = Refused("It failed.", "Why.", "Do this.")
    for error in (
        unknown_rollback_outcome_error(
            "b", FOUND, STEP, "It failed.", since=SINCE, until=STEP.now + timedelta(minutes=1)
        ),
        rollback_impossible_error("b", NEW.fingerprint, STEP, FOUND, since=SINCE),
        rollback_failed_error("b", STEP, FOUND, failed, since=SINCE),
    ):
        assert f"Users of s4 are refused since {SINCE}, and still" in str(error)
        assert_three_part_message(str(error), "'b'", "s4: rejected: HTTP 401", *map(str, [STEP.slots]), "pulumi up")


def test_evidence_lines_may_be_selected() -> None:
    """A line for each destination, or for the named ones."""
    assert evidence_lines(FOUND) == "  s4: rejected: HTTP 401\n  sf: verified: HTTP 401"
    assert evidence_lines(FOUND, ["sf"]) == "  sf: verified: HTTP 401"
