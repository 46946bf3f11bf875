"""Read all subaccounts at once, so many at a time; a failure is a part of the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import as_completed
from typing import Final, TypeVar, TypeVarTuple

from btp_trust.errors import TrustError
from btp_trust_cli.connections import Source
from btp_trust_cli.landscape import SubaccountStatus
from btp_trust_cli.threads import thread_pool

AT_ONCE: Final = 64
"""Subaccounts that are read at a time: each has services of its own, so this loads only the machine that asks."""
_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


def read_landscape(
    sources: Sequence[Source], on_read: Callable[[], None] = lambda: None, at_once: int = AT_ONCE
) -> list[SubaccountStatus]:
    """Read each subaccount of each source once, in any order.

    Args:
        sources: Stacks, or the environment.
        on_read: Called after each connection.
        at_once: How many are read at a time.
    """
    unreadable = [SubaccountStatus("", source.stack, error=source.error) for source in sources if source.error]
    places = [(source, name) for source in sources if not source.error for name in source.connections]
    return [*unreadable, *_distinct(at_once_each(read_connection, places, on_read, at_once))]


def at_once_each(
    function: Callable[[*_Arguments], _Result],
    arguments: Iterable[tuple[*_Arguments]],
    on_done: Callable[[], None],
    at_once: int = AT_ONCE,
) -> list[_Result]:
    """Call a function with each of the arguments, so many at a time; return the results in the order of these."""
    with thread_pool(at_once) as pool:
        pending = [pool.submit(function, *each) for each in arguments]
        for _ in as_completed(pending):
            on_done()
        return [future.result() for future in pending]


def read_connection(source: Source, connection: str) -> SubaccountStatus:
    """Read the slots that a connection reaches, and close it."""
    expected = source.recorded_subaccount(connection)
    try:
        return _read(source, connection, expected)
    except TrustError as error:
        recorded = source.recorded.get(expected or "")
        return SubaccountStatus(
            connection,
            source.stack,
            source.session.expiry_limits,
            expected,
            recorded.display_name if recorded else None,
            recorded=recorded,
            error=error,
        )
    finally:
        source.session.close_connection(connection)


def _read(source: Source, connection: str, expected: str | None) -> SubaccountStatus:
    session = source.session
    with session.retry_policy.deadline():
        expected = expected or session.open_connection(connection).subaccount_id
        snapshot = session.subaccount(connection, expected).snapshot()
    recorded = source.recorded.get(expected)
    name = (recorded.display_name if recorded else None) or snapshot.subaccount_name
    return SubaccountStatus(
        connection, source.stack, session.expiry_limits, expected, name, snapshot, snapshot.now, recorded
    )


def _distinct(statuses: Iterable[SubaccountStatus]) -> list[SubaccountStatus]:
    """Keep one of several connections of a stack to the same subaccount."""
    found: dict[tuple[str | None, str], SubaccountStatus] = {}
    for status in statuses:
        found.setdefault((status.stack, status.subaccount_id or f"connection {status.connection}"), status)
    return list(found.values())
