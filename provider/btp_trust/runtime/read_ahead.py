"""Read ahead: the slots of subaccounts whose resources the engine has yet to call about.

The engine checks one resource after another, so the readings of a hundred subaccounts would follow each other. The
program announces the connections that it uses with its first resource. A few of them are read at a time, and only so
many ahead of the resources: a plan must not be made from a reading that is long past. What is read, and every error,
is kept where the resource finds it that needs the connection.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from btp_trust.errors import ConfigurationError

DEFAULT_LIMIT: Final = 32
_MAX_LIMIT: Final = 256
READ_AHEAD: Final = "btp-trust:readAhead"


def parse_read_ahead(config: Callable[[str], str | None]) -> int:
    """Read from Pulumi's configuration how many subaccounts are read ahead; 0 disables it.

    Raises:
        ConfigurationError: It is no whole number from 0 to 256.
    """
    text = config(READ_AHEAD)
    if text is None:
        return DEFAULT_LIMIT
    # `isdigit` alone accepts characters such as ², which `int` refuses.
    if text.isascii() and text.isdigit() and int(text) <= _MAX_LIMIT:
        return int(text)
    raise ConfigurationError(
        f"The config {READ_AHEAD} cannot be used.",
        f"It takes a whole number of subaccounts from 0, which disables reading ahead, to {_MAX_LIMIT}.",
        f"Set it again, or remove it: pulumi config rm {READ_AHEAD}",
    )


class ReadAhead:
    """The connections that a program has announced, and which of them are read before a resource needs them.

    Args:
        limit: How many connections are read, or have been, that no resource has needed yet; 0 disables it.
        read: Reads the slots of a connection; its errors are kept for the resource that needs the connection.
        start_thread: Runs a function in a thread of its own.
    """

    def __init__(
        self, limit: int, read: Callable[[str], object], start_thread: Callable[[Callable[[], None]], None]
    ) -> None:
        self.announced: dict[str, int] = {}
        """{connection: number of resources}, in the order of the program."""
        self._limit = limit
        self._is_unlimited = False
        self._read = read
        self._start_thread = start_thread
        self._changed = threading.Condition()
        self._waiting: dict[str, None] = {}
        """Connections to read, in order: a dict, as a resource may need any of them next."""
        self._running: set[str] = set()
        self._unused: set[str] = set()
        """Connections that are read or being read, and that no resource has needed yet."""

    def announce(self, connections: Mapping[str, int]) -> None:
        """Take the connections that the program uses: they are read ahead once a resource needs the first one."""
        with self._changed:
            self._waiting.update(dict.fromkeys(name for name in connections if name not in self.announced))
            self.announced.update(connections)

    def enter(self, connection: str) -> None:
        """Go on reading: a resource needs this connection now, and reads it by itself unless that is under way."""
        with self._changed:
            self._waiting.pop(connection, None)
            self._unused.discard(connection)
        self._fill()

    def start_all(self) -> None:
        """Start to read all announced connections, however far ahead."""
        with self._changed:
            self._is_unlimited = True
        self._fill()

    def wait(self, seconds: float | None = None) -> list[str]:
        """Wait until nothing is being read, for so many seconds at most; return what still is."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running, seconds)
            return sorted(self._running)

    def _fill(self) -> None:
        """Start to read as many connections as may be ahead."""
        for name in self._take():
            self._start(name)

    def _start(self, name: str) -> None:
        try:
            self._start_thread(partial(self._run, name))
        except RuntimeError:  # the machine allows no further thread: the resource reads by itself
            with self._changed:
                self._running.discard(name)
                self._changed.notify_all()

    def _take(self) -> list[str]:
        with self._changed:
            free = self._limit - len(self._running if self._is_unlimited else self._unused | self._running)
            taken = list(self._waiting)[: max(0, free)]
            for name in taken:
                del self._waiting[name]
            self._running.update(taken)
            self._unused.update(taken)
            return taken

    def _run(self, name: str) -> None:
        # The resource that needs the connection meets the same error, and reports it.
        with contextlib.suppress(Exception):
            self._read(name)
        with self._changed:
            self._running.discard(name)
            started = self._take()
            self._changed.notify_all()
        for each in started:
            self._start(each)
