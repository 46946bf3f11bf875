"""examples/fleet with the real `pulumi`: three waves, prepared, rotated, a driver killed in the second one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from btp_trust_emulator import Emulator
from support.command_line import COMMAND
from support.paths import ROOT
from support.pulumi_project import CommandOutput, PulumiProject, assert_no_secret

NAMES: Final = ("acme-dev", "acme-qa", "acme-training", "acme-eu", "acme-us")
TIMEOUT: Final = 300


@dataclass
class FleetProject:
    """The example, on subaccounts of the emulator."""

    project: PulumiProject
    guids: dict[str, str]
    emulator: Emulator
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def table(self) -> Path:
        """The table of the fleet."""
        return self.project.program / "fleet.yaml"

    def edit(self, *pairs: tuple[str, str]) -> None:
        """Change the table."""
        text = self.table.read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        self.table.write_text(text)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command of the fleet."""
        return subprocess.Popen(
            [*COMMAND, "fleet", *words],
            cwd=self.project.program,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str, status: int = 0) -> CommandOutput:
        """Run a command of the fleet; assert its exit code, and that its output is free of secrets."""
        command = self.start(*words)
        text, _ = command.communicate(timeout=TIMEOUT)
        assert_no_secret(text, self.project.known_secrets)
        assert command.returncode == status, text
        return CommandOutput(command.returncode, text)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of an operator: the keys of all subaccounts."""
        environment = {**self.project.environment, **self.variables}
        del environment["PULUMI_STACK"]
        return environment

    def approve(self, wave: str) -> None:
        """Plan the fleet, and write the digest of a wave where its approval is looked for."""
        (plan,) = json.loads(self.run("plan", "--wave", wave, "--output", "json").text)["waves"]
        path = self.project.program / "approvals" / wave
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{plan['digest']} jane\n")

    def kill_after_swap(self, name: str, driver: subprocess.Popen[str]) -> None:
        """Kill a driver as soon as this subaccount has swapped: its stack is still to be written."""
        deadline = time.monotonic() + TIMEOUT
        while not self.swaps()[name]:
            assert driver.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(driver.pid, signal.SIGKILL)
        text, _ = driver.communicate()
        assert_no_secret(text, self.project.known_secrets)

    def swaps(self) -> dict[str, int]:
        """Return how often the slots of each subaccount were swapped, by the emulator's journal."""
        counts = Counter(
            entry.subaccount
            for entry in self.emulator.journal()
            if entry.method == "POST" and entry.path.endswith("rotateCertificate")
        )
        return {name: counts[guid] for name, guid in self.guids.items()}


@pytest.fixture
def fleet(emulator: Emulator, tmp_path: Path) -> FleetProject:
    """The example's files, and a subaccount for each row."""
    guids = {name: emulator.create_subaccount(subdomain=name, generate=True).guid for name in NAMES}
    project = PulumiProject(tmp_path, emulator, guids["acme-dev"])
    for name in ("backend", "home"):
        (tmp_path / name).mkdir()
    shutil.copytree(ROOT / "examples/fleet", project.program)
    fleet = FleetProject(project, guids, emulator)
    for name, guid in guids.items():
        key = emulator.service_key(guid)
        project.known_secrets.add(key["clientsecret"])
        fleet.variables[f"BTP_TRUST_SERVICE_KEY_{name.upper().replace('-', '_')}"] = json.dumps(key)
    return fleet


def test_fleet_rotates_in_waves(fleet: FleetProject) -> None:
    """From no stack to rotated subaccounts; the driver is killed in the second wave, and each swaps exactly once."""
    assert "OK: 5 stacks created" in fleet.run("init")
    assert "OK: 5 stacks are what the table declares" in fleet.run("prepare")
    assert set(fleet.swaps().values()) == {0}
    fleet.edit(('generation: "2026-11"', 'generation: "2028-11"'), ("soak: 7d", "soak: 0d"))
    assert "acme-dev, wave canary: prepare refused" in fleet.run("prepare", "--again", "--wave", "canary", status=2)

    fleet.approve("production")
    fleet.kill_after_swap("acme-qa", fleet.start("rotate", "--parallel", "1"))
    assert "rotate unknown" in fleet.run("status", status=3)
    resumed = fleet.run("rotate")

    assert "OK: 5 stacks are what the table declares" in resumed
    assert "acme-dev" not in resumed
    assert fleet.swaps() == dict.fromkeys(NAMES, 1)
    assert "OK: 5 stacks, 5 OK" in fleet.run("status")
