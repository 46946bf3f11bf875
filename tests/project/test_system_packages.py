"""Which packages of the system are installed, and what is said where that is impossible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import system_packages
from bootstrap.machine import Machine, SetupError

if TYPE_CHECKING:
    from pathlib import Path

    from project.conftest import FakeMachine


@pytest.fixture
def bare(fake_machine: FakeMachine) -> Machine:
    """A machine whose PATH has the commands of the test alone."""
    fake_machine.command("no-such-thing", "")
    return Machine(fake_machine.folder, {"PATH": str(fake_machine.folder / "bin")})


def lay_apt(fake_machine: FakeMachine, code: int = 0) -> Path:
    """Lay an apt-get that notes its arguments and settings; return the notes."""
    notes = fake_machine.folder / "notes"
    fake_machine.command("apt-get", f'echo "$DEBIAN_FRONTEND $*" >> {notes}; exit {code}')
    return notes


def test_missing_packages_are_installed(
    fake_machine: FakeMachine, bare: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those whose command is there are left out; nothing is asked."""
    notes = lay_apt(fake_machine)
    fake_machine.command("promtool", "")
    monkeypatch.setenv("PATH", bare.env["PATH"])
    system_packages.install(bare, 0)
    assert notes.read_text().splitlines() == [
        "noninteractive update",
        "noninteractive install --yes --no-install-recommends chromium",
    ]


def test_nothing_missing_runs_nothing(fake_machine: FakeMachine, bare: Machine) -> None:
    """A second run is quick, and needs no root."""
    for command in system_packages.PACKAGES:
        fake_machine.command(command, "")
    system_packages.install(bare, 1000)


@pytest.mark.parametrize(
    ("user", "code", "why"),
    [(1000, 0, "only root may"), (0, 100, "`apt-get update` ended with 100"), (0, None, "lacks apt-get")],
)
def test_impossible_installation_says_how(
    fake_machine: FakeMachine, bare: Machine, monkeypatch: pytest.MonkeyPatch, *, user: int, code: int | None, why: str
) -> None:
    """Which tests will be skipped, why, and the command for root."""
    if code is not None:
        lay_apt(fake_machine, code)
    monkeypatch.setenv("PATH", bare.env["PATH"])
    with pytest.raises(SetupError) as caught:
        system_packages.install(bare, user)
    assert why in str(caught.value)
    assert "sudo apt-get install chromium prometheus" in str(caught.value)
