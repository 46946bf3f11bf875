"""What an answer proves about the certificate that shall sign, and what only seems to prove it."""

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
    """A try five seconds after the swap."""
    return Probe(NEW, SWAPPED, NOW, user_identifiers, longest_lifetime)


def jwt(**claims: object) -> str:
    """A token of a target."""
    return f"x.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.x"


def verdict(judgement: ProbeResult) -> tuple[Verdict, RetryCause]:
    """What was judged, and whether to try again."""
    return judgement.evidence.verdict, judgement.retry_cause


@given(seconds)
@example(0)
@example(-1)
def test_an_assertion_by_the_new_key_is_proof_if_it_is_new(age: int) -> None:
    """One from before the swap is a cached one, of an earlier time when this key signed."""
    expected = Verdict.VERIFIED if age >= 0 else Verdict.WEAK
    assert verdict(evaluate_assertion(probe(), NEW, SWAPPED + timedelta(seconds=age))) == (expected, RetryCause.NO)


@given(seconds)
def test_an_assertion_by_the_old_key_says_to_wait(age: int) -> None:
    """The swap has not reached all of the service, or the assertion is a cached one: no reason to go back."""
    judged = evaluate_assertion(probe(), OLD, SWAPPED + timedelta(seconds=age))
    assert verdict(judged) == (Verdict.INCONCLUSIVE, RetryCause.PROPAGATION)
    assert "still signs with aaaaaaaa" in judged.evidence.detail


@given(st.integers(-10_000, 10_000), st.sampled_from([None, 60, 3600]))
@example(0, None)
@example(-1, 3600)
@example(65, None)
@example(66, None)
def test_a_token_that_says_when_it_was_issued_is_proof_if_that_was_after_the_swap(
    age: int, longest_lifetime: int | None
) -> None:
    """A target whose clock is ahead proves nothing; a full lifetime does not make an older token newer."""
    issued = int(SWAPPED.timestamp()) + age
    expected = Verdict.VERIFIED if 0 <= age <= 65 else Verdict.WEAK
    assert verdict(evaluate_token(probe(longest_lifetime), jwt(iat=issued), "3600")) == (expected, RetryCause.NO)


@given(st.integers(1, 10**6), st.none() | st.integers(1, 10**6))
def test_another_token_is_proof_only_with_exactly_the_longest_lifetime_seen(
    lifetime: int, longest_lifetime: int | None
) -> None:
    """The first one seen proves nothing, nor does a longer one: those before were cached. The longest is remembered."""
    judged = evaluate_token(probe(longest_lifetime), "opaque", str(lifetime))
    proved = longest_lifetime is not None and lifetime == longest_lifetime
    assert verdict(judged) == (Verdict.VERIFIED if proved else Verdict.WEAK, RetryCause.NO)
    assert judged.evidence.lifetime == max(lifetime, longest_lifetime or 0)
    if not proved:
        assert "a cached token proves nothing" in judged.evidence.detail


@pytest.mark.parametrize("expires_in", ["", "soon", None, "-5", 0, "inf", "nan", 3600.0])
@pytest.mark.parametrize(
    "token", ["", "opaque", "a.b.c", jwt(), jwt(iat="x"), jwt(iat=1e300), jwt(iat=None), f"a.{'W1tb' * 600}"]
)
def test_a_token_that_says_nothing_is_weak(token: str, expires_in: str | float | None) -> None:
    """However odd it is."""
    assert verdict(evaluate_token(probe(), token, expires_in)) == (Verdict.WEAK, RetryCause.NO)


def test_an_error_is_a_refusal_or_tried_again() -> None:
    """The target's words are the detail."""
    refused = evaluate_error(probe(), "status code 401 for jane@corp.example")
    assert verdict(refused) == (Verdict.REJECTED, RetryCause.REJECTION)
    assert refused.evidence.detail == "status code 401 for ***"
    assert verdict(evaluate_error(probe(), "connect timed out")) == (Verdict.INCONCLUSIVE, RetryCause.OUTAGE)
    assert verdict(probe().inconclusive("no answer")) == (Verdict.INCONCLUSIVE, RetryCause.OUTAGE)


def test_a_refusal_that_is_not_about_the_certificate_says_so_and_is_tried_once() -> None:
    """It leads nowhere back, and nobody is left to guess why it is open."""
    judged = evaluate_error(probe(), '{"error":"invalid_client","error_description":"Bad credentials"}')
    assert verdict(judged) == (Verdict.INCONCLUSIVE, RetryCause.NO)
    assert judged.evidence.detail.startswith("not about the certificate, the target does not accept the client")
    assert "Bad credentials" in judged.evidence.detail


@given(st.text())
def test_only_a_refusal_is_one(text: str) -> None:
    """No unknown text leads back; each detail is short and without what is private."""
    judged = evaluate_error(probe(user_identifiers=("S3CRET",)), f"{text} S3CRET")
    assert judged.evidence.verdict in (Verdict.REJECTED, Verdict.INCONCLUSIVE)
    assert "S3CRET" not in judged.evidence.detail
    assert len(judged.evidence.detail) <= MAX_LENGTH


def test_evidence_says_when_and_about_which_certificate() -> None:
    """And is kept in the state as it is."""
    evidence = evaluate_error(probe(longest_lifetime=60), "HTTP 401").evidence
    assert evidence == Evidence(
        verdict=Verdict.REJECTED, detail="HTTP 401", at=format_rfc3339(NOW), fingerprint=NEW.fingerprint, lifetime=60
    )
    assert str(evidence) == "refused: HTTP 401"
    assert msgspec.convert(msgspec.to_builtins(evidence), Evidence) == evidence


def test_each_cause_is_tried_a_bounded_number_of_times() -> None:
    """What cannot change is tried once."""
    assert set(ATTEMPTS) == set(RetryCause)
    assert ATTEMPTS[RetryCause.NO] == 1
