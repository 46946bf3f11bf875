"""A command that runs while a test does something else: it interrupts it, kills it, or runs another one."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from holding import Held, holding

from project import Project, Said, assert_no_secret

PATIENCE = 120.0
"""Seconds after which something that must happen has not."""


def until(happens: Callable[[], bool]) -> None:
    """Wait for something that must happen."""
    ends = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < ends
        time.sleep(0.05)


@dataclass
class Running:
    """A command of Pulumi under way, and the processes that it has started."""

    process: subprocess.Popen[bytes]
    printed: Path
    project: Project

    def send(self, number: signal.Signals, answer: str) -> None:
        """Send a signal as a terminal does, to the process group; wait until Pulumi says that it has got it."""
        os.killpg(self.process.pid, number)
        until(lambda: answer in self.printed.read_text())

    def kill(self) -> None:
        """Kill Pulumi, and Pulumi alone."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def plugin(self) -> int | None:
        """Return the process of the plugin, as long as it runs."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,sess=,stat=,args="], capture_output=True, text=True, check=True
        )
        told = rf"^\s*(\d+)\s+{self.process.pid}\s+[^Z]\S*\s+\S*python\S* .*-m pulumi\.dynamic"
        found = re.search(told, listed.stdout, re.MULTILINE)
        return int(found[1]) if found else None

    def end_plugin(self) -> None:
        """Ask the plugin to end, and wait: it ends when its operations have."""
        plugin = self.plugin()
        assert plugin is not None
        os.kill(plugin, signal.SIGINT)
        until(lambda: self.plugin() is None)

    def end(self, status: int = 0) -> Said:
        """Wait for the end. It must have this status, and have printed no secret."""
        self.process.wait(PATIENCE)
        text = self.printed.read_text()
        assert_no_secret(text, self.project.known_secrets)
        assert self.process.returncode == status, text
        return Said(status, text)

    def kill_all(self) -> None:
        """Kill Pulumi and what it has left behind, in process groups of their own."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,sess="], capture_output=True, text=True, check=True).stdout
        for pid, leader in (map(int, line.split()) for line in listed.splitlines()):
            if leader == self.process.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def running(project: Project, *words: str) -> Iterator[Running]:
    """Start a command in a session of its own; in the end nothing of it is left."""
    printed = project.folder / "printed.txt"
    with (
        printed.open("w") as output,
        subprocess.Popen(
            project.command(*words),
            cwd=project.program,
            env=project.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        under_way = Running(process, printed, project)
        try:
            yield under_way
        finally:
            under_way.kill_all()


@contextlib.contextmanager
def held_up(project: Project, path: str, method: str = "POST", skip: int = 0) -> Iterator[tuple[Running, Held]]:
    """Run `up` until the service has carried out such a request, whose answer is held back."""
    key = project.emulator.service_key(project.guid)
    with holding(key["uri"], path, method, skip) as held:
        project.configure({**key, "uri": held.url})
        project.emulator.clear_journal()
        with running(project, "up", "--yes", "--skip-preview") as up:
            assert held.carried_out.wait(PATIENCE), up.printed.read_text()
            yield up, held
    project.configure(key)
