"""Decide where the Pulumi command line comes from: PATH, then the user's cache, then a build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap import pulumi_build
from bootstrap.machine import SetupError
from bootstrap.pulumi_build import NEWEST, Release
from bootstrap.terminal import print_message
from bootstrap.versions import is_at_least

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine import Machine

MINIMUM = pulumi_build.OLDEST.version
COMPANIONS = ("pulumi-language-python", "pulumi-resource-pulumi-python")
INSTALLER = "https://www.pulumi.com/docs/install/"
BUILD_NEEDED = f"""\
Pulumi's command line is built once from its source, because {{why}}.
Pulumi's own installer ({INSTALLER}) makes this step unnecessary."""
NOTHING_FOUND = f"""\
The Pulumi command line is missing, which tests and demos need.
  PATH:  {{path}}
  cache: {{cache}}
  build: {{build}}
What to do: install Pulumi {MINIMUM} or newer as {INSTALLER} says, so that `pulumi version` works in this
shell, and run `make setup` again. If a download failed, repair the network and run `make setup` again."""


@dataclass(frozen=True)
class PulumiLocation:
    """A folder with a suitable command line, or the reason why it is missing."""

    folder: Path | None
    why: str


def find_on_path(machine: Machine) -> PulumiLocation:
    """Check the `pulumi` on the user's PATH."""
    pulumi = machine.which("pulumi")
    if pulumi is None:
        return PulumiLocation(None, "PATH lacks pulumi")
    version = machine.output_of([pulumi, "version"], PULUMI_SKIP_UPDATE_CHECK="1")
    if not is_at_least(version, MINIMUM):
        return PulumiLocation(None, f"{pulumi} is {version or 'of an unknown version'}; {MINIMUM} or newer is required")
    for name in COMPANIONS:
        if not machine.which(name) and not (pulumi.resolve().parent / name).is_file():
            return PulumiLocation(None, f"{pulumi} lacks {name}, beside it and on PATH")
    return PulumiLocation(pulumi.parent, f"Pulumi: {pulumi} ({version}), from PATH")


def find_in_cache(machine: Machine, release: Release = NEWEST) -> PulumiLocation:
    """Check the cache for a build of this version from the pinned modules."""
    folder = pulumi_build.place(machine, release)
    if not pulumi_build.is_whole(folder):
        return PulumiLocation(None, f"{folder} is missing or incomplete")
    if not pulumi_build.is_runnable(machine, folder, release):
        return PulumiLocation(None, f"the pulumi in {folder} fails to start")
    return PulumiLocation(folder, f"Pulumi: {folder} ({release.version}), from the cache")


def find(machine: Machine) -> PulumiLocation:
    """Return the command line that the project uses, or the reasons why it is missing."""
    path = find_on_path(machine)
    if path.folder:
        return path
    cache = find_in_cache(machine)
    return cache if cache.folder else PulumiLocation(None, f"{path.why}; {cache.why}")


def find_or_build(machine: Machine) -> Path:
    """Return the folder of a command line; build it if necessary.

    Raises:
        SetupError: The build failed; the message has all reasons and the remedy.
    """
    found = find(machine)
    if found.folder:
        print_message(found.why)
        return found.folder
    path, cache = find_on_path(machine).why, find_in_cache(machine).why
    print_message(BUILD_NEEDED.format(why=path))
    try:
        folder = pulumi_build.build(machine)
    except (SetupError, OSError) as error:
        raise SetupError(NOTHING_FOUND.format(path=path, cache=cache, build=error)) from error
    print_message(f"Pulumi: {folder} ({NEWEST.version}), built now")
    return folder


def find_or_build_release(machine: Machine, release: Release) -> Path:
    """Return the folder of exactly this release from the cache; build it if necessary.

    Raises:
        SetupError: The build failed.
    """
    return find_in_cache(machine, release).folder or pulumi_build.build(machine, release)
