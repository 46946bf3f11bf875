"""What every command of the fleet needs: the table, its folders, and the scheduler."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import yaml

from btp_trust.runtime.host import PROJECT_FILES, find_project_folder
from btp_trust_fleet.choice import choose_stacks
from btp_trust_fleet.schedulers.scheduler import Scheduler
from btp_trust_fleet.stack_run.task import StackTask, Verb
from btp_trust_fleet.table.fleet import Fleet, FleetStack
from btp_trust_fleet.table.reading import FILE_NAME, read_fleet

FOLDER: Final = ".btp-trust"
"""Beside the table: the ledger, the logs, and a PULUMI_HOME for each stack."""
LEDGER: Final = "fleet-ledger.jsonl"
PARALLEL: Final = 4
"""Stacks that run at a time by default: each takes a core for seconds, and then waits for its services."""


@dataclass(frozen=True)
class FleetRequest:
    """The options that all commands of the fleet share."""

    folder: Path = field(default_factory=Path)
    file: Path = field(default_factory=lambda: Path(FILE_NAME))
    ledger: Path | None = None
    wave: str | None = None
    stacks: tuple[str, ...] = ()
    parallel: int = PARALLEL
    scheduler: str | None = None
    """The address of a Dask scheduler; None: this machine."""

    @cached_property
    def fleet(self) -> Fleet:
        """The table.

        Raises:
            ConfigurationError: It is unusable.
        """
        return read_fleet(self.folder / self.file)

    @cached_property
    def chosen(self) -> frozenset[str] | None:
        """The stacks that the options choose; None for all of them.

        Raises:
            ConfigurationError: A name is unknown, or the table is unusable.
        """
        return choose_stacks(self.fleet, self.wave, self.stacks)

    @property
    def project(self) -> Path:
        """The folder of the table, and of the program."""
        return (self.folder / self.file).parent.resolve()

    @cached_property
    def project_name(self) -> str | None:
        """The name in Pulumi.yaml; None if that is unreadable, of which Pulumi itself will complain."""
        folder = find_project_folder(self.project) or self.project
        file = next((folder / name for name in PROJECT_FILES if (folder / name).is_file()), None)
        try:
            document = yaml.safe_load(file.read_bytes()) if file else None
        except (OSError, yaml.YAMLError):
            return None
        name = document.get("name") if isinstance(document, dict) else None
        return name if isinstance(name, str) else None

    @property
    def ledger_path(self) -> Path:
        """The file of the ledger."""
        return self.project / FOLDER / LEDGER if self.ledger is None else self.folder / self.ledger

    def make_task(self, stack: FleetStack, verb: Verb, plan_digest: str | None) -> StackTask:
        """Return the task that runs a stack."""
        private = self.project / FOLDER
        return StackTask(
            stack=stack.stack,
            folder=str(self.project),
            verb=verb,
            row=stack.text,
            plan_digest=plan_digest,
            homes=str(private / "homes"),
            logs=str(private / "logs"),
        )

    def open_scheduler(self) -> Scheduler:
        """Return where stacks run."""
        if self.scheduler is None:
            from btp_trust_fleet.schedulers.local import LocalScheduler  # noqa: PLC0415 - one of both is used

            return LocalScheduler(self.parallel)
        from btp_trust_fleet.schedulers.dask_cluster import DaskScheduler  # noqa: PLC0415 - the same

        return DaskScheduler(self.scheduler)
