"""The deployments of a rotation on the real Pulumi command line, as in a pipeline."""

from __future__ import annotations

import json
from pathlib import Path

from continuity.subaccount import BenchmarkSubaccount
from support.pulumi_project import PulumiProject, adopting_program, rotation_program

_OLD, _NEW = "2026-11", "2028-11"
_SYSTEM = 's4 = trust.CommunicationSystemTrust("s4", connection="s4", system="BTP")'


class PulumiDeployments:
    """A stack that has adopted the active certificate."""

    def __init__(self, folder: Path, subaccount: BenchmarkSubaccount) -> None:
        self._landscape = subaccount
        self._project = (
            PulumiProject(folder, subaccount.emulator, subaccount.guid, secrets_provider="passphrase")
            .create_stack(adopting_program())
            .set_service_key_in_environment()
        )
        self._project.up()

    def prepare(self) -> str:
        """Generate the successor; return its PEM, from the outputs of the stack."""
        self._project.deploy(rotation_program(_NEW, _OLD))
        return str(self._project.state()["next"]["outputs"]["certificate"])

    def rotate(self) -> None:
        """Rotate to it, if every target reports it as trusted."""
        self._project.deploy(rotation_program(_NEW, _NEW, trigger=f", trusted_by={self._landscape.trusted()}"))

    def retire(self) -> None:
        """Delete the old certificate."""
        self._project.deploy(rotation_program(None, _NEW))


class SwitchingDeployments:
    """A stack that has prepared the successor, and switches a communication system over."""

    def __init__(self, folder: Path, subaccount: BenchmarkSubaccount) -> None:
        project = PulumiProject(folder, subaccount.emulator, subaccount.guid, secrets_provider="passphrase")
        user = subaccount.emulator.communication_user(subaccount.guid)
        project.variables["BTP_TRUST_COMMUNICATION_USER_S4"] = json.dumps(user)
        self._project = project.create_stack(self._program(_OLD)).set_service_key_in_environment()
        self._project.up()

    def rotate(self) -> None:
        """Rotate, and switch the system over."""
        self._project.deploy(self._program(_NEW))

    def _program(self, signs: str) -> str:
        head, _, rest = rotation_program(_NEW, signs, trigger=", switches=[s4]").partition("rotation = ")
        return f"{head}{_SYSTEM}\nrotation = {rest}"
