"""The commands of `tools/setup.py`: set up, print the folder of Pulumi, run a command with both, audit."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import audit, pulumi_cli, virtualenv
from bootstrap.machine import Machine, SetupError
from bootstrap.terminal import print_message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
# Without bytecode, each Python of each Pulumi command would compile the whole SDK anew, which takes a second.
DROPPED_VARIABLES = ("PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
NOT_SET_UP = "This checkout needs its setup: {lack}.\nWhat to do: run `make setup`."


def setup(machine: Machine, _: Sequence[str]) -> None:
    """Install the dependencies, and find or build the Pulumi command line."""
    virtualenv.sync(machine)
    pulumi_cli.find_or_build(machine)


def setup_programs(machine: Machine, _: Sequence[str]) -> None:
    """Install what a Pulumi program needs into an environment of its own, for tests."""
    virtualenv.sync_programs(machine)


def pulumi_path(machine: Machine, _: Sequence[str]) -> None:
    """Print the folder of the Pulumi command line on stdout, alone."""
    print(pulumi_cli.find_or_build(machine))


def run(machine: Machine, command: Sequence[str]) -> NoReturn:
    """Execute the command, with `.venv` and then the Pulumi command line first on PATH."""
    env = environment(machine)
    # A background job of a shell ignores SIGINT, and so do its children. Pulumi interrupts its plugins when
    # a command ends, and waits five seconds for each that ignores it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        os.execvpe(command[0], list(command), env)  # noqa: S606 - the caller's own command, without a shell
    except OSError as error:
        raise SetupError(f"`{command[0]}` fails to start: {error}") from error


def audit_packages(machine: Machine, _: Sequence[str]) -> None:
    """Check the lock file, and the locked packages for known vulnerabilities."""
    audit.audit(machine)


def environment(machine: Machine) -> dict[str, str]:
    """Return the environment in which the project's commands run."""
    pulumi = pulumi_cli.find(machine)
    if not pulumi.folder:
        raise SetupError(NOT_SET_UP.format(lack=pulumi.why))
    if not virtualenv.working_python(machine):
        raise SetupError(NOT_SET_UP.format(lack=f"{machine.venv} lacks a working Python"))
    first = [str(machine.venv / "bin"), str(pulumi.folder), machine.env.get("PATH", os.defpath)]
    kept = {key: value for key, value in machine.env.items() if key not in DROPPED_VARIABLES}
    return {**kept, "PATH": os.pathsep.join(first), "VIRTUAL_ENV": str(machine.venv)}


COMMANDS: dict[str, Callable[[Machine, Sequence[str]], None]] = {
    "setup": setup,
    "setup-programs": setup_programs,
    "pulumi-path": pulumi_path,
    "run": run,
    "audit": audit_packages,
}


def main(words: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="tools/setup.py", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("words", nargs=argparse.REMAINDER, help="for `run`: the command to run")
    chosen = parser.parse_args(words)
    if chosen.command == "run" and not chosen.words:
        parser.error("`run` needs a command to run")
    # Treat SIGTERM as an interruption, so that unfinished folders are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended while setting up; run `make setup` again."))
    try:
        COMMANDS[chosen.command](Machine(ROOT, dict(os.environ)), chosen.words)
    except KeyboardInterrupt:
        print_message("Interrupted. `make setup` continues where necessary.")
        return 130
    except SetupError as error:
        print_message(str(error))
        return 1
    return 0
