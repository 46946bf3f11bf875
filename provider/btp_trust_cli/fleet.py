"""The commands of `btp-trust fleet`. As in `app`, each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path

import typer

from btp_trust_cli import fleet_verbs
from btp_trust_cli.exit_codes import Finished, Severity
from btp_trust_cli.fleet_options import (
    ChunkOption,
    FileOption,
    FormOption,
    LedgerOption,
    ParallelOption,
    PipelineOption,
    SchedulerOption,
    SecretsProviderOption,
    ServiceOption,
    StacksOption,
    WaveOption,
)
from btp_trust_cli.options import Pipeline, PlanForm
from btp_trust_cli.shared_options import FolderOption, JsonOption

fleet = typer.Typer(
    name="fleet",
    help="Rotate the certificates of many subaccounts in waves, one stack each, as the table fleet.yaml declares. "
    "Verbs are permissions, the table is the goal: `prepare` leaves each signer as it is, `rotate` lets the planned "
    "rotations through, `roll-back` the planned rollbacks.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@fleet.command(
    short_help="Create the stacks that the table has and Pulumi lacks.",
    epilog="Examples: `btp-trust fleet init`; `btp-trust fleet init --secrets-provider awskms://alias/pulumi`.",
)
def init(
    folder: FolderOption = Path(),
    file: FileOption = Path("fleet.yaml"),
    wave: WaveOption = None,
    stack: StacksOption = None,
    secrets_provider: SecretsProviderOption = None,
) -> None:
    """Create the stacks that the table has and Pulumi lacks, with `pulumi stack init`.

    The exit code is 0, or 3 (UNKNOWN: the table, the options or Pulumi).
    """
    from btp_trust_fleet.stacks import run_init
    from btp_trust_fleet.surroundings import FleetRequest

    request = FleetRequest(folder, file, wave=wave, stacks=tuple(stack or ()))
    raise Finished(run_init(request, secrets_provider))


@fleet.command(
    short_help="Preview all stacks.",
    epilog="Examples: `btp-trust fleet plan`; `btp-trust fleet plan --output markdown` for a pull request.",
)
def plan(
    folder: FolderOption = Path(),
    file: FileOption = Path("fleet.yaml"),
    wave: WaveOption = None,
    stack: StacksOption = None,
    parallel: ParallelOption = 4,
    scheduler: SchedulerOption = None,
    form: FormOption = PlanForm.TABLE,
) -> None:
    """Preview all stacks: per wave who changes from what to what, what is refused, and the digest to approve.

    The exit code is 0 (OK, with or without changes), 2 (CRITICAL: a preview fails, or every verb refuses its changes)
    or 3 (UNKNOWN: the table or the options).
    """
    from btp_trust_fleet.plan.command import PlanRequest, run_plan

    request = PlanRequest(
        folder,
        file,
        wave=wave,
        stacks=tuple(stack or ()),
        parallel=parallel,
        scheduler=scheduler,
        form=form,
    )
    raise Finished(run_plan(request))


@fleet.command(
    short_help="Show who is where.",
    epilog="Examples: `btp-trust fleet status`; `btp-trust fleet status --wave 2 --service --json`.",
)
def status(
    folder: FolderOption = Path(),
    file: FileOption = Path("fleet.yaml"),
    ledger: LedgerOption = None,
    wave: WaveOption = None,
    stack: StacksOption = None,
    parallel: ParallelOption = 4,
    service: ServiceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show each stack with its wave, both certificates, and its last outcome in the ledger.

    The exit code is 0 (OK), 1 (WARNING: another generation signs than the table declares), 2 (CRITICAL: the last
    outcome is a failure) or 3 (UNKNOWN: a stack is unreadable, or a killed driver left its outcome unknown).
    """
    from btp_trust_fleet.status.command import FleetStatusRequest, run_fleet_status

    request = FleetStatusRequest(
        folder, file, ledger, wave, tuple(stack or ()), parallel, as_json=as_json, asks_service=service
    )
    raise Finished(run_fleet_status(request))


@fleet.command(
    short_help="Print the stacks as the matrix of a pipeline.",
    epilog="Examples: `btp-trust fleet matrix --wave canary`; `btp-trust fleet matrix --wave 2 --for gitlab`.",
)
def matrix(
    folder: FolderOption = Path(),
    file: FileOption = Path("fleet.yaml"),
    wave: WaveOption = None,
    stack: StacksOption = None,
    chunk: ChunkOption = None,
    pipeline: PipelineOption = Pipeline.GITHUB,
) -> None:
    """Print the stacks as JSON for a pipeline whose jobs run `pulumi` themselves.

    The exit code is 0, or 3 (UNKNOWN: the table or the options, or more stacks than a matrix may have).
    """
    from btp_trust_fleet.matrix_command import run_matrix
    from btp_trust_fleet.surroundings import FleetRequest

    request = FleetRequest(folder, file, wave=wave, stacks=tuple(stack or ()))
    raise Finished(run_matrix(request, pipeline, chunk))


@fleet.command(short_help="Print the JSON schema of fleet.yaml.")
def schema() -> None:
    """Print the JSON schema of fleet.yaml, by which editors complete and check it.

    The exit code is 0.
    """
    from btp_trust_fleet.table.json_schema import fleet_schema

    typer.echo(fleet_schema(), nl=False)
    raise Finished(Severity.OK)


def add_commands(app: typer.Typer) -> None:
    """Add them to the command line."""
    fleet_verbs.add_commands(fleet)
    app.add_typer(fleet, short_help="Rotate many stacks in waves.")
