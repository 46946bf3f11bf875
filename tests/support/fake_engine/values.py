"""Certificates and readings with chosen contents, for pure tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from btp_trust.certificate import Certificate
from btp_trust.snapshot import Snapshot


def make_certificate(letter: str, *, created_on_day: int = 0, valid_days: int = 730) -> Certificate:
    """Return a certificate with 64 times `letter` as fingerprint, created that many days after the start of 2026."""
    not_before = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=created_on_day)
    return Certificate(letter * 64, "Qk9EWQ==", "issuer", "01", not_before, not_before + timedelta(days=valid_days))


def make_snapshot(active: Certificate | None, passive: Certificate | None = None, *, day: int = 100) -> Snapshot:
    """Return a reading of both slots, `day` days after the start of 2026."""
    return Snapshot("subaccount", active, passive, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day))
