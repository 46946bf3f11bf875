"""The ways that are compared: a program in Pulumi with one kind of resources, or a script."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from fleet import processes
from fleet.processes import FinishedCommand
from fleet.service import Service
from support.paths import ROOT
from support.pulumi_project import AS_INSTALLED, PulumiProject, program_environment

PROGRAMS = ROOT / "benchmarks/fleet/programs"
SIGNER, SUCCESSOR = "a", "b"
PULUMI: Final[dict[str, tuple[str, ...]]] = {
    "preview": ("preview", "--expect-no-changes"),
    "up": ("up", "--yes", "--skip-preview"),
    "refresh": ("refresh", "--yes", "--skip-preview", "--expect-no-changes", "--parallel", "64"),
}
"""The commands that are measured: without changes; one that rotates all; without changes.

A change that nobody asked for fails the command: the engine serializes its whole state for each one, in a preview too.
"""
SCRIPT: Final[dict[str, tuple[str, ...]]] = {"preview": (), "up": ("rotate",)}
"""What the script does in their place."""
QUICK_DEPLOYMENT = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
"""Let the engine save its state once, at the end. Only the deployment that prepares a measurement may do so."""


class Stage(Protocol):
    """A way that is ready to be measured with a number of subaccounts."""

    @property
    def deployment(self) -> FinishedCommand | None:
        """The deployment before it."""

    def run(self, command: str) -> FinishedCommand:
        """Run a command; raises CommandFailed."""

    def restore(self) -> None:
        """Undo what it has changed, except in the service."""


@dataclass(frozen=True)
class Way:
    """A way to do the same: its key in the results, its title, its program, and settings of the stack.

    `{keys}` in a setting stands for the folder of service keys.
    """

    name: str
    title: str
    program: str
    uses_pulumi: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
    sends_requests: bool = True

    @property
    def commands(self) -> Mapping[str, tuple[str, ...]]:
        """The words of each command that is measured."""
        return PULUMI if self.uses_pulumi else SCRIPT

    def stage(self, service: Service, number: int, folder: Path) -> Stage:
        """Prepare this way for the first subaccounts of the service, as they were at first."""
        service.restore()  # the last measurement of another way may have swapped
        if not self.uses_pulumi:
            return ScriptStage(self, {**program_environment(), **_variables(service, number)}, folder)
        project = PulumiProject(folder, service.emulator, service.subaccounts[0].guid, secrets_provider="passphrase")
        project.variables.update(AS_INSTALLED | _variables(service, number) | {"FLEET_SIGNER": SIGNER})
        return PulumiStage.deploy(self, project, service)


KEYS: Final = {"btp-trust:connectionsFile": "{keys}"}
"""The settings of this provider. The other programs read the keys of that folder themselves."""
OURS, IN_SERIES, EMPTY = "btp-trust", "btp-trust-in-series", "empty"
WAYS: Final = {
    way.name: way
    for way in (
        Way(OURS, "btp-trust", "ours", settings=KEYS),
        Way(IN_SERIES, "btp-trust, read-ahead off", "ours", settings={**KEYS, "btp-trust:readAhead": "0"}),
        Way("naive", "naive provider", "naive"),
        Way("curl", "curl in a resource", "curl"),
        Way("script", "script in series", "script", uses_pulumi=False),
        Way(EMPTY, "empty resources", "empty", sends_requests=False),
    )
}
"""All ways by name."""


@dataclass(frozen=True)
class ScriptStage:
    """The script, which keeps no state."""

    way: Way
    environment: Mapping[str, str]
    folder: Path
    deployment: None = None

    def run(self, command: str) -> FinishedCommand:
        """Run the script."""
        program = PROGRAMS / f"{self.way.program}.py"
        words = [sys.executable, str(program), *self.way.commands[command]]
        return processes.run(words, self.folder, self.environment)

    def restore(self) -> None:
        """Keep everything."""


@dataclass(frozen=True)
class PulumiStage:
    """A stack that has been deployed."""

    way: Way
    project: PulumiProject
    deployment: FinishedCommand

    @classmethod
    def deploy(cls, way: Way, project: PulumiProject, service: Service) -> PulumiStage:
        """Deploy the program once, and keep the state that this has."""
        project.create_stack((PROGRAMS / f"{way.program}.py").read_text())
        for key, value in way.settings.items():
            project.set_config(key, value.format(keys=service.keys))
        environment = {**project.environment, **QUICK_DEPLOYMENT}
        deployment = processes.run(project.command(*PULUMI["up"]), project.program, environment)
        shutil.copytree(project.folder / "backend", project.folder / "deployed")
        return cls(way, project, deployment)

    def run(self, command: str) -> FinishedCommand:
        """Run a command of Pulumi; `up` declares the successor."""
        signer = SUCCESSOR if command == "up" else SIGNER
        environment = {**self.project.environment, "FLEET_SIGNER": signer}
        return processes.run(self.project.command(*self.way.commands[command]), self.project.program, environment)

    def restore(self) -> None:
        """Restore the state of the deployment."""
        shutil.rmtree(self.project.folder / "backend")
        shutil.copytree(self.project.folder / "deployed", self.project.folder / "backend")


def _variables(service: Service, number: int) -> dict[str, str]:
    return {"FLEET_SUBACCOUNTS": str(service.list_first(number)), "FLEET_KEYS": str(service.keys)}
