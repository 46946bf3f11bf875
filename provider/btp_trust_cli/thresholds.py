"""The days before an expiry at which people are notified. Pure."""

from __future__ import annotations

from typing import Final

from btp_trust.runtime.expiry_limits import ExpiryLimits

USUAL_DAYS: Final = (60, 30, 14, 7, 3)


def notice_days(limits: ExpiryLimits) -> tuple[int, ...]:
    """Return them in the order in which they come: first the warning of the stack, if it has one, then the usual."""
    first = limits.warning.days
    return (first, *(days for days in USUAL_DAYS if days < first)) if first else ()
