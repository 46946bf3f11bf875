"""Where a cell is played: a copy of a stack and of its subaccount, with a way between them that can be interrupted."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from btp_trust_emulator import Action, Emulator, Slots
from support import fake_engine
from support.crash_matrix.counts import Counts, count, held, in_words, meant_to_go, shape
from support.crash_matrix.dry_run import act
from support.crash_matrix.operations import Operation, Provider, Wanted
from support.crash_matrix.resume import End, resume
from support.crash_matrix.surroundings import CONNECTION, dress, enter, move, trusted
from support.intercepting_proxy import Moment, Way, crossing
from support.paths import ROOT
from support.pulumi_project import Project
from support.verification import NAMED, PRIVATE

KEY_SIZE = 1024
WATCHED = "2"
"""Seconds for which the slots are watched after a lost answer (btp-trust:settleTimeout); the emulator is never late."""
ADDRESSES = {"uri", "url", "apiurl"}
NAIVE = ROOT / "tests/support/naive_provider.py"


@dataclass(frozen=True)
class Base:
    """A stack directly before an operation."""

    provider: Provider
    operation: Operation
    folder: Path
    guid: str
    other: str
    """Another subaccount, "" if there is none."""
    before: Slots
    requests: tuple[str, ...] = ()
    """What it sends undisturbed."""

    @property
    def reverted(self) -> str | None:
        """The program that an operation which ends in a refusal is to be reverted to."""
        last = self.operation.before[-1] if self.operation.is_refused else None
        return self.provider.text(last, None) if isinstance(last, Wanted) else None


@dataclass(frozen=True)
class Stage:
    """A copy of a base."""

    base: Base
    project: Project
    way: Way

    @property
    def slots(self) -> Slots:
        """What the slots hold now."""
        return self.project.emulator.slots(self.project.guid)

    @property
    def trusted(self) -> tuple[str, ...]:
        """What the other subaccount trusts now, in words of what the slots held before."""
        return in_words(self.base.before, trusted(self.project.emulator, self.base.other))

    @property
    def counts(self) -> Counts:
        """What has happened to the subaccount so far."""
        own = [entry for entry in self.project.emulator.journal() if entry.subaccount == self.base.guid]
        return count(self.base.operation, self.base.before, own)


def recorded(provider: Provider, operation: Operation, folder: Path) -> Base:
    """Bring a stack to the operation, and play the operation once on a copy, undisturbed."""
    base = begin(provider, operation, folder / "base")
    with copied(base, folder / "undisturbed") as stage:
        if provider is Provider.OURS:
            _assert_announced(base, stage.project)
        stage.way.passed.clear()
        status = 1 if operation.is_refused else 0
        said = stage.project.pulumi(operation.command, "--yes", "--skip-preview", status=status)
        requests, end, counts = tuple(stage.way.passed), shape(base.before, stage.slots), stage.counts
        assert stage.trusted == operation.trusted
        assert provider is Provider.NAIVE or resume(stage.project, said, base.reverted) == End()
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
        move(base.operation.scene, emulator, base.guid)
        yield Stage(base, _project(base, folder, emulator, way.url), way)
    shutil.rmtree(folder)


def begin(provider: Provider, operation: Operation, folder: Path) -> Base:
    """Bring a stack to the operation."""
    (folder / "program").mkdir(parents=True)
    shutil.copy(NAIVE, folder / "program")
    with Emulator(socket=True, key_size=KEY_SIZE, state=folder / "emulator.json") as emulator:
        guid = emulator.create_subaccount(generate=not operation.begins_empty).guid
        base = Base(provider, operation, folder, guid, enter(operation.scene, emulator), emulator.slots(guid))
        project = _project(base, folder, emulator, emulator.url)
        project.begin(provider.text(operation.change, None))
        project.pulumi("config", "set", "btp-trust:settleTimeout", WATCHED)
        for step in operation.before:
            emulator.advance(fake_engine.HOUR)
            if isinstance(step, Action):
                act(emulator, guid, step)
            else:
                project.deploy(provider.text(step, None))
        emulator.advance(fake_engine.HOUR)
        dress(operation.scene, emulator, guid)
        slots = emulator.slots(guid)
        project.write(provider.text(operation.change, slots.active))
    return replace(base, before=slots)


def _project(base: Base, folder: Path, emulator: Emulator, url: str) -> Project:
    """Lend the stack service keys that lead by this address, to the token services too, and a user.

    A secret in the configuration would be encrypted anew in each state: no two cells would leave the same behind.
    """
    keys = {"BTP_TRUST_SERVICE_KEY": emulator.service_key(base.guid)}
    if base.other:
        keys[f"BTP_TRUST_SERVICE_KEY_{CONNECTION.upper()}"] = emulator.api_access_key(base.other)
    variables = {name: json.dumps(_led(key, emulator.url, url)) for name, key in keys.items()}
    variables |= {"PULUMI_STACK": "dev", **({"BTP_TRUST_USER": NAMED} if base.operation.scene.is_target else {})}
    secrets = PRIVATE | {key["clientsecret"] for key in keys.values()}
    return Project(folder, emulator, base.guid, variables=variables, known_secrets=secrets)


def _led(key: dict[str, str], old: str, new: str) -> dict[str, str]:
    return {name: value.replace(old, new) if name in ADDRESSES else value for name, value in key.items()}


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
