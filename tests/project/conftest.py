"""A machine of the test's own: a checkout, a PATH and a home in one folder, and commands that pretend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bootstrap import pulumi_build
from bootstrap.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

PULUMI = 'echo "v{version}"'
# A Go that "builds" a pulumi which tells its version, and has a folder of modules with the two scripts.
GO = """\
case "$*" in
    "env GOVERSION") echo "go{version}" ;;
    *" list "*) echo "{modules}" ;;
    *) while [ "$1" != -o ]; do shift; done; printf '#!/bin/sh\\necho v{builds}\\n' > "$2"; chmod +x "$2" ;;
esac"""
# A Python whose venv has a pip that "installs" the file a package is wanted for.
PYTHON = """\
mkdir -p "$3/bin"
cat > "$3/bin/python" <<'PIP'
#!/bin/sh
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/$(dirname {ships})" && echo '{body}' > "$2/{ships}" && chmod +x "$2/{ships}"
PIP
chmod +x "$3/bin/python"
"""


@dataclass(frozen=True)
class FakeMachine:
    """A temporary folder laid out as a machine."""

    folder: Path

    @property
    def machine(self) -> Machine:
        """The machine as the project's setup sees it."""
        path = f"{self.folder / 'bin'}:/usr/bin:/bin"
        return Machine(self.folder / "checkout", {"PATH": path, "HOME": str(self.folder / "home")})

    def command(self, name: str, script: str, *, where: str = "bin") -> Path:
        """Lay a shell script as a command, by default on PATH."""
        file = self.folder / where / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    def pulumi(self, version: str) -> None:
        """Lay a whole Pulumi on PATH."""
        self.command("pulumi", PULUMI.format(version=version))
        self.command("pulumi-language-python", "")
        self.command("pulumi-resource-pulumi-python", "")

    def go(self, version: str = "1.26.8", builds: str = pulumi_build.NEWEST.version, *, where: str = "bin") -> Path:
        """Lay a Go and the modules that it has downloaded."""
        for part in pulumi_build.NEWEST.parts:
            self.command(part.script, "", where="modules")
        modules = self.folder / "modules"
        return self.command("go", GO.format(version=version, builds=builds, modules=modules), where=where)

    def pypi(self, ships: str, body: str) -> Path:
        """Lay a Python whose pip installs one file."""
        return self.command("python", PYTHON.format(ships=ships, body=body), where="python")


@pytest.fixture
def fake_machine(tmp_path: Path) -> FakeMachine:
    """Lay a machine with the pinned modules in its checkout and nothing on PATH but the system's commands."""
    for part in pulumi_build.NEWEST.parts:
        folder = tmp_path / "checkout/tools/pulumi-cli" / part.folder
        folder.mkdir(parents=True)
        (folder / "go.mod").write_text(f"module example\n\ngo 1.25.11\n\ntool {part.package}\n")
        (folder / "go.sum").write_text("example v1.0.0 h1:0=\n")
    return FakeMachine(tmp_path)
