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
from support.crash_matrix.counts import Counts, certificates_in, count, expected_losses, in_words, slots_in_words
from support.crash_matrix.dry_run import perform_cockpit_action
from support.crash_matrix.operations import DeclaredProgram, Operation, ProviderKind
from support.crash_matrix.resume import ResumeResult, resume
from support.crash_matrix.surroundings import (
    CONNECTION,
    create_other_subaccount,
    create_surroundings,
    relocate_target,
    trusted,
)
from support.intercepting_proxy import Boundary, InterceptingProxy, intercept
from support.paths import ROOT
from support.pulumi_project import PulumiProject
from support.verification import PRIVATE_TEXTS, USER_CONFIG

KEY_SIZE = 1024
SETTLE_TIMEOUT = "2"
"""Seconds for which the slots are watched after a lost answer (btp-trust:settleTimeout); the emulator is never late."""
ADDRESSES = {"uri", "url", "apiurl"}
NAIVE = ROOT / "tests/support/naive_provider.py"


@dataclass(frozen=True)
class PreparedStack:
    """A stack directly before an operation."""

    provider: ProviderKind
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
        return self.provider.text(last, None) if isinstance(last, DeclaredProgram) else None


@dataclass(frozen=True)
class Workspace:
    """A copy of a base."""

    base: PreparedStack
    project: PulumiProject
    proxy: InterceptingProxy

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


def prepare_and_record_requests(provider: ProviderKind, operation: Operation, folder: Path) -> PreparedStack:
    """Bring a stack to the operation, and play the operation once on a copy, undisturbed."""
    base = create_stack(provider, operation, folder / "base")
    with copy_stack(base, folder / "undisturbed") as workspace:
        if provider is ProviderKind.OURS:
            _assert_announced(base, workspace.project)
        workspace.proxy.requests_seen.clear()
        status = 1 if operation.is_refused else 0
        said = workspace.project.pulumi(operation.command, "--yes", "--skip-preview", status=status)
        requests, end, counts = (
            tuple(workspace.proxy.requests_seen),
            slots_in_words(base.before, workspace.slots),
            workspace.counts,
        )
        assert workspace.trusted == operation.trusted
        assert provider is ProviderKind.NAIVE or resume(workspace.project, said, base.reverted) == ResumeResult()
    assert (end, counts.swaps, counts.generated) == (operation.end, operation.swaps, operation.generated)
    assert not counts.lost
    return replace(base, requests=requests)


@contextlib.contextmanager
def copy_stack(base: PreparedStack, folder: Path, stop: Boundary | None = None) -> Iterator[Workspace]:
    """Copy a base: the program, the state of Pulumi, and that of the emulator, whose journal begins anew."""
    shutil.copytree(base.folder, folder)
    with (
        Emulator(socket=True, key_size=KEY_SIZE, state=folder / "emulator.json") as emulator,
        intercept(emulator.url, stop) as proxy,
    ):
        relocate_target(base.operation.surroundings, emulator, base.guid)
        yield Workspace(base, _project(base, folder, emulator, proxy.url), proxy)
    shutil.rmtree(folder)


def create_stack(provider: ProviderKind, operation: Operation, folder: Path) -> PreparedStack:
    """Bring a stack to the operation."""
    (folder / "program").mkdir(parents=True)
    shutil.copy(NAIVE, folder / "program")
    with Emulator(socket=True, key_size=KEY_SIZE, state=folder / "emulator.json") as emulator:
        guid = emulator.create_subaccount(generate=not operation.starts_empty).guid
        base = PreparedStack(
            provider,
            operation,
            folder,
            guid,
            create_other_subaccount(operation.surroundings, emulator),
            emulator.slots(guid),
        )
        project = _project(base, folder, emulator, emulator.url)
        project.create_stack(provider.text(operation.change, None))
        project.pulumi("config", "set", "btp-trust:settleTimeout", SETTLE_TIMEOUT)
        for step in operation.before:
            emulator.advance(fake_engine.HOUR)
            if isinstance(step, Action):
                perform_cockpit_action(emulator, guid, step)
            else:
                project.deploy(provider.text(step, None))
        emulator.advance(fake_engine.HOUR)
        create_surroundings(operation.surroundings, emulator, guid)
        slots = emulator.slots(guid)
        project.write(provider.text(operation.change, slots.active))
    return replace(base, before=slots)


def _project(base: PreparedStack, folder: Path, emulator: Emulator, url: str) -> PulumiProject:
    """Lend the stack service keys that lead by this address, to the token services too, and a user.

    A secret in the configuration would be encrypted anew in each state: no two cells would leave the same behind.
    """
    keys = {"BTP_TRUST_SERVICE_KEY": emulator.service_key(base.guid)}
    if base.other:
        keys[f"BTP_TRUST_SERVICE_KEY_{CONNECTION.upper()}"] = emulator.api_access_key(base.other)
    variables = {name: json.dumps(_with_base_url(key, emulator.url, url)) for name, key in keys.items()}
    variables |= {
        "PULUMI_STACK": "dev",
        **({"BTP_TRUST_USER": USER_CONFIG} if base.operation.surroundings.is_target else {}),
    }
    secrets = PRIVATE_TEXTS | {key["clientsecret"] for key in keys.values()}
    return PulumiProject(folder, emulator, base.guid, variables=variables, known_secrets=secrets)


def _with_base_url(key: dict[str, str], old: str, new: str) -> dict[str, str]:
    return {name: value.replace(old, new) if name in ADDRESSES else value for name, value in key.items()}


def _assert_announced(base: PreparedStack, project: PulumiProject) -> None:
    """The preview names whatever certificate the operation replaces or deletes, and no other certificate goes."""
    if base.operation.command != "up":
        return
    preview = json.loads(project.pulumi("preview", "--json").text)
    inputs = [step["newState"].get("inputs", {}) for step in preview["steps"] if "newState" in step]
    said = [each["message"] for each in preview.get("diagnostics", []) if "is deleted" in each["message"]]
    named = json.dumps([said, *([each.get("replaces"), each.get("renew_fingerprint")] for each in inputs)])
    announced = {each for each in certificates_in(base.before) if each[:8] in named}
    assert announced == expected_losses(base.operation, base.before), preview
