"""The session of this process, which `configure` makes and all providers share.

Provider instances are empty, because Pulumi pickles them into the state.
The engine runs a process for a preview and another for the changes, and calls it from many threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from btp_trust.errors import TrustError
from btp_trust.runtime import operation_context
from btp_trust.runtime.session import Session

_session: Session | None = None
_session_lock = threading.Lock()


def configure(config: Callable[[str], str | None]) -> None:
    """Make the session of this process, if it is the first call: Pulumi configures each provider class by itself."""
    with _session_lock:
        if _session is None:
            _install(Session(config))


def set_current(session: Session | None) -> None:
    """Choose the session of this process: for tests, which bring a host of their own."""
    with _session_lock:
        _install(session)


def current() -> Session:
    """Return the session of this process.

    Raises:
        RuntimeError: Pulumi has yet to configure a provider.
    """
    if _session is None:
        raise RuntimeError("configure() was not called")
    return _session


@contextmanager
def operation(known: Mapping[str, Any] = MappingProxyType({})) -> Iterator[Session]:
    """Give the session of this process to one operation, bound the operation's time, and name its subaccount in errors.

    An error is raised without its context: Pulumi would print that first, an earlier error with another remedy.

    Args:
        known: What is known of the resource, see `operation_context.begin`.
    """
    session = current()
    with operation_context.begin(known) as context:
        try:
            with session.retry_policy.deadline():
                yield session
        except TrustError as error:
            raise context.named(error) from None


def _install(session: Session | None) -> None:
    global _session  # noqa: PLW0603 - the one place where a process keeps what its providers share
    _session = session
