"""The deployments of a rotation on the real Pulumi command line, as in a pipeline."""

from __future__ import annotations

from pathlib import Path

from continuity.subaccount import BenchmarkSubaccount
from support.pulumi_project import PulumiProject, adopting_program, rotation_program

_OLD, _NEW = "2026-11", "2028-11"


class PulumiDeployments:
    """A stack that has adopted the active certificate."""

    def __init__(self, folder: Path, subaccount: BenchmarkSubaccount) -> None:
        self._landscape = subaccount
        self._project = (
            PulumiProject(folder, subaccount.emulator, subaccount.guid)
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
