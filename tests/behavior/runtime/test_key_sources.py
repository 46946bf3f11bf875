"""Keys from files and from a command, in the commands of a stack: how often, what is warned of, what is hidden."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from btp_trust.errors import ConfigurationError
from btp_trust.runtime.host import Host, find_project_folder
from btp_trust_emulator import Emulator
from support.error_text import error_text
from support.fake_engine import FakeEngine, program


@dataclass
class ProjectEngine(FakeEngine):
    """A fake engine with a folder for its project, and without a key in the configuration."""

    folder: Path = field(default_factory=Path)

    def host(self, stderr: Any) -> Host:
        """Place the plugin in the folder of the project."""
        return structs.replace(super().host(stderr), project_folder=self.folder)


@pytest.fixture
def engine(emulator: Emulator, tmp_path: Path) -> ProjectEngine:
    """A stack without a key."""
    guid = emulator.create_subaccount(generate=True).guid
    environ = {"PATH": os.environ["PATH"]}
    return ProjectEngine(emulator, guid, {"btp-trust:serviceKey": ""}, environ=environ, folder=tmp_path)


def write_key(engine: ProjectEngine, name: str, mode: int = 0o600) -> None:
    """Write the key of the subaccount to the folder of keys."""
    path = engine.folder / "keys" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(engine.emulator.service_key(engine.guid)))
    path.chmod(mode)


def test_command_runs_once_per_process(engine: ProjectEngine) -> None:
    """Three resources, each planned twice, want the key of one connection: one run of the command for all of them."""
    write_key(engine, "default")
    script = 'echo "$1" >> runs; exec cat "keys/$1"'
    engine.config["btp-trust:serviceKeyCommand"] = json.dumps(["sh", "-c", script, "get-key"])
    engine.up(program("b", "a"))
    # Preview and deployment are two processes.
    assert (engine.folder / "runs").read_text().split() == ["default", "default"]
    assert engine.preview(program("b", "a")).has_no_changes


def test_files_serve_a_stack(engine: ProjectEngine) -> None:
    """A file of its own for the connection, without a warning."""
    write_key(engine, "default.json")
    engine.config["btp-trust:connectionsFile"] = "keys"
    engine.up(program("b", "a"))
    assert "keys" not in engine.last_report.messages


def test_readable_file_is_warned_of(engine: ProjectEngine) -> None:
    """One warning in each command; in strict mode an error."""
    write_key(engine, "default.json", 0o644)
    engine.config["btp-trust:connectionsFile"] = "keys"
    messages = engine.preview(program("b", "a")).messages
    assert messages.count("warning: The file keys/default.json can be read by others") == 1
    assert engine.label not in messages.partition("The file keys")[2].partition("\n")[0]
    engine.config["btp-trust:strict"] = "true"
    assert "chmod go= keys/default.json" in engine.assert_refused(program("b", "a"))


def test_each_resource_fails_alike(engine: ProjectEngine) -> None:
    """A failed command is run once as well, and what it says is in the error."""
    engine.config["btp-trust:serviceKeyCommand"] = json.dumps(["sh", "-c", "echo >> runs; echo denied >&2; exit 2"])
    with pytest.raises(ConfigurationError, match=r"status 2\. It says: denied") as caught:
        engine.preview(program("b", "a"))
    assert "'default'" in error_text(caught.value)
    assert len((engine.folder / "runs").read_text().splitlines()) == 1


def test_project_folder_is_above(tmp_path: Path) -> None:
    """`main` of Pulumi.yaml may place the program, where the plugin starts, below the project."""
    (tmp_path / "src/program").mkdir(parents=True)
    assert find_project_folder(tmp_path / "src") is None
    (tmp_path / "Pulumi.yaml").touch()
    assert find_project_folder(tmp_path / "src/program") == tmp_path
