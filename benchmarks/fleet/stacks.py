"""Many stacks of one program, each with a prepared subaccount: `btp-trust fleet rotate` has a swap in each."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet import processes
from fleet.service import Service
from fleet.split import TOGETHER, split_state
from fleet.ways import PROGRAMS, PULUMI, QUICK_DEPLOYMENT
from support.command_line import COMMAND
from support.paths import ROOT
from support.pulumi_project import AS_INSTALLED, PulumiProject

SIGNER, SUCCESSOR = "2026-11", "2028-11"
WAVES: Final = {"canary": 0.1, "test": 0.4, "production": 1.0}
"""{wave: the part of the subaccounts up to its end}"""


@dataclass(frozen=True)
class Stacks:
    """The stacks, and the table of the fleet in the folder of their program."""

    service: Service
    project: PulumiProject

    @property
    def names(self) -> list[str]:
        """The names of subaccounts, connections and stacks."""
        return [each.name for each in self.service.subaccounts]

    @property
    def folder(self) -> Path:
        """The folder of the program and the table."""
        return self.project.program

    @property
    def ledger(self) -> Path:
        """The ledger of the fleet."""
        return self.folder / ".btp-trust/fleet-ledger.jsonl"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of drivers and workers."""
        return {name: value for name, value in self.project.environment.items() if name != "PULUMI_STACK"}

    def declare(self, generation: str, stop_after: int = 1) -> None:
        """Write the table: `generation` signs."""
        ends = [0, *(max(number, round(len(self.names) * part)) for number, part in enumerate(WAVES.values(), 1))]
        waves = [
            {
                "name": wave,
                "subaccounts": self.names[ends[number] : ends[number + 1]],
                "passive": SUCCESSOR,
                "generation": generation,
                "stop_after": stop_after,
                "approval": "none",
            }
            for number, wave in enumerate(WAVES)
        ]
        # JSON is YAML.
        subaccounts = [{"name": name} for name in self.names]
        (self.folder / "fleet.yaml").write_text(json.dumps({"subaccounts": subaccounts, "waves": waves}))

    def restore(self) -> None:
        """Undo a rotation: in the service, in the states, and in the ledger."""
        self.service.restore()
        for folder in (self.folder / ".btp-trust", self.project.folder / "backend"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.project.folder / "prepared", self.project.folder / "backend")

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command of the fleet."""
        return subprocess.Popen(  # noqa: S603 - this project's own command
            [*COMMAND, "fleet", *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def signers(self) -> Mapping[str, list[str | None]]:
        """Return {subaccount: its signers one after the other}, by the journal of the emulator."""
        seen: dict[str | None, list[str | None]] = {each.guid: [each.active] for each in self.service.subaccounts}
        for entry in self.service.emulator.journal():
            for slots in (entry.before, entry.after):
                if slots is not None and seen[entry.subaccount][-1] != slots.active:
                    seen[entry.subaccount].append(slots.active)
        return {each.name: seen[each.guid] for each in self.service.subaccounts}

    def swapped(self) -> int:
        """Return how many subaccounts have been swapped."""
        return sum(len(signers) > 1 for signers in self.signers().values())


def create(service: Service, folder: Path) -> Stacks:
    """Prepare all subaccounts in one deployment, which takes a second for four, and take its stack apart."""
    for each in service.subaccounts:
        service.emulator.delete_passive(each.guid)
    guid = service.subaccounts[0].guid
    project = PulumiProject(folder, service.emulator, guid, stack=TOGETHER, secrets_provider="passphrase")
    project.variables.update(AS_INSTALLED)
    project.create_stack((PROGRAMS / "prepared.py").read_text())
    project.set_config("btp-trust:connectionsFile", str(service.keys))
    stacks = Stacks(service, project)
    stacks.declare(SIGNER)
    processes.run(project.command(*PULUMI["up"]), project.program, {**project.environment, **QUICK_DEPLOYMENT})
    _take_apart(stacks)
    project.write((ROOT / "examples/fleet/__main__.py").read_text())
    stacks.declare(SUCCESSOR)
    return stacks


def _take_apart(stacks: Stacks) -> None:
    project = stacks.project
    (together,) = (project.folder / "backend").rglob(f"stacks/*/{TOGETHER}.json")
    for name, state in split_state(together.read_text(), stacks.names).items():
        together.with_name(f"{name}.json").write_text(state)
        shutil.copy(project.program / f"Pulumi.{TOGETHER}.yaml", project.program / f"Pulumi.{name}.yaml")
    for file in together.parent.glob(f"{TOGETHER}.json*"):
        file.unlink()
    (project.program / f"Pulumi.{TOGETHER}.yaml").unlink()
    shutil.rmtree(project.folder / "backend/.pulumi/backups")
    shutil.copytree(project.folder / "backend", project.folder / "prepared")


def wrong_signers(signers: Mapping[str, Sequence[str | None]]) -> Iterator[str]:
    """Describe each subaccount that was swapped another number of times than once."""
    for name, seen in signers.items():
        if len(seen) != 2:  # noqa: PLR2004 - the one before, and the one after
            yield f"{name}: {len(seen) - 1} swaps"
