"""A fake of Pulumi's command line: a script that prints stacks, configurations and states from files."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from support.fake_engine import FakeEngine

KINDS: Final = {
    "active": "ActiveTrustCertificate",
    "passive": "PassiveTrustCertificate",
    "trigger": "RotationTrigger",
    "trusted": "TrustedIdentityProvider",
}
_SCRIPT: Final = """\
#!/bin/sh
echo "$@" >> {folder}/calls
case "$1 $2" in
    "stack ls") file={folder}/stacks ;;
    "config --show-secrets") file={folder}/config-$5 ;;
    "stack export") file={folder}/export-$4 ;;
    "stack init") file={folder}/created ;;
    "stack history") file={folder}/history-$9 ;;
esac
[ -e "$file" ] && exec cat "$file"
echo "error: no stack named '$5' found" >&2
exit 6
"""


def export_of(engine: FakeEngine, project: str = "trust") -> list[dict[str, Any]]:
    """Return the resources of a fake engine as `pulumi stack export` lists them."""
    return [
        {
            "urn": f"urn:pulumi:dev::{project}::pulumi-python:dynamic/btp-trust:{KINDS[stored.kind]}::{name}",
            "type": f"pulumi-python:dynamic/btp-trust:{KINDS[stored.kind]}",
            "inputs": stored.inputs,
            "outputs": stored.outputs,
        }
        for name, stored in engine.state.items()
    ]


@dataclass
class FakePulumi:
    """A project with the stacks that were added, and the script."""

    folder: Path
    stacks: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Write the project and the script."""
        self.folder.mkdir()
        (self.folder / "Pulumi.yaml").write_text("name: trust\nruntime: python\n")
        script = self.folder / "bin/pulumi"
        script.parent.mkdir()
        script.write_text(_SCRIPT.format(folder=self.folder))
        script.chmod(0o755)
        self._write("stacks", self.stacks)

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which this script is Pulumi's command line."""
        return {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin"}

    @property
    def calls(self) -> list[str]:
        """The arguments of each call."""
        return (self.folder / "calls").read_text().splitlines()

    def add_stack(
        self,
        name: str,
        config: Mapping[str, str],
        resources: Sequence[Mapping[str, Any]] = (),
        *,
        current: bool = False,
        secret: bool = True,
        history: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Add a stack with its configuration, its state and its deployments."""
        self.stacks.append({"name": name, "current": current})
        self._write("stacks", self.stacks)
        self._write(f"config-{name}", {key: {"value": value, "secret": secret} for key, value in config.items()})
        self._write(f"export-{name}", {"version": 3, "deployment": {"resources": list(resources)}})
        self._write(f"history-{name}", list(history))

    def answer(self, command: Sequence[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        """Answer as the script does, in process: for many calls."""
        match command[1:]:
            case ["stack", "ls", *_]:
                name = "stacks"
            case ["config", *_, stack, "--non-interactive", "--color", "never"]:
                name = f"config-{stack}"
            case ["stack", kind, *_, stack, "--non-interactive", "--color", "never"]:
                name = f"{kind}-{stack}"
        return subprocess.CompletedProcess(command, 0, (self.folder / name).read_bytes(), b"")

    def overwrite(self, name: str, text: str) -> None:
        """Replace what the script prints."""
        (self.folder / name).write_text(text)

    def _write(self, name: str, value: Any) -> None:
        self.overwrite(name, json.dumps(value))
