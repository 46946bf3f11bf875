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


def test_a_new_pulumi_with_its_language_host_is_taken_from_path(fake_machine: FakeMachine) -> None:
    """Who has installed Pulumi waits for no build."""
    fake_machine.pulumi(pulumi_cli.MINIMUM)
    assert pulumi_cli.find_or_build(fake_machine.machine) == fake_machine.folder / "bin"


def test_companions_may_stand_beside_the_file_that_a_link_on_path_names(fake_machine: FakeMachine) -> None:
    """Installers often put a link on PATH and keep the binaries in a folder of their own."""
    fake_machine.pulumi("3.300.1")
    (fake_machine.folder / "bin").rename(fake_machine.folder / "opt")
    (fake_machine.folder / "bin").mkdir()
    (fake_machine.folder / "bin/pulumi").symlink_to(fake_machine.folder / "opt/pulumi")
    assert pulumi_cli.find_on_path(fake_machine.machine).folder == fake_machine.folder / "bin"


@pytest.mark.parametrize("missing", pulumi_cli.COMPANIONS)
def test_a_pulumi_without_a_companion_is_passed_over(fake_machine: FakeMachine, missing: str) -> None:
    """It could run no Python program, or none with a dynamic provider."""
    fake_machine.pulumi("3.300.1")
    (fake_machine.folder / "bin" / missing).unlink()
    found = pulumi_cli.find_on_path(fake_machine.machine)
    assert found.folder is None
    assert f"has no {missing}" in found.why


@pytest.mark.parametrize("script", ['echo "v3.213.9"', "exit 1", "echo no version"])
def test_an_old_or_broken_pulumi_is_passed_over(fake_machine: FakeMachine, script: str) -> None:
    """The reason tells what was found and what is wanted."""
    fake_machine.pulumi("3.300.1")
    fake_machine.command("pulumi", script)
    found = pulumi_cli.find_on_path(fake_machine.machine)
    assert found.folder is None
    assert f"not {pulumi_cli.MINIMUM} or newer" in found.why


def test_a_build_comes_whole_and_the_next_search_finds_it_in_the_cache(
    fake_machine: FakeMachine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two binaries and two scripts, all executable; the second time nothing is built."""
    fake_machine.go()
    folder = pulumi_cli.find_or_build(fake_machine.machine)
    assert sorted(file.name for file in folder.iterdir()) == sorted(["pulumi", "pulumi-language-python", *SCRIPTS])
    assert all(os.access(file, os.X_OK) for file in folder.iterdir())
    assert "Pulumi's own installer" in capsys.readouterr().err
    (fake_machine.folder / "bin/go").unlink()
    assert pulumi_cli.find_or_build(fake_machine.machine) == folder
    assert "from the cache" in capsys.readouterr().err


def test_an_old_go_is_passed_over_for_the_one_from_pypi(
    fake_machine: FakeMachine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pinned modules name the Go they need; no toolchain is fetched behind the user's back."""
    fake_machine.go("1.24.9")
    template = fake_machine.go(where="template")
    fetched = f'exec "{template}" "$@"'
    monkeypatch.setattr(sys, "executable", str(fake_machine.pypi("go/bin/go", f"#!/bin/sh\n{fetched}")))
    assert pulumi_build.is_runnable(fake_machine.machine, pulumi_cli.find_or_build(fake_machine.machine))
    assert "is older than 1.25.11" in capsys.readouterr().err


def test_an_incomplete_build_in_the_cache_is_built_again(fake_machine: FakeMachine) -> None:
    """A file that went missing makes room for a whole build."""
    fake_machine.go()
    folder = pulumi_cli.find_or_build(fake_machine.machine)
    (folder / SCRIPTS[0]).unlink()
    assert pulumi_cli.find_or_build(fake_machine.machine) == folder
    assert pulumi_build.is_whole(folder)


def test_a_build_that_does_not_run_is_not_kept(fake_machine: FakeMachine) -> None:
    """A pulumi that tells another version than the one built is refused."""
    fake_machine.go(builds="0.0.1")
    with pytest.raises(SetupError, match="does not say that it is"):
        pulumi_cli.find_or_build(fake_machine.machine)
    assert list(fake_machine.machine.cache.iterdir()) == []


def test_when_all_ways_fail_the_message_tells_each_and_what_to_do(fake_machine: FakeMachine) -> None:
    """What was looked for, why each way failed with the last words of the build, and the way out."""
    fake_machine.command("go", 'case "$*" in "env GOVERSION") echo go1.26 ;; *) echo no route >&2; exit 1 ;; esac')
    with pytest.raises(SetupError) as refusal:
        pulumi_cli.find_or_build(fake_machine.machine)
    for words in ("there is no pulumi on PATH", "is not there", "no route", "What to do: install Pulumi"):
        assert words in str(refusal.value)


@pytest.mark.parametrize("name", ["engine/go.mod", "engine/go.sum", "language-host/go.sum"])
def test_the_cache_key_changes_with_each_file_it_is_built_from(fake_machine: FakeMachine, name: str) -> None:
    """Another pin is another build, in another folder."""
    before = pulumi_build.place(fake_machine.machine)
    with (fake_machine.machine.root / "tools/pulumi-cli" / name).open("a") as file:
        file.write("// another line\n")
    assert pulumi_build.place(fake_machine.machine) != before


def test_the_cache_key_changes_with_the_build_flags(fake_machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same modules built otherwise are another build."""
    before = pulumi_build.place(fake_machine.machine)
    monkeypatch.setattr(pulumi_build, "FLAGS", (*pulumi_build.FLAGS, "-race"))
    assert pulumi_build.place(fake_machine.machine) != before


def test_the_cache_key_does_not_depend_on_where_the_checkout_is(fake_machine: FakeMachine) -> None:
    """All checkouts of a user share one build."""
    before = pulumi_build.place(fake_machine.machine)
    moved = fake_machine.machine.root.rename(fake_machine.folder / "elsewhere")
    assert pulumi_build.place(Machine(moved, fake_machine.machine.env)) == before
