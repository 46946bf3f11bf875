"""Whether Pulumi's engine has exited: it alone holds the other end of the plugin's standard input."""

from __future__ import annotations

import subprocess
import sys
import threading
from queue import SimpleQueue

import pytest

from btp_trust.runtime.host import start_daemon_thread

PLUGIN = "from btp_trust.runtime.host import has_engine_exited as gone; print(gone(), flush=True); {}; print(gone())"


def in_a_plugin(stdin: int, *, meanwhile: str = "pass", close: bool = False) -> list[str]:
    """Return the answers of a process with this standard input: at once, and after it was closed if `close` is set."""
    with subprocess.Popen(
        [sys.executable, "-c", PLUGIN.format(meanwhile)], stdin=stdin, stdout=subprocess.PIPE, text=True
    ) as plugin:
        assert plugin.stdout is not None
        first = plugin.stdout.readline()
        if close and plugin.stdin is not None:
            plugin.stdin.close()
        return [first.strip(), plugin.stdout.read().strip()]


def test_engine_exit_closes_stdin() -> None:
    """The engine has exited once nobody holds the other end of standard input."""
    wait = "import sys; sys.stdin.read()"

    assert in_a_plugin(subprocess.PIPE) == ["False", "False"]
    assert in_a_plugin(subprocess.PIPE, meanwhile=wait, close=True) == ["False", "True"]


@pytest.mark.parametrize("meanwhile", ["pass", "import os; os.close(0)"], ids=["an empty file", "a closed one"])
def test_plugin_started_by_hand(meanwhile: str) -> None:
    """With a file or a closed descriptor as standard input, the engine counts as there."""
    assert in_a_plugin(subprocess.DEVNULL, meanwhile=meanwhile) == ["False", "False"]


def test_platform_without_poll() -> None:
    """Where poll is missing (Windows), the engine counts as there."""
    wait = "import sys, select; del select.poll; sys.stdin.read()"

    assert in_a_plugin(subprocess.PIPE, meanwhile=wait, close=True) == ["False", "False"]


def test_thread_ends_with_process() -> None:
    """A thread that only reads keeps no process from ending."""
    started = SimpleQueue[bool]()
    start_daemon_thread(lambda: started.put(threading.current_thread().daemon))
    assert started.get(timeout=30)
