"""The tokens and assertions that were given to a user before, if the switch wants them to be given again.

Nothing that is rotated empties it: a token that a target gave for an assertion of the old key is given on, and hides
that the target refuses the new one. A destination that was changed has none. In memory only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from btp_trust_emulator.switches import TokenCache

if TYPE_CHECKING:
    from datetime import datetime

    from btp_trust_emulator.destinations.propagation import AuthToken

Key = tuple[str, str, str, str]
"""GUID, level and ETag of the destination, and the user."""


@dataclass(frozen=True, slots=True)
class _Kept:
    token: AuthToken
    until: datetime


class Cache:
    """Tokens by destination and user, each until it expires."""

    def __init__(self, switch: TokenCache) -> None:
        self._is_on = switch is TokenCache.UNTIL_EXPIRY
        self._kept: dict[Key, _Kept] = {}

    def token(self, key: Key, now: datetime) -> AuthToken | None:
        """The token, with what is left of its time, if it has not expired."""
        kept = self._kept.get(key)
        if kept is None or kept.until <= now:
            return None
        if kept.token.expires_in is None:
            return kept.token
        return replace(kept.token, expires_in=int((kept.until - now).total_seconds()))

    def keep(self, key: Key, token: AuthToken, now: datetime, seconds: float | None) -> None:
        """Remember a token that is good for so long; one that failed, or that has no end, is not remembered."""
        if self._is_on and token.error is None and seconds is not None:
            self._kept[key] = _Kept(token, now + timedelta(seconds=seconds))
