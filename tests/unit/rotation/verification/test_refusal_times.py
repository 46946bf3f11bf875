"""Sentences about users whom targets refused: from when to when, or since when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from btp_trust.rotation.verification.refusal_times import SigningStart, refused_since, refused_until

START = datetime(2026, 11, 29, 12, tzinfo=UTC)
MOMENT = "2026-11-29T12:00:00Z"


@pytest.mark.parametrize(
    ("start", "text", "length"),
    [
        (SigningStart(START), MOMENT, ", for 42 s"),
        (SigningStart(START - timedelta(minutes=3)), "2026-11-29T11:57:00Z", ", for 3 min 42 s"),
        (SigningStart(START + timedelta(days=1)), "2026-11-30T12:00:00Z", ", for 0 s"),
        (SigningStart(START, is_exact=False), f"{MOMENT} at the latest", ", for at least 42 s"),
        (SigningStart(None), "an unknown moment", ""),
    ],
    ids=["seconds", "minutes", "a wrong clock", "found", "unseen"],
)
def test_refusal_of_users_is_dated(start: SigningStart, text: str, length: str) -> None:
    """Both sentences name the targets and the beginning; the duration is exact, a minimum, or left out."""
    assert refused_since(["s4", "sf"], start) == f"Users of s4, sf are refused since {text}, and still."
    assert refused_until(["s4"], start, START + timedelta(seconds=42)) == (
        f"Users of s4 were refused from {text} to 2026-11-29T12:00:42Z, when the rollback was confirmed{length} "
        "(service's clock, UTC)."
    )
