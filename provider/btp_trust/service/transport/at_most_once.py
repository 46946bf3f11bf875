"""One write: sent again only where it never arrived, and settled by reading where its answer was lost.

What is written, and what is read of it, is the business of `writes` and `registration`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from btp_trust.errors import ServiceUnavailable, UnexpectedResponse
from btp_trust.runtime.write_lock import WriteLock
from btp_trust.service.transport.retry import Patience, never_arrived

_T = TypeVar("_T")


def repeated(patience: Patience, send: Callable[[], _T], compare: Callable[[], None]) -> _T:
    """Send; again only where it never arrived, each time after comparing what it is about once more."""
    first = True

    def attempt() -> _T:
        nonlocal first
        if not first:
            compare()
        first = False
        return send()

    return patience.repeat(attempt, never_arrived)


def settled(writes: WriteLock, send: Callable[[], _T], settle: Callable[[str, float | None], _T]) -> _T:
    """Send once, and find out what became of it if the answer does not tell; if nothing does, no write follows.

    Args:
        writes: The writes of the subaccount.
        send: Sends the request and reads its answer.
        settle: Reads until it shows what became of the write; takes the story so far, and for how many seconds to
            watch, None for as long as is usual. A refusal is looked after once.
    """
    with writes.sending():
        try:
            return send()
        except UnexpectedResponse as error:
            if error.never_sent:
                raise
            sent = f"was refused: {error.what}" if error.refused else f"was sent once: {error.what}"
            return settle(f"{sent} {error.why}", 0.0 if error.refused else None)
        except ServiceUnavailable as error:
            if error.never_sent:
                raise
            return settle(f"was sent once and its answer was lost: {error.what} {error.why}", None)
