"""Projects at the stages of the story, made once and copied from then on."""

from __future__ import annotations

import os
import re
import shutil
import socket
from pathlib import Path

from bootstrap.main import ROOT
from btp_trust_emulator import Emulator
from support import vault
from support.doc_pages.blocks import Block
from support.doc_pages.comparison import RunValues
from support.doc_pages.key_commands import install_key_commands
from support.doc_pages.surroundings import (
    add_subaccount,
    control_plane,
    copy_service_key_for_examples,
    create_fleet,
    create_s4_tenant,
    create_subaccount,
    create_targets,
    leave_lock,
    save_service_key,
    start_receiver,
)
from support.doc_pages.workbench import PageWorkbench
from support.pulumi_project import program_environment, write_program
from support.recycled_keys import STATE_KEY_SIZE

_UNSET = re.compile("PYTEST_|GIT_")
_ADOPTED = """\
import btp_trust as trust

signing = trust.ActiveTrustCertificate("signing")
"""
_CYCLE = """\
import btp_trust as trust

upcoming = trust.PassiveTrustCertificate("next", generation="2028-11")
rotation = trust.RotationTrigger("rotation", generation="{active_generation}", candidate=upcoming)
signing = trust.ActiveTrustCertificate("signing", rotation=rotation)
"""
_DEPLOYMENTS = {
    "adopted": ("subaccount", _ADOPTED, "Adopt"),
    "prepared": ("adopted", _CYCLE.format(active_generation="2026-11"), "Prepare 2028-11"),
    "rotated": ("prepared", _CYCLE.format(active_generation="2028-11"), "Rotate to 2028-11"),
}
"""{stage: (the stage before, the program, the subject of the commit)}"""
_KILLED = {
    "killed-after-generating": ("prepared", "adopted"),
    "killed-after-swapping": ("rotated", "prepared"),
}
"""{stage: (the stage of the service and the repository, the stage of Pulumi's state)}"""
_TRUSTED_SLOTS = {
    "users-at-a-target": ("certificate", "certificate/passive"),
    "users-at-a-target-that-was-forgotten": ("certificate",),
}
"""{stage: the slots whose certificates the target trusts}"""
_WITH_S4_TENANT = "s4-tenant"
_WITH_OTHER_SUBACCOUNT = "beside-another-subaccount"
_WITH_RECEIVER = "beside-a-receiver"
_WITH_KEY_COMMANDS = "key-commands"
_FLEET = "fleet"


class PageProjects:
    """Projects at the stages of the story.

    `nothing`: an empty folder. `subaccount`: an emulator with a subaccount, and its service-key.json.
    `examples`: the same with a copy of the examples, and the files that their page uses.
    `adopted`, `prepared`, `rotated`: a stack and a repository an hour after the first, second, third deployment of
    the story.
    `users-at-a-target`: `prepared`, with a user and a destination `S4` to a target that trusts both certificates; in
    `…-that-was-forgotten` it trusts the old one only.
    `beside-another-subaccount`: `prepared`, with the key of another subaccount's XSUAA as billing-key.json.
    `beside-a-receiver`: `prepared`, with a webhook whose address is in slack-url.
    `key-commands`: `subaccount`, with stand-ins of `vault`, `cf` and `btp` on PATH, which know its key as `prod`.
    `fleet`: an empty folder but for the service keys of three subaccounts, in keys/.
    `s4-tenant`: `subaccount`, with the S/4HANA tenant my300123 and its communication user in s4.netrc.
    `killed-after-…`: `pulumi up` was killed between its change of the service and its record of the change.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home = folder / "home"
        self._env = {name: value for name, value in program_environment().items() if not _UNSET.match(name)}

    def workbench(self, stage: str, folder: Path) -> PageWorkbench:
        """Copy the project of a stage to a folder, and start its emulator; the caller closes the workbench."""
        if stage == "nothing":
            return self._bench(folder)
        if stage == _FLEET:
            bench = self._bench(folder)
            _serve(bench)
            create_fleet(bench)
            return bench
        copied = "prepared" if stage in {*_TRUSTED_SLOTS, _WITH_OTHER_SUBACCOUNT, _WITH_RECEIVER} else stage
        copied = "subaccount" if stage in {_WITH_S4_TENANT, _WITH_KEY_COMMANDS} else copied
        shutil.copytree(self._stage_folder(copied), folder, dirs_exist_ok=True)
        bench = self._bench(folder)
        _serve(bench)
        save_service_key(bench)
        # Created again in each copy, for the destinations contain the address of this emulator.
        if stage in _TRUSTED_SLOTS:
            create_targets(bench, _TRUSTED_SLOTS[stage])
        elif stage == _WITH_OTHER_SUBACCOUNT:
            add_subaccount(bench)
        elif stage == _WITH_RECEIVER:
            start_receiver(bench)
        elif stage == _WITH_S4_TENANT:
            create_s4_tenant(bench, {})
        elif stage == _WITH_KEY_COMMANDS:
            install_key_commands(bench)
        if stage == "examples":
            copy_service_key_for_examples(bench.folder)
        elif copied != "subaccount":
            bench.env["PULUMI_STACK"] = "dev"
            bench.env["BTP_TRUST_SERVICE_KEY"] = f"@{bench.folder}/service-key.json"
        return bench

    def _bench(self, folder: Path) -> PageWorkbench:
        project, backend = folder / "project", folder / "backend"
        for path in (project, backend, self._home):
            path.mkdir(parents=True, exist_ok=True)
        names = [f"GIT_{role}_{field}" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")]
        hermetic = {
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_HOME": str(self._home),
            "PULUMI_CONFIG_PASSPHRASE": "not a secret",
            **vault.variables(),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            **dict.fromkeys(names, "reader@example.com"),
        }
        return PageWorkbench(project, {**self._env, **hermetic}, RunValues(_free_port()))

    def _stage_folder(self, stage: str) -> Path:
        folder = self._folder / stage
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            self._make(stage, unfinished)
            unfinished.rename(folder)
        return folder

    def _make(self, stage: str, folder: Path) -> None:
        if stage in _KILLED:
            service_stage, state_stage = _KILLED[stage]
            shutil.copytree(self._stage_folder(service_stage), folder)
            shutil.rmtree(folder / "backend")
            shutil.copytree(self._stage_folder(state_stage) / "backend", folder / "backend")
            leave_lock(folder / "backend")
        elif stage == "subaccount":
            self._make_subaccount(folder)
        elif stage == "examples":
            shutil.copytree(self._stage_folder("subaccount"), folder)
            shutil.copytree(ROOT / "examples", folder / "project/examples")
        else:
            self._deploy(folder, *_DEPLOYMENTS[stage])

    def _make_subaccount(self, folder: Path) -> None:
        bench = self._bench(folder)
        _serve(bench)
        try:
            create_subaccount(bench)
        finally:
            bench.close()

    def _deploy(self, folder: Path, base: str, program: str, subject: str) -> None:
        bench = self.workbench(base, folder)
        bench.env["BTP_TRUST_SERVICE_KEY"] = f"@{bench.folder}/service-key.json"
        init = ["git init --quiet --initial-branch main", f"pulumi stack init dev --secrets-provider={vault.PROVIDER}"]
        first = init if base == "subaccount" else []
        (bench.folder / "Pulumi.yaml").write_text("name: trust\nruntime: python\n")
        (bench.folder / ".gitignore").write_text("service-key.json\n")
        write_program(bench.folder / "__main__.py", program)
        deploy = f"pulumi up --yes --skip-preview && git add . && git commit --quiet --message '{subject}'"
        commands = [*first, deploy]
        block = Block(f"stage {subject}", 0, "console", "".join(f"$ {command}\n" for command in commands))
        try:
            bench.run(block, {})
            with control_plane(bench) as control:
                control.put("clock", json={"advance_seconds": 3600}).raise_for_status()
        finally:
            bench.close()


def _serve(bench: PageWorkbench) -> None:
    """Start the emulator with the state in the folder of the stage: in this process, which is there already."""
    state = bench.folder.parent / "emulator.json"
    emulator = Emulator(socket=True, port=int(bench.values.port), key_size=STATE_KEY_SIZE, state=state)
    bench.servers.enter_context(emulator)


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
