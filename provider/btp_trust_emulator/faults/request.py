"""What a fault can look at and twist: a request before it acts, and how the service may be told to act otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btp_trust_emulator.slots import Slot


class RequestType(Enum):
    """What some kinds of faults need a request to be."""

    TOKEN_ENDPOINT = "a request for a token"  # noqa: S105 - the words, no token
    READ = "a read of a slot"
    WRITE = "a write"
    CERTIFICATE = "a request that is answered with a certificate"


@dataclass(frozen=True, slots=True)
class RequestEffect:
    """What a request does if it is let: nothing of these if it will be refused for its token or its body."""

    request_types: frozenset[RequestType] = frozenset()
    slots_read: frozenset[Slot] = frozenset()


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """A request as a fault sees it; `subaccount` is the GUID that it speaks of, as far as it can be told."""

    method: str
    path: str
    subaccount: str | None
    effect: RequestEffect

    @property
    def is_token(self) -> bool:
        """Whether it is for a token endpoint."""
        return RequestType.TOKEN_ENDPOINT in self.effect.request_types


@dataclass(frozen=True, slots=True)
class Override:
    """How a service is to act otherwise than right; by default it is not.

    `stale` slots are shown as they were before their last write; a token lives `token_seconds` (None: as long as it
    should) and, if `foreign_token`, speaks for another subaccount.
    """

    stale: frozenset[Slot] = frozenset()
    token_seconds: int | None = None
    foreign_token: bool = False
