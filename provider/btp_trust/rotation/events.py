"""Events in the history of a signer, as the output `history` of RotationTrigger keeps them."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from btp_trust.formatting import parse_rfc3339


class EventKind(StrEnum):
    """What happened."""

    ROTATE = "rotate"
    ROLL_BACK = "roll back"
    """By the program, or in the deployment that swapped."""
    RESTORE = "restore"
    FOUND = "found"
    """A deployment found another signer than the last one had recorded."""
    VERIFY = "verify"


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One change of the signer, or one verification."""

    at: str
    """RFC 3339, UTC, by the service's clock."""
    step: EventKind
    signer: str
    """Fingerprint of the certificate that signed from then on, or that was verified."""
    previous: str | None = None
    """Fingerprint of the signer before a change."""
    why: str | None = None
    """The reason that is known; for a verification, its results."""

    def __post_init__(self) -> None:
        """Refuse a moment that cannot be compared with others."""
        parse_rfc3339(self.at)
