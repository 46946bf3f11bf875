"""The pipelines of the fleet's example: their commands exist, and their waves are those of its table."""

from __future__ import annotations

import itertools
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from btp_trust_cli.__main__ import main
from btp_trust_cli.exit_codes import Severity
from btp_trust_fleet.table.reading import read_fleet
from support.paths import ROOT

EXAMPLE = ROOT / "examples/fleet"
PIPELINES = sorted((EXAMPLE / "pipelines").glob("*.yaml"))
WAVES = [wave.name for wave in read_fleet(EXAMPLE / "fleet.yaml").waves]


def loaded(name: str) -> Any:
    """Return a pipeline."""
    return yaml.safe_load((EXAMPLE / "pipelines" / name).read_text())


@pytest.mark.parametrize("file", PIPELINES, ids=lambda file: file.name)
def test_commands_of_pipelines_exist(file: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its options: the help of the command lists them."""
    commands = re.findall(r"btp-trust fleet (\S+)((?: --?[\w-]+(?: [^-\s]\S*)?)*)", file.read_text())
    assert commands
    for command, options in commands:
        assert main(["fleet", command.strip("`"), "--help"]) == Severity.OK
        shown = capsys.readouterr().out
        assert all(option in shown for option in re.findall(r"--[\w-]+", options)), options


def test_github_has_the_waves() -> None:
    """A job each, after the approval of the one before it: an environment asks once, in a job outside of the matrix."""
    jobs = loaded("github.yaml")["jobs"]
    assert [name for name in jobs if "strategy" in jobs[name]] == WAVES
    for before, name in itertools.pairwise(WAVES):
        approval = jobs[f"approve-{name}"]
        assert (approval["needs"], approval["environment"]) == (before, name)
        assert jobs[name]["needs"] == ["waves", f"approve-{name}"]
        assert "environment" not in jobs[name]
    assert list(jobs["waves"]["outputs"]) == WAVES


def test_github_lets_rotations_end() -> None:
    """A failure keeps others from starting, and leaves those that run to their verification."""
    jobs = loaded("github.yaml")["jobs"]
    assert [jobs[name]["strategy"]["fail-fast"] for name in WAVES] == [False] * len(WAVES)
    assert {jobs[name]["steps"][0]["name"] for name in WAVES} == {"Stop after a failure"}


def test_failing_matrix_fails_its_job(tmp_path: Path) -> None:
    """As bash runs the step on GitHub; an empty output would fail later, without a reason."""
    (tmp_path / "btp-trust").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "btp-trust").chmod(0o755)
    script = loaded("github.yaml")["jobs"]["waves"]["steps"][-1]["run"]
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_OUTPUT": str(tmp_path / "output")}
    done = subprocess.run(["bash", "-e", "-c", script], env=environ, check=False)
    assert done.returncode == Severity.UNKNOWN


def test_gitlab_has_the_waves() -> None:
    """A stage each, in their order, one pipeline at a time; all but the first are started by a person."""
    pipeline = loaded("gitlab.yaml")
    assert pipeline["stages"][2:] == WAVES
    assert [pipeline[name]["rules"][0].get("when") for name in WAVES] == [None, "manual", "manual"]
    assert [pipeline[name]["trigger"]["include"][0]["artifact"] for name in WAVES] == [f"{name}.yaml" for name in WAVES]
    assert loaded("gitlab-wave.yaml")["rotate"]["extends"] == ".fleet"
    assert {pipeline[name]["resource_group"] for name in WAVES} == {"fleet"}
