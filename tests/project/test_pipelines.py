"""The pipelines of the fleet's example: their commands exist, and their waves are those of its table."""

from __future__ import annotations

import itertools
import re
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
    """A job each, after the one before it; all but the first in an environment, which asks for the approval."""
    jobs = loaded("github.yaml")["jobs"]
    assert [name for name in jobs if name not in {"plan", "waves"}] == WAVES
    for before, name in itertools.pairwise(WAVES):
        assert jobs[name]["needs"] == ["waves", before]
        assert jobs[name]["environment"] == name
    assert list(jobs["waves"]["outputs"]) == WAVES


def test_gitlab_has_the_waves() -> None:
    """A stage each, in their order; all but the first are started by a person."""
    pipeline = loaded("gitlab.yaml")
    assert pipeline["stages"][2:] == WAVES
    assert [pipeline[name]["rules"][0].get("when") for name in WAVES] == [None, "manual", "manual"]
    assert [pipeline[name]["trigger"]["include"][0]["artifact"] for name in WAVES] == [f"{name}.yaml" for name in WAVES]
    assert loaded("gitlab-wave.yaml")["rotate"]["extends"] == ".fleet"
