"""Certificates and readings with chosen contents, for pure tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from btp_trust.certificate import Certificate
from btp_trust.snapshot import Snapshot


def certificate(letter: str, *, made: int = 0, days: int = 730) -> Certificate:
    """Return a certificate whose fingerprint is 64 times `letter`, created `made` days after the start of 2026."""
    not_before = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=made)
    return Certificate(letter * 64, "Qk9EWQ==", "issuer", "01", not_before, not_before + timedelta(days=days))


def snapshot(active: Certificate | None, passive: Certificate | None = None, *, day: int = 100) -> Snapshot:
    """Return a reading of both slots, `day` days after the start of 2026."""
    return Snapshot("subaccount", active, passive, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day))
