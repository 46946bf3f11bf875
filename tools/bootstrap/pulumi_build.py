"""Build the Pulumi command line from the Go module proxy, for machines that Pulumi's installer cannot reach.

The engine and the Python language host are modules of their own, pinned under `tools/pulumi-cli`. Two scripts
come beside them, as they are in the modules that the builds have downloaded anyway or download for this.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bootstrap import cache, go
from bootstrap.machine import SetupError
from bootstrap.terminal import print_message, run_with_progress

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine import Machine

SDK = "github.com/pulumi/pulumi/sdk/v3"


@dataclass(frozen=True)
class Part:
    """A binary to build, and the script of the same SDK that belongs beside it."""

    folder: str
    binary: str
    package: str
    flags: tuple[str, ...]
    script: str


@dataclass(frozen=True)
class Release:
    """A version of the command line that the tests run with."""

    version: str
    engine: str
    """Folder of the modules that pin it, under `tools/pulumi-cli`."""

    @property
    def parts(self) -> tuple[Part, Part]:
        """What to build: its engine, and the one language host that the proxy serves."""
        engine = Part(
            folder=self.engine,
            binary="pulumi",
            package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            flags=(
                "-tags=osusergo,grpcnotrace",
                f"-ldflags=-s -w -X {SDK}/go/common/version.Version=v{self.version}",
            ),
            script="python/dist/pulumi-resource-pulumi-python",
        )
        return engine, LANGUAGE_HOST


NEWEST = Release("3.276.0", "engine")
"""Built where a machine has no command line of its own."""
OLDEST = Release("3.250.0", "engine-oldest")
"""The oldest that is supported; `make compatibility` runs with both."""
LANGUAGE_HOST = Part(
    folder="language-host",
    binary="pulumi-language-python",
    package=f"{SDK}/python/cmd/pulumi-language-python",
    flags=("-ldflags=-s -w",),
    script="python/cmd/pulumi-language-python-exec",
)
FLAGS = ("-v", "-mod=readonly", "-trimpath")


def place(machine: Machine, release: Release = NEWEST) -> Path:
    """Return where the build belongs: another place as soon as anything it is built from is another."""
    digest = hashlib.sha256()
    for part in release.parts:
        digest.update(repr((part, FLAGS, go.SETTINGS, platform.system(), platform.machine())).encode())
        for name in ("go.mod", "go.sum"):
            digest.update(b"\0" + (_module(machine, part) / name).read_bytes())
    return machine.cache / f"pulumi-{release.version}-{digest.hexdigest()[:16]}"


def is_whole(folder: Path) -> bool:
    """Tell whether all files of a build are there."""
    names = [name for part in NEWEST.parts for name in (part.binary, part.script.rpartition("/")[2])]
    return all((folder / name).is_file() for name in names)


def is_runnable(machine: Machine, folder: Path, release: Release = NEWEST) -> bool:
    """Tell whether a build is whole and its `pulumi` starts."""
    version = machine.output_of([folder / "pulumi", "version"], PULUMI_SKIP_UPDATE_CHECK="1")
    return is_whole(folder) and version == f"v{release.version}"


def build(machine: Machine, release: Release = NEWEST) -> Path:
    """Build into the cache and return the folder.

    Raises:
        CannotGoOnError: A toolchain or a module is unavailable, or the result does not run.
    """
    target, parts = place(machine, release), release.parts
    compiler = go.toolchain(machine, go.directive(_module(machine, parts[0]) / "go.mod"))
    print_message(f"Building Pulumi {release.version} into {target}: 3 to 6 minutes the first time, then never again")
    with cache.fill_atomically(target, lambda folder: is_runnable(machine, folder, release)) as folder:
        for part in parts:
            _build_part(machine, part, compiler, folder)
        if not is_runnable(machine, folder, release):
            raise SetupError(f"The pulumi that was built does not say that it is v{release.version}.")
    go.hint(machine, compiler)
    return target


def _build_part(machine: Machine, part: Part, compiler: Path, folder: Path) -> None:
    log, cwd, env = folder / "log", _module(machine, part), go.environment(machine)
    command = [str(compiler), "build", *FLAGS, *part.flags, "-o", str(folder / part.binary), part.package]
    run_with_progress(f"Building {part.binary}", command, log=log, cwd=cwd, env=env)
    log.unlink()
    # A module's folder in Go's cache is named after its version, which go.mod pins.
    source = machine.output_of([compiler, "-C", cwd, "list", "-m", "-f", "{{.Dir}}", SDK], **go.SETTINGS)
    name = part.script.rpartition("/")[2]
    try:
        shutil.copyfile(f"{source}/{part.script}", folder / name)
    except OSError as error:
        raise SetupError(f"{SDK} has no {part.script}: {error}") from error
    (folder / name).chmod(0o755)


def _module(machine: Machine, part: Part) -> Path:
    return machine.root / "tools/pulumi-cli" / part.folder
