"""The wheel: exactly both packages, and enough to rotate outside the repository."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from btp_trust_emulator import Emulator
from support.paths import ROOT
from support.pulumi_project import PulumiProject, rotation_program

pytest.importorskip("hatchling", reason="building the wheel needs hatchling")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built offline."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, capture_output=True)
    return next(folder.glob("btp_trust-*.whl"))


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """The emulator, with small keys."""
    with Emulator(socket=True, key_size=1024) as running:
        yield running


def test_the_wheel_has_both_packages(wheel: Path) -> None:
    """The wheel has exactly the tracked files under provider/, including the types marker, and the metadata."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "provider"]
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    names = zipfile.ZipFile(wheel).namelist()
    packaged = {name for name in names if ".dist-info/" not in name}
    metadata = {name.partition(".dist-info/")[2] for name in names} - {""}

    assert packaged == {name.removeprefix("provider/") for name in tracked}
    assert {"btp_trust/py.typed", "btp_trust_emulator/py.typed"} <= packaged
    assert metadata == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def test_the_installed_wheel_rotates(wheel: Path, emulator: Emulator, tmp_path: Path) -> None:
    """A program outside the checkout rotates with the package from the wheel."""
    installed = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*command, "--target", str(installed), str(wheel)], check=True, capture_output=True)
    here = f"\nassert trust.__file__.startswith({str(installed)!r})\n"
    guid = emulator.create_subaccount(generate=True).guid
    project = PulumiProject(tmp_path, emulator, guid, variables={"PYTHONPATH": str(installed)})
    project.create_stack(rotation_program("2028-11", "2026-11") + here).set_service_key()

    project.up()
    old, new = project.slots()
    project.deploy(rotation_program("2028-11", "2028-11") + here)

    assert (new, old) == project.slots()
