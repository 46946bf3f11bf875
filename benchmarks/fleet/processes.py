"""Run a command and look at the processes that it starts: peak memory and processor time of each."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from msgspec import Struct

ROLES = {
    "plugin": re.compile(r"-m\0pulumi\.dynamic"),
    "program": re.compile("pulumi-language-python-exec"),
    "engine": re.compile(r"(^|/)pulumi\0"),
}
"""The processes of a command of Pulumi, by their command lines."""
EVERY_SECONDS = 0.05
_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_SESSION, _USER, _SYSTEM = 3, 11, 12
"""Places in /proc/PID/stat, counted behind the name."""


class Usage(Struct, frozen=True):
    """What a process has used: its largest resident memory in MiB, and seconds of the processor."""

    peak_mib: float = 0.0
    cpu_seconds: float = 0.0

    def with_process(self, other: Usage) -> Usage:
        """Return the usage of a role that two processes have: the larger memory, all of the time."""
        return Usage(max(self.peak_mib, other.peak_mib), self.cpu_seconds + other.cpu_seconds)


@dataclass(frozen=True)
class FinishedCommand:
    """A command that has ended: seconds on the clock, its output, and the usage of each role."""

    seconds: float
    output: str
    usage: Mapping[str, Usage]


class CommandFailed(RuntimeError):
    """A command of the benchmark has ended with an error."""


@dataclass
class Sampler:
    """Looks at the processes of a session until it is stopped."""

    session: int
    seen: dict[int, tuple[str, Usage]] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    """Processes of other sessions, which need no second look."""
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._look_until_stopped)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def usage(self) -> dict[str, Usage]:
        """Return what each role has used."""
        found: dict[str, Usage] = {}
        for role, usage in self.seen.values():
            found[role] = found.get(role, Usage()).with_process(usage)
        return {role: Usage(round(each.peak_mib, 1), round(each.cpu_seconds, 2)) for role, each in found.items()}

    def _look_until_stopped(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        # A machine without /proc has no processes to look at.
        names = {file.name for file in _PROC.iterdir()} if _PROC.exists() else set()
        numbers = {name for name in names if name.isdigit()}
        self.foreign &= numbers
        for number in numbers - self.foreign:
            # A process may end at any moment.
            with contextlib.suppress(OSError, ValueError, IndexError):
                self._look_at(number)

    def _look_at(self, number: str) -> None:
        if _session(_PROC / number) != self.session:
            self.foreign.add(number)
        elif (seen := _usage(_PROC / number)) is not None:
            self.seen[int(number)] = seen


def _fields(process: Path) -> list[str]:
    return (process / "stat").read_text().rpartition(")")[2].split()


def _session(process: Path) -> int:
    return int(_fields(process)[_SESSION])


def _usage(process: Path) -> tuple[str, Usage] | None:
    """Return the role and the usage of a process; None for a zombie."""
    fields = _fields(process)
    command = (process / "cmdline").read_text()
    role = next((role for role, pattern in ROLES.items() if pattern.search(command)), "others")
    peak_kib = re.search(r"VmHWM:\s+(\d+)", (process / "status").read_text())
    if peak_kib is None:
        return None
    return role, Usage(int(peak_kib[1]) / 1024, (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS)


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> FinishedCommand:
    """Run a command in a session of its own.

    Raises:
        CommandFailed: its exit status is another one than 0.
    """
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - this project's own commands
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        with Sampler(process.pid) as sampler:
            output, _ = process.communicate()
        seconds = time.perf_counter() - began
    if process.returncode:
        raise CommandFailed(f"{' '.join(command)} ended with {process.returncode}:\n{output[-4000:]}")
    return FinishedCommand(seconds, output, sampler.usage())
