"""The workspace of a cell: a copy of a stack and of its subaccount, with an intercepting proxy between them."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from btp_trust_emulator import Action, Emulator, Slots
from support import fake_engine
from support.crash_matrix.counts import (
    Counts,
    certificates_in,
    count_changes,
    expected_losses,
    in_words,
    slots_in_words,
)
from support.crash_matrix.operations import DeclaredProgram, Operation, ProviderKind
from support.crash_matrix.residue import residue
from support.crash_matrix.resume import ResumeResult, resume
from support.crash_matrix.surroundings import (
    connections,
    create_surroundings,
    create_trusting,
    relocate_target,
    trusted_certificates,
)
from support.crash_matrix.uninterrupted_run import perform_cockpit_action
from support.intercepting_proxy import Boundary, InterceptingProxy, intercept
from support.paths import ROOT
from support.pulumi_project import PulumiProject
from support.verification import PRIVATE_TEXTS, USER_CONFIG

KEY_SIZE = 1024
POLL_SECONDS = "2"
"""Seconds of polling after a lost answer (btp-trust:resolveTimeout); the emulator shows changes at once."""
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
    """GUID of another subaccount, name of a tenant, or ""."""
    before: Slots
    url: str = ""
    """Address of the emulator in the state, where a communication system belongs to it."""
    requests: tuple[str, ...] = ()
    """Requests of an undisturbed run."""

    @property
    def reverted(self) -> str | None:
        """The program before an operation that ends in a rejection."""
        return self._program_before()

    @property
    def restored(self) -> str | None:
        """The same, which restores the declared signer."""
        return self._program_before(on_drift="restore")

    def _program_before(self, **arguments: Any) -> str | None:
        last = self.operation.before[-1] if self.operation.is_rejected else None
        return self.provider.text(replace(last, **arguments), None) if isinstance(last, DeclaredProgram) else None


@dataclass(frozen=True)
class Workspace:
    """A copy of a prepared stack."""

    prepared: PreparedStack
    project: PulumiProject
    proxy: InterceptingProxy

    @property
    def slots(self) -> Slots:
        """The slots now."""
        return self.project.emulator.slots(self.project.guid)

    @property
    def trusted_certificates(self) -> list[str]:
        """The certificates that the other subaccount or the communication system trusts now."""
        prepared = self.prepared
        return trusted_certificates(prepared.operation.surroundings, self.project.emulator, prepared.other)

    @property
    def trusted(self) -> tuple[str, ...]:
        """The same in words of the slots before."""
        return in_words(self.prepared.before, self.trusted_certificates)

    @property
    def residue(self) -> str:
        """Everything that a resumed command can observe. Only the address differs from copy to copy."""
        text = residue(self.project, self.prepared.before, self.counts, self.trusted)
        return text.replace(self.proxy.url, "the service")

    @property
    def counts(self) -> Counts:
        """The changes of the subaccount so far."""
        own = [entry for entry in self.project.emulator.journal() if entry.subaccount == self.prepared.guid]
        return count_changes(self.prepared.operation, self.prepared.before, own)


def prepare_and_record_requests(provider: ProviderKind, operation: Operation, folder: Path) -> PreparedStack:
    """Prepare a stack for the operation, and run the operation once on a copy, undisturbed."""
    prepared = create_stack(provider, operation, folder / "base")
    with copy_stack(prepared, folder / "undisturbed") as workspace:
        if provider is ProviderKind.OURS:
            _assert_announced(prepared, workspace.project)
        workspace.proxy.requests_seen.clear()
        status = 1 if operation.is_rejected else 0
        output = workspace.project.pulumi(operation.command, "--yes", "--skip-preview", status=status)
        requests, end, counts = (
            tuple(workspace.proxy.requests_seen),
            slots_in_words(prepared.before, workspace.slots),
            workspace.counts,
        )
        assert workspace.trusted == operation.trusted
        assert provider is ProviderKind.NAIVE or resume(workspace.project, output, prepared.reverted) == ResumeResult()
    assert (end, counts.swaps, counts.generated) == (operation.end, operation.swaps, operation.generated)
    assert not counts.lost
    return replace(prepared, requests=requests)


@contextlib.contextmanager
def copy_stack(prepared: PreparedStack, folder: Path, stop: Boundary | None = None) -> Iterator[Workspace]:
    """Copy the program, the state of Pulumi and the state of the emulator, which starts a new journal."""
    shutil.copytree(prepared.folder, folder)
    with (
        Emulator(socket=True, key_size=KEY_SIZE, state=folder / "emulator.json") as emulator,
        intercept(emulator.url, stop) as proxy,
    ):
        relocate_target(prepared.operation.surroundings, emulator, prepared.guid)
        _relocate_state(folder, prepared.url, proxy.url)
        yield Workspace(prepared, _project(prepared, folder, emulator, proxy.url), proxy)
    shutil.rmtree(folder)


def _relocate_state(folder: Path, old: str, new: str) -> None:
    """Let the state name another address: a communication system stays in its tenant."""
    for file in (folder / "backend/.pulumi/stacks").rglob("*.json"):
        file.write_text(file.read_text().replace(old, new))


def create_stack(provider: ProviderKind, operation: Operation, folder: Path) -> PreparedStack:
    """Deploy the steps before the operation, and write its program."""
    (folder / "program").mkdir(parents=True)
    shutil.copy(NAIVE, folder / "program")
    with Emulator(socket=True, key_size=KEY_SIZE, state=folder / "emulator.json") as emulator:
        guid = emulator.create_subaccount(generate=not operation.starts_empty).guid
        prepared = PreparedStack(
            provider,
            operation,
            folder,
            guid,
            create_trusting(operation.surroundings, emulator, guid),
            emulator.slots(guid),
            emulator.url,
        )
        project = _project(prepared, folder, emulator, emulator.url)
        project.create_stack(provider.text(operation.change, None))
        project.set_config("btp-trust:resolveTimeout", POLL_SECONDS)
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
    return replace(prepared, before=slots)


def _project(prepared: PreparedStack, folder: Path, emulator: Emulator, url: str) -> PulumiProject:
    """Return the project with a user and with service keys whose URLs start with this address.

    They are environment variables: a secret in the configuration would be encrypted differently in each state, so that
    all residues would differ.
    """
    keys = {"BTP_TRUST_SERVICE_KEY": emulator.service_key(prepared.guid)}
    surroundings = prepared.operation.surroundings
    kind = "COMMUNICATION_USER" if surroundings.has_system else "SERVICE_KEY"
    for name, key in connections(surroundings, emulator, prepared.other).items():
        keys[f"BTP_TRUST_{kind}_{name.upper()}"] = key
    variables = {name: json.dumps(_with_base_url(key, emulator.url, url)) for name, key in keys.items()}
    variables |= {
        "PULUMI_STACK": "dev",
        **({"BTP_TRUST_USER": USER_CONFIG} if surroundings.is_target else {}),
    }
    secrets = PRIVATE_TEXTS | {key.get("clientsecret") or key["password"] for key in keys.values()}
    return PulumiProject(folder, emulator, prepared.guid, variables=variables, known_secrets=secrets)


def _with_base_url(key: dict[str, str], old: str, new: str) -> dict[str, str]:
    return {name: value.replace(old, new) if name in ADDRESSES else value for name, value in key.items()}


def _assert_announced(prepared: PreparedStack, project: PulumiProject) -> None:
    """Assert that the preview names exactly the certificates that the operation replaces or deletes."""
    if prepared.operation.command != "up":
        return
    preview = json.loads(project.pulumi("preview", "--json").text)
    inputs = [step["newState"].get("inputs", {}) for step in preview["steps"] if "newState" in step]
    diagnostics = [line["message"] for line in preview.get("diagnostics", []) if "is deleted" in line["message"]]
    text = json.dumps([diagnostics, *([bag.get("replaces"), bag.get("renew_fingerprint")] for bag in inputs)])
    announced = {certificate for certificate in certificates_in(prepared.before) if certificate[:8] in text}
    assert announced == expected_losses(prepared.operation, prepared.before), preview
