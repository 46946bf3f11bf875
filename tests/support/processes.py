"""Commands in the background, which tests interrupt and kill."""

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

from support.intercepting_proxy import Boundary, BoundarySide, InterceptingProxy, intercept
from support.pulumi_project import AS_INSTALLED, CommandOutput, PulumiProject, assert_no_secret


def session_processes(leader: int) -> dict[int, str]:
    """Return the processes of a session and their command lines.

    Pulumi starts its plugin and its language host in process groups of their own, and they outlive it.
    """
    listed = subprocess.run(["ps", "-A", "-o", "pid=,sess=,args="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(maxsplit=2) for line in listed.splitlines())
    return {int(pid): command for pid, session, command in rows if int(session) == leader}


def plugin_pids(leader: int) -> list[int]:
    """Return the processes that run the dynamic providers; a shell between them and Pulumi ends with them."""
    listed = session_processes(leader).items()
    return [pid for pid, command in listed if re.match(r"\S*python\S* .*-m pulumi\.dynamic", command)]


def plugin_pid(leader: int) -> int:
    """Return the process of the only plugin."""
    (pid,) = plugin_pids(leader)
    return pid


def kill(*pids: int) -> None:
    """Kill processes, in this order."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_session(leader: int) -> None:
    """Kill Pulumi first, so that it cannot record the end of the others, then the others."""
    others = [pid for pid in session_processes(leader) if pid != leader]
    kill(leader, *others)
    kill(*session_processes(leader))


def suspend(pid: int) -> None:
    """Suspend a process until it is killed."""
    os.kill(pid, signal.SIGSTOP)


TIMEOUT_SECONDS = 120.0
"""Seconds after which an expected event counts as missing."""


def wait_until(happens: Callable[[], bool]) -> None:
    """Wait for an expected event."""
    ends = time.monotonic() + TIMEOUT_SECONDS
    while not happens():
        assert time.monotonic() < ends
        time.sleep(0.05)


@dataclass
class RunningCommand:
    """A running command of Pulumi, and its processes."""

    process: subprocess.Popen[bytes]
    printed: Path
    project: PulumiProject

    def send(self, number: signal.Signals, answer: str) -> None:
        """Send a signal to the process group, as a terminal does; wait until Pulumi reports it."""
        os.killpg(self.process.pid, number)
        wait_until(lambda: answer in self.printed.read_text())

    def kill(self) -> None:
        """Kill Pulumi only."""
        self.process.kill()
        self.process.wait(TIMEOUT_SECONDS)

    def end_plugin(self) -> None:
        """Terminate the plugin, and wait for its end, which comes after its operations."""
        os.kill(plugin_pid(self.process.pid), signal.SIGINT)
        wait_until(lambda: not plugin_pids(self.process.pid))

    def end(self, status: int = 0) -> CommandOutput:
        """Wait for the end. Assert the exit status, and that the output is free of secrets."""
        self.process.wait(TIMEOUT_SECONDS)
        text = self.printed.read_text()
        assert_no_secret(text, self.project.known_secrets)
        assert self.process.returncode == status, text
        return CommandOutput(status, text)


@contextlib.contextmanager
def run_in_background(project: PulumiProject, *words: str) -> Iterator[RunningCommand]:
    """Run a command in a session of its own, whose processes all end with the block."""
    printed = project.folder / "printed.txt"
    with (
        printed.open("w") as output,
        subprocess.Popen(
            project.command(*words),
            cwd=project.program,
            env={**project.environment, **AS_INSTALLED},  # processes of this session, not of a server
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        under_way = RunningCommand(process, printed, project)
        try:
            yield under_way
        finally:
            kill_session(process.pid)


@contextlib.contextmanager
def up_with_held_response(
    project: PulumiProject, request: str, number: int = 1
) -> Iterator[tuple[RunningCommand, InterceptingProxy]]:
    """Run `up` until the service has carried out the n-th such request, whose answer is delayed."""
    key = project.emulator.service_key(project.guid)
    with intercept(key["uri"], Boundary(number, BoundarySide.ANSWERED, request)) as proxy:
        project.set_service_key({**key, "uri": proxy.url})
        project.emulator.clear_journal()
        with run_in_background(project, "up", "--yes", "--skip-preview") as up:
            assert proxy.reached.wait(TIMEOUT_SECONDS), up.printed.read_text()
            yield up, proxy
    project.set_service_key(key)
