"""What a fault knows of a request before it acts, and the deviations that it can ask of the service."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btp_trust_emulator.slots import Slot


class RequestType(Enum):
    """The types of requests that some kinds of faults disturb."""

    TOKEN_ENDPOINT = "a request for a token"  # noqa: S105 - only the words
    READ = "a read of a slot"
    WRITE = "a write"
    CERTIFICATE = "a request that is answered with a certificate"


@dataclass(frozen=True, slots=True)
class RequestEffect:
    """What a request does if no fault prevents it; empty if its token or its body will be refused."""

    request_types: frozenset[RequestType] = frozenset()
    slots_read: frozenset[Slot] = frozenset()


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """A request as a fault sees it; `subaccount` is the GUID that it names, if any."""

    method: str
    path: str
    subaccount: str | None
    effect: RequestEffect

    @property
    def is_token(self) -> bool:
        """True if it is for a token endpoint."""
        return RequestType.TOKEN_ENDPOINT in self.effect.request_types


@dataclass(frozen=True, slots=True)
class Override:
    """Deviations a fault asks the service for. Default: none.

    `stale` slots are shown as they were before their last write. A token lives `token_seconds` (None: the normal time)
    and, if `foreign_token`, is one for another subaccount.
    """

    stale: frozenset[Slot] = frozenset()
    token_seconds: int | None = None
    foreign_token: bool = False
