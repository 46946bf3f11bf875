"""One write: sent again only where it never arrived, and settled by reading where its answer was lost.

What is written, and what is read of it, is the business of `writes` and `registration`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from btp_trust.errors import ServiceUnavailable, UnexpectedResponse
from btp_trust.runtime.write_lock import WriteLock
from btp_trust.service.transport.retry import RetryPolicy, was_not_sent

_T = TypeVar("_T")


def retry_unsent(retry_policy: RetryPolicy, send: Callable[[], _T], compare: Callable[[], None]) -> _T:
    """Send; again only where it never arrived, each time after comparing what it is about once more."""
    first = True

    def attempt() -> _T:
        nonlocal first
        if not first:
            compare()
        first = False
        return send()

    return retry_policy.run_with_retries(attempt, was_not_sent)


def send_once(writes: WriteLock, send: Callable[[], _T], resolve: Callable[[str, float | None], _T]) -> _T:
    """Send once, and find out what became of it if the answer does not tell; if nothing does, no write follows.

    Args:
        writes: The writes of the subaccount.
        send: Sends the request and reads its answer.
        resolve: Reads until it shows what became of the write; takes the story so far, and for how many seconds to
            watch, None for as long as is usual. A refusal is looked after once.
    """
    with writes.record_unknown_outcome():
        try:
            return send()
        except UnexpectedResponse as error:
            if error.not_sent:
                raise
            sent = f"was refused: {error.what}" if error.client_error else f"was sent once: {error.what}"
            return resolve(f"{sent} {error.why}", 0.0 if error.client_error else None)
        except ServiceUnavailable as error:
            if error.not_sent:
                raise
            return resolve(f"was sent once and its answer was lost: {error.what} {error.why}", None)
