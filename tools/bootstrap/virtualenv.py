"""Install the locked dependencies into `.venv`.

uv compares what is there with the lock file each time, which takes a moment and also repairs a
`.venv` that was changed by hand.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import cache
from bootstrap.machine import SetupError
from bootstrap.terminal import print_message
from bootstrap.versions import is_at_least

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstrap.machine import Machine

UV_VERSION = "0.13.9"
UV_MINIMUM = "0.8.0"  # reads the format of the lock file and knows dependency groups
PYTHON_MINIMUM = "3.11"
_OPTIONS = ("--frozen", "--no-python-downloads", "--compile-bytecode")
SYNC = ("sync", *_OPTIONS, "--all-extras", "--group", "dev")
SYNC_PROGRAMS = ("sync", *_OPTIONS, "--no-default-groups", "--group", "programs")
"""Into the environment of programs: the dependencies that a user installs, and pip."""
CLEARED_VARIABLES = ("VIRTUAL_ENV", "UV_PYTHON", "UV_PROJECT", "UV_NO_DEV", "UV_NO_SYNC")
NO_UV = f"""\
There is no uv to install the locked dependencies with.
  PATH: {{path}}
  PyPI: {{pypi}}
What to do: if a download failed, repair the network and run `make setup` again. If `python3 -m venv` failed, install
what it asks for. Or install uv {UV_MINIMUM} or newer yourself, as https://docs.astral.sh/uv/ says."""
REFUSAL = """\
The locked dependencies were not installed: `uv sync` ended with {code}; its output is above.
What to do: if the network or the package index failed, run `make setup` again. If the lock file does not fit
pyproject.toml, run `uv lock`. If .venv is damaged, remove that folder and run `make setup` again."""


def working_python(machine: Machine) -> Path | None:
    """Return the Python of `.venv` if it runs and is new enough."""
    python = machine.venv / "bin/python"
    return python if is_at_least(machine.output_of([python, "--version"]), PYTHON_MINIMUM) else None


def uv(machine: Machine) -> Path:
    """Return uv from PATH if it is new enough, else a pinned one from the cache."""
    found = machine.which("uv")
    if found and is_at_least(machine.output_of([found, "--version"]), UV_MINIMUM):
        print_message(f"uv: {found}, from PATH")
        return found
    lack = f"{found} is older than {UV_MINIMUM}" if found else "PATH lacks uv"
    print_message(f"uv: {lack}, taking uv {UV_VERSION}")
    try:
        return cache.from_pypi(machine, "uv", UV_VERSION, "bin/uv")
    except (SetupError, OSError) as error:
        raise SetupError(NO_UV.format(path=lack, pypi=error)) from error


def uv_environment(machine: Machine, venv: Path) -> dict[str, str]:
    """Return the environment of uv: `venv`, and installed Pythons only. Other settings, such as an index, stay."""
    kept = {key: value for key, value in machine.env.items() if key not in CLEARED_VARIABLES}
    return {**kept, "UV_PROJECT_ENVIRONMENT": str(venv), "UV_PYTHON_DOWNLOADS": "never"}


def sync(machine: Machine) -> None:
    """Synchronize `.venv` with the lock file; a working one keeps its Python.

    Raises:
        SetupError: uv is missing or failed.
    """
    _sync(machine, SYNC, machine.venv, working_python(machine) or Path(sys.executable))


def sync_programs(machine: Machine) -> None:
    """Synchronize the environment of programs, by the Python of `.venv`: a plugin there starts as fast as a user's.

    Raises:
        SetupError: uv is missing or failed.
    """
    _sync(machine, SYNC_PROGRAMS, machine.programs_venv, working_python(machine) or Path(sys.executable))


def _sync(machine: Machine, words: Sequence[str], venv: Path, python: Path) -> None:
    command = [str(uv(machine)), *words, "--python", str(python)]
    print_message(f"  $ {shlex.join(command)}")
    # The output of uv goes to stderr, because stdout is reserved for results.
    done = subprocess.run(command, cwd=machine.root, env=uv_environment(machine, venv), stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise SetupError(REFUSAL.format(code=done.returncode))
