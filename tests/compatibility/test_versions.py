"""The versions that README and metadata promise: of Python, of the dependencies, of Pulumi's SDK and command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from bootstrap import pulumi_build, pulumi_cli, virtualenv
from bootstrap.machine import Machine
from btp_trust_emulator import Emulator
from support.paths import ROOT
from support.pulumi_project import AS_INSTALLED, PulumiProject, rotation_program

METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
LOWEST, HIGHEST = "lowest-direct", "highest"
SDK = re.compile(r"pulumi>=([\d.]+)")


@dataclass(frozen=True)
class Installation:
    """A virtual environment with versions that the metadata allows, and a command line."""

    python: Path
    """Folder with `python3`."""
    pulumi: Path
    """Folder with `pulumi`."""

    @property
    def path(self) -> str:
        """PATH of a program of this installation."""
        return os.pathsep.join([str(self.python), str(self.pulumi), os.environ["PATH"]])


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The emulator, with small keys."""
    with Emulator(socket=True, key_size=1024) as running:
        yield running


def rotate(emulator: Emulator, folder: Path, installation: Installation) -> None:
    """Adopt, generate, rotate and roll back with this installation."""
    guid = emulator.create_subaccount(generate=True).guid
    variables = {**AS_INSTALLED, "PATH": installation.path}
    project = PulumiProject(folder, emulator, guid, variables=variables, secrets_provider="passphrase")
    project.create_stack(rotation_program("2028-11", "2026-11")).set_service_key()
    project.up()
    old, new = project.slots()
    project.deploy(rotation_program("2028-11", "2028-11"))
    assert (new, old) == project.slots()
    assert project.has_no_changes_after_refresh()
    project.deploy(rotation_program("2028-11", "2026-11"))
    assert (old, new) == project.slots()


def install(folder: Path, python: str, resolution: str) -> Path:
    """Install the package and its dependencies from wheels; return the folder with `python3`."""
    machine = Machine(ROOT, dict(os.environ))
    uv, env = str(virtualenv.uv(machine)), virtualenv.uv_environment(machine, machine.venv)
    venv = folder / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", python, str(venv)], check=True, env=env)
    # The language host asks `python -m pip list` which plugins a program needs; 24 stands in the dev group too.
    options = ["--quiet", "--python", str(venv), "--resolution", resolution]
    subprocess.run([uv, "pip", "install", *options, "pip>=24", str(ROOT)], check=True, env=env)
    return venv / "bin"


@cache
def interpreter(version: str) -> str | None:
    """Find a Python of this version that starts; pyenv's shims need its name in a variable."""
    name = f"python{version}"
    if shutil.which(name) is None:
        return None
    command = [name, "-c", "import sys; print(sys.executable)"]
    env = {**os.environ, "PYENV_VERSION": version}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def pulumi_of_this_machine() -> Path:
    """Return the folder of the command line that all other tests run with."""
    return pulumi_cli.find_or_build(Machine(ROOT, dict(os.environ)))


def test_lowest_versions(emulator: Emulator, tmp_path: Path) -> None:
    """The lowest versions of all dependencies that the metadata allows can rotate."""
    oldest_python = METADATA["requires-python"].removeprefix(">=")
    installed = install(tmp_path, interpreter(oldest_python) or "3", LOWEST)
    assert subprocess.check_output([installed / "python", "-c", "import btp_trust.handover; print('imported')"])
    rotate(emulator, tmp_path, Installation(installed, pulumi_of_this_machine()))


@pytest.mark.compatibility
@pytest.mark.parametrize("version", PYTHONS)
def test_each_python(version: str, emulator: Emulator, tmp_path: Path) -> None:
    """Each Python that the metadata names can rotate, with the newest of all dependencies."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"python{version} is not on this machine")
    installed = install(tmp_path, python, HIGHEST)
    rotate(emulator, tmp_path, Installation(installed, pulumi_of_this_machine()))


@pytest.mark.compatibility
@pytest.mark.parametrize("version", PYTHONS)
def test_each_python_has_wheels(version: str) -> None:
    """Users of each Python that the metadata names can install without a compiler."""
    machine = Machine(ROOT, dict(os.environ))
    options = ["--quiet", "--python-version", version, "--only-binary", ":all:", "--all-extras", "--no-header"]
    command = [str(virtualenv.uv(machine)), "pip", "compile", *options, "pyproject.toml"]
    done = subprocess.run(
        command, cwd=ROOT, env=virtualenv.uv_environment(machine, machine.venv), check=True, capture_output=True
    )
    assert b"pulumi==" in done.stdout


@pytest.mark.compatibility
@pytest.mark.parametrize("resolution", [LOWEST, HIGHEST])
@pytest.mark.parametrize("release", [pulumi_build.OLDEST, pulumi_build.NEWEST], ids=lambda release: release.version)
def test_each_pair_of_sdk_and_cli(
    release: pulumi_build.Release, resolution: str, emulator: Emulator, tmp_path: Path
) -> None:
    """The oldest and the newest SDK work with the oldest and the newest command line."""
    pulumi = pulumi_cli.find_or_build_release(Machine(ROOT, dict(os.environ)), release)
    installed = install(tmp_path, interpreter("3.11") or "3", resolution)
    rotate(emulator, tmp_path, Installation(installed, pulumi))


def test_readme_names_what_is_tested() -> None:
    """README, metadata and tests name the same versions."""
    readme = (ROOT / "README.md").read_text()
    sdk = next(found[1] for each in METADATA["dependencies"] if (found := SDK.match(each)))
    command = pulumi_build.OLDEST.version.removesuffix(".0")

    assert f"Python {PYTHONS[0]} to {PYTHONS[-1]}" in readme
    assert f"Pulumi's command line {command} or newer and its Python SDK {sdk} or newer" in readme
    named = [each.rpartition(" ")[2] for each in METADATA["classifiers"] if each.startswith("Programming Language")]
    assert [each for each in named if "." in each] == PYTHONS
