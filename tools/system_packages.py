"""Install the programs that tests use and PyPI lacks: Debian's packages, where root runs this on Debian.

A test whose program is missing is skipped, and says so; so the checks go on where this fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bootstrap.machine import Machine, SetupError
from bootstrap.terminal import print_message

PACKAGES = {"chromium": "chromium", "promtool": "prometheus"}
"""{command: the package of Debian that has it}"""
INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends")
SETTINGS = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
"""Ask nothing; start no service, for tests need the commands alone."""
BY_HAND = """\
Tests that need {commands} will be skipped: {why}.
What to do: run `sudo {install}` on Debian or Ubuntu; elsewhere install {commands} as your system does."""


def missing(machine: Machine) -> list[str]:
    """Return the commands that PATH lacks."""
    return [command for command in PACKAGES if machine.which(command) is None]


def obstacle(machine: Machine, user: int) -> str | None:
    """Return why the packages cannot be installed here, if so."""
    if machine.which("apt-get") is None:
        return "this system lacks apt-get"
    return None if user == 0 else "only root may install packages"


def install(machine: Machine, user: int) -> None:
    """Install what is missing.

    Raises:
        SetupError: This user or this system cannot, or the installation failed.
    """
    commands = missing(machine)
    if not commands:
        print_message(f"system packages: {', '.join(PACKAGES)} are there")
        return
    packages = [PACKAGES[command] for command in commands]
    why = obstacle(machine, user) or _run_apt(machine, packages)
    if why is not None:
        by_hand = " ".join(["apt-get", "install", *packages])
        raise SetupError(BY_HAND.format(commands=" and ".join(commands), why=why, install=by_hand))


def _run_apt(machine: Machine, packages: list[str]) -> str | None:
    """Install packages; return why that failed, if so."""
    for command in (("apt-get", "update"), (*INSTALL, *packages)):
        print_message(f"  $ {' '.join(command)}")
        done = subprocess.run(command, env={**machine.env, **SETTINGS}, stdout=sys.stderr, check=False)
        if done.returncode != 0:
            return f"`{' '.join(command)}` ended with {done.returncode}"
    return None


def main() -> int:
    """Install what is missing; end with 1 if that failed."""
    machine = Machine(Path(__file__).resolve().parent.parent, os.environ)
    try:
        install(machine, os.geteuid())
    except SetupError as error:
        print_message(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
