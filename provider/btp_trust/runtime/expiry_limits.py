"""The limits of the warnings about expiry, from Pulumi's configuration. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from btp_trust.errors import ConfigurationError
from btp_trust.formatting import format_rfc3339

_MAX_DAYS: Final = 3650
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


class ExpiryLimits(Struct, frozen=True):
    """How long before its expiry a certificate is warned of, and from when on the warning stops a strict run."""

    warning: timedelta = timedelta(days=60)
    failure: timedelta = timedelta(days=14)
    """SAP gives its first notice 14 days before."""

    def is_due(self, not_after: datetime, now: datetime) -> bool:
        """Return True if a certificate is to be warned of; a warning of 0 days is turned off."""
        return self.warning > timedelta() and not_after - now <= self.warning

    def fails(self, not_after: datetime, now: datetime) -> bool:
        """Return True if the warning stops a strict run."""
        return self.is_due(not_after, now) and not_after - now <= self.failure

    def warned_from(self, not_after: datetime) -> datetime:
        """Return the moment from which on a certificate is warned of."""
        return _EARLIEST + max(not_after - _EARLIEST - self.warning, timedelta())

    def renew_after(self, not_after: datetime) -> str:
        """Return that moment as an output has it."""
        return format_rfc3339(self.warned_from(not_after))


def parse_expiry_limits(config: Callable[[str], str | None]) -> ExpiryLimits:
    """Read the limits from Pulumi's configuration.

    Raises:
        ConfigurationError: One is no whole number of days, or out of its bounds.
    """
    defaults = ExpiryLimits()
    return ExpiryLimits(
        _days(config, "btp-trust:expiryWarning", defaults.warning),
        _days(config, "btp-trust:expiryFailure", defaults.failure),
    )


def _days(config: Callable[[str], str | None], key: str, default: timedelta) -> timedelta:
    if (text := config(key)) is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_DAYS)) and int(text) <= _MAX_DAYS):
        raise ConfigurationError(
            f"The config {key} cannot be used.",
            f"It takes a whole number of days from 0 to {_MAX_DAYS}.",
            f"Set it again, or remove it: pulumi config rm {key}",
        )
    return timedelta(days=int(text))
