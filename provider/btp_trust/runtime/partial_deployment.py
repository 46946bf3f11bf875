"""Withhold all writes while a connection of the program that may have a change due is out of reach.

`pulumi up --skip-preview` of forty subaccounts, one of which has a broken key, would otherwise leave a rollback half
done. A preview fails before any write, and such a command has none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from btp_trust.errors import Refused, TrustError
from btp_trust.runtime.host import Host
from btp_trust.runtime.read_ahead import ReadAhead

PARTIAL: Final = "btp-trust:partial"
_PAUSE: Final = 0.05
_QUIET: Final = 5.0
"""Seconds without a call of the engine after which it waits for the write: further checks come after that."""


class PartialDeployment:
    """What is known of the announced connections before the first write of a command.

    Args:
        read_ahead: The announced connections.
        reach: Gets a token for a connection and reads its slots, at most once in the command.
        host: Sleeps, and measures the time.
        is_allowed: `btp-trust:partial` is set.
    """

    def __init__(self, read_ahead: ReadAhead, reach: Callable[[str], object], host: Host, *, is_allowed: bool) -> None:
        self._read_ahead = read_ahead
        self._reach = reach
        self._host = host
        self._is_allowed = is_allowed
        self._lock = threading.Lock()
        self._reached: set[str] = set()
        self._unchanged: dict[str, int] = {}
        """{connection: how many of its resources have nothing due}."""
        self._due: set[str] = set()
        """Connections with a change due, or with a resource that was refused."""
        self._last_call = host.monotonic()

    def record(self, connection: str, *, is_due: bool) -> None:
        """Record what the plan of a resource has found; a resource that was refused counts as due."""
        with self._lock:
            self._last_call = self._host.monotonic()
            if is_due:
                self._due.add(connection)
            else:
                self._unchanged[connection] = self._unchanged.get(connection, 0) + 1

    def refuse_unreached(self) -> None:
        """Wait until every announced connection was reached, or has nothing to do.

        Raises:
            Refused: One is out of reach and has a change due, or may have one.
        """
        if self._is_allowed or self._read_ahead.announced.keys() <= self._reached:
            return
        self._read_ahead.read_all()
        for name in [name for name in self._read_ahead.announced if name not in self._reached]:
            try:
                self._reach(name)
            except TrustError as error:
                if not self._has_nothing_due(name):
                    raise _unreached(name, error) from None
            with self._lock:
                self._reached.add(name)

    def _has_nothing_due(self, name: str) -> bool:
        """Wait for the plans of a connection's resources; the engine makes them while other resources are written."""
        while name not in self._due:
            if self._unchanged.get(name, 0) >= self._read_ahead.announced[name]:
                return True
            if self._host.monotonic() - self._last_call > _QUIET:
                return False
            self._host.sleep(_PAUSE)
        return False


def _unreached(name: str, error: TrustError) -> Refused:
    return Refused(
        f"Nothing was written: connection {name!r} is out of reach.",
        f"{error.what} {error.why} The program has a change due there, or may have one, and a part of a deployment "
        "would leave the subaccounts in different states.",
        f"{error.remedy} Or allow it to change the others: pulumi config set {PARTIAL} true",
    )
