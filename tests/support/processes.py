"""A command that runs while a test does something else: it interrupts it, kills it, or runs another one."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from support.intercepting_proxy import Moment, Side, Way, crossing
from support.pulumi_project import Project, Said, assert_no_secret


def processes(leader: int) -> dict[int, str]:
    """Return the processes of a session and their command lines.

    Pulumi starts its plugin and its language host in process groups of their own, and they outlive it.
    """
    listed = subprocess.run(["ps", "-A", "-o", "pid=,sess=,args="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(maxsplit=2) for line in listed.splitlines())
    return {int(pid): command for pid, session, command in rows if int(session) == leader}


def plugins(leader: int) -> list[int]:
    """Return the processes that run the dynamic providers; a shell between them and Pulumi ends with them."""
    listed = processes(leader).items()
    return [pid for pid, command in listed if re.match(r"\S*python\S* .*-m pulumi\.dynamic", command)]


def plugin(leader: int) -> int:
    """Return the one that there is."""
    (pid,) = plugins(leader)
    return pid


def kill(*pids: int) -> None:
    """Kill processes, in this order."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_session(leader: int) -> None:
    """Kill Pulumi first, so that it notes nothing of the end of the others, then them."""
    others = [pid for pid in processes(leader) if pid != leader]
    kill(leader, *others)
    kill(*processes(leader))


def freeze(pid: int) -> None:
    """Let a process do nothing any more, until it is killed."""
    os.kill(pid, signal.SIGSTOP)


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

    def end_plugin(self) -> None:
        """Ask the plugin to end, and wait: it ends when its operations have."""
        os.kill(plugin(self.process.pid), signal.SIGINT)
        until(lambda: not plugins(self.process.pid))

    def end(self, status: int = 0) -> Said:
        """Wait for the end. It must have this status, and have printed no secret."""
        self.process.wait(PATIENCE)
        text = self.printed.read_text()
        assert_no_secret(text, self.project.known_secrets)
        assert self.process.returncode == status, text
        return Said(status, text)


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
            kill_session(process.pid)


@contextlib.contextmanager
def held_up(project: Project, request: str, number: int = 1) -> Iterator[tuple[Running, Way]]:
    """Run `up` until the service has carried out the n-th such request, whose answer is held back."""
    key = project.emulator.service_key(project.guid)
    with crossing(key["uri"], Moment(number, Side.ANSWERED, request)) as way:
        project.configure({**key, "uri": way.url})
        project.emulator.clear_journal()
        with running(project, "up", "--yes", "--skip-preview") as up:
            assert way.arrived.wait(PATIENCE), up.printed.read_text()
            yield up, way
    project.configure(key)
