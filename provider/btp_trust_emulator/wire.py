"""How an answer goes over the wire, or does not: what each mount has to be able to do to a connection."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from btp_trust_emulator.exchange import Answer

EXTENSION = "btp_trust_emulator.wire"
"""The ASGI extension under which the mount gives the `Wire` of a request."""


class Ending(Enum):
    """How a request ends without an answer."""

    SILENCE = "the client gives up"
    CLOSE = "the connection is closed"
    RESET = "the connection is reset"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of a request: the answer after a `pause` (seconds of real time), or an ending without it."""

    answer: Answer
    pause: float = 0.0
    ending: Ending | None = None


class Wire(Protocol):
    """The connection of one request that was read to its end."""

    async def pause(self, seconds: float) -> None:
        """Send nothing for so long."""

    async def end(self, ending: Ending) -> None:
        """Come to an end without an answer; returns, if at all, when there is no client any more."""
