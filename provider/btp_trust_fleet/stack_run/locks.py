"""The lock of a stack: whose it is, by what Pulumi says, and whether its holder is gone.

A backend of files or objects names the holder of each lock. Pulumi Cloud says only that another update is in progress.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil

from btp_trust.formatting import format_rfc3339

# The texts by which Pulumi's own Automation API recognizes a conflict: the exit status is that of any error.
_LOCKED: Final = ("the stack is currently locked by", "[409] Conflict: Another update is currently in progress")
_HOLDER: Final = re.compile(
    r": created by (?P<user>.*)@(?P<host>[^@\s]+) \(pid (?P<pid>\d+)\) at (?P<since>\S+)$", re.MULTILINE
)
_COUNT: Final = re.compile(r"currently locked by (\d+) lock\(s\)")
_PID_NAMESPACE: Final = Path("/proc/self/ns/pid")
_INITIAL_PID_NAMESPACE: Final = "pid:[4026531836]"
_PULUMI: Final = "pulumi"
_CLOCK_TOLERANCE_SECONDS: Final = 2.0
"""Locks have whole seconds, and the start of a process is computed from the start of the machine."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has made a lock."""

    user: str
    host: str
    pid: int
    since: datetime

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (pid {self.pid}) since {format_rfc3339(self.since)}"


@dataclass(frozen=True, slots=True)
class Lock:
    """Why an update was kept from starting."""

    holders: tuple[Holder, ...] = ()
    is_complete: bool = False
    """Each lock has its holder."""

    def is_dead(self, host: str, is_alive: Callable[[Holder], bool]) -> bool:
        """Return True if all holders are of this host, and gone."""
        here = all(holder.host == host for holder in self.holders)
        return self.is_complete and here and not any(map(is_alive, self.holders))

    def __str__(self) -> str:
        return "; ".join(map(str, self.holders)) or "another update, which Pulumi Cloud shows with its user"


def parse_lock(stderr: str) -> Lock | None:
    """Return the lock that a command names; None if it failed for another reason."""
    if not any(text in stderr for text in _LOCKED):
        return None
    holders = tuple(filter(None, (_holder(match) for match in _HOLDER.finditer(stderr))))
    count = _COUNT.search(stderr)
    return Lock(holders, is_complete=count is not None and int(count[1]) == len(holders))


def _holder(match: re.Match[str]) -> Holder | None:
    try:
        since = datetime.fromisoformat(match["since"])
    except ValueError:
        return None
    return Holder(match["user"], match["host"], int(match["pid"]), since.astimezone(UTC)) if since.tzinfo else None


def process_is_alive(holder: Holder) -> bool:
    """Return True unless the process is gone, or its number belongs to another program that started after the lock.

    By the name as well: a clock that was set since then changes the time at which a process seems to have started.
    """
    try:
        process = psutil.Process(holder.pid)
        started, name = process.create_time(), process.name()
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
    return _PULUMI in name or started <= holder.since.timestamp() + _CLOCK_TOLERANCE_SECONDS


def sees_all_processes(namespace: Path = _PID_NAMESPACE) -> bool:
    """Return True unless this is a container: several share a host's name, and each sees only its own processes."""
    if not namespace.parent.exists():  # not Linux
        return True
    return str(namespace.readlink()) == _INITIAL_PID_NAMESPACE


def waiting_times(limit: float, pauses: Sequence[float] = (2, 4, 8, 15, 30)) -> list[float]:
    """Return the pauses between attempts: they grow, the last one repeats, and their sum is the limit."""
    times: list[float] = []
    while (left := limit - sum(times)) > 0:
        times.append(min(left, pauses[min(len(times), len(pauses) - 1)]))
    return times
