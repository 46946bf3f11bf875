"""Whether the engine is still there: it alone holds the other end of the plugin's standard input."""

from __future__ import annotations

import subprocess
import sys

import pytest

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


def test_sees_the_pipe_hang_up() -> None:
    """As long as somebody holds its other end, Pulumi is there."""
    wait = "import sys; sys.stdin.read()"

    assert in_a_plugin(subprocess.PIPE) == ["False", "False"]
    assert in_a_plugin(subprocess.PIPE, meanwhile=wait, close=True) == ["False", "True"]


@pytest.mark.parametrize("meanwhile", ["pass", "import os; os.close(0)"], ids=["an empty file", "a closed one"])
def test_a_plugin_started_by_hand_runs(meanwhile: str) -> None:
    """Standard input is another file than a pipe: the engine counts as alive."""
    assert in_a_plugin(subprocess.DEVNULL, meanwhile=meanwhile) == ["False", "False"]


def test_runs_where_poll_is_missing() -> None:
    """Windows has pipes and lacks poll: the engine counts as alive."""
    wait = "import sys, select; del select.poll; sys.stdin.read()"

    assert in_a_plugin(subprocess.PIPE, meanwhile=wait, close=True) == ["False", "False"]
