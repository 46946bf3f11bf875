"""Withhold all writes while a connection of the program that may have a change due is out of reach.

`pulumi up --skip-preview` of forty subaccounts, one of which has a broken key, would otherwise leave a rollback half
done. A preview fails before any write, and such a command has none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from btp_trust.errors import Refused, TrustError
from btp_trust.runtime import operation_context
from btp_trust.runtime.host import Host
from btp_trust.runtime.read_ahead import ReadAhead
from btp_trust.service.transport.retry import RetryPolicy

PARTIAL: Final = "btp-trust:partial"
_PAUSE: Final = 0.05
_QUIET: Final = 5.0
"""Seconds without a plan after which the engine waits for the write: further plans come after that."""
_SILENT: Final = 5.0
"""Seconds after which the user learns what a write waits for."""
_SHOWN: Final = 3
"""Connections that the line names."""


class PartialDeployment:
    """What is known of the announced connections before the first write of a command.

    Args:
        read_ahead: The announced connections.
        reach: Gets a token for a connection and reads its slots, at most once in the command.
        host: Sleeps, and measures the time.
        retry_policy: Bounds the operation of the write, which keeps its time while this waits.
        show_user: Shows the user a line, at once.
        is_allowed: `btp-trust:partial` is set.
    """

    def __init__(
        self,
        read_ahead: ReadAhead,
        reach: Callable[[str], object],
        host: Host,
        retry_policy: RetryPolicy,
        show_user: Callable[[str], None],
        *,
        is_allowed: bool,
    ) -> None:
        self._read_ahead = read_ahead
        self._reach = reach
        self._host = host
        self._retry_policy = retry_policy
        self._show_user = show_user
        self._is_allowed = is_allowed
        self._lock = threading.Lock()
        self._reached: set[str] = set()
        self._checked: set[str] = set()
        """URNs of the resources that the engine has checked."""
        self._unchanged: dict[str, set[str]] = {}
        """{connection: URNs of its resources that have nothing due}."""
        self._due: set[str] = set()
        """Connections with a change due, or with a resource that was refused."""
        self._plans_under_way = 0
        self._last_plan = host.monotonic()
        self._has_written = False

    @contextmanager
    def planning(self) -> Iterator[None]:
        """Note that the engine plans: until that ends, it does not wait for a write."""
        with self._lock:
            self._plans_under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._plans_under_way -= 1
                self._last_plan = self._host.monotonic()

    def begin_plan(self, connection: str) -> None:
        """Note that the engine checks a resource: what is found of the resource from here on counts."""
        urn = operation_context.current().urn
        with self._lock:
            self._checked.add(urn)
            self._unchanged.setdefault(connection, set()).discard(urn)

    def record(self, connection: str, *, is_due: bool) -> None:
        """Record what the plan of a resource has found; a resource that was refused counts as due.

        A refresh finds something as well, before the program says what it declares: that is left out.
        """
        urn = operation_context.current().urn
        with self._lock:
            if is_due:
                self._due.add(connection)
            elif urn in self._checked:
                self._unchanged.setdefault(connection, set()).add(urn)

    def refuse_unreached(self) -> None:
        """Wait until every announced connection was reached, or has nothing to do.

        Raises:
            Refused: One is out of reach and has a change due, or may have one.
        """
        if not self._is_allowed and not self._read_ahead.announced.keys() <= self._reached:
            with self._retry_policy.outside_deadline():
                self._read_all()
                # A copy: a resource that is declared late may announce more in the meantime.
                for name in tuple(self._read_ahead.announced):
                    self._require(name)
        self._has_written = True

    def _read_all(self) -> None:
        self._read_ahead.start_all()
        if slow := self._read_ahead.wait(_SILENT):
            self._show_user(_waits_for(slow, self._retry_policy.timeouts.operation_timeout))
            self._read_ahead.wait()

    def _require(self, name: str) -> None:
        if name in self._reached:
            return
        try:
            self._reach(name)
        except TrustError as error:
            if not self._has_nothing_due(name):
                raise _unreached(name, error, has_written=self._has_written) from None
        with self._lock:
            self._reached.add(name)

    def _has_nothing_due(self, name: str) -> bool:
        """Wait for the plans of a connection's resources; the engine makes them while other resources are written."""
        begin = self._host.monotonic()  # the engine may have had nothing to plan while this one was tried
        while name not in self._due:
            if len(self._unchanged.get(name, ())) >= self._read_ahead.announced[name]:
                return True
            if self._is_quiet(begin):
                return False
            self._host.sleep(_PAUSE)
        return False

    def _is_quiet(self, begin: float) -> bool:
        with self._lock:
            seconds = self._host.monotonic() - max(begin, self._last_plan)
            return not self._plans_under_way and seconds > _QUIET


def _waits_for(names: list[str], seconds: float) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (
        f"The first write waits for connection {', '.join(map(repr, names[:_SHOWN]))}{more}: all connections of the "
        f"program are read before it, each within {seconds:g} s (btp-trust:operationTimeout)."
    )


def _unreached(name: str, error: TrustError, *, has_written: bool) -> Refused:
    return Refused(
        # A resource that is declared late is announced late: others may have been written.
        f"Nothing {'more ' if has_written else ''}was written: connection {name!r} is out of reach.",
        f"{error.what} {error.why} The program has a change due there, or may have one, and a part of a deployment "
        "would leave the subaccounts in different states.",
        f"{error.remedy} Or allow it to change the others: pulumi config set {PARTIAL} true",
    )
