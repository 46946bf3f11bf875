"""The commands of `btp-trust fleet` that deploy. As in `app`, each imports what it needs when it runs."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Final

import typer

from btp_trust_cli.exit_codes import Finished
from btp_trust_cli.fleet_options import (
    AgainOption,
    ExplicitStacksOption,
    FileOption,
    LedgerOption,
    ParallelOption,
    PipelineFlag,
    SchedulerOption,
    WaitOption,
    WaveOption,
)
from btp_trust_cli.shared_options import FolderOption

_EXIT_CODES: Final = """\
The exit code is 0 (OK: all stacks are what the table declares), 1 (WARNING: unfinished, a soak or an approval is still
to come, or ctrl-C), 2 (CRITICAL: a stack failed, was refused or rejected) or 3 (UNKNOWN: the table, the ledger, the
options).
"""


def prepare(
    folder: FolderOption = Path(),
    file: FileOption = Path("fleet.yaml"),
    ledger: LedgerOption = None,
    wave: WaveOption = None,
    stack: ExplicitStacksOption = None,
    parallel: ParallelOption = 4,
    scheduler: SchedulerOption = None,
    again: AgainOption = False,
    in_pipeline: PipelineFlag = False,
) -> None:
    """Deploy the stacks, wave by wave, as long as each signer stays: create passive certificates.

    A stack whose preview holds a swap is refused.
    """
    _drive("prepare", folder, file, ledger, wave, stack, parallel, scheduler, again=again, in_pipeline=in_pipeline)


def rotate(
    folder: FolderOption = Path(),
    file: FileOption = Path("fleet.yaml"),
    ledger: LedgerOption = None,
    wave: WaveOption = None,
    stack: ExplicitStacksOption = None,
    parallel: ParallelOption = 4,
    scheduler: SchedulerOption = None,
    again: AgainOption = False,
    in_pipeline: PipelineFlag = False,
    wait: WaitOption = False,
) -> None:
    """Deploy the stacks, wave by wave, with the rotations that the table declares.

    A wave starts when the one before it is green and has soaked, and when it is approved. A rollback is refused.
    """
    _drive(
        "rotate",
        folder,
        file,
        ledger,
        wave,
        stack,
        parallel,
        scheduler,
        again=again,
        in_pipeline=in_pipeline,
        wait=wait,
    )


def roll_back(
    folder: FolderOption = Path(),
    file: FileOption = Path("fleet.yaml"),
    ledger: LedgerOption = None,
    wave: WaveOption = None,
    stack: ExplicitStacksOption = None,
    parallel: ParallelOption = 4,
    scheduler: SchedulerOption = None,
    again: AgainOption = False,
    in_pipeline: PipelineFlag = False,
) -> None:
    """Deploy the stacks, wave by wave, with the rollbacks that the table declares; a rotation is refused."""
    _drive("roll-back", folder, file, ledger, wave, stack, parallel, scheduler, again=again, in_pipeline=in_pipeline)


def _drive(
    verb: str,
    folder: Path,
    file: Path,
    ledger: Path | None,
    wave: str | None,
    stack: list[str] | None,
    parallel: int,
    scheduler: str | None,
    **flags: Any,
) -> None:
    from btp_trust_fleet.commands import DriveRequest, run_drive
    from btp_trust_fleet.stack_run.task import Verb

    if flags["in_pipeline"] and wave is None and not stack:
        raise typer.BadParameter("Add --wave or --stack: a job of a pipeline runs a part of the fleet.")
    request = DriveRequest(
        folder, file, ledger, wave, tuple(stack or ()), parallel, scheduler, verb=Verb(verb), **flags
    )
    raise Finished(run_drive(request))


def add_commands(fleet: typer.Typer) -> None:
    """Add them to the commands of the fleet."""
    for command, short_help, example in (
        (prepare, "Create passive certificates, wave by wave.", "`btp-trust fleet prepare --parallel 8`"),
        (rotate, "Rotate, wave by wave.", "`btp-trust fleet rotate --wave canary`; `btp-trust fleet rotate --wait`"),
        (roll_back, "Roll back, wave by wave.", "`btp-trust fleet roll-back --stack acme-dev`"),
    ):
        text = f"{inspect.cleandoc(command.__doc__ or '')}\n\n{_EXIT_CODES}"
        fleet.command(help=text, short_help=short_help, epilog=f"Examples: {example}.")(command)
