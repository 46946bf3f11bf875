"""The demonstration of a fleet on a cluster completes: a killed worker loses and doubles nothing."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from support.paths import ROOT
from support.pulumi_project import program_environment


def test_cluster_survives_killed_worker() -> None:
    """Four stacks are prepared and rotated by two workers, one of which is killed: one swap for each."""
    command = [sys.executable, "tools/fleet_cluster.py", "--stacks", "4", "--workers", "2"]
    done = subprocess.run(
        command, cwd=ROOT, env=program_environment(), capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kill -9 of the worker" in done.stdout
    assert ": lost (none)" in done.stdout
    assert "exactly one in each of 4 subaccounts" in done.stdout


@pytest.mark.parametrize("node", ["scheduler", "worker"])
def test_page_has_real_options(node: str) -> None:
    """The commands of the page about several machines have the options of Dask's command line."""
    page = (ROOT / "docs/how-to/several-machines.md").read_text()
    (command,) = re.findall(rf"`dask {node} ([^`]*)`", page)
    done = subprocess.run(
        [sys.executable, "-m", "dask", node, "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    options = re.findall(r"--[\w-]+", command)
    assert options
    assert [option for option in options if option not in done.stdout.replace(f"/{option}", option)] == []
