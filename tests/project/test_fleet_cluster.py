"""The demonstration of a fleet on a cluster completes: a killed worker loses and doubles nothing."""

from __future__ import annotations

import subprocess
import sys

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
