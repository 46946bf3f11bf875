"""What stands in for a slow command gives the same as the command."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from btp_trust_emulator import Emulator
from support.pulumi_project import AS_INSTALLED, PulumiProject, adopting_program, program_environment

KEY = "btp-trust:userToken"


@pytest.fixture
def project(emulator: Emulator, tmp_path: Path) -> PulumiProject:
    """A stack that is a copy of another one."""
    guid = emulator.create_subaccount().guid
    first, second = (PulumiProject(tmp_path / name, emulator, guid) for name in ("first", "second"))
    first.create_stack(adopting_program())
    return second.create_stack(adopting_program())


def test_quick_pip_answers_as_pip() -> None:
    """Both name the same distributions, versions and folders; every other question goes to pip."""
    quick, real = (
        {(each["name"], each["version"], each["location"]) for each in json.loads(pip_output(variables, "list", "-v"))}
        for variables in ({}, AS_INSTALLED)
    )
    assert quick == real
    assert pip_output({}, "list") == pip_output(AS_INSTALLED, "list")


@pytest.mark.parametrize("secret", [True, False], ids=["secret", "plain"])
def test_pulumi_reads_written_settings(project: PulumiProject, *, secret: bool) -> None:
    """Pulumi decrypts a written secret, shows a written value, and misses a removed one."""
    project.set_config(KEY, "decoy: {}", secret=secret)
    listed = json.loads(project.pulumi("config", "--json").text)
    assert listed[KEY]["secret"] == secret
    assert project.pulumi("config", "get", KEY).text.strip() == "decoy: {}"
    project.remove_config(KEY)
    assert KEY not in project.pulumi("config", "--json")


def test_copied_stack_is_selected(project: PulumiProject) -> None:
    """A copy has the name of its stack, and no resources."""
    assert [each["name"] for each in json.loads(project.pulumi("stack", "ls", "--json").text)] == [project.stack]
    assert project.state() == {}


def pip_output(variables: dict[str, str], *words: str) -> str:
    """Ask pip as the language host does."""
    command = ["python3", "-m", "pip", *words, "--format", "json"]
    environment = {**program_environment(), **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
