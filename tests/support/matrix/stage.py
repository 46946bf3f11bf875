"""Where a cell is played: a copy of a stack and of its subaccount, with a way between them that can be interrupted."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import twin
from crossing import Moment, Way, crossing

from btp_trust_emulator import Action, Emulator, Slots
from matrix.counts import count, held, meant_to_go, shape
from matrix.operations import Operation, Provider
from matrix.rehearsal import act
from project import ROOT, Project

KEY_SIZE = 1024
WATCHED = "2"
"""Seconds for which the slots are watched after a lost answer (btp-trust:settleTimeout); the emulator is never late."""
NAIVE = ROOT / "tests/naive/naive.py"


@dataclass(frozen=True)
class Base:
    """A stack directly before an operation."""

    provider: Provider
    operation: Operation
    folder: Path
    guid: str
    before: Slots
    requests: tuple[str, ...] = ()
    """What it sends undisturbed."""


@dataclass(frozen=True)
class Stage:
    """A copy of a base."""

    project: Project
    way: Way

    @property
    def slots(self) -> Slots:
        """What the slots hold now."""
        return self.project.emulator.slots(self.project.guid)


def recorded(provider: Provider, operation: Operation, folder: Path) -> Base:
    """Bring a stack to the operation, and play the operation once on a copy, undisturbed."""
    base = begin(provider, operation, folder / "base")
    with copied(base, folder / "undisturbed") as stage:
        if provider is Provider.OURS:
            _assert_announced(base, stage.project)
        stage.way.passed.clear()
        stage.project.pulumi(operation.command, "--yes", "--skip-preview")
        requests, end = tuple(stage.way.passed), shape(base.before, stage.slots)
        counts = count(operation, base.before, stage.project.emulator.journal())
        assert provider is Provider.NAIVE or stage.project.is_settled()
    assert (end, counts.swaps, counts.mints) == (operation.end, operation.swaps, operation.mints)
    assert not counts.lost
    return replace(base, requests=requests)


@contextlib.contextmanager
def copied(base: Base, folder: Path, stop: Moment | None = None) -> Iterator[Stage]:
    """Copy a base: the program, the state of Pulumi, and that of the emulator, whose journal begins anew."""
    shutil.copytree(base.folder, folder)
    with (
        Emulator(socket=True, key_size=KEY_SIZE, state=folder / "emulator.json") as emulator,
        crossing(emulator.url, stop) as way,
    ):
        yield Stage(_project(folder, emulator, base.guid, way.url), way)
    shutil.rmtree(folder)


def begin(provider: Provider, operation: Operation, folder: Path) -> Base:
    """Bring a stack to the operation."""
    (folder / "program").mkdir(parents=True)
    shutil.copy(NAIVE, folder / "program")
    with Emulator(socket=True, key_size=KEY_SIZE, state=folder / "emulator.json") as emulator:
        guid = emulator.create_subaccount(generate=not operation.begins_empty).guid
        project = _project(folder, emulator, guid, emulator.url)
        project.begin(provider.text(operation.change, None))
        project.pulumi("config", "set", "btp-trust:settleTimeout", WATCHED)
        for step in operation.before:
            emulator.advance(twin.HOUR)
            if isinstance(step, Action):
                act(emulator, guid, step)
            else:
                project.deploy(provider.text(step, None))
        emulator.advance(twin.HOUR)
        slots = emulator.slots(guid)
        project.write(provider.text(operation.change, slots.active))
    return Base(provider, operation, folder, guid, slots)


def _project(folder: Path, emulator: Emulator, guid: str, url: str) -> Project:
    """Lend the stack a service key that leads by this address, to the token service too."""
    key = emulator.service_key(guid)
    led = {**key, "uri": url, "url": key["url"].replace(emulator.url, url)}
    variables = {"BTP_TRUST_SERVICE_KEY": json.dumps(led), "PULUMI_STACK": "dev"}
    return Project(folder, emulator, guid, variables=variables, known_secrets={key["clientsecret"]})


def _assert_announced(base: Base, project: Project) -> None:
    """The preview names whatever certificate the operation replaces or deletes, and no other certificate goes."""
    if base.operation.command != "up":
        return
    preview = json.loads(project.pulumi("preview", "--json").text)
    inputs = [step["newState"].get("inputs", {}) for step in preview["steps"] if "newState" in step]
    said = [each["message"] for each in preview.get("diagnostics", []) if "is deleted" in each["message"]]
    named = json.dumps([said, *([each.get("replaces"), each.get("renew_fingerprint")] for each in inputs)])
    announced = {each for each in held(base.before) if each[:8] in named}
    assert announced == meant_to_go(base.operation, base.before), preview
