"""The inputs of all decisions: the checkout, the environment and the user's cache.

Everything reads the machine through this one value, so that a test can lay a machine of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMAND_TIMEOUT_SECONDS = 60


class SetupError(Exception):
    """The setup has failed; the message says what is missing, why, and what to do."""


@dataclass(frozen=True)
class Machine:
    """A checkout and the environment it is set up in."""

    root: Path
    env: Mapping[str, str]

    @property
    def cache(self) -> Path:
        """The project's folder in the user's cache; a relative XDG_CACHE_HOME is ignored."""
        named = Path(self.env.get("XDG_CACHE_HOME", ""))
        home = Path(self.env.get("HOME") or Path.home())
        return (named if named.is_absolute() else home / ".cache") / "btp-trust"

    @property
    def venv(self) -> Path:
        """The virtual environment of the project."""
        return self.root / ".venv"

    @property
    def programs_venv(self) -> Path:
        """The virtual environment in which tests run Pulumi programs."""
        return self.root / ".venv-programs"

    def which(self, name: str) -> Path | None:
        """Find a command as the user's shell would."""
        found = shutil.which(name, path=self.env.get("PATH", os.defpath))
        return Path(found).absolute() if found else None

    def run(
        self, command: Sequence[str | Path], seconds: float, extra: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with an empty standard input, and capture its output.

        Raises:
            OSError: The command cannot be started.
            subprocess.TimeoutExpired: The command exceeded its time.
        """
        return subprocess.run(
            command,
            env={**self.env, **extra},
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def output_of(self, command: Sequence[str | Path], **extra: str) -> str:
        """Return the output of a quick command, or "" if it fails."""
        try:
            done = self.run(command, COMMAND_TIMEOUT_SECONDS, extra)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""
