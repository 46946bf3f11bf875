"""Where a stack runs: a PULUMI_HOME of its own, a folder for the logs of each run, the environment of its commands.

A home is shared by nothing: Pulumi writes into it which stack is selected, and two commands would meet there.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from btp_trust.errors import ConfigurationError
from btp_trust_fleet.stack_run.task import StackTask
from btp_trust_fleet.table.fleet import ROW_VARIABLE

_PLUGINS: Final = "plugins"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders of one run."""

    project: Path
    home: Path
    logs: Path
    environ: Mapping[str, str]

    @property
    def plan(self) -> Path:
        """The saved plan. It holds the configuration, encrypted; it is removed with the end of the run."""
        return self.logs / "plan.json"

    def outputs(self, name: str) -> tuple[Path, Path]:
        """Return the files for the output of a command."""
        return self.logs / f"{name}.out", self.logs / f"{name}.err"


def open_workspace(task: StackTask, environ: Mapping[str, str], started_at: datetime) -> Workspace:
    """Create the folders.

    Raises:
        ConfigurationError: A folder is missing, or cannot be written.
    """
    project = Path(task.folder).absolute()
    name = quote(task.stack, safe="")
    home = Path(task.homes).absolute() / name
    logs = Path(task.logs).absolute() / name / f"{started_at:%Y%m%dT%H%M%S.%fZ}"
    if not project.is_dir():
        raise _unusable(project, "It is no folder.", "Give the folder of the Pulumi project: where Pulumi.yaml is.")
    try:
        for folder in (home, logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _share_plugins(home, environ)
    except OSError as error:
        remedy = "Give folders in which this user may write."
        raise _unusable(logs, f"{type(error).__name__}: {error.strerror}.", remedy) from None
    return Workspace(project, home, logs, _environment(environ, home, task.row))


def _environment(environ: Mapping[str, str], home: Path, row: str | None) -> dict[str, str]:
    """Return the environment of Pulumi: that of this process, the credentials of its backend included."""
    return {
        # Where `pulumi login` has written the backend and its token, which a new home would lack.
        "PULUMI_CREDENTIALS_PATH": str(_user_home(environ)),
        **environ,
        "PULUMI_HOME": str(home),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        **({} if row is None else {ROW_VARIABLE: row}),
    }


def _user_home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("PULUMI_HOME") or Path(environ.get("HOME") or "~").expanduser() / ".pulumi")


def _share_plugins(home: Path, environ: Mapping[str, str]) -> None:
    """Let the home have the user's plugins; Pulumi locks them itself while it installs one."""
    plugins = _user_home(environ).absolute() / _PLUGINS
    if plugins.is_dir():
        with suppress(FileExistsError):
            (home / _PLUGINS).symlink_to(plugins)


def _unusable(folder: Path, why: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"The folder {folder} cannot be used.", why, remedy)
