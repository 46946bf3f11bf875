"""Start Pulumi in a session of its own, and kill what the kernel shows of that session: each process by its id."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress


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
