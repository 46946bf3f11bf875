"""The verdict of a probe: which answers are evidence for the declared certificate."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from btp_trust.formatting import format_rfc3339
from btp_trust.rotation.evidence import Evidence, Verdict
from btp_trust.rotation.verification.verdict import (
    ATTEMPTS,
    Probe,
    ProbeResult,
    RetryCause,
    evaluate_assertion,
    evaluate_error,
    evaluate_token,
)
from btp_trust.service.transport.redaction import MAX_LENGTH
from support.fake_engine import make_certificate

NEW, OLD = make_certificate("b"), make_certificate("a")
SWAPPED = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)
NOW = SWAPPED + timedelta(seconds=5)
seconds = st.integers(-10_000, 10_000)


def probe(longest_lifetime: int | None = None, user_identifiers: tuple[str, ...] = ()) -> Probe:
    """Return a probe five seconds after the swap."""
    return Probe(NEW, SWAPPED, NOW, user_identifiers, longest_lifetime)


def jwt(**claims: object) -> str:
    """Return a token of a target."""
    return f"x.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.x"


def verdict(result: ProbeResult) -> tuple[Verdict, RetryCause]:
    """Return the verdict, and why to probe again."""
    return result.evidence.verdict, result.retry_cause


@given(seconds)
@example(0)
@example(-1)
def test_assertion_since_the_swap_is_verified(age: int) -> None:
    """An assertion from before the swap is a cached one, of an earlier time when this key signed."""
    expected = Verdict.VERIFIED if age >= 0 else Verdict.WEAK
    assert verdict(evaluate_assertion(probe(), NEW, SWAPPED + timedelta(seconds=age))) == (expected, RetryCause.NO)


@given(seconds)
def test_assertion_by_old_key_is_propagation(age: int) -> None:
    """The swap is still on its way through the service, or the assertion is cached: the probe is repeated."""
    result = evaluate_assertion(probe(), OLD, SWAPPED + timedelta(seconds=age))
    assert verdict(result) == (Verdict.INCONCLUSIVE, RetryCause.SIGNER_DELAY)
    assert "still signs with aaaaaaaa" in result.evidence.detail


@given(st.integers(-10_000, 10_000), st.sampled_from([None, 60, 3600]))
@example(0, None)
@example(-1, 3600)
@example(65, None)
@example(66, None)
def test_jwt_since_the_swap_is_verified(age: int, longest_lifetime: int | None) -> None:
    """The issue time counts, up to a minute of clock skew, with any lifetime."""
    issued = int(SWAPPED.timestamp()) + age
    expected = Verdict.VERIFIED if 0 <= age <= 65 else Verdict.WEAK
    assert verdict(evaluate_token(probe(longest_lifetime), jwt(iat=issued), "3600")) == (expected, RetryCause.NO)


@given(st.integers(1, 10**6), st.none() | st.integers(1, 10**6))
def test_longest_lifetime_is_verified(lifetime: int, longest_lifetime: int | None) -> None:
    """An opaque token needs exactly the longest lifetime so far: a longer one shows that earlier ones were cached."""
    result = evaluate_token(probe(longest_lifetime), "opaque", str(lifetime))
    is_longest = longest_lifetime is not None and lifetime == longest_lifetime
    assert verdict(result) == (Verdict.VERIFIED if is_longest else Verdict.WEAK, RetryCause.NO)
    assert result.evidence.lifetime == max(lifetime, longest_lifetime or 0)
    if not is_longest:
        assert "the token may be cached" in result.evidence.detail


@pytest.mark.parametrize("expires_in", ["", "soon", None, "-5", 0, "inf", "nan", 3600.0])
@pytest.mark.parametrize(
    "token", ["", "opaque", "a.b.c", jwt(), jwt(iat="x"), jwt(iat=1e300), jwt(iat=None), f"a.{'W1tb' * 600}"]
)
def test_token_of_unknown_age_is_weak(token: str, expires_in: str | float | None) -> None:
    """A token with an odd content or lifetime is weak."""
    assert verdict(evaluate_token(probe(), token, expires_in)) == (Verdict.WEAK, RetryCause.NO)


def test_error_is_rejection_or_outage() -> None:
    """A rejection has the target's redacted words as its detail; other errors are outages."""
    rejected = evaluate_error(probe(), "status code 401 for jane@corp.example")
    assert verdict(rejected) == (Verdict.REJECTED, RetryCause.REJECTION)
    assert rejected.evidence.detail == "status code 401 for ***"
    assert verdict(evaluate_error(probe(), "connect timed out")) == (Verdict.INCONCLUSIVE, RetryCause.OUTAGE)
    assert verdict(probe().inconclusive("no answer")) == (Verdict.INCONCLUSIVE, RetryCause.OUTAGE)


def test_other_cause_is_final() -> None:
    """A rejection of the client is inconclusive, names its cause, and is probed once."""
    result = evaluate_error(probe(), '{"error":"invalid_client","error_description":"Bad credentials"}')
    assert verdict(result) == (Verdict.INCONCLUSIVE, RetryCause.NO)
    assert result.evidence.detail.startswith("not about the certificate, the target does not accept the client")
    assert "Bad credentials" in result.evidence.detail


@given(st.text())
def test_any_error_has_a_redacted_verdict(text: str) -> None:
    """Every text is rejected or inconclusive, and its detail is short and redacted."""
    result = evaluate_error(probe(user_identifiers=("S3CRET",)), f"{text} S3CRET")
    assert result.evidence.verdict in (Verdict.REJECTED, Verdict.INCONCLUSIVE)
    assert "S3CRET" not in result.evidence.detail
    assert len(result.evidence.detail) <= MAX_LENGTH


def test_evidence_is_complete_and_recordable() -> None:
    """Evidence has the time, the certificate and the lifetime, and survives the state."""
    evidence = evaluate_error(probe(longest_lifetime=60), "HTTP 401").evidence
    assert evidence == Evidence(
        verdict=Verdict.REJECTED, detail="HTTP 401", at=format_rfc3339(NOW), fingerprint=NEW.fingerprint, lifetime=60
    )
    assert str(evidence) == "rejected: HTTP 401"
    assert msgspec.convert(msgspec.to_builtins(evidence), Evidence) == evidence


def test_each_retry_cause_has_a_limit() -> None:
    """Every cause has a limit, and a final result is probed once."""
    assert set(ATTEMPTS) == set(RetryCause)
    assert ATTEMPTS[RetryCause.NO] == 1
